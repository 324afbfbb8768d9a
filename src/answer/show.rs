//! `show`: the original record, byte for byte, read again from the evidence it came from.

use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::import::ImportError;
use crate::import::discover::{Input, discover};
use crate::import::read_source::{MEMBER, read_stretch, sha256_of};
use crate::tables::{events, identities, rejects, sightings, sources};

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The source's id.
    pub source_id: String,
    /// Its path.
    pub path: String,
    /// Its bundle.
    pub bundle: Option<String>,
    /// Its SHA-256.
    pub sha256: String,
    /// Byte offset in the decompressed source.
    pub offset: u64,
    /// Line, from 1.
    pub line: u64,
    /// Length in bytes.
    pub length: u64,
}

/// Why a record cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The case.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The evidence file is not where it was.
    #[error(
        "the record lies in `{path}` (SHA-256 {sha256}), which is not there any more: say where the evidence is now with --evidence PATH"
    )]
    Gone {
        /// Where it was.
        path: String,
        /// Which file.
        sha256: String,
    },
    /// The evidence file is another one now.
    #[error(
        "`{path}` has changed since it was imported: expected SHA-256 {expected}, found {found}; nothing is shown from it: give the original with --evidence PATH"
    )]
    Changed {
        /// The file.
        path: String,
        /// As imported.
        expected: String,
        /// Now.
        found: String,
    },
    /// The evidence cannot be searched.
    #[error(transparent)]
    Evidence(#[from] ImportError),
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Finds the records that `wanted` names: an audit ID, or `SOURCE:LINE`.
///
/// # Errors
/// When a table cannot be read.
pub fn locate(case: &Case, wanted: &str) -> Result<Vec<Location>, CaseError> {
    let by_id = places(case.table(&events::TABLE, None)?.filter(col("audit_id").eq(lit(wanted))), "events")?;
    let mut found = by_id;
    if found.is_empty()
        && let Some((source, line)) = wanted.rsplit_once(':')
        && let Ok(line) = line.parse::<i64>()
    {
        for table in [&events::TABLE, &rejects::TABLE, &sightings::SIGHTINGS] {
            let here = col("source_id").eq(lit(source)).and(col("line").eq(lit(line)));
            found.extend(places(case.table(table, None)?.filter(here), table.name)?);
        }
        // Those of the config map lie in a record that one of the tables before has.
        let here = col("source_id").eq(lit(source)).and(col("line").eq(lit(line)));
        let logged = here.and(col("origin").eq(lit(crate::import::identities::LOG)));
        found.extend(places(case.table(&identities::TABLE, None)?.filter(logged), identities::TABLE.name)?);
    }
    let mut locations = Vec::new();
    for (source_id, offset, line, length) in found {
        locations.extend(describe(case, &source_id, offset, line, length)?);
    }
    locations.dedup();
    Ok(locations)
}

fn places(lazy: LazyFrame, table: &str) -> Result<Vec<(String, u64, u64, u64)>, CaseError> {
    let lazy = lazy
        .select([col("source_id"), col("offset"), col("line"), col("length")])
        .with_column(col("source_id").str().len_bytes().alias("width"))
        .sort(["width", "source_id", "offset"], SortMultipleOptions::default());
    let frame = Frame::collect(lazy, table)?;
    let (source, offset, line, length) =
        (frame.text("source_id")?, frame.int("offset")?, frame.int("line")?, frame.int("length")?);
    let number = |c: &Int64Chunked, row| c.get(row).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    Ok((0..frame.height())
        .map(|row| {
            (
                source.get(row).unwrap_or_default().to_owned(),
                number(offset, row),
                number(line, row),
                number(length, row),
            )
        })
        .collect())
}

fn describe(case: &Case, source_id: &str, offset: u64, line: u64, length: u64) -> Result<Option<Location>, CaseError> {
    let lazy = case.table(&sources::TABLE, None)?.filter(col("source_id").eq(lit(source_id)));
    let frame = Frame::collect(lazy, "sources")?;
    let get = |name: &str| Ok::<_, CaseError>(frame.text(name)?.get(0).map(str::to_owned));
    let Some(path) = get("path")? else { return Ok(None) };
    Ok(Some(Location {
        source_id: source_id.to_owned(),
        path,
        bundle: get("bundle")?,
        sha256: get("sha256")?.unwrap_or_default(),
        offset,
        line,
        length,
    }))
}

/// Reads the bytes of a record; the file's digest is checked on the way.
///
/// # Errors
/// When the evidence is gone, has changed, or cannot be read.
pub fn read(location: &Location, evidence: Option<&Path>) -> Result<Vec<u8>, ShowError> {
    let gone = || ShowError::Gone {
        path: location.bundle.clone().unwrap_or_else(|| location.path.clone()),
        sha256: location.sha256.clone(),
    };
    let mut changed = None;
    for (input, member) in find_inputs(location, evidence)? {
        let unreadable = |source| ShowError::Unreadable { path: input.path.clone(), source };
        // The digest first: a changed file may not even reach as far as the record.
        if member.is_none() {
            let (found, _) = sha256_of(&input).map_err(unreadable)?;
            if found != location.sha256 {
                changed.get_or_insert((input.path.clone(), found));
                continue;
            }
        }
        match read_stretch(&input, member, location.offset, location.length).map_err(unreadable)? {
            Some((bytes, found)) if found == location.sha256 => return Ok(bytes),
            Some((_, found)) => {
                changed.get_or_insert((input.path.clone(), found));
            }
            None => {}
        }
    }
    let Some((path, found)) = changed.filter(|_| evidence.is_none()) else { return Err(gone()) };
    Err(ShowError::Changed { path, expected: location.sha256.clone(), found })
}

/// The ways to read a path: as a file, and as a member of each archive it may name.
fn readings(path: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let members =
        path.match_indices(MEMBER).filter_map(|(at, _)| Some((path.get(..at)?, path.get(at + MEMBER.len()..))));
    std::iter::once((path, None)).chain(members)
}

/// The files that may hold the record, each with the member of it, the likeliest first.
fn find_inputs<'l>(
    location: &'l Location,
    evidence: Option<&Path>,
) -> Result<Vec<(Input, Option<&'l str>)>, ShowError> {
    let roots: Vec<PathBuf> = match (evidence, &location.bundle) {
        (Some(path), _) => vec![path.to_owned()],
        (None, Some(bundle)) => vec![PathBuf::from(bundle)],
        (None, None) => readings(&location.path).map(|(path, _)| PathBuf::from(path)).collect(),
    };
    let Some(root) = roots.into_iter().find(|r| r.exists()) else { return Ok(Vec::new()) };
    let inputs = discover(&[root], None)?.inputs;
    let name = |p: &str| p.rsplit('/').next().unwrap_or_default().to_owned();
    let mut found: Vec<(Input, Option<&str>)> = Vec::new();
    for (path, member) in readings(&location.path) {
        found.extend(inputs.iter().filter(|i| i.path == path).map(|i| (i.clone(), member)));
    }
    if evidence.is_some() {
        // Then whatever has the right bytes, those of the right name first.
        for (path, member) in readings(&location.path) {
            let named = |i: &&Input| i.path != path && name(&i.path) == name(path);
            found.extend(inputs.iter().filter(named).map(|i| (i.clone(), member)));
        }
        found.extend(inputs.iter().filter(|i| name(&i.path) != name(&location.path)).map(|i| (i.clone(), None)));
    }
    Ok(found)
}
