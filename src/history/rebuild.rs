//! The whole of it: evidence in, history out.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::model::finding::{Finding, Severity};
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::resource::Catalogue;
use crate::model::time::Timestamp;

use super::bucket::Bucket;
use super::cover::Cover;
use super::evidence::Evidence;
use super::gather::{Gathered, gather};
use super::listings;
use super::request::{Request, fold as fold_requests};
use super::scene::Scene;
use super::step::KindOf;
use super::version::History;

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
    let logged = Logged::of(evidence, &mut gathered);
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
pub(super) struct Logged {
    pub(super) rbac: bool,
    kinds: HashSet<(Arc<str>, Arc<str>)>,
}

impl Logged {
    /// A refused write shows as well as any other that the policy logs writes.
    fn of(evidence: &Evidence, gathered: &mut Gathered) -> Self {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        let rbac = evidence.changes.iter().any(|c| c.group == RBAC_GROUP && writes.contains(&&*c.verb));
        Self { rbac, kinds: std::mem::take(&mut gathered.logged) }
    }

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
fn dawn(evidence: &Evidence, requests: &[Request<'_>]) -> Timestamp {
    let seen = evidence.sightings.iter().map(|s| s.observed.from);
    let listed = evidence.listings.iter().map(|l| l.observed.from);
    let logged = evidence.log.iter().map(|s| s.from);
    let changed = requests.iter().map(|r| r.change.staged);
    seen.chain(listed).chain(logged).chain(changed).min().unwrap_or(Timestamp::MAX)
}
