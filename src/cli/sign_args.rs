//! The flags of commands that sign.

use std::path::PathBuf;

use anyhow::Context as _;

use super::Settings;
use crate::bundle::{Passphrase, SigningKey};

/// A key, and how to open it.
#[derive(Debug, clap::Args)]
pub struct SignArgs {
    /// Sign the seal with this OpenSSH private key; a passphrase is taken from KUBESLEUTH_KEY_PASSPHRASE
    #[arg(long, value_name = "KEY")]
    sign_key: Option<PathBuf>,
    /// A file that holds the passphrase of the key
    #[arg(long, value_name = "FILE", requires = "sign_key")]
    sign_key_passphrase_file: Option<PathBuf>,
}

impl SignArgs {
    pub(super) fn load(&self, settings: &Settings) -> anyhow::Result<Option<SigningKey>> {
        let load = |key: &PathBuf| load(key, self.sign_key_passphrase_file.as_ref(), settings);
        self.sign_key.as_ref().map(load).transpose()
    }
}

/// Reads a key. The file with a passphrase goes before the environment.
pub(super) fn load(
    key: &std::path::Path,
    passphrase_file: Option<&PathBuf>,
    settings: &Settings,
) -> anyhow::Result<SigningKey> {
    let read = |path: &PathBuf| {
        Passphrase::read(path).with_context(|| format!("cannot read the passphrase file `{}`", path.display()))
    };
    let passphrase = passphrase_file.map(read).transpose()?.or_else(|| settings.key_passphrase.clone());
    Ok(SigningKey::load(key, passphrase.as_ref())?)
}
