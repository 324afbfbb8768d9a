//! `unused`: what was held, but never used?

use super::Settings;
use super::subject_args::PatternArgs;
use super::time_args::StretchArgs;
use crate::answer::load;
use crate::answer::unused::{self, Question};
use crate::answer::uses::{self, LogView};
use crate::authz::When;

/// Arguments of `unused`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pattern: PatternArgs,
    /// Used grants as well, with how often and when last
    #[arg(long)]
    all: bool,
    /// Show at most so many grants
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    limit: usize,
    #[command(flatten)]
    stretch: StretchArgs,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let within = self.stretch.within_log(&case, &cluster)?;
        let authorizer = load::authorizer(&case, &cluster)?;
        let members = load::members_seen(&case, &cluster)?;
        let uses = uses::read(&case, &cluster, within)?;
        let log = LogView::of(&case, &cluster, within, &uses)?;
        let question = Question {
            typed: self.pattern.typed(),
            wanted: &self.pattern.wanted(&authorizer, When::During(within))?,
            kind: self.pattern.kind(),
            all: self.all,
            within,
            limit: self.limit,
        };
        settings.show(&unused::answer(&authorizer, &question, &uses, &log, &members))
    }
}
