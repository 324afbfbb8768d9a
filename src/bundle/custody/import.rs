//! An import in the custody logs: in the case's own, and in the bundle's where there is one that can be written. The
//! evidence may lie on a medium that cannot be; that is told and no more.

use std::path::Path;

use crate::model::finding::{Finding, Severity};
use crate::model::time::Timestamp;

use super::super::copy::absolute;
use super::super::reader::Bundle;
use super::super::source_path::SourcePath;
use super::super::{Sha256Digest, companions, finding};
use super::{Action, Actor, CustodyError, Deed};

/// Name of the custody log inside a case.
pub const CASE_LOG: &str = "custody.jsonl";

/// Folder inside a merged case that keeps the custody logs of its parts, each under the SHA-256 of its bytes.
pub const PARTS: &str = "custody";

/// What was imported.
#[derive(Clone, Copy, Debug)]
pub enum Imported<'a> {
    /// A bundle.
    Bundle(&'a Bundle),
    /// Plain files and folders.
    Plain(&'a [&'a Path]),
}

/// Records that evidence was imported into the case in `case_dir`; `result` says what came of it. What could not be
/// recorded is a finding: the import has happened.
pub fn record_import(
    case_dir: &Path,
    imported: Imported<'_>,
    at: Timestamp,
    actor: &Actor,
    result: &str,
) -> Vec<Finding> {
    let mut deed = Deed {
        at,
        action: Action::Import,
        seal: None,
        from: Vec::new(),
        to: Some(SourcePath::from_os(absolute(case_dir))),
        continues: None,
        key: None,
        result: result.to_owned(),
    };
    let mut findings = Vec::new();
    match imported {
        Imported::Plain(paths) => deed.from = paths.iter().map(|p| SourcePath::from_os(absolute(p))).collect(),
        Imported::Bundle(bundle) => {
            deed.from = vec![SourcePath::from_os(absolute(bundle.path()))];
            deed.seal = bundle.seal();
            deed.continues = in_bundle_log(bundle.path(), &deed, actor, &mut findings);
        }
    }
    let log = case_dir.join(CASE_LOG);
    if let Err(e) = add(&log, &deed, actor) {
        let message = format!("the import is not recorded in the case's custody log: {e}");
        findings.push(finding(Severity::Medium, "custody-log-not-written", message));
    }
    findings
}

/// Records that cases were merged into the one in `case_dir`: an entry for each part, with where its own log stood.
/// What could not be recorded is a finding: the merge has happened.
pub fn record_merge(case_dir: &Path, parts: &[&Path], at: Timestamp, actor: &Actor, result: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in parts {
        let continues = match super::state(&part.join(CASE_LOG)) {
            Ok(state) => state.map(|s| s.last.hash),
            Err(e) => {
                findings.push(finding(Severity::Medium, "custody-log-damaged", e.to_string()));
                None
            }
        };
        let deed = Deed {
            at,
            action: Action::Merge,
            seal: None,
            from: vec![SourcePath::from_os(absolute(part))],
            to: Some(SourcePath::from_os(absolute(case_dir))),
            continues,
            key: None,
            result: result.to_owned(),
        };
        if let Err(e) = add(&case_dir.join(CASE_LOG), &deed, actor) {
            let message = format!("the merge is not recorded in the case's custody log: {e}");
            findings.push(finding(Severity::Medium, "custody-log-not-written", message));
            break;
        }
    }
    findings
}

/// Adds the import to the bundle's own log; gives the hash of its last entry then. A log is not begun here: nothing
/// new appears beside evidence that is only read.
fn in_bundle_log(bundle: &Path, deed: &Deed, actor: &Actor, findings: &mut Vec<Finding>) -> Option<Sha256Digest> {
    let place = companions::custody_log_of(bundle).ok()?;
    let before = match super::state_of_bundle(&place, deed.seal) {
        Ok(state) => state?,
        Err(e) => {
            findings.push(finding(Severity::Medium, "custody-log-damaged", e.to_string()));
            return None;
        }
    };
    match super::append(&place, deed, actor, None) {
        Ok((_, line)) => Some(line.hash),
        Err(e) => {
            let message = format!("the import is recorded in the case's custody log only: {e}");
            findings.push(finding(Severity::Info, "custody-log-not-written", message));
            Some(before.last.hash)
        }
    }
}

fn add(log: &Path, deed: &Deed, actor: &Actor) -> Result<(), CustodyError> {
    if log.is_file() {
        return super::append(log, deed, actor, None).map(drop);
    }
    match super::begin(log, std::slice::from_ref(deed), actor, None) {
        // Another import was faster.
        Err(CustodyError::Exists(_)) => super::append(log, deed, actor, None).map(drop),
        other => other,
    }
}
