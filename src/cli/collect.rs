//! `collect`: gather evidence into a sealed bundle.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;

use super::sign_args::SignArgs;
use super::{Settings, YES};
use crate::bundle::custody::Actor;
use crate::collect::{FilesRequest, Origin, collect_files};
use crate::model::time::Timestamp;
use crate::render::escape::terminal;

/// Arguments of `collect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    collector: Collector,
}

#[derive(Debug, Subcommand)]
enum Collector {
    /// Collect files and folders as they are; originals are never touched
    Files(FilesArgs),
}

#[derive(Debug, clap::Args)]
struct FilesArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The bundle to make: a folder, or one file when the name ends in `.tar`
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,
    /// A note for whoever opens the bundle
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    signing: SignArgs,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let Collector::Files(args) = self.collector;
        let key = args.signing.load(settings)?;
        let Actor { user, host, version } = actor();
        let origin = Origin {
            version,
            arguments: std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect(),
            host,
            user,
            cluster: settings.cluster.clone(),
            note: args.note,
        };
        let request = FilesRequest { paths: &args.paths, out: &args.out, origin: &origin, sign_key: key.as_ref() };
        let bars = settings.bars();
        let done = collect_files(&request, &|| now(), &bars)?;
        if !settings.quiet {
            report(&args.out, &done)?;
        }
        Ok(YES)
    }
}

fn report(out: &std::path::Path, done: &crate::collect::Collected) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    writeln!(err, "sealed {}: {} files", terminal(&out.display().to_string()), done.sealed.files)?;
    writeln!(err, "seal (SHA-256 of tagmanifest-sha256.txt): {}", done.sealed.seal)?;
    if let Some(key) = &done.sealed.signed_by {
        writeln!(err, "signed by {key}")?;
    }
    writeln!(err, "custody log: {}", terminal(&done.sealed.custody_log.display().to_string()))?;
    for missing in &done.not_collected {
        writeln!(err, "not collected: {}: {}", terminal(&missing.path.to_string()), terminal(&missing.reason))?;
    }
    for finding in &done.findings {
        writeln!(err, "{}: {}", finding.severity, terminal(&finding.message))?;
    }
    Ok(())
}

/// Who runs this, as this machine says.
pub(super) fn actor() -> Actor {
    Actor {
        user: whoami::username().ok(),
        host: Some(gethostname::gethostname().to_string_lossy().into_owned()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The clock of this machine.
pub(super) fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}
