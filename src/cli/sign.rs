//! `sign`: put one's name under a bundle that is sealed already.

use std::io::Write as _;
use std::path::PathBuf;

use super::collect::{actor, now};
use super::{Settings, YES, sign_args};
use crate::bundle;
use crate::render::escape::terminal;

/// Arguments of `sign`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle: a folder or a tar file. It is verified first; the signature goes beside it
    bundle: PathBuf,
    /// The OpenSSH private key; a passphrase is taken from KUBESLEUTH_KEY_PASSPHRASE
    #[arg(long, value_name = "KEY", alias = "sign-key")]
    key: PathBuf,
    /// A file that holds the passphrase of the key
    #[arg(long, value_name = "FILE", alias = "sign-key-passphrase-file")]
    key_passphrase_file: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let key = sign_args::load(&self.key, self.key_passphrase_file.as_ref(), settings)?;
        let bars = settings.bars();
        let file = bundle::sign(&self.bundle, &key, now(), &actor(), &bars)?;
        drop(bars);
        if !settings.quiet {
            let file = file.display().to_string();
            writeln!(std::io::stderr(), "signed by {}: {}", key.fingerprint(), terminal(&file))?;
        }
        Ok(YES)
    }
}
