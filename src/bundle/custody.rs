//! The custody log: who collected, sealed, signed, copied and imported a bundle, and when, as they said. One JSON
//! object a line, in a file beside the bundle, because a sealed bundle is never written again.
//!
//! Each entry ends in its own hash and begins with that of the one before, so that an entry changed, taken out,
//! put in or moved breaks the chain. The hash is of the line's own bytes, not of some canonical form: `sed` and
//! `sha256sum` check it. What a chain alone cannot show is that its end was cut off or all of it written anew; an
//! entry that carries a signature stops that up to itself.

mod append;
mod check;
mod collection;
mod import;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

use super::digest::Sha256Digest;
use super::sign::{CUSTODY_NAMESPACE, SignError, SigningKey};
use super::source_path::SourcePath;

pub use append::{CustodyError, LogState, append, begin, begin_with, state, state_of_bundle};
pub use check::{CustodyCheck, check};
pub(super) use collection::begin_for;
pub use import::{CASE_LOG, Imported, PARTS, record_import, record_merge};

/// The largest log that is read: an entry takes about 600 bytes.
const MAX_LOG: u64 = 64 << 20;
/// What stands between the text that is hashed and its hash. In a JSON string every quote has a backslash before
/// it, so this is the first place where it can be.
const HASH: &str = ",\"hash\":\"";
/// What stands between hash and signature.
const SIGNATURE: &str = ",\"signature\":";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Evidence was collected.
    Collect,
    /// The bundle was sealed.
    Seal,
    /// The seal was signed.
    Sign,
    /// The bundle was copied.
    Copy,
    /// The bundle was imported into a case.
    Import,
    /// A case was merged into another.
    Merge,
}

impl Action {
    /// The word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Seal => "seal",
            Self::Sign => "sign",
            Self::Copy => "copy",
            Self::Import => "import",
            Self::Merge => "merge",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who does something, as the machine says: nothing proves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Name of the user.
    pub user: Option<String>,
    /// Name of the machine.
    pub host: Option<String>,
    /// Version of this program.
    pub version: String,
}

/// Something that was done, to be put into a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When, by that machine's clock.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// SHA-256 of the bundle's `tagmanifest-sha256.txt`; `None` before it is sealed and for plain files.
    pub seal: Option<Sha256Digest>,
    /// What it was done to.
    pub from: Vec<SourcePath>,
    /// What it made.
    pub to: Option<SourcePath>,
    /// In the log of a case: the hash of the last entry of the bundle's or the part's own log.
    pub continues: Option<Sha256Digest>,
    /// Fingerprint of the key that signed.
    pub key: Option<String>,
    /// What came of it, in words.
    pub result: String,
}

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1.
    pub sequence: u64,
    /// Hash of the entry before; `None` for the first.
    pub previous: Option<Sha256Digest>,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// Name of the user.
    pub user: Option<String>,
    /// Name of the machine.
    pub host: Option<String>,
    /// The program.
    pub tool: String,
    /// The bundle's seal.
    pub seal: Option<Sha256Digest>,
    /// What it was done to.
    pub from: Vec<SourcePath>,
    /// What it made.
    pub to: Option<SourcePath>,
    /// In the log of a case: where the log of the bundle, or of the part, stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Sha256Digest>,
    /// Fingerprint of the key that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What came of it.
    pub result: String,
}

/// A line of a log as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub entry: Entry,
    /// The hash it says it has.
    pub hash: Sha256Digest,
    /// The hash that its bytes have.
    pub computed: Sha256Digest,
    /// Armoured SSHSIG of the hash's text.
    pub signature: Option<String>,
}

impl Entry {
    /// The entry that follows another, `None` for the first.
    fn after(last: Option<&Line>, deed: &Deed, actor: &Actor) -> Self {
        Self {
            sequence: last.map_or(0, |l| l.entry.sequence).saturating_add(1),
            previous: last.map(|l| l.hash),
            at: deed.at,
            action: deed.action,
            user: actor.user.clone(),
            host: actor.host.clone(),
            tool: format!("kubesleuth {}", actor.version),
            seal: deed.seal,
            from: deed.from.clone(),
            to: deed.to.clone(),
            continues: deed.continues,
            key: deed.key.clone(),
            result: deed.result.clone(),
        }
    }

    /// The whole line with its hash and its line break; signed where a key is given.
    ///
    /// # Errors
    /// [`SignError::Failed`].
    fn render(self, key: Option<&SigningKey>) -> Result<(String, Line), SignError> {
        // Plain data: serialising it cannot fail.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let hash = Sha256Digest::of(body.as_bytes());
        let signature = key.map(|key| key.sign(CUSTODY_NAMESPACE, hash.to_string().as_bytes())).transpose()?;
        let open = body.strip_suffix('}').unwrap_or(&body);
        let mut line = format!("{open}{HASH}{hash}\"");
        if let Some(text) = &signature {
            line.push_str(SIGNATURE);
            line.push_str(&serde_json::to_string(text).unwrap_or_default());
        }
        line.push_str("}\n");
        Ok((line, Line { entry: self, hash, computed: hash, signature }))
    }
}

impl Line {
    /// Reads a line without its line break.
    ///
    /// # Errors
    /// What was expected.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        let (open, rest) = text.split_once(HASH).ok_or("expected a JSON object that ends in its `hash`")?;
        let body = format!("{open}}}");
        let entry = serde_json::from_str(&body).map_err(|e| e.to_string())?;
        let (digits, rest) = rest.split_once('"').ok_or("its `hash` has no end")?;
        let hash: Sha256Digest = digits.parse().map_err(|e: super::ParseDigestError| e.to_string())?;
        if digits != hash.to_string() {
            return Err("its `hash` is not in lower case".to_owned());
        }
        let signature = match rest.strip_suffix('}').map(|rest| (rest, rest.strip_prefix(SIGNATURE))) {
            Some(("", _)) => None,
            Some((_, Some(text))) => Some(one_spelling(text)?),
            _ => return Err("expected nothing but a signature behind its `hash`".to_owned()),
        };
        Ok(Self { entry, hash, computed: Sha256Digest::of(body.as_bytes()), signature })
    }
}

/// A JSON string, spelt as we spell it: nothing hashes these bytes.
fn one_spelling(text: &str) -> Result<String, String> {
    let value: String = serde_json::from_str(text).map_err(|e| format!("its signature: {e}"))?;
    if serde_json::to_string(&value).is_ok_and(|again| again == text) {
        Ok(value)
    } else {
        Err("its signature is written as no kubesleuth writes it".to_owned())
    }
}

#[cfg(test)]
mod tests;
