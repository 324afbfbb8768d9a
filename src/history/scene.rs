//! All buckets: from sorted evidence to versions.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::finding::Finding;
use crate::model::object::ObjectKey;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::time::{Interval, Timestamp};

use super::acquit::acquit;
use super::aggregate;
use super::births::Births;
use super::bucket::Bucket;
use super::build::{ghost, spans, start, versions};
use super::cover::Cover;
use super::fold::Kindred;
use super::gap::{Gaps, Span};
use super::know::Origin;
use super::line::Line;
use super::listings::{AllLists, Flights};
use super::order;
use super::parts::is_role;
use super::place::{settle, weave};
use super::rebuild::Logged;
use super::sets::{Hole, Sets};
use super::spaces::Spaces;
use super::step::KindOf;
use super::sweep::{self, refold};
use super::turns::{Reaches, Turn, turns};
use super::version::ObjectVersion;

/// What is the same for all objects.
pub(super) struct Scene {
    /// The first moment that any evidence speaks of.
    pub(super) dawn: Timestamp,
    pub(super) cover: Cover,
    /// The cover of kinds that the log does not show.
    pub(super) none: Cover,
    pub(super) logged: Logged,
    /// The stretch of log that begins with an empty cluster.
    pub(super) genesis: Option<Interval>,
    pub(super) lists: AllLists,
}

/// What buckets give.
#[derive(Default)]
pub(super) struct Rebuilt {
    pub(super) versions: Vec<ObjectVersion>,
    pub(super) findings: Vec<Finding>,
    pub(super) holes: Vec<Hole>,
}

/// A bucket on its way: points in order, folded.
struct Folded {
    kind: Arc<KindOf>,
    namespace: Arc<str>,
    lines: Vec<Line>,
    turns: Vec<Turn>,
    births: Births,
}

impl Scene {
    fn kin<'a>(&'a self, kind: &'a KindOf, births: &'a Births, turns: &'a [Timestamp]) -> Kindred<'a> {
        Kindred { kind, cover: if self.logged.shows(kind) { &self.cover } else { &self.none }, births, turns }
    }

    fn genesis(&self, kind: &KindOf) -> Option<Interval> {
        self.genesis.filter(|_| self.logged.shows(kind))
    }

