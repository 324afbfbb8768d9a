//! What the sources of a cluster say of their completeness, taken together: pages answer one another,
//! listings name files beside them, and a category with reads makes up for one without. Sources of
//! earlier imports take part, so that the order of imports does not matter.

use std::collections::{BTreeMap, BTreeSet};

use super::inside::folder;
use super::source_rows::SourceRow;
use crate::formats::completeness::{CROSS, SourceFacts, warnings_of};
use crate::formats::layout::{audit_lines, missing_listed_files};
use crate::formats::warnings;

/// What is known besides the rows.
pub struct Read<'r> {
    /// How many of the sources the case had before.
    pub earlier: usize,
    /// What the records of each new source say of it as a whole.
    pub facts: &'r BTreeMap<usize, SourceFacts>,
    /// must-gather listings of new sources.
    pub listings: &'r [(usize, Vec<u8>)],
    /// Paths (with their bundle) that were not read, since the case has their bytes under another path.
    pub known_elsewhere: &'r [(Option<String>, String)],
}

/// Fills in warnings, absent fields, clusters, accounts and completeness of all sources.
pub fn complete(sources: &mut [SourceRow], read: &Read<'_>) {
    let mut facts: Vec<SourceFacts> = (0..).zip(sources.iter()).map(|(n, s)| facts_of(n, s, read)).collect();
    for (number, listing) in read.listings {
        if let Some(own) = facts.get_mut(*number) {
            own.listed.extend(audit_lines(&String::from_utf8_lossy(listing)).map(str::to_owned));
        }
    }
    look_for_listed(sources, &mut facts, read.known_elsewhere);
    let sets: Vec<String> = sources.iter().map(|s| format!("{:?} {}", s.bundle, folder(&s.path))).collect();
    let pairs: Vec<(&str, &SourceFacts)> = sets.iter().map(String::as_str).zip(&facts).collect();
    let found = warnings_of(&pairs);
    for (n, ((source, own), found)) in sources.iter_mut().zip(&facts).zip(found).enumerate() {
        let mut codes: BTreeSet<String> = std::mem::take(&mut source.warnings).into_iter().collect();
        codes.retain(|code| !CROSS.contains(&code.as_str()));
        codes.extend(found.into_iter().map(str::to_owned));
        if !own.listed.is_empty() {
            codes.insert(warnings::LISTED_FILE_MISSING.to_owned());
        }
        source.warnings = codes.into_iter().collect();
        source.completeness = own.to_items();
        if n >= read.earlier {
            source.absent_fields = own.absent_fields();
            source.clusters = own.clusters.iter().cloned().collect();
            source.accounts = own.accounts.iter().cloned().collect();
        }
    }
}

fn facts_of(number: usize, source: &SourceRow, read: &Read<'_>) -> SourceFacts {
    if number < read.earlier {
        return SourceFacts::of_items(&source.completeness, &source.format);
    }
    read.facts.get(&number).cloned().unwrap_or_default()
}

/// Leaves of each listing what is not there.
fn look_for_listed(sources: &[SourceRow], facts: &mut [SourceFacts], elsewhere: &[(Option<String>, String)]) {
    for (source, own) in sources.iter().zip(facts).filter(|(_, own)| !own.listed.is_empty()) {
        let read = sources.iter().filter(|s| s.bundle == source.bundle).map(|s| s.path.as_str());
        let known = elsewhere.iter().filter(|(bundle, _)| *bundle == source.bundle).map(|(_, path)| path.as_str());
        let paths: Vec<&str> = read.chain(known).collect();
        let listing = own.listed.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let missing = missing_listed_files(&listing, &source.path, &paths);
        own.listed = missing.into_iter().map(str::to_owned).collect();
    }
}
