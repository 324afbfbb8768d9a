//! `case merge`: from the cases of an import in parts to one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::threads_args::ThreadsArgs;
use super::{Settings, YES};
use crate::bundle::custody::record_merge;
use crate::import::{MergeOptions, MergeSummary, merge};
use crate::render::escape::terminal;

/// The cluster of evidence that names none.
const NO_NAME: &str = "default";

/// Arguments of `case merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cases to merge; the new one is named with --case, and must not exist yet
    #[arg(required = true, value_name = "PART-CASE")]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    threads: ThreadsArgs,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let began = Instant::now();
        self.threads.apply()?;
        let options =
            MergeOptions { case_dir: settings.case_dir.clone(), parts: self.parts, cluster: settings.cluster.clone() };
        let bars = settings.bars();
        let summary = merge(&options, &bars)?;
        drop(bars);
        let result = format!("{} parts: {} sources, {} events", summary.parts, summary.sources, summary.events);
        let parts: Vec<&Path> = options.parts.iter().map(PathBuf::as_path).collect();
        let (now, actor) = (super::collect::now(), super::collect::actor());
        let custody = record_merge(&options.case_dir, &parts, now, &actor, &result);
        if !settings.quiet {
            report(settings, &summary, began)?;
            super::custody::tell(&custody)?;
        }
        Ok(YES)
    }
}

fn report(settings: &Settings, s: &MergeSummary, began: Instant) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    let clusters = s.clusters.iter().map(|c| terminal(c)).collect::<Vec<_>>().join(", ");
    writeln!(err, "case {}, cluster {clusters}", terminal(&settings.case_dir.display().to_string()))?;
    writeln!(err, "  parts       {:>12}", s.parts)?;
    writeln!(err, "  sources     {:>12}", s.sources)?;
    if s.left_out > 0 {
        writeln!(err, "  left out    {:>12}   their bytes are in it already", s.left_out)?;
    }
    writeln!(err, "  events      {:>12}", s.events)?;
    writeln!(err, "  duplicates  {:>12}", s.duplicates)?;
    writeln!(err, "  rejects     {:>12}", s.rejects)?;
    for (severity, count) in &s.findings {
        writeln!(err, "  findings    {count:>12}   {severity}")?;
    }
    if let (true, Some(other)) = (s.clusters.len() == 2, s.clusters.iter().find(|c| *c != NO_NAME))
        && s.clusters.iter().any(|c| c == NO_NAME)
    {
        let other = terminal(other);
        writeln!(
            err,
            "  evidence that names no cluster is in `{NO_NAME}`; if it is of `{other}`, merge with --cluster {other}"
        )?;
    }
    writeln!(err, "  elapsed     {:>11.2}s", began.elapsed().as_secs_f64())
}
