//! The whole of it: evidence in, history out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::model::finding::{Finding, Severity};
use crate::model::object::ObjectKey;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::resource::Catalogue;
use crate::model::time::{Interval, Timestamp};

use super::aggregate;
use super::body::is_role;
use super::build::{ghost, spans, start, versions};
use super::cover::Cover;
use super::evidence::Evidence;
use super::fold::Kindred;
use super::gap::{Gaps, Span, Unnamed};
use super::gather::{Birth, Bucket, Gathered, KindOfResource, gather};
use super::know::Origin;
use super::line::Line;
use super::listings::{self, AllLists, Flights};
use super::order;
use super::place::{settle, weave};
use super::request::{Request, fold as fold_requests};
use super::sets::{Hole, Sets};
use super::step::KindOf;
use super::sweep::{self, Reaches, Turn, acquit, refold};
use super::version::{History, ObjectVersion};

/// Rebuilds the history of all objects from the evidence of one cluster. The order of the evidence does not matter.
/// The catalogue names the kind behind a plural resource.
pub fn rebuild(evidence: &Evidence, catalogue: &Catalogue) -> History {
    rebuild_with(evidence, &|group, resource| catalogue.kind_of(group, resource).map(Into::into))
}

/// Like [`rebuild`], with `(group, plural resource) -> kind` from elsewhere. Unknown resources take the kind of the
/// body in the log, else the resource's own name.
pub fn rebuild_with(evidence: &Evidence, kind_of: &dyn Fn(&str, &str) -> Option<String>) -> History {
    let requests = fold_requests(&evidence.changes);
    let mut gathered = gather(evidence, &requests, kind_of);
    ensure_spaces(&mut gathered);
    let logged = Logged::of(evidence, kind_of);
    let (lists, refused) = listings::sort(evidence, |key| gathered.shows(key));
    let mut history = History { findings: std::mem::take(&mut gathered.findings), ..History::default() };
    history.findings.extend(refused.into_iter().map(|l| Finding {
        severity: Severity::Low,
        code: "list-not-whole",
        message: format!("the list of {} is not whole: other evidence names objects that it lacks", l.kind),
        at: Some(l.observed.from),
        witnesses: vec![l.from.clone()],
    }));
    history.findings.extend(logged.finding(evidence));
    let cover = Cover::new(&evidence.log);
    let genesis = gathered.genesis.and_then(|t| cover.around(t)).filter(|_| logged.rbac);
    let scene = Scene { dawn: dawn(evidence, &requests), cover, none: Cover::default(), logged, genesis, lists };
    let mut holes = Vec::new();
    let namespaced = |b: &&Bucket| b.kind.rbac.is_some_and(RbacKind::namespaced);
    let namespaces: BTreeSet<Arc<str>> =
        gathered.buckets.values().filter(namespaced).map(|b| Arc::clone(&b.namespace)).collect();
    scene.all(gathered, &mut history, &mut holes);
    history.versions.sort_by(|a, b| (&a.key, a.held, &a.from).cmp(&(&b.key, b.held, &b.from)));
    history.known_sets = scene.sets().known(&holes, &namespaces);
    history.findings.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
    history.findings.dedup();
    history
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
struct Logged {
    rbac: bool,
    kinds: HashSet<(String, String)>,
}

impl Logged {
    fn of(evidence: &Evidence, kind_of: KindOfResource<'_>) -> Self {
        let mut resources: HashSet<(&str, &str)> = HashSet::new();
        for change in &evidence.changes {
            resources.insert((&change.group, &change.resource));
        }
        let kind = |(group, resource): (&str, &str)| {
            (group.to_owned(), kind_of(group, resource).unwrap_or_else(|| resource.to_owned()))
        };
        let rbac = resources.iter().any(|(group, _)| *group == RBAC_GROUP);
        Self { rbac, kinds: resources.into_iter().map(kind).collect() }
    }

    fn shows(&self, kind: &KindOf) -> bool {
        if kind.rbac.is_some() { self.rbac } else { self.kinds.contains(&(kind.group.to_string(), kind.kind.to_string())) }
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
fn dawn(evidence: &Evidence, requests: &[Request<'_>]) -> Timestamp {
    let seen = evidence.sightings.iter().map(|s| s.observed.from);
    let listed = evidence.listings.iter().map(|l| l.observed.from);
    let logged = evidence.log.iter().map(|s| s.from);
    let changed = requests.iter().map(|r| r.change.staged);
    seen.chain(listed).chain(logged).chain(changed).min().unwrap_or(Timestamp::MAX)
}

/// What is the same for all objects.
struct Scene {
    dawn: Timestamp,
    cover: Cover,
    none: Cover,
    logged: Logged,
    genesis: Option<Interval>,
    lists: AllLists,
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
    fn kin<'a>(&'a self, kind: &'a KindOf) -> Kindred<'a> {
        Kindred { kind, cover: if self.logged.shows(kind) { &self.cover } else { &self.none } }
    }

    fn genesis(&self, kind: &KindOf) -> Option<Interval> {
        self.genesis.filter(|_| self.logged.shows(kind))
    }

    fn sets(&self) -> Sets<'_> {
        let cover = if self.logged.rbac { &self.cover } else { &self.none };
        Sets { cover, genesis: self.genesis, lists: &self.lists, dawn: self.dawn }
    }

    fn all(&self, gathered: Gathered, history: &mut History, holes: &mut Vec<Hole>) {
        let spaces = gathered.spaces;
        for bucket in gathered.buckets.into_values() {
            let endings = if bucket.namespace.is_empty() { Vec::new() } else { spaces.endings(&bucket.namespace) };
            let turns = sweep::turns(&bucket, &endings);
            let mut folded = self.fold(bucket, turns, &mut history.findings);
            self.recompute(&mut folded);
            self.write(&mut folded, history);
            if let Some(kind) = folded.kind.rbac {
                let ghosts = self.ghosts(kind, &folded);
                // A role is looked up by name, and a nameless one may have had any.
                let nameless = ghosts.iter().filter(|_| is_role(kind));
                holes.extend(nameless.map(|g| (kind, Arc::clone(&folded.namespace), g.held)));
                history.versions.extend(ghosts);
            }
        }
    }

    /// Points in order, absences added, and what is known after each.
    fn fold(&self, bucket: Bucket, turns: Vec<Turn>, findings: &mut Vec<Finding>) -> Folded {
        let kind = Arc::clone(&bucket.kind);
        let kin = self.kin(&kind);
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
        Folded { kind, namespace: bucket.namespace, lines, turns, births: Births::new(bucket.births) }
    }

    /// Rules of aggregated roles where the controller's change left no body in the log.
    fn recompute(&self, folded: &mut Folded) {
        if folded.kind.rbac != Some(RbacKind::ClusterRole) || !aggregate::wanted(&folded.lines) {
            return;
        }
        let kind = Arc::clone(&folded.kind);
        let kin = self.kin(&kind);
        let genesis = self.genesis(&kind);
        let sets = self.sets();
        for _ in 0..aggregate::PASSES {
            let mut births = folded.births.clone();
            let all: Vec<Vec<Span>> = folded.lines.iter().map(|l| self.spans(l, kin, &mut births, &mut Vec::new())).collect();
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

    fn spans(&self, line: &Line, kin: Kindred<'_>, births: &mut Births, findings: &mut Vec<Finding>) -> Vec<Span> {
        let run = start(line, self.genesis(kin.kind));
        let gaps = Gaps { key: &line.key, kin, dawn: self.dawn, unnamed: births, spans: Vec::new(), findings };
        spans(line, &run, gaps)
    }

    fn write(&self, folded: &mut Folded, history: &mut History) {
        let kind = Arc::clone(&folded.kind);
        let kin = self.kin(&kind);
        for line in &folded.lines {
            let spans = self.spans(line, kin, &mut folded.births, &mut history.findings);
            history.versions.extend(versions(&line.key, &kind, spans));
        }
    }

    /// Objects that are known by their traces only: created under a name that the log does not show, or taken by a
    /// deletion that does not say what it took.
    fn ghosts(&self, kind: RbacKind, folded: &Folded) -> Vec<ObjectVersion> {
        let sets = self.sets();
        let mut ghosts: BTreeMap<String, Vec<ObjectVersion>> = BTreeMap::new();
        let mut add = |prefix: &str, from: Timestamp, to: Timestamp, origin: &Origin, why: String| {
            let name = format!("{prefix}? ({} {})", origin.with, origin.audit_id.as_deref().unwrap_or("without audit ID"));
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

/// Creations under names that the log does not show, by time.
#[derive(Clone, Debug)]
struct Births(Vec<(Birth, bool)>);

impl Births {
    fn new(mut births: Vec<Birth>) -> Self {
        births.sort_by(|a, b| (a.when, &a.origin.from).cmp(&(b.when, &b.origin.from)));
        Self(births.into_iter().map(|b| (b, false)).collect())
    }

    /// Those that no object that was seen later accounts for.
    fn left(&self) -> impl Iterator<Item = &Birth> {
        self.0.iter().filter(|(_, used)| !used).map(|(birth, _)| birth)
    }
}

impl Unnamed for Births {
    fn created(&mut self, name: &str, second: Timestamp) -> bool {
        const SLACK: i64 = super::body::SECOND;
        let from = self.0.partition_point(|(b, _)| b.when < second.plus_micros(-SLACK));
        let until = second.plus_micros(3 * SLACK);
        let near = self.0.iter().enumerate().skip(from).take(64).take_while(|(_, (b, _))| b.when <= until);
        let fits: Vec<usize> = near.filter(|(_, (b, _))| name.starts_with(&b.prefix)).map(|(i, _)| i).collect();
        if let [only] = fits.as_slice()
            && let Some((birth, used)) = self.0.get_mut(*only)
        {
            // Two objects cannot both be the one that was created; then it stays open which.
            *used = !*used && !birth.prefix.is_empty() && !birth.open;
        }
        !fits.is_empty()
    }
}
