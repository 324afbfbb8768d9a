//! `findings`: what a person should look at.

use super::Settings;
use crate::answer::findings;
use crate::model::finding::Severity;

/// Arguments of `findings`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only findings at least as grave
    #[arg(long, value_name = "SEVERITY", value_parser = ["info", "low", "medium", "high"])]
    severity: Option<String>,
    /// Only findings with this code
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let at_least = self.severity.as_deref().and_then(Severity::from_word);
        settings.show(&findings::answer(&case, &cluster, at_least, self.code.as_deref())?)
    }
}
