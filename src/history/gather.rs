//! Sorts the evidence by kind, namespace and name, and takes apart what one request did to many.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::finding::{Finding, Severity};
use crate::model::object::ObjectKey;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::time::Timestamp;

use super::act::{Act, Deed, origin};
use super::body::{Read, names, read};
use super::bucket::{Birth, Bucket, Sweep};
use super::evidence::{Change, Sighting};
use super::kinds::{KindOfResource, Kinds, Noted, kind_in};
use super::know::{Origin, State};
use super::place::Sight;
use super::request::Request;
use super::select::Select;
use super::spaces::{SpaceMark, SpaceTurn, Spaces};
use super::step::KindOf;

/// Group, kind and namespace.
pub(super) type BucketKey = (Arc<str>, Arc<str>, Arc<str>);

/// The evidence, sorted.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) buckets: BTreeMap<BucketKey, Bucket>,
    kinds: HashMap<(String, String), Arc<KindOf>>,
    pub(super) spaces: Spaces,
    pub(super) findings: Vec<Finding>,
    /// When the log shows the creation of `kube-system`.
    pub(super) genesis: Option<Timestamp>,
}

/// Whether a bucket key may hold objects of a namespace.
fn space_of<'a>(kind: &KindOf, namespace: &'a str) -> &'a str {
    let cluster_wide = kind.rbac.is_some_and(|k| !k.namespaced()) || is_namespace(kind);
    if cluster_wide { "" } else { namespace }
}

pub(super) fn is_namespace(kind: &KindOf) -> bool {
    kind.group.is_empty() && &*kind.kind == "Namespace"
}

impl Gathered {
    fn kind(&mut self, group: &str, kind: &str) -> Arc<KindOf> {
        let entry = self.kinds.entry((group.to_owned(), kind.to_owned())).or_insert_with(|| {
            let rbac = if group == RBAC_GROUP { RbacKind::from_kind(kind) } else { None };
            Arc::new(KindOf { group: Arc::from(group), kind: Arc::from(kind), rbac })
        });
        Arc::clone(entry)
    }

    /// The evidence of a kind in a namespace, made when first asked for.
    pub(super) fn bucket(&mut self, kind: &Arc<KindOf>, namespace: &str) -> &mut Bucket {
        let namespace = space_of(kind, namespace);
        let key = (Arc::clone(&kind.group), Arc::clone(&kind.kind), Arc::from(namespace));
        self.buckets.entry(key).or_insert_with(|| Bucket::new(kind, namespace))
    }

    /// The evidence of a kind in a namespace, also where only a namespace's end may speak of it.
    pub(super) fn rbac_bucket(&mut self, kind: RbacKind, namespace: &str) -> &mut Bucket {
        let kind = self.kind(RBAC_GROUP, kind.as_str());
        self.bucket(&kind, namespace)
    }

    /// Whether any evidence shows an object.
    pub(super) fn shows(&self, key: &ObjectKey) -> bool {
        let bucket = (Arc::from(&*key.group), Arc::from(&*key.kind), Arc::from(&*key.namespace));
        self.buckets.get(&bucket).is_some_and(|b| b.shows(&key.name))
    }

    /// Adds sightings.
    pub(super) fn sightings(&mut self, sightings: &[Sighting]) {
        sightings.iter().for_each(|sighting| self.sighting(sighting));
    }