    pub(super) fn sets(&self) -> Sets<'_> {
        let cover = if self.logged.rbac { &self.cover } else { &self.none };
        Sets { cover, genesis: self.genesis, lists: &self.lists, dawn: self.dawn }
    }

    /// All buckets, side by side; the result does not depend on how many at once.
    pub(super) fn all(&self, buckets: Vec<Bucket>, spaces: &Spaces) -> Rebuilt {
        let parts: Vec<Rebuilt> = buckets.into_par_iter().map(|bucket| self.one(bucket, spaces)).collect();
        let mut all = Rebuilt::default();
        for part in parts {
            all.versions.extend(part.versions);
            all.findings.extend(part.findings);
            all.holes.extend(part.holes);
        }
        all
    }

    fn one(&self, bucket: Bucket, spaces: &Spaces) -> Rebuilt {
        let mut rebuilt = Rebuilt::default();
        let endings = if bucket.namespace.is_empty() { Vec::new() } else { spaces.endings(&bucket.namespace) };
        let turns = turns(&bucket, &endings);
        let mut folded = self.fold(bucket, turns, &mut rebuilt.findings);
        self.recompute(&mut folded);
        self.write(&folded, &mut rebuilt);
        if let Some(kind) = folded.kind.rbac {
            let ghosts = self.ghosts(kind, &folded);
            // A role is looked up by name, and a nameless one may have had any.
            let nameless = ghosts.iter().filter(|_| is_role(kind));
            rebuilt.holes.extend(nameless.map(|g| (kind, Arc::clone(&folded.namespace), g.held)));
            rebuilt.versions.extend(ghosts);
        }
        rebuilt
    }

    /// Points in order, absences added, and what is known after each.
    fn fold(&self, bucket: Bucket, turns: Vec<Turn>, findings: &mut Vec<Finding>) -> Folded {
        let kind = Arc::clone(&bucket.kind);
        let births = Births::new(bucket.births);
        let times: Vec<Timestamp> = turns.iter().map(|t| t.when).collect();
        let kin = self.kin(&kind, &births, &times);
        let genesis = self.genesis(&kind);
        let lists = self.lists.get(&(Arc::clone(&kind.group), Arc::clone(&kind.kind)));
        let flights = Flights::new(bucket.sweeps.iter().map(|s| (s.begun, s.when)).collect());
        let mut lines = Vec::with_capacity(bucket.raws.len());
        for mut raw in bucket.raws {
            let key = ObjectKey {
                group: kind.group.to_string(),
                kind: kind.kind.to_string(),
                namespace: bucket.namespace.to_string(),
                name: raw.name,
            };
            let exact = order::sort(&mut raw.acts);
            findings.extend(order::clamp(&mut raw.acts, &key).filter(|_| kind.rbac.is_some()));
            let windows: HashSet<(Timestamp, Timestamp)> = raw.seen.iter().map(|s| (s.from, s.to)).collect();
            settle(&mut raw.seen, &key, kin, findings);
            let mut line = Line { key, points: Vec::new(), after: Vec::new(), exact };
            let run = start(&line, genesis);
            line.points = weave(raw.acts, raw.seen, exact, &run, &line.key, kin, findings);
            if let Some(lists) = lists {
                line.points = lists.absences(line.points, &bucket.namespace, &windows, &flights, kin.cover);
            }
            lines.push(line);
        }
        let mut lines = sweep::fold(lines, &turns, |line| start(line, genesis), kin);
        for line in &mut lines {
            let run = start(line, genesis);
            acquit(line, run, kin);
        }
        Folded { kind, namespace: bucket.namespace, lines, turns, births }
    }

    /// Rules of aggregated roles where the controller's change left no body in the log.
    fn recompute(&self, folded: &mut Folded) {
        let cluster_roles = folded.kind.rbac == Some(RbacKind::ClusterRole);
        // A nameless part would be one that is not known.
        if !cluster_roles || !folded.births.is_empty() || !aggregate::wanted(&folded.lines) {
            return;
        }
        let kind = Arc::clone(&folded.kind);
        let kin = self.kin(&kind, &folded.births, &[]);
        let genesis = self.genesis(&kind);
        let sets = self.sets();
        for _ in 0..aggregate::PASSES {
            let all: Vec<Vec<Span>> = folded.lines.iter().map(|l| self.spans(l, kin, &mut Vec::new())).collect();
            let known = |t| sets.unknown_since(RbacKind::ClusterRole, "", t).is_none();
            let changed = aggregate::pass(&mut folded.lines, &all, known);
            if changed.is_empty() {
                return;
            }
            for i in changed {
                if let Some(line) = folded.lines.get_mut(i) {
                    let run = start(line, genesis);
                    refold(line, run, kin);
                }
            }
        }
    }

    fn spans(&self, line: &Line, kin: Kindred<'_>, findings: &mut Vec<Finding>) -> Vec<Span> {
        let run = start(line, self.genesis(kin.kind));
        let gaps = Gaps { key: &line.key, kin, dawn: self.dawn, since: None, other: None, spans: Vec::new(), findings };
        spans(line, &run, gaps)
    }

    fn write(&self, folded: &Folded, rebuilt: &mut Rebuilt) {
        let kind = Arc::clone(&folded.kind);
        let times: Vec<Timestamp> = folded.turns.iter().map(|t| t.when).collect();
        let kin = self.kin(&kind, &folded.births, &times);
        for line in &folded.lines {
            let spans = self.spans(line, kin, &mut rebuilt.findings);
            rebuilt.versions.extend(versions(&line.key, &kind, spans));
        }
    }

    /// Objects that are known by their traces only: created under a name that the log does not show, or taken by a
    /// deletion that does not say what it took.
    fn ghosts(&self, kind: RbacKind, folded: &Folded) -> Vec<ObjectVersion> {
        let sets = self.sets();
        let mut ghosts: BTreeMap<String, Vec<ObjectVersion>> = BTreeMap::new();
        let mut add = |prefix: &str, from: Timestamp, to: Timestamp, origin: &Origin, why: String| {
            let name =
                format!("{prefix}? ({} {})", origin.with, origin.audit_id.as_deref().unwrap_or("without audit ID"));
            let key = ObjectKey {
                group: RBAC_GROUP.to_owned(),
                kind: kind.as_str().to_owned(),
                namespace: folded.namespace.to_string(),
                name: name.clone(),
            };
            if from < to {
                ghosts.entry(name).or_default().push(ghost(key, Interval::new(from, to), origin, why));
            }
        };
        let emptied: Vec<Timestamp> =
            folded.turns.iter().filter(|t| matches!(t.reach, Reaches::All)).map(|t| t.when).collect();
        let shown = |t| sets.shown_by(kind, &folded.namespace, t).unwrap_or(Timestamp::MAX);
        for birth in folded.births.left() {
            let next = emptied.get(emptied.partition_point(|t| *t < birth.when));
            let to = shown(birth.when).min(next.copied().unwrap_or(Timestamp::MAX));
            let why = format!("{} gave it a name that the log does not show", birth.origin);
            add(&birth.prefix, birth.when, to, &birth.origin, why);
        }
        for turn in &folded.turns {
            let since = sets.unknown_since(kind, &folded.namespace, turn.when);
            if let (Some(until), Some(since)) = (turn.unseen_until, since) {
                let why = format!("{} may have deleted objects that no evidence names", turn.origin);
                let to = if until > turn.when { until.min(shown(turn.when)) } else { until };
                add("", since, to, &turn.origin, why);
            }
        }
        ghosts.into_values().flat_map(apart).collect()
    }
}

/// Ghosts under one name must not overlap: the union of their stretches.
fn apart(mut versions: Vec<ObjectVersion>) -> Vec<ObjectVersion> {
    versions.sort_by(|a, b| (a.held, &a.from).cmp(&(b.held, &b.from)));
    let mut out: Vec<ObjectVersion> = Vec::new();
    for version in versions {
        match out.last_mut() {
            Some(last) if version.held.from <= last.held.to => last.held.to = last.held.to.max(version.held.to),
            _ => out.push(version),
        }
    }
    out
}
