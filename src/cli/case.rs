//! `case`: what is done to cases as a whole.

use clap::Subcommand;

use super::{Settings, case_merge};

/// Arguments of `case`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Merge the cases of an import in parts into one, without reading the evidence again
    ///
    /// Each part is an ordinary case, made by `import` on any machine, each from files of its own. The merged case is
    /// the one that a single import of all the files would have made: the same rows, the same answers. Give every
    /// import the same --cluster, and import what snapshots show of one time in one part. Parts are only read, and
    /// their order tells nothing.
    Merge(case_merge::Args),
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        match self.what {
            What::Merge(args) => args.run(settings),
        }
    }
}
