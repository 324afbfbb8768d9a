//! Rebuilds the history of all objects a share at a time, and writes their versions on the way: bodies of all states of
//! all objects may be more than memory holds. Shares depend on the evidence alone, so the rows are the same however
//! many are rebuilt at once.

use std::path::Path;

use rayon::prelude::*;

use super::history_rows::version_rows;
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
    let pieces = (0..CORE_PLACES).map(|place| shares.core(place).map_err(ImportError::aside));
    let (stage, mut core) = Stage::set(core, pieces, beyond, &kind_of)?;
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
    let mut ready: Vec<Vec<ObjectVersion>> = Vec::new();
    let at_once = rayon::current_num_threads().max(1);
    for first in (0..shares.len()).step_by(at_once) {
        let numbers = first..shares.len().min(first.saturating_add(at_once));
        let next =
            || numbers.into_par_iter().map(|number| share(&stage, shares, number)).collect::<Result<Vec<_>, _>>();
        let (next, written) = rayon::join(next, || ready.iter().try_for_each(|v| write(&mut writer, v)));
        written?;
        ready.clear();
        for (versions, found) in next? {
            mappings.extend(versions.iter().filter(|v| aws_auth::is_mapping(&v.key)).cloned());
            findings.extend(found);
            ready.push(versions);
        }
    }
    ready.iter().try_for_each(|v| write(&mut writer, v))?;
    writer.close()?;
    Ok(Rebuilt { timeline, mappings, findings })
}

type Versions = (Vec<ObjectVersion>, Vec<Finding>);

fn share(stage: &Stage<'_>, shares: &Shares, number: usize) -> Result<Versions, ImportError> {
    let share = shares.load(number).map_err(ImportError::aside)?;
    Ok(stage.part(&share.sightings, &share.changes, &|group, namespace, name| share.has(group, namespace, name)))
}

fn write(writer: &mut PartWriter, versions: &[ObjectVersion]) -> Result<(), ImportError> {
    versions.chunks(AT_ONCE).try_for_each(|some| Ok(writer.write(&version_rows(some)?)?))
}
