//! `who-did`: who did this, and when?

use super::Settings;
use super::time_args::StretchArgs;
use crate::answer::load;
use crate::answer::who_did::{self, Filter, Unit};

/// Arguments of `who-did`. All filters must hold; without any, every request is listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A verb; may be given several times
    #[arg(long = "verb", value_name = "VERB")]
    verbs: Vec<String>,
    /// A resource: plural, singular, kind or short name, with `.group`, with `/SUBRESOURCE`
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
    /// A subresource
    #[arg(long)]
    subresource: Option<String>,
    /// An object's name; `*` stands for any text
    #[arg(long)]
    name: Option<String>,
    /// A namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// A user, authenticated or impersonated; `*` stands for any text
    #[arg(long, value_name = "PATTERN")]
    user: Option<String>,
    /// A group of the user
    #[arg(long)]
    group: Option<String>,
    /// The request URI; `*` stands for any text
    #[arg(long, value_name = "PATTERN")]
    uri: Option<String>,
    /// An address, server-verified or claimed
    #[arg(long, value_name = "IP")]
    source_ip: Option<String>,
    /// The user agent; `*` stands for any text
    #[arg(long, value_name = "PATTERN")]
    user_agent: Option<String>,
    /// An HTTP status code; may be given several times
    #[arg(long = "code", value_name = "CODE")]
    codes: Vec<i32>,
    /// A credential id, such as `JTI=...`
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Text inside request or response bodies
    #[arg(long)]
    text: Option<String>,
    /// Only what the authorizer forbade
    #[arg(long)]
    denied: bool,
    /// Only requests that change something
    #[arg(long)]
    changes: bool,
    /// Count the requests of each hour or day (UTC) instead of listing them: how many there were, changed something,
    /// failed (status 400 and above) or were denied, and of how many users. Hours and days without any have no row
    #[arg(long, value_name = "UNIT")]
    count_by: Option<CountBy>,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    #[command(flatten)]
    stretch: StretchArgs,
}

/// What `--count-by` takes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum CountBy {
    Hour,
    Day,
}

impl From<CountBy> for Unit {
    fn from(unit: CountBy) -> Self {
        match unit {
            CountBy::Hour => Self::Hour,
            CountBy::Day => Self::Day,
        }
    }
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let mut subresource = self.subresource;
        let mut notes = Vec::new();
        let resource = match &self.resource {
            None => None,
            Some(typed) => {
                let catalogue = load::catalogue(&case, &cluster)?;
                let (resolved, sub) = catalogue.resolve_subresource(typed)?;
                subresource = subresource.or(sub);
                // What is done to a kind that no discovery data names is in the log all the same, under its group.
                let unknown = resolved.kind.is_none() && resolved.group.is_empty() && resolved.resource != "*";
                notes.extend(if unknown { Some(of_any_group(&resolved.resource)) } else { resolved.note });
                Some(((!unknown).then_some(resolved.group), resolved.resource))
            }
        };
        let within = self.stretch.named()?;
        let filter = Filter {
            verbs: self.verbs,
            resource,
            subresource,
            name: self.name,
            namespace: self.namespace,
            user: self.user,
            group: self.group,
            uri: self.uri,
            source_ip: self.source_ip,
            user_agent: self.user_agent,
            codes: self.codes,
            denied: self.denied,
            changes: self.changes,
            credential: self.credential,
            text: self.text,
            within,
            limit: self.limit,
        };
        let mut answer = match self.count_by {
            None => who_did::answer(&case, &cluster, &filter)?,
            Some(unit) => who_did::counts(&case, &cluster, &filter, unit.into())?,
        };
        notes.append(&mut answer.notes);
        answer.notes = notes;
        settings.show(&answer)
    }
}

fn of_any_group(resource: &str) -> String {
    format!("`{resource}` is not among the resources known; records of `{resource}` in any API group count")
}
