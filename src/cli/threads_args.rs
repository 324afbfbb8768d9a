//! `--threads`, for commands that use all cores.

/// The flag.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ThreadsArgs {
    /// Threads to use; default: all cores. The tables are the same for any number
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl ThreadsArgs {
    /// Sets how many threads this process uses; to be called once, before anything runs on them.
    pub(super) fn apply(self) -> anyhow::Result<()> {
        match self.threads {
            Some(threads) => Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?),
            None => Ok(()),
        }
    }
}
