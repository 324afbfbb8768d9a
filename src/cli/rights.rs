//! `rights`: what was a user, group or service account given?

use super::Settings;
use super::time_args::AtArg;
use crate::answer::rights::{self, Mode};
use crate::answer::{load, who_can};
use crate::authz::{SubjectRef, SubjectSelector};

/// Arguments of `rights`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `user/NAME`, `group/NAME`, `serviceaccount/NS:NAME`, `NS:NAME`, a user name, or a part of names
    subject: String,
    /// Only names that equal it
    #[arg(long, conflicts_with = "regex")]
    exact: bool,
    /// It is a regular expression
    #[arg(long)]
    regex: bool,
    /// Only this kind of subject
    #[arg(long, value_parser = ["user", "group", "serviceaccount"])]
    kind: Option<String>,
    /// A further group of the user
    #[arg(long = "as-group", value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    at: AtArg,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let (when, as_of) = who_can::at(settings.moment(&case, &cluster, self.at.at)?);
        let authorizer = load::authorizer(&case, &cluster)?;
        let mode = match (self.exact, self.regex) {
            (true, _) => Mode::Exact,
            (_, true) => Mode::Regex,
            _ => Mode::Smart,
        };
        let known = |name: &str| {
            let named = |s: &SubjectRef| *s.name == *name;
            !authorizer.rights(SubjectSelector::Matching(&named), when).rows.is_empty()
        };
        let wanted = rights::wanted(&self.subject, mode, &self.groups, &known)?;
        settings.show(&rights::answer(&authorizer, &self.subject, &wanted, self.kind.as_deref(), when, as_of))
    }
}
