//! The whole of it: evidence in, history out; all at once, or a part at a time where the evidence is larger than
//! memory.
//!
//! What holds for all objects (when namespaces ended, whether the log shows RBAC, where lists are whole) depends on
//! RBAC objects and namespaces alone: the core. It is rebuilt first, and sets the [`Stage`]; the evidence of all other
//! objects may then come in parts, as long as all of one name lies in one part, and what was asked of many in each.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::audit::MUTATING_VERBS;
use crate::model::finding::{Finding, Severity};
use crate::model::object::ObjectKey;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::resource::Catalogue;
use crate::model::time::Timestamp;

use super::bucket::Bucket;
use super::cover::Cover;
use super::evidence::{Change, Evidence, Sighting};
use super::gather::Gathered;
use super::kinds::{KindOfResource, Kinds, Noted};
use super::listings;
use super::request::fold as fold_requests;
use super::scene::Scene;
use super::sets::Hole;
use super::spaces::Spaces;
use super::state::KnownSet;
use super::step::KindOf;
use super::version::{History, ObjectVersion};

/// Rebuilds the history of all objects from the evidence of one cluster. The order of the evidence does not matter.
/// The catalogue names the kind behind a plural resource.
pub fn rebuild(evidence: &Evidence, catalogue: &Catalogue) -> History {
    rebuild_with(evidence, &|group, resource| catalogue.kind_of(group, resource).map(Into::into))
}

/// Like [`rebuild`], with `(group, plural resource) -> kind` from elsewhere. Unknown resources take the kind of the
/// body in the log, else the resource's own name.
pub fn rebuild_with(evidence: &Evidence, kind_of: KindOfResource<'_>) -> History {
    let mut beyond = Beyond::default();
    for change in &evidence.changes {
        beyond.change(Noted::of(change), kind_of(&change.group, &change.resource).is_some());
    }
    evidence.sightings.iter().for_each(|s| beyond.sighting(s));
    let (core_changes, changes) =
        evidence.changes.iter().cloned().partition(|c| is_core_resource(&c.group, &c.resource));
    let (core_seen, sightings): (_, Vec<Sighting>) =
        evidence.sightings.iter().cloned().partition(|s| is_core_object(&s.key));
    let changes: Vec<Change> = changes;
    let core = Evidence {
        sightings: core_seen,
        changes: core_changes,
        listings: evidence.listings.clone(),
        log: evidence.log.clone(),
        named_elsewhere: evidence.named_elsewhere.clone(),
    };
    let no_more = std::iter::empty::<Result<_, Infallible>>();
    let Ok((stage, mut core)) = Stage::set(core, no_more, beyond, kind_of);
    let mut history = History::default();
    while let Some(versions) = stage.core(&mut core, usize::MAX) {
        history.versions.extend(versions);
    }
    (history.known_sets, history.findings) = stage.known(core);
    let (versions, findings) = stage.part(&sightings, &changes, &|_, _, _| true);
    history.versions.extend(versions);
    history.findings.extend(findings);
    history.sort();
    history
}

/// Whether all evidence of a resource belongs to the core.
pub fn is_core_resource(group: &str, resource: &str) -> bool {
    group == RBAC_GROUP || group.is_empty() && resource == "namespaces"
}

/// The same for an object.
pub fn is_core_object(key: &ObjectKey) -> bool {
    key.group == RBAC_GROUP || key.group.is_empty() && key.kind == "Namespace"
}

/// What all of the evidence says that the core does not hold; noted record by record.
#[derive(Clone, Debug, Default)]
pub struct Beyond {
    kinds: Kinds,
    dawn: Option<Timestamp>,
    /// Whether the log shows any change of an RBAC object.
    rbac: bool,
    /// The same of an object that an API server makes at its start.
    made_at_start: bool,
}

