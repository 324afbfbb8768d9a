//! `show`: an original record, byte for byte, on standard output; where it lies, on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use super::{NO, Settings, YES};
use crate::answer::show;
use crate::case::Case;
use crate::render::escape::terminal;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An audit ID, or `SOURCE:LINE` as other answers give it
    #[arg(value_name = "AUDIT_ID|SOURCE:LINE")]
    record: String,
    /// Where the evidence is now, when it was moved since the import
    #[arg(long, value_name = "PATH")]
    evidence: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let case = Case::open(&settings.case_dir)?;
        let found = show::locate(&case, &self.record)?;
        let mut err = io::stderr().lock();
        if found.is_empty() {
            writeln!(
                err,
                "no record `{}` in the case: expected an audit ID, or SOURCE:LINE such as s1:120",
                terminal(&self.record)
            )?;
            return Ok(NO);
        }
        let mut out = io::stdout().lock();
        for location in &found {
            let bytes = show::read(location, self.evidence.as_deref())?;
            if !settings.quiet {
                let inside = location.bundle.as_ref().map(|b| format!(" in {b}")).unwrap_or_default();
                let place = format!("{}{inside}", location.path);
                writeln!(
                    err,
                    "{}:{} {} offset {} length {} sha256 {}",
                    location.source_id,
                    location.line,
                    terminal(&place),
                    location.offset,
                    location.length,
                    location.sha256
                )?;
            }
            if out.is_terminal() {
                // A record may hold anything; a terminal must not obey it.
                writeln!(out, "{}", terminal(&String::from_utf8_lossy(&bytes)))?;
            } else {
                out.write_all(&bytes)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(YES)
    }
}
