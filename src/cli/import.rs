//! `import`: from evidence to a case.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::threads_args::ThreadsArgs;
use super::{Settings, YES, size};
use crate::bundle::Bundle;
use crate::bundle::custody::{Imported, record_import};
use crate::formats::limits::Limits;
use crate::import::{ImportOptions, Room, Summary, import, room};
use crate::model::finding::Finding;
use crate::model::time::Timestamp;
use crate::render::escape::terminal;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bundles, files and folders; recognised by content
    #[arg(required = true, value_name = "BUNDLE|PATH")]
    paths: Vec<PathBuf>,
    /// When the object dumps were taken, where the evidence does not say
    #[arg(long, value_name = "TIME")]
    observed_at: Option<Timestamp>,
    /// Import bundles although they are not whole; what is wrong with them is kept as findings
    #[arg(long)]
    accept_damaged: bool,
    /// Bytes that may be unpacked from one file, such as 500GiB
    #[arg(long, value_name = "SIZE", default_value = "4TiB", value_parser = size::parse)]
    max_decompressed: u64,
    /// Bytes that may be unpacked for each byte read, once a file has given 64 MiB
    #[arg(long, value_name = "N", default_value_t = Limits::default().ratio)]
    max_ratio: u64,
    /// The longest line that is read; a longer one is a reject
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size::parse)]
    max_line: u64,
    /// The memory to take, whatever the size of the logs; at least 64MB. What does not fit goes to files beside the case.
    /// Snapshots, other files that are one document and no list of events, and lines over a quarter of it come on top
    #[arg(long, value_name = "SIZE", default_value = "512MB", value_parser = memory)]
    memory: u64,
    #[command(flatten)]
    threads: ThreadsArgs,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let began = Instant::now();
        self.threads.apply()?;
        let room = Room::of(self.memory);
        let options = ImportOptions {
            case_dir: settings.case_dir.clone(),
            paths: self.paths,
            cluster: settings.cluster.clone(),
            observed_at: self.observed_at,
            limits: Limits {
                total: self.max_decompressed,
                ratio: self.max_ratio,
                line: usize::try_from(self.max_line).unwrap_or(usize::MAX),
                ..Limits::default()
            },
            room,
            accept_damaged: self.accept_damaged,
            now: super::collect::now(),
        };
        let bars = settings.bars();
        let summary = import(&options, &bars)?;
        drop(bars);
        let custody = if summary.changed { record(&options, &summary)? } else { Vec::new() };
        if !settings.quiet {
            report(settings, &summary, began)?;
            super::custody::tell(&custody)?;
        }
        Ok(YES)
    }
}

/// A size that an import can do with.
fn memory(text: &str) -> Result<u64, String> {
    let size = size::parse(text)?;
    if size < room::LEAST {
        return Err(format!("`{text}` is too little: expected at least 64MB"));
    }
    Ok(size)
}

/// Records the import in the custody logs: one entry for each bundle, one for all plain files.
fn record(options: &ImportOptions, s: &Summary) -> anyhow::Result<Vec<Finding>> {
    let actor = super::collect::actor();
    let result = format!("{} sources, {} rows, {} rejects", s.sources, s.rows, s.rejects);
    let bundles = s.bundles.iter().map(|path| Bundle::open(path)).collect::<Result<Vec<_>, _>>()?;
    let record = |imported| record_import(&options.case_dir, imported, options.now, &actor, &result);
    let mut findings: Vec<Finding> = bundles.iter().flat_map(|bundle| record(Imported::Bundle(bundle))).collect();
    let plain: Vec<&Path> = options.paths.iter().filter(|p| !s.bundles.contains(p)).map(PathBuf::as_path).collect();
    if !plain.is_empty() {
        findings.extend(record(Imported::Plain(&plain)));
    }
    Ok(findings)
}

fn report(settings: &Settings, s: &Summary, began: Instant) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    let case = settings.case_dir.display().to_string();
    if !s.changed {
        return writeln!(
            err,
            "nothing new: the case {} already has the bytes of all {} files",
            terminal(&case),
            s.already
        );
    }
    writeln!(err, "case {}, cluster {}", terminal(&case), terminal(&s.cluster))?;
    writeln!(err, "  sources     {:>12}", s.sources)?;
    if s.already > 0 {
        writeln!(err, "  already in  {:>12}", s.already)?;
    }
    writeln!(err, "  records     {:>12}   = rows + duplicates + rejects", s.records)?;
    writeln!(err, "  rows        {:>12}", s.rows)?;
    writeln!(err, "  duplicates  {:>12}", s.duplicates)?;
    writeln!(err, "  rejects     {:>12}", s.rejects)?;
    if s.skipped > 0 {
        writeln!(err, "  skipped     {:>12}   records of other kinds", s.skipped)?;
    }
    if let (Some(first), Some(last)) = (s.first_time, s.last_time) {
        writeln!(err, "  time span   {first} to {last}")?;
    }
    for (severity, count) in &s.findings {
        writeln!(err, "  findings    {count:>12}   {severity}")?;
    }
    for path in &s.unrecognised {
        writeln!(err, "  not evidence: {}", terminal(path))?;
    }
    writeln!(err, "  elapsed     {:>11.2}s", began.elapsed().as_secs_f64())
}
