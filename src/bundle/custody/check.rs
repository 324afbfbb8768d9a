//! Checking a custody log: does every entry have its own hash, follow the one before, and speak of this bundle; and
//! are the signatures there that it tells of.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::model::finding::{Finding, Severity};

use super::super::digest::Sha256Digest;
use super::super::finding;
use super::super::sign::CUSTODY_NAMESPACE;
use super::super::signature;
use super::{Action, Line, MAX_LOG};

/// What a check of a log gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustodyCheck {
    /// Its entries that can be read, each with the number of its line, from 1.
    pub lines: Vec<(usize, Line)>,
    /// What is wrong, and what is worth knowing.
    pub findings: Vec<Finding>,
}

/// A break of a chain.
pub(super) struct Problem {
    code: &'static str,
    pub(super) message: String,
}

/// Checks the log at `path`. `seal` is that of the bundle it should be of, `None` for the log of a case. `signers`
/// are the fingerprints of the keys whose signatures of the bundle are there and fit; `None` when the bundle itself is
/// not at hand.
pub fn check(path: &Path, seal: Option<Sha256Digest>, signers: Option<&[String]>) -> CustodyCheck {
    let name = path.display();
    let nothing =
        |severity, code, message| CustodyCheck { lines: Vec::new(), findings: vec![finding(severity, code, message)] };
    let bytes = match read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let message = format!("there is no custody log `{name}`: who held the bundle is not recorded");
            return nothing(Severity::Info, "custody-log-missing", message);
        }
        Err(why) => {
            let message = format!("the custody log `{name}` cannot be read: {why}");
            return nothing(Severity::High, "custody-log-unreadable", message);
        }
    };
    let (lines, problems) = read_chain(&bytes);
    let whole = problems.is_empty();
    let mut findings = Vec::new();
    let mut report = |severity, code, message: String| {
        findings.push(finding(severity, code, format!("custody log `{name}`: {message}")));
    };
    for Problem { code, message } in problems {
        report(Severity::High, code, message);
    }
    for (number, line) in &lines {
        check_signature(*number, line, signers, &mut report);
    }
    if let Some(seal) = seal {
        check_seal(&lines, seal, signers, &mut report);
    }
    check_times(&lines, &mut report);
    if let (true, Some((_, first)), Some((_, last))) = (whole, lines.first(), lines.last()) {
        let (from, to) = (&first.entry, &last.entry);
        let message = format!(
            "{} entries, from {} at {} to {} at {}; hash of the last: {}",
            lines.len(),
            from.action,
            from.at,
            to.action,
            to.at,
            last.hash
        );
        report(Severity::Info, "custody-log", message);
    }
    CustodyCheck { lines, findings }
}

