//! Rebuilds the history of all objects a share at a time, and writes their versions on the way: bodies of all states of
//! all objects may be more than memory holds. Shares depend on the evidence alone, so the rows are the same however
//! many are rebuilt at once.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use arrow::array::RecordBatch;

use super::history_rows::version_rows;
use super::in_order::{Jobs, in_order};
use super::put_aside::{CORE_PLACES, Shares};
use super::{ImportError, aws_auth};
use crate::case::parquet_file::PartWriter;
use crate::history::evidence::Evidence;
use crate::history::rbac::Decoder;
use crate::history::state::RbacTimeline;
use crate::history::version::ObjectVersion;
use crate::history::{Beyond, Stage};
use crate::model::finding::Finding;
use crate::model::resource::Catalogue;
use crate::tables::object_versions;

/// Requests of the core that are rebuilt at a time.
const ACTS: usize = 10_000;
/// Rows that are written at a time.
const AT_ONCE: usize = 8192;

/// What was rebuilt.
pub struct Rebuilt {
    /// RBAC through time.
    pub timeline: RbacTimeline,
    /// Versions of the config map that maps identities.
    pub mappings: Vec<ObjectVersion>,
    /// Findings about all objects.
    pub findings: Vec<Finding>,
}

/// Rebuilds history from the core's evidence and what was put aside of all other objects; writes `object_versions` to
/// `path`.
///
/// # Errors
/// When what was put aside cannot be read, or the file cannot be written.
pub fn rebuild(
    core: Evidence,
    beyond: Beyond,
    shares: &Shares,
    catalogue: &Catalogue,
    path: &Path,
) -> Result<Rebuilt, ImportError> {
    let kind_of = |group: &str, resource: &str| catalogue.kind_of(group, resource).map(Into::into);
    let (stage, mut core) = std::thread::scope(|threads| {
        // One piece is loaded while the one before is gathered.
        let (sender, pieces) = sync_channel(0);
        threads.spawn(move || {
            let mut places = 0..CORE_PLACES;
            while places.next().is_some_and(|place| sender.send(shares.core(place).map_err(ImportError::aside)).is_ok())
            {
            }
        });
        Stage::set(core, pieces, beyond, &kind_of)
    })?;
    let mut writer = PartWriter::create(path, object_versions::TABLE.schema())?;
    let mut decoder = Decoder::default();
    while let Some(versions) = stage.core(&mut core, ACTS) {
        let (written, ()) = rayon::join(|| write(&mut writer, &versions), || decoder.take(&versions));
        written?;
    }
    // Questions about RBAC read no row group of other objects.
    writer.flush()?;
    let (known_sets, mut findings) = stage.known(core);
    let timeline = decoder.finish(known_sets);
    let mut mappings = Vec::new();
    let mut numbers = 0..shares.len();
    let room = rayon::current_num_threads().saturating_mul(3).max(1);
    in_order(
        Jobs { next: || numbers.next(), weight: |_: &usize| 1, room },
        |number| share(&stage, shares, number),
        |part| {
            let part = part?;
            mappings.extend(part.mappings);
            findings.extend(part.findings);
            part.rows.iter().try_for_each(|rows| writer.write(rows))?;
            Ok::<(), ImportError>(())
        },
    )?;
    writer.close()?;
    Ok(Rebuilt { timeline, mappings, findings })
}

/// What was rebuilt of a share.
struct Part {
    /// Its rows of `object_versions`.
    rows: Vec<RecordBatch>,
    mappings: Vec<ObjectVersion>,
    findings: Vec<Finding>,
}

fn share(stage: &Stage<'_>, shares: &Shares, number: usize) -> Result<Part, ImportError> {
    let share = shares.load(number).map_err(ImportError::aside)?;
    let wanted = |group: &str, namespace: &str, name: &str| share.has(group, namespace, name);
    let (versions, findings) = stage.part(&share.sightings, &share.changes, &wanted);
    let rows = versions.chunks(AT_ONCE).map(version_rows).collect::<Result<_, _>>()?;
    let mappings = versions.into_iter().filter(|v| aws_auth::is_mapping(&v.key)).collect();
    Ok(Part { rows, mappings, findings })
}

fn write(writer: &mut PartWriter, versions: &[ObjectVersion]) -> Result<(), ImportError> {
    versions.chunks(AT_ONCE).try_for_each(|some| Ok(writer.write(&version_rows(some)?)?))
}