impl Beyond {
    /// Notes a change; `known` says whether a catalogue names the kind of its resource.
    pub fn change(&mut self, change: Noted<'_>, known: bool) {
        self.kinds.note(change, known);
        if change.group == RBAC_GROUP {
            // A refused write shows as well as any other that the policy logs writes.
            self.rbac |= MUTATING_VERBS.contains(&change.verb);
            self.made_at_start |= change.name.starts_with("system:");
        }
        self.since(change.staged);
    }

    /// Notes a sighting.
    pub fn sighting(&mut self, sighting: &Sighting) {
        self.since(sighting.observed.from);
    }

    /// Whether the log shows a change of an RBAC object that an API server makes at its start.
    pub fn made_at_start(&self) -> bool {
        self.made_at_start
    }

    fn since(&mut self, time: Timestamp) {
        self.dawn = Some(self.dawn.map_or(time, |dawn| dawn.min(time)));
    }
}

/// Which objects a part is about: `(group, namespace, name)`.
pub type Wanted<'a> = &'a (dyn Fn(&str, &str, &str) -> bool + Sync);

/// What is the same for all objects, and what parts of the evidence are rebuilt on.
pub struct Stage<'k> {
    scene: Scene,
    spaces: Spaces,
    kinds: Kinds,
    kind_of: KindOfResource<'k>,
}

/// The core on its way: what is not rebuilt yet, and what was found so far.
pub struct Core {
    buckets: VecDeque<Bucket>,
    namespaces: BTreeSet<Arc<str>>,
    holes: Vec<Hole>,
    findings: Vec<Finding>,
}

impl<'k> Stage<'k> {
    /// Sets the stage: `core` holds all evidence of RBAC objects and namespaces ([`is_core_object`],
    /// [`is_core_resource`]), all lists and the stretches of the log. Its changes may be many, so further ones come in
    /// `pieces`: all of one resource in one namespace in one piece.
    ///
    /// # Errors
    /// When a piece cannot be had.
    pub fn set<E>(
        mut core: Evidence,
        pieces: impl IntoIterator<Item = Result<Vec<Change>, E>>,
        beyond: Beyond,
        kind_of: KindOfResource<'k>,
    ) -> Result<(Self, Core), E> {
        let mut gathered = Gathered::default();
        gathered.sightings(&core.sightings);
        for piece in std::iter::once(Ok(std::mem::take(&mut core.changes))).chain(pieces) {
            gathered.requests(&fold_requests(&piece?), &beyond.kinds, kind_of);
        }
        gathered.spaces.sort();
        ensure_spaces(&mut gathered);
        let logged = Logged { rbac: beyond.rbac, kinds: beyond.kinds.logged(kind_of) };
        let (lists, refused) = listings::sort(&core, |key| gathered.shows(key));
        let mut findings = std::mem::take(&mut gathered.findings);
        findings.extend(refused.into_iter().map(|l| Finding {
            severity: Severity::Low,
            code: "list-not-whole",
            message: format!("the list of {} is not whole: other evidence names objects that it lacks", l.kind),
            at: Some(l.observed.from),
            witnesses: vec![l.from.clone()],
        }));
        findings.extend(logged.finding(&core));
        let cover = Cover::new(&core.log);
        let genesis = gathered.genesis.and_then(|t| cover.around(t)).filter(|_| logged.rbac);
        let dawn = dawn(&core, &beyond);
        let scene = Scene { dawn, cover, none: Cover::default(), logged, genesis, lists };
        let namespaced = |b: &&Bucket| b.kind.rbac.is_some_and(RbacKind::namespaced);
        let namespaces: BTreeSet<Arc<str>> =
            gathered.buckets.values().filter(namespaced).map(|b| Arc::clone(&b.namespace)).collect();
        let buckets = gathered.buckets.into_values().collect();
        let stage = Self { scene, spaces: gathered.spaces, kinds: beyond.kinds, kind_of };
        Ok((stage, Core { buckets, namespaces, holes: Vec::new(), findings }))
    }

