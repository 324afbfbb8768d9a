//! `tables`: what the case holds, or the reference of all columns.

use std::io::Write as _;

use super::{Settings, YES};
use crate::answer::sources;
use crate::case::Case;
use crate::tables;

/// Arguments of `tables`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the reference of all tables and columns, as Markdown; needs no case
    #[arg(long)]
    reference: bool,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        if self.reference {
            std::io::stdout().lock().write_all(tables::reference().as_bytes())?;
            return Ok(YES);
        }
        let case = Case::open(&settings.case_dir)?;
        settings.show(&sources::tables(&case)?)
    }
}
