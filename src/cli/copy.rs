//! `copy`: a copy of a bundle that can be shown to be one.

use std::io::Write as _;
use std::path::PathBuf;

use super::collect::{actor, now};
use super::{Settings, YES};
use crate::bundle;
use crate::render::escape::terminal;

/// Arguments of `copy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle: a folder or a tar file
    bundle: PathBuf,
    /// The copy itself, not the folder it goes into; it must not exist
    #[arg(value_name = "COPY")]
    to: PathBuf,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let bars = settings.bars();
        let done = bundle::copy(&self.bundle, &self.to, now(), &actor(), &bars)?;
        drop(bars);
        if !settings.quiet {
            let mut err = std::io::stderr().lock();
            let shown = |path: &std::path::Path| terminal(&path.display().to_string()).into_owned();
            writeln!(err, "copied to {}: {} files, {} bytes, verified", shown(&self.to), done.files, done.bytes)?;
            if let Some(seal) = done.seal {
                writeln!(err, "seal (SHA-256 of tagmanifest-sha256.txt): {seal}")?;
            }
            writeln!(err, "custody log: {}", shown(&done.log))?;
            for finding in &done.findings {
                writeln!(err, "{}: {}", finding.severity, terminal(&finding.message))?;
            }
        }
        Ok(YES)
    }
}
