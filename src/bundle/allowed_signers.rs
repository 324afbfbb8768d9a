//! The list of people whose signatures count, in the format of ssh-keygen (its manual, ALLOWED SIGNERS): what the
//! reviewer has for `ssh-keygen -Y verify` is used as it is. Read as strictly as ssh-keygen 9.2 does, so that no
//! line trusts anyone here whom it would not trust there: a line that cannot be used trusts nobody and is told of.
//! Certificate authorities are not supported.

mod options;
mod patterns;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use crate::model::time::Timestamp;

use options::Options;

/// The largest list that is read.
const MAX_FILE: u64 = 16 << 20;

/// Turns a time without a zone into an instant, for the system's own zone; `None` for one that does not exist there.
pub type LocalTime<'a> = &'a dyn Fn(NaiveDateTime) -> Option<Timestamp>;

/// A list of allowed signers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedSigners {
    /// Where it was read.
    path: PathBuf,
    lines: Vec<Line>,
    unused: Vec<Unused>,
}

/// A line that lets a key sign.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    principals: String,
    options: Options,
    key: KeyData,
}

/// A line that trusts nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unused {
    /// Counted from 1.
    pub(super) number: usize,
    /// Why.
    pub(super) why: String,
}

/// Whether a key counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A line lets it sign.
    Allowed {
        /// That line's principals.
        principals: String,
        /// Counted from 1.
        line: usize,
    },
    /// It is listed, but not for this.
    Refused {
        /// Code of the finding.
        code: &'static str,
        /// Which line and why.
        why: String,
    },
    /// No line has it (for this principal).
    Unlisted,
}

impl AllowedSigners {
    /// Reads a list.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path, local: LocalTime<'_>) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > MAX_FILE {
            return Err(io::Error::other(format!("it has {length} bytes, a list is read up to {MAX_FILE}")));
        }
        let mut text = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut text)?;
        Ok(Self::parse(&text, path, local))
    }

    /// Reads a list from memory; `path` is for messages.
    pub fn parse(text: &[u8], path: &Path, local: LocalTime<'_>) -> Self {
        let mut list = Self { path: path.to_owned(), lines: Vec::new(), unused: Vec::new() };
        for (number, text) in (1..).zip(text.split(|b| *b == b'\n')) {
            let line = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned());
            match line.and_then(|text| parse_line(text, number, local)) {
                Ok(line) => list.lines.extend(line),
                Err(why) => list.unused.push(Unused { number, why }),
            }
        }
        list
    }

    /// Where it was read.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lines that trust nobody.
    pub(super) fn unused(&self) -> &[Unused] {
        &self.unused
    }

    /// Whether a key may sign for `namespace` at a moment: as one principal, or as anyone. The first line that lets
    /// it counts; else the first that would, were it not for an option.
    pub(super) fn standing(
        &self,
        key: &KeyData,
        principal: Option<&str>,
        namespace: &str,
        at: Option<Timestamp>,
    ) -> Standing {
        let mut refused = None;
        for line in self.lines.iter().filter(|line| line.key == *key) {
            if principal.is_some_and(|p| !patterns::matches_list(p, &line.principals)) {
                continue;
            }
            match line.options.refuse(namespace, at) {
                None => return Standing::Allowed { principals: line.principals.clone(), line: line.number },
                Some((code, why)) => {
                    let why = format!("line {} of `{}` {why}", line.number, self.path.display());
                    refused.get_or_insert(Standing::Refused { code, why });
                }
            }
        }
        refused.unwrap_or(Standing::Unlisted)
    }
}

fn parse_line(text: &str, number: usize, local: LocalTime<'_>) -> Result<Option<Line>, String> {
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (principals, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or("its principals have no closing quote")?,
        None => text.split_once([' ', '\t']).ok_or("expected principals, a key type and a key")?,
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    // As ssh-keygen does: what does not read as a key is options, and a key must follow.
    let (options, key) = match parse_key(rest) {
        Some(key) => (Options::default(), key),
        None => {
            let (options, after) = options::split(rest);
            let options = Options::parse(options, local)?;
            let key = parse_key(after.trim_start_matches([' ', '\t']));
            (options, key.ok_or("it holds no key of a kind that is known")?)
        }
    };
    Ok(Some(Line { number, principals: principals.to_owned(), options, key }))
}

/// A key type and a key; what follows is a comment.
fn parse_key(text: &str) -> Option<KeyData> {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    let (kind, key) = (words.next()?, words.next()?);
    PublicKey::from_openssh(&format!("{kind} {key}")).ok().map(|key| key.key_data().clone())
}

#[cfg(test)]
mod tests;
