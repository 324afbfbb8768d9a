//! Files that are one piece and too long to be held: documents that are one long list of records, such as
//! `aws logs filter-log-events` prints for a whole day, and CSV. They are taken apart while they are read, so that an
//! export of any size takes little memory and is parsed on all cores. Each stretch of records becomes a file of its own
//! ([`Stretch`]), with the beginning that all share in front, and is opened like any other.
//!
//! Traded for it: such files are passed over once more, on the thread that reads. Short ones, and documents that are no
//! list of records, do not come through here.

mod buffer;
mod head;
mod list;
mod placed;
mod table;

use std::io;

use super::Reject;

pub(super) use self::list::LongLists;
pub(super) use self::placed::Form;
#[allow(unreachable_pub)] // A batch of a source may be one.
pub use self::placed::Stretch;
pub(super) use self::table::LongTable;

/// Bytes from which on a file is long. What a log service gives in one page is shorter.
pub(super) const LONG: usize = 8 << 20;
/// A stretch is a part of a long file.
const STRETCHES: usize = 8;

/// What was taken off a source.
#[derive(Debug)]
pub(super) enum Taken {
    /// Some records.
    Stretch(Stretch),
    /// The rest of a damaged list is too long to be held; reading ends with it.
    TooLong(Reject),
}

/// What is not read yet.
pub(super) struct Rest<R> {
    /// Bytes that were read and not taken.
    pub(super) read: Vec<u8>,
    /// Where they lie.
    pub(super) offset: u64,
    /// Their line.
    pub(super) line: u64,
    /// An error that was met behind them.
    pub(super) failure: Option<io::Error>,
    /// The record that it cut off has been told.
    pub(super) cut_record: bool,
    /// What follows.
    pub(super) inner: R,
}

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes from which on a file is taken apart.
    pub(super) long: usize,
    /// Bytes of one record.
    pub(super) record: usize,
    /// Bytes that are held of a damaged list.
    pub(super) damaged: u64,
    /// The source is one of lines: what is damaged on one of them ends with it.
    pub(super) lines: bool,
}

/// Whether a source that starts so may be a long list. It takes the first 64 KiB to tell.
pub(super) fn begins_list(start: &[u8]) -> bool {
    head::find(start).is_some()
}

impl Bounds {
    /// Bytes of a stretch.
    fn stretch(self) -> usize {
        self.long / STRETCHES
    }
}
