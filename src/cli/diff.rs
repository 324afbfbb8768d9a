//! `diff`: what changed in RBAC between two moments.

use super::Settings;
use crate::answer::{diff, load};
use crate::model::time::{Interval, Timestamp};

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first moment, RFC 3339 or `YYYY-MM-DD[ HH:MM[:SS]]` UTC; default: the start of the evidence
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// The second moment; default: the end of the evidence
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let window = match (self.from, self.to) {
            (Some(from), Some(to)) => Interval::new(from, to),
            (from, to) => {
                let span = load::span_of_evidence(&case, &cluster)?;
                Interval::new(from.unwrap_or(span.from), to.unwrap_or(span.to.plus_micros(-1)))
            }
        };
        anyhow::ensure!(!window.is_empty(), "--to ({}) must lie after --from ({})", window.to, window.from);
        settings.show(&diff::answer(&case, &cluster, window)?)
    }
}
