//! `who-can`: who could do this?

use super::Settings;
use super::time_args::WhenArgs;
use crate::answer::question::{Typed, understand};
use crate::answer::{load, who_can};

/// What is asked about, in the words that `who-can` and `can` share.
#[derive(Debug, clap::Args)]
pub struct TargetArgs {
    /// A verb, such as get, list, create, delete, impersonate
    verb: String,
    /// RESOURCE[/NAME], RESOURCE/SUBRESOURCE, or a /URL path; plural, singular, kind or short name
    #[arg(value_name = "RESOURCE[/NAME]|/URL")]
    target: String,
    /// The subresource
    #[arg(long)]
    subresource: Option<String>,
    /// The object's name
    #[arg(long)]
    name: Option<String>,
    /// In this namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
}

impl TargetArgs {
    pub(super) fn typed(self, all_namespaces: bool) -> Typed {
        Typed {
            verb: self.verb,
            target: self.target,
            subresource: self.subresource,
            name: self.name,
            namespace: self.namespace,
            all_namespaces,
        }
    }
}

/// Arguments of `who-can`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// In any namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    when: WhenArgs,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let question = understand(&self.target.typed(self.all_namespaces), &load::catalogue(&case, &cluster)?)?;
        let (when, as_of) = self.when.resolve(settings, &case, &cluster)?;
        let authorizer = load::authorizer(&case, &cluster)?;
        let members = load::members_seen(&case, &cluster)?;
        settings.show(&who_can::answer(&authorizer, &question, when, as_of, &members))
    }
}
