//! How long work tells that it goes on. The library never prints; the binary plugs bars in here.

/// Receives progress of one long task. Implementations must be cheap: calls come from hot loops,
/// once per block, not per record.
pub trait Progress: Send + Sync {
    /// A new step begins, with its size in bytes when known.
    fn begin(&self, step: &str, total_bytes: Option<u64>);
    /// So many more bytes of the step are done.
    fn advance(&self, bytes: u64);
    /// So many more rows are made.
    fn rows(&self, rows: u64);
    /// The step is over.
    fn finish(&self);
}

/// Says nothing: for tests and `-q`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _step: &str, _total_bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn rows(&self, _rows: u64) {}
    fn finish(&self) {}
}
