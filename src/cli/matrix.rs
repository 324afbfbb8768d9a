//! `matrix`: what could a subject do to each resource?

use anyhow::bail;

use super::Settings;
use super::subject_args::OneArgs;
use super::time_args::AtArg;
use crate::answer::load;
use crate::answer::matrix::{self, Question};

/// Arguments of `matrix`. Cells say yes, no, `names only` (single named objects) or `?` (the evidence cannot tell);
/// a verb that the resource does not serve has no answer.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: OneArgs,
    /// In this namespace; default: cluster-wide
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Leave out resources to which nothing can be done
    #[arg(long)]
    granted: bool,
    #[command(flatten)]
    at: AtArg,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let question = Question {
            typed: self.subject.typed(),
            wanted: &self.subject.wanted()?,
            namespace: self.namespace.as_deref().filter(|n| !n.is_empty()),
            granted: self.granted,
            at: settings.moment(&case, &cluster, self.at.at)?,
        };
        let authorizer = load::moment(&case, &cluster, question.at)?.authorizer;
        let catalogue = load::catalogue(&case, &cluster)?;
        let members = load::members_seen(&case, &cluster)?;
        match matrix::answer(&authorizer, &catalogue, &question, &members) {
            Some(answer) => settings.show(&answer),
            None => bail!("expected one subject: a user, `NAMESPACE:NAME` of a service account, or `group/NAME`"),
        }
    }
}