    /// Adds requests.
    pub(super) fn requests(&mut self, requests: &[Request<'_>], kinds: &Kinds, kind_of: KindOfResource<'_>) {
        for request in requests {
            self.request(request, kinds, kind_of);
        }
    }

    fn sighting(&mut self, sighting: &Sighting) {
        let key = &sighting.key;
        let kind = self.kind(&key.group, &key.kind);
        let origin = Arc::new(Origin {
            with: "snapshot".to_owned(),
            at: sighting.observed.from,
            from: sighting.from.clone(),
            ..Origin::default()
        });
        let mut state = match read(&sighting.body, &key.kind) {
            Read::Object(body) => State::whole(&body, &origin),
            _ => State::blank(&origin, true, format!("the body seen at {} cannot be read", sighting.observed.from)),
        };
        state.uid = state.uid.or_else(|| sighting.uid.as_deref().map(Arc::from));
        state.resource_version = state.resource_version.or_else(|| sighting.resource_version.as_deref().map(Arc::from));
        let (from, to) = (sighting.observed.from, sighting.observed.to.max(sighting.observed.from));
        if let Some(raw) = self.bucket(&kind, &key.namespace).raw(&key.name) {
            raw.seen.push(Sight { from, to, state: Arc::new(state) });
        }
    }

    fn request(&mut self, request: &Request<'_>, kinds: &Kinds, kind_of: KindOfResource<'_>) {
        let change = request.change;
        let said = kind_of(&change.group, &change.resource).or_else(|| kinds.only(&change.group, &change.resource));
        let name = said.or_else(|| kind_in(Noted::of(change))).unwrap_or_else(|| change.resource.clone());
        let kind = self.kind(&change.group, &name);
        if !change.subresource.is_empty() {
            if is_namespace(&kind) && change.subresource == "finalize" {
                self.finalize(request, &kind);
            }
            return;
        }
        match change.verb.as_str() {
            "deletecollection" => self.collection(request, &kind),
            "create" | "update" | "patch" | "delete" => self.single(request, &kind),
            _ => {}
        }
    }

    fn single(&mut self, request: &Request<'_>, kind: &Arc<KindOf>) {
        let change = request.change;
        let origin = origin(change);
        let Some(name) = name_of(change, kind) else { return self.nameless(request, kind, &origin) };
        let mut act = Act::new(request, &kind.kind, &origin);
        if is_namespace(kind) {
            // The server gives every namespace a finalizer, so that a delete only begins its end.
            if act.deed == Deed::Drop {
                act.deed = Deed::Mark;
            }
            self.mark_space(&name, &act);
        }
        if let Some(raw) = self.bucket(kind, &change.namespace).raw(&name) {
            raw.acts.push(act);
        }
    }

    fn mark_space(&mut self, name: &str, act: &Act) {
        let turn = match (act.deed, act.open) {
            (Deed::Create, None) => SpaceTurn::Made,
            (Deed::Mark | Deed::Drop, _) => SpaceTurn::Going,
            (Deed::Delete, None) => SpaceTurn::Gone { emptied: false },
            _ => return,
        };
        if name == "kube-system" && turn == SpaceTurn::Made {
            self.genesis = Some(self.genesis.map_or(act.when, |g| g.min(act.when)));
        }
        self.spaces.add(name, SpaceMark { begun: act.begun, when: act.when, turn, origin: Arc::clone(&act.origin) });
    }

    /// The last step of a namespace's end: with its last finalizer gone the server removes it.
    ///
    /// Source: `ShouldDeleteNamespaceDuringUpdate` in `pkg/registry/core/namespace/storage/storage.go`.
    fn finalize(&mut self, request: &Request<'_>, kind: &Arc<KindOf>) {
        let origin = origin(request.change);
        let Some(name) = name_of(request.change, kind) else { return };
        let mut act = Act::new(request, &kind.kind, &origin);
        // The controller finalizes only what it has emptied; anybody else may leave orphans behind.
        let controller = ["system:serviceaccount:kube-system:namespace-controller", "system:kube-controller-manager"];
        let emptied = controller.contains(&&*request.change.actor);
        act.deed = match act.shown.as_ref().or(act.asked.as_ref()) {
            Some(body) if body.held_back || !body.deleting => Deed::Change,
            Some(_) => Deed::Delete,
            None => Deed::Drop,
        };
        if act.deed == Deed::Drop && !emptied {
            act.open = act.open.or(Some("the log does not show whether finalizers were left"));
        }
        if act.deed != Deed::Change {
            // The removal comes last, whatever version the answer carries.
            act.revision = None;
        }
        if act.deed != Deed::Change && act.open.is_none() {
            let turn = SpaceTurn::Gone { emptied };
            self.spaces.add(&name, SpaceMark { begun: act.begun, when: act.when, turn, origin });
        }
        if let Some(raw) = self.bucket(kind, "").raw(&name) {
            raw.acts.push(act);
        }
    }

    /// A change of an object that has no name in the log: of one that a server named, or a damaged record.
    fn nameless(&mut self, request: &Request<'_>, kind: &Arc<KindOf>, origin: &Arc<Origin>) {
        let change = request.change;
        if change.verb == "delete" || kind.rbac.is_none() {
            return;
        }
        let asked = change.request_body.as_deref().map(names).unwrap_or_default();
        let birth = Birth {
            when: change.staged,
            prefix: asked.generate_name.unwrap_or_default(),
            open: request.open.is_some(),
            origin: Arc::clone(origin),
        };
        if change.verb != "create" {
            let message = format!("{origin} changed a {} whose name the log does not show", kind.kind);
            let witnesses = vec![change.from.clone()];
            let at = Some(change.staged);
            self.findings.push(Finding {
                severity: Severity::Medium,
                code: "change-without-name",
                message,
                at,
                witnesses,
            });
        }
        self.bucket(kind, &change.namespace).births.push(birth);
    }

    fn collection(&mut self, request: &Request<'_>, kind: &Arc<KindOf>) {
        let change = request.change;
        let origin = origin(change);
        let select = Select::parse(&change.request_uri, &change.namespace);
        let body = change.response_body.as_ref().filter(|_| !change.truncated && request.open.is_none());
        let bucket = self.bucket(kind, &change.namespace);
        if select.all() && request.open.is_none() {
            bucket.emptied.push(change.staged);
        }
        let begun = change.received.unwrap_or(change.staged).min(change.staged);
        if let Some(Read::List(items)) = body.map(|b| read(b, &kind.kind)) {
            for item in items {
                let act = Act::of_item(request, read(&item, &kind.kind), &origin);
                if let Some(raw) = names(&item).name.and_then(|name| bucket.raw(&name)) {
                    raw.acts.push(act);
                }
            }
            if select.all() {
                bucket.sweeps.push(Sweep { begun, when: change.staged, open: None, select, listed: true, origin });
            }
            return;
        }
        if let Some(name) = select.only_name() {
            bucket.raw(name);
        }
        let open = request.open;
        bucket.sweeps.push(Sweep { begun, when: change.staged, open, select, listed: false, origin });
    }
}

/// The name that a request speaks of: the record's, else the answer's, else the one asked for.
fn name_of(change: &Change, kind: &KindOf) -> Option<String> {
    if !change.name.is_empty() {
        return Some(change.name.clone());
    }
    let in_body = |body: &Option<Arc<str>>| {
        let found = names(body.as_deref().filter(|_| !change.truncated)?);
        let fits = found.kind.as_deref().is_none_or(|k| k == &*kind.kind || k == "PartialObjectMetadata");
        found.name.filter(|_| fits)
    };
    in_body(&change.response_body).or_else(|| in_body(&change.request_body))
}