    /// Rebuilds some more of the core, of about `acts` requests; `None` once all is done. Gives versions sorted by key
    /// and time, and all of them in that order.
    pub fn core(&self, core: &mut Core, acts: usize) -> Option<Vec<ObjectVersion>> {
        let mut some = Vec::new();
        let mut held = 0_usize;
        while held < acts.max(1)
            && let Some(bucket) = core.buckets.pop_front()
        {
            held = held.saturating_add(1).saturating_add(bucket.acts());
            some.push(bucket);
        }
        if some.is_empty() {
            return None;
        }
        let rebuilt = self.scene.all(some, &self.spaces);
        core.findings.extend(rebuilt.findings);
        core.holes.extend(rebuilt.holes);
        let mut history = History { versions: rebuilt.versions, ..History::default() };
        history.sort();
        Some(history.versions)
    }

    /// Where the set of RBAC objects is known, and all findings of the core, once it is rebuilt.
    pub fn known(&self, core: Core) -> (Vec<KnownSet>, Vec<Finding>) {
        let known_sets = self.scene.sets().known(&core.holes, &core.namespaces);
        let mut history = History { findings: core.findings, ..History::default() };
        history.sort();
        (known_sets, history.findings)
    }

    /// Rebuilds a part: the objects that `wanted` names by group, namespace and name, from all their evidence and all
    /// requests about many objects. Gives versions sorted by key and time, and findings.
    pub fn part(
        &self,
        sightings: &[Sighting],
        changes: &[Change],
        wanted: Wanted<'_>,
    ) -> (Vec<ObjectVersion>, Vec<Finding>) {
        let mut gathered = Gathered::default();
        gathered.sightings(sightings);
        gathered.requests(&fold_requests(changes), &self.kinds, self.kind_of);
        for ((group, _, namespace), bucket) in &mut gathered.buckets {
            bucket.keep(|name| wanted(group, namespace, name));
        }
        let rebuilt = self.scene.all(gathered.buckets.into_values().collect(), &self.spaces);
        let mut history = History { versions: rebuilt.versions, known_sets: Vec::new(), findings: gathered.findings };
        history.findings.extend(rebuilt.findings);
        history.sort();
        (history.versions, history.findings)
    }
}

impl History {
    fn sort(&mut self) {
        // In parallel, and the same however many threads take part, since it is stable.
        self.versions.par_sort_by(|a, b| (&a.key, a.held, &a.from).cmp(&(&b.key, b.held, &b.from)));
        self.findings.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
        self.findings.dedup();
    }
}

/// A namespace's end concerns roles and bindings in it even where no evidence shows one.
fn ensure_spaces(gathered: &mut Gathered) {
    for name in gathered.spaces.names() {
        for kind in RbacKind::ALL.into_iter().filter(|k| k.namespaced()) {
            gathered.rbac_bucket(kind, &name);
        }
    }
}

/// Which kinds the log shows changes of. A kind of which it shows none may not be logged at all.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) rbac: bool,
    kinds: HashSet<(Arc<str>, Arc<str>)>,
}

impl Logged {
    pub(super) fn shows(&self, kind: &KindOf) -> bool {
        if kind.rbac.is_some() {
            self.rbac
        } else {
            self.kinds.contains(&(Arc::clone(&kind.group), Arc::clone(&kind.kind)))
        }
    }

    fn finding(&self, evidence: &Evidence) -> Option<Finding> {
        let first = evidence.log.iter().map(|s| s.from).min()?;
        (!self.rbac).then(|| Finding {
            severity: Severity::Medium,
            code: "rbac-changes-not-logged",
            message: "the audit log shows no change of any RBAC object; its policy may not log them, \
                      so states that rest on the log's silence are only assumed"
                .to_owned(),
            at: Some(first),
            witnesses: Vec::new(),
        })
    }
}

/// The first moment that any evidence speaks of.
fn dawn(core: &Evidence, beyond: &Beyond) -> Timestamp {
    let listed = core.listings.iter().map(|l| l.observed.from);
    let logged = core.log.iter().map(|s| s.from);
    listed.chain(logged).chain(beyond.dawn).min().unwrap_or(Timestamp::MAX)
}