/// All entries speak of this bundle; and they begin with its beginning.
fn check_seal(
    lines: &[(usize, Line)],
    seal: Sha256Digest,
    signers: Option<&[String]>,
    report: &mut impl FnMut(Severity, &'static str, String),
) {
    let other = lines.iter().find_map(|(n, l)| Some((n, l.entry.action, l.entry.seal.filter(|s| *s != seal)?)));
    if let Some((number, action, found)) = other {
        let message = format!("entry {number} ({action}) is of the bundle with the seal {found}, this one has {seal}");
        report(Severity::High, "custody-other-bundle", message);
    }
    if let Some(action) = lines.first().map(|(_, l)| l.entry.action).filter(|a| *a != Action::Collect) {
        let message = format!("it begins with `{action}`: what was before is not recorded");
        report(Severity::Info, "custody-begins-late", message);
    }
    let recorded = |key: &&String| lines.iter().any(|(_, l)| l.entry.key.as_ref() == Some(*key));
    for key in signers.unwrap_or_default().iter().filter(|key| !recorded(key)) {
        let message = format!("it does not tell of the signature by {key}");
        report(Severity::Info, "custody-not-recorded", message);
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
        Ok(metadata) if !metadata.is_file() => return Err("it is not a plain file".to_owned()),
        Ok(metadata) if metadata.len() > MAX_LOG => return Err(format!("it is longer than {MAX_LOG} bytes")),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    // So that half a line of someone who appends right now is not seen; where locks are not to be had, without.
    let _ = file.lock_shared();
    file.take(MAX_LOG).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(Some(bytes))
}

/// The lines that can be read, and every break of the chain. After a break the chain is taken up where it goes on,
/// so that one change is one finding.
pub(super) fn read_chain(bytes: &[u8]) -> (Vec<(usize, Line)>, Vec<Problem>) {
    let (mut lines, mut problems) = (Vec::<(usize, Line)>::new(), Vec::new());
    let mut problem = |code, message| problems.push(Problem { code, message });
    // What the next entry should say; `None` after a line that cannot be read.
    let mut expected = Some((1, None));
    let whole = bytes.strip_suffix(b"\n");
    if whole.is_none() {
        let message = "it does not end in a line break: its last entry was cut off".to_owned();
        problem("custody-line-unreadable", message);
    }
    for (number, text) in (1..).zip(whole.unwrap_or(bytes).split(|b| *b == b'\n')) {
        let line = match Line::parse(text) {
            Ok(line) => line,
            Err(why) => {
                problem("custody-line-unreadable", format!("line {number} cannot be read: {why}"));
                expected = None;
                continue;
            }
        };
        let entry = &line.entry;
        if line.hash != line.computed {
            let message = format!(
                "entry {number} ({}) was changed: it says that its hash is {}, its hash is {}",
                entry.action, line.hash, line.computed
            );
            problem("custody-entry-changed", message);
        }
        if let Some((sequence, previous)) = expected.filter(|e| *e != (entry.sequence, entry.previous)) {
            let shown = |hash: Option<Sha256Digest>| hash.map_or("nothing".to_owned(), |h| h.to_string());
            let message = format!(
                "line {number} should be entry {sequence} and follow {}, it is entry {} ({}) and follows {}: entries were taken out, put in, moved or rewritten here",
                shown(previous),
                entry.sequence,
                entry.action,
                shown(entry.previous)
            );
            problem("custody-chain-broken", message);
        }
        expected = Some((entry.sequence.saturating_add(1), Some(line.hash)));
        lines.push((number, line));
    }
    (lines, problems)
}

/// An entry that says it was signed has a signature that fits; so has any other that carries one.
fn check_signature(
    number: usize,
    line: &Line,
    signers: Option<&[String]>,
    report: &mut impl FnMut(Severity, &'static str, String),
) {
    let action = line.entry.action;
    let signed = line
        .signature
        .as_ref()
        .map(|text| signature::check(text.as_bytes(), CUSTODY_NAMESPACE, line.hash.to_string().as_bytes()));
    match signed {
        Some(Err(bad)) => {
            let message = format!("the signature of entry {number} ({action}) {bad}");
            report(Severity::High, "custody-signature", message);
        }
        Some(Ok(by)) if line.entry.key.as_ref().is_some_and(|key| *key != by.fingerprint) => {
            let message =
                format!("entry {number} ({action}) names another key than {}, which signed it", by.fingerprint);
            report(Severity::High, "custody-signature", message);
        }
        Some(Ok(by)) => {
            let message = format!("entry {number} ({action}) and all before it are signed by {}", by.fingerprint);
            report(Severity::Info, "custody-signed", message);
        }
        None if action == Action::Sign => {
            let message = format!("entry {number} (sign) has lost its signature");
            report(Severity::High, "custody-signature", message);
        }
        None => {}
    }
    if action == Action::Sign
        && let Some(signers) = signers
        && let Some(key) = line.entry.key.as_ref().filter(|key| !signers.contains(key))
    {
        let message = format!("entry {number} tells of a signature of the bundle by {key}: there is none that fits");
        report(Severity::High, "signature-missing", message);
    }
}

/// Clocks of two machines differ; a reader should know.
fn check_times(lines: &[(usize, Line)], report: &mut impl FnMut(Severity, &'static str, String)) {
    for ((_, before), (number, line)) in lines.iter().zip(lines.iter().skip(1)) {
        let (earlier, at) = (before.entry.at, line.entry.at);
        if at < earlier {
            let message = format!("entry {number} ({}) says {at}, the one before says {earlier}", line.entry.action);
            report(Severity::Info, "custody-time-backwards", message);
        }
    }
}
