//! What is said of a source once it is read, and of all of them at the end.

use std::collections::BTreeMap;

use super::Run;
use crate::formats::completeness::SourceFacts;
use crate::formats::decode::Content;
use crate::formats::recognise::Cut;
use crate::formats::warnings;
use crate::import::completeness::{self, Read};
use crate::import::discover::{Found, Input, ObservedBasis};
use crate::import::error::ImportError;
use crate::import::inside::SNAPSHOT_FILE;
use crate::import::pipeline::ImportOptions;
use crate::import::read_source::FileFacts;
use crate::import::source_rows::SourceRow;
use crate::import::staged::SnapshotRows;
use crate::import::summary::Summary;
use crate::model::object::ObservedAt;

impl Run {
    pub(super) fn describe(&mut self, number: usize, input: &Input, facts: &FileFacts) {
        let mine = || self.snapshots.iter().filter(|(n, _)| *n == number).map(|(_, p)| p);
        let empty = self.facts.get(&number).is_some_and(|f| f.warnings.contains(warnings::EMPTY_LIST));
        let objects = empty || mine().any(|p| !p.objects.is_empty() || !p.lists.is_empty());
        let discovery = mine().any(|p| !p.discovery.is_empty());
        let said = self.facts.get(&number).and_then(SourceFacts::format_name);
        let Some(source) = self.sources.get_mut(number) else { return };
        let observed = input.observed_at(&source.path);
        let name = source.path.rsplit('/').next().filter(|_| source.path != input.path).unwrap_or(&input.file_name);
        let snapshot_info = name == SNAPSHOT_FILE && observed.is_some_and(|o| o.1 == ObservedBasis::SnapshotFile);
        source.sha256.clone_from(&facts.sha256);
        source.size = facts.size;
        self.sizes.add(facts.size, number);
        source.compression.clone_from(&facts.compression);
        source.warnings.extend(facts.warnings.iter().cloned());
        let format = match (said, objects, discovery, facts.cut) {
            (Some(name), false, _, _) => name,
            (Some(name), true, _, _) => format!("{name}+objects"),
            (_, true, _, Cut::Yaml) => "objects-yaml".to_owned(),
            (_, true, _, _) => "objects-json".to_owned(),
            (_, _, true, Cut::ApiResources) => "api-resources".to_owned(),
            (_, _, true, _) => "discovery".to_owned(),
            (_, _, _, Cut::Listing) => "must-gather-listing".to_owned(),
            _ if facts.content == Content::Tar => "tar".to_owned(),
            _ if facts.content == Content::Zip => "zip".to_owned(),
            _ if snapshot_info => "snapshot-info".to_owned(),
            _ if source.rejects > 0 => "unreadable".to_owned(),
            _ => "unrecognised".to_owned(),
        };
        source.format = format;
        if snapshot_info && !objects && source.format == "snapshot-info" {
            // What lies beside it may come in another part of a merge.
            source.observed = observed.map(|o| o.0);
            source.observed_basis = observed.map(|o| o.1.as_str().to_owned());
        }
        if objects {
            source.observed = observed.map(|o| o.0);
            source.observed_basis = observed.map(|o| o.1.as_str().to_owned());
            if let Some(at) = source.observed {
                source.saw(at.from);
                source.saw(at.to);
            }
        }
    }

    /// Modification times of files that lie together are one observation: the export took that long.
    pub(in crate::import) fn unite_file_times(&mut self) {
        let word = Some(ObservedBasis::Modified.as_str().to_owned());
        let mut spans: BTreeMap<(Option<String>, String), ObservedAt> = BTreeMap::new();
        let dated = |s: &SourceRow| s.observed.filter(|_| s.observed_basis == word);
        for (n, source) in self.sources.iter().enumerate().skip(self.earlier) {
            let (Some(at), Some(folder)) = (dated(source), self.folders.get(&n)) else { continue };
            let span = spans.entry(folder.clone()).or_insert(at);
            *span = ObservedAt { from: span.from.min(at.from), to: span.to.max(at.to) };
        }
        for (n, source) in self.sources.iter_mut().enumerate().skip(self.earlier) {
            if let (Some(_), Some(span)) = (dated(source), self.folders.get(&n).and_then(|f| spans.get(f))) {
                source.observed = Some(*span);
                source.saw(span.from);
                source.saw(span.to);
            }
        }
    }

    /// What the sources say of their own completeness, once all are read: pages answer one another, and
    /// listings name files beside them.
    pub(in crate::import) fn complete_warnings(&mut self) {
        let read = Read {
            earlier: self.earlier,
            facts: &self.facts,
            listings: &self.listed,
            known_elsewhere: &self.known_elsewhere,
        };
        completeness::complete(&mut self.sources, &read);
    }

    pub(in crate::import) fn check_recognised(
        &self,
        options: &ImportOptions,
        found: &Found,
    ) -> Result<(), ImportError> {
        // A list of nothing is evidence too.
        let known = |f: &SourceFacts| !f.formats.is_empty() || f.warnings.contains(warnings::EMPTY_LIST);
        let known = self.facts.values().any(known) || self.new_sources().any(|s| s.format.starts_with("objects"));
        if self.already > 0 || known || self.new_sources().any(|s| s.rows > 0 || s.duplicates > 0) {
            return Ok(());
        }
        let paths = options.paths.iter().map(|p| p.display().to_string()).collect();
        let first = found.inputs.first().map(|i| i.path.clone()).unwrap_or_default();
        let path_of = |id: &str| self.sources.iter().find(|s| s.source_id == id).map(|s| s.path.clone());
        let why = self.rejects.first().and_then(|(id, reject)| Some((path_of(id)?, reject.reason.clone())));
        Err(ImportError::NothingRecognised { paths, files: found.inputs.len(), first, why })
    }

    pub(in crate::import) fn snapshot_rows(&mut self) -> Result<SnapshotRows, ImportError> {
        SnapshotRows::build(&self.sources, &self.snapshots)
    }

    pub(in crate::import) fn summary(&self, cluster: &str, changed: bool) -> Summary {
        let mut summary = Summary { cluster: cluster.to_owned(), already: self.already, changed, ..Default::default() };
        for s in self.new_sources() {
            summary.add(s);
        }
        summary
    }
}
