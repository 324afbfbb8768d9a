//! What `case.json` and the custody log tell of the parts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::MergeError;
use super::numbering::Places;
use super::parts::Part;
use crate::bundle::Sha256Digest;
use crate::bundle::custody::{CASE_LOG, PARTS};
use crate::case::CaseError;
use crate::case::commit::Staging;
use crate::case::manifest::{ImportRecord, Manifest};
use crate::import::source_rows::SourceRow;

/// The imports of a part's cluster under the new ids, in all readings of the part; sources that were left out are gone from them.
pub(super) fn imports(
    part: &Part,
    (own, filed): (&str, &str),
    readings: &[&Places],
    sources: &[SourceRow],
) -> Vec<ImportRecord> {
    let ids = |old: &String| {
        let places = readings.iter().filter_map(|places| places.get(old).filter(|p| p.keeps));
        places.filter_map(|p| sources.get(p.number)).map(|s| s.source_id.clone()).collect::<Vec<_>>()
    };
    let of_cluster = part.case.manifest().imports.iter().filter(|i| i.cluster == own);
    of_cluster
        .map(|i| ImportRecord {
            cluster: filed.to_owned(),
            source_ids: i.source_ids.iter().flat_map(ids).collect(),
            ..i.clone()
        })
        .collect()
}

/// The manifest of the merged case: all imports by their time, whatever the order of the parts.
pub(super) fn manifest(mut imports: Vec<ImportRecord>) -> Manifest {
    imports.sort_by(|a, b| {
        (a.at, &a.cluster, &a.paths, &a.source_ids, &a.tool_version).cmp(&(
            b.at,
            &b.cluster,
            &b.paths,
            &b.source_ids,
            &b.tool_version,
        ))
    });
    for (number, import) in (1..).zip(&mut imports) {
        import.number = number;
    }
    Manifest { imports, ..Manifest::new() }
}

/// Keeps the custody logs of the parts, and those they keep themselves, by the digests of their bytes: the merged
/// case's own log names where each stood.
pub(super) fn keep_custody(parts: &[Part], staging: &mut Staging) -> Result<(), MergeError> {
    let mut kept = BTreeSet::new();
    for part in parts {
        for log in logs(part.case.dir()) {
            let bytes = fs::read(&log).map_err(|e| CaseError::io(&log, e))?;
            let digest = Sha256Digest::of(&bytes).to_string();
            if kept.insert(digest.clone()) {
                let path = staging.create(&Path::new(PARTS).join(format!("{digest}.jsonl")))?;
                fs::write(&path, &bytes).map_err(|e| CaseError::io(&path, e))?;
            }
        }
    }
    Ok(())
}

fn logs(case: &Path) -> Vec<PathBuf> {
    let plain = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|m| m.is_file());
    let further = fs::read_dir(case.join(PARTS)).into_iter().flatten().flatten().map(|e| e.path());
    let further = further.filter(|p| p.extension().is_some_and(|x| x == "jsonl"));
    let mut logs: Vec<PathBuf> = std::iter::once(case.join(CASE_LOG)).chain(further).filter(plain).collect();
    logs.sort();
    logs
}
