//! `rights`: what was a user, group or service account given?

use super::Settings;
use super::subject_args::PatternArgs;
use super::time_args::AtArg;
use crate::answer::rights::{self, Beside, Per, Question};
use crate::answer::{load, who_can};

/// Arguments of `rights`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pattern: PatternArgs,
    /// Every subject of every binding
    #[arg(long, conflicts_with_all = ["subject", "exact", "regex", "groups"], required_unless_present = "subject")]
    all: bool,
    /// One row for each binding instead of one for each rule
    #[arg(long)]
    roles: bool,
    #[command(flatten)]
    at: AtArg,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let at = settings.moment(&case, &cluster, self.at.at)?;
        let (when, as_of) = who_can::at(at);
        let load::Moment { authorizer, standing } = load::moment(&case, &cluster, at)?;
        let members = load::members_seen(&case, &cluster)?;
        let question = Question {
            typed: self.pattern.typed(),
            wanted: &self.pattern.wanted(&authorizer, when)?,
            kind: self.pattern.kind(),
            per: if self.roles { Per::Role } else { Per::Rule },
            when,
            as_of,
        };
        settings.show(&rights::answer(&authorizer, &question, Beside { members: &members, standing: &standing }))
    }
}
