//! `history`: the versions of an object through time.

use super::Settings;
use crate::answer::{history, load};

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// KIND[/NAME]: plural, singular, kind or short name; without a name, all objects of the kind
    #[arg(value_name = "KIND[/NAME]")]
    object: String,
    /// In this namespace; default: in all
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Only the version that held at this moment; `-o json` carries its body
    #[arg(long, value_name = "TIME")]
    at: Option<crate::model::time::Timestamp>,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let mut asked = history::understand(&self.object, &load::catalogue(&case, &cluster)?, &case, &cluster)?;
        asked.namespace = self.namespace;
        asked.at = self.at;
        // A body in a table of text would bury the rows.
        asked.bodies = settings.format.is_for_machines();
        let span = load::span_of_evidence(&case, &cluster)?;
        settings.show(&history::answer(&case, &cluster, &asked, span)?)
    }
}
