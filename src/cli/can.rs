//! `can`: may this user do this? One question, or access reviews in bulk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::time_args::AtArg;
use super::{Settings, UNKNOWN, USAGE, YES};
use crate::answer::question::{Typed, understand};
use crate::answer::{can, load, reviews};
use crate::render::json::VisibleJson;

/// Arguments of `can`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A verb
    #[arg(required_unless_present = "reviews")]
    verb: Option<String>,
    /// RESOURCE[/NAME], RESOURCE/SUBRESOURCE, or a /URL path
    #[arg(required_unless_present = "reviews", value_name = "RESOURCE[/NAME]|/URL")]
    target: Option<String>,
    /// The user; groups that come with the name are added
    #[arg(long = "as", value_name = "USER", required_unless_present = "reviews")]
    user: Option<String>,
    /// A further group of the user
    #[arg(long = "as-group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The subresource
    #[arg(long)]
    subresource: Option<String>,
    /// The object's name
    #[arg(long)]
    name: Option<String>,
    /// In this namespace; default: cluster-wide
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Access reviews, one JSON a line, `-` for standard input; user and groups are taken to the letter
    #[arg(long, value_name = "FILE", conflicts_with_all = ["verb", "user", "groups", "subresource", "name", "namespace"])]
    reviews: Option<PathBuf>,
    #[command(flatten)]
    at: AtArg,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let at = settings.moment(&case, &cluster, self.at.at)?;
        if let Some(file) = &self.reviews {
            return run_reviews(&load::authorizer(&case, &cluster)?, file, at, settings.quiet);
        }
        let (Some(verb), Some(target), Some(user)) = (self.verb, self.target, self.user) else {
            bail!("expected VERB, RESOURCE and --as USER, or --reviews FILE");
        };
        let typed = Typed {
            verb,
            target,
            subresource: self.subresource,
            name: self.name,
            namespace: self.namespace,
            all_namespaces: false,
        };
        let question = understand(&typed, &load::catalogue(&case, &cluster)?)?;
        let authorizer = load::moment(&case, &cluster, at)?.authorizer;
        settings.show(&can::answer(&authorizer, &question, &user, &self.groups, at))
    }
}

fn run_reviews(
    authorizer: &crate::authz::Authorizer,
    file: &Path,
    at: crate::model::time::Timestamp,
    quiet: bool,
) -> anyhow::Result<u8> {
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let open = File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        Box::new(BufReader::with_capacity(1 << 18, open))
    };
    let mut out = VisibleJson(BufWriter::with_capacity(1 << 18, io::stdout().lock()));
    let tally = reviews::run(authorizer, &mut input, at, &mut out)?;
    out.flush()?;
    if tally.broken > 0 && !quiet {
        writeln!(
            io::stderr(),
            "{} lines are no access reviews; they are answered with null and say why",
            tally.broken
        )?;
    }
    Ok(match (tally.broken, tally.unknown) {
        (0, 0) => YES,
        (0, _) => UNKNOWN,
        _ => USAGE,
    })
}
