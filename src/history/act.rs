//! What one request did to one name.

use std::sync::Arc;

use serde::Deserialize;

use crate::model::time::Timestamp;

use super::body::{Body, Read, read};
use super::evidence::Change;
use super::know::{Before, Life, Origin, State};
use super::parts::Parts;
use super::request::Request;

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It did not exist before.
    Create,
    /// It existed before.
    Change,
    /// Created or changed: the format does not carry the code that would tell.
    Write,
    /// Deleted at once, as the response shows.
    Delete,
    /// Deleted, but finalizers hold it.
    Mark,
    /// Deleted; whether at once, the log does not show.
    Drop,
}

/// One request, as it concerns one name.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) deed: Deed,
    /// Why it may not have happened; `None` when it did.
    pub(super) open: Option<&'static str>,
    /// The change can have taken effect from here on.
    pub(super) begun: Timestamp,
    /// It had taken effect by then: when a version begins.
    pub(super) when: Timestamp,
    pub(super) uid: Option<Arc<str>>,
    /// `metadata.resourceVersion` of the result.
    pub(super) revision: Option<u64>,
    pub(super) created: Option<Timestamp>,
    /// The object as the response shows it: the result, or for a delete the last state.
    pub(super) shown: Option<Arc<Body>>,
    /// The object as the request asked for it.
    pub(super) asked: Option<Arc<Body>>,
    /// The patch, verbatim.
    pub(super) patch: Option<Arc<str>>,
    /// The role recomputed for a patch of the aggregation controller that has no body.
    pub(super) recomputed: Option<Arc<Body>>,
    pub(super) hints: Hints,
    pub(super) origin: Arc<Origin>,
}

/// What helps to tell the kind of a patch.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    pub(super) request_uri: String,
    pub(super) user_agent: String,
}

impl Hints {
    fn of(change: &Change) -> Self {
        Self { request_uri: change.request_uri.clone(), user_agent: change.user_agent.clone() }
    }
}

pub(super) fn origin(change: &Change) -> Arc<Origin> {
    Arc::new(Origin {
        with: change.verb.clone(),
        actor: Some(change.actor.clone()).filter(|a| !a.is_empty()),
        audit_id: Some(change.audit_id.clone()).filter(|i| !i.is_empty()),
        at: change.staged,
        from: change.from.clone(),
    })
}

impl Act {
    /// The act of a request on a named object.
    pub(super) fn new(request: &Request<'_>, kind: &str, origin: &Arc<Origin>) -> Self {
        let change = request.change;
        let mut act = Self {
            deed: deed(change),
            open: request.open,
            begun: change.received.unwrap_or(change.staged).min(change.staged),
            when: change.staged,
            uid: change.uid.as_deref().filter(|u| !u.is_empty()).map(Arc::from),
            revision: None,
            created: None,
            shown: None,
            asked: None,
            patch: None,
            recomputed: None,
            hints: if change.verb == "patch" { Hints::of(change) } else { Hints::default() },
            origin: Arc::clone(origin),
        };
        if !change.truncated {
            act.take_bodies(change, kind);
        }
        if matches!(act.deed, Deed::Drop) {
            act.deed = act.how_deleted(change);
        }
        act
    }

    /// A delete of one of the objects that the response to a deletecollection lists.
    pub(super) fn of_item(request: &Request<'_>, item: Read, origin: &Arc<Origin>) -> Self {
        let change = request.change;
        let (body, whole) = match item {
            Read::Object(body) => (Some(body), true),
            Read::MetadataOnly(body) => (Some(body), false),
            _ => (None, false),
        };
        let held = body.as_ref().is_some_and(|b| b.held_back);
        Self {
            deed: if held { Deed::Mark } else { Deed::Delete },
            open: request.open,
            begun: change.received.unwrap_or(change.staged).min(change.staged),
            when: change.staged,
            uid: body.as_ref().and_then(|b| b.uid.clone()),
            revision: None,
            created: body.as_ref().and_then(|b| b.created),
            shown: body.filter(|_| whole),
            asked: None,
            patch: None,
            recomputed: None,
            hints: Hints::default(),
            origin: Arc::clone(origin),
        }
    }

    fn take_bodies(&mut self, change: &Change, kind: &str) {
        let response = change.response_body.as_ref().map(|b| read(b, kind));
        if let Some(Read::Object(body) | Read::MetadataOnly(body)) = &response {
            self.uid = body.uid.clone().or_else(|| self.uid.take());
            self.created = body.created;
            if !matches!(self.deed, Deed::Drop) {
                self.revision = super::know::revision(body.resource_version.as_ref());
            }
        }
        if let Some(Read::Object(body)) = response {
            self.shown = Some(body);
        }
        let Some(request) = &change.request_body else { return };
        match change.verb.as_str() {
            "patch" => self.patch = Some(Arc::clone(request)),
            "create" | "update" => {
                if let Read::Object(body) = read(request, kind) {
                    // What a client asks for when it creates is no identity.
                    if change.verb == "update" {
                        self.uid = self.uid.take().or_else(|| body.uid.clone());
                        self.created = self.created.or(body.created);
                    }
                    self.asked = Some(body);
                }
            }
            _ => {}
        }
    }

    /// Whether a delete took the object away at once.
    fn how_deleted(&mut self, change: &Change) -> Deed {
        let response = change.response_body.as_deref().filter(|_| !change.truncated);
        if let Some(body) = &self.shown {
            return if body.deleting && body.held_back { Deed::Mark } else { Deed::Delete };
        }
        if let Some(status) = response.and_then(success) {
            self.uid = self.uid.take().or(status.details.and_then(|d| d.uid).map(Arc::from));
            return Deed::Delete;
        }
        let options = change.request_body.as_deref().filter(|_| !change.truncated);
        let options = options.and_then(|o| serde_json::from_str::<Options>(o).ok()).unwrap_or_default();
        let wanted = options.preconditions.as_ref().and_then(|p| p.uid.as_deref());
        self.uid = self.uid.take().or_else(|| wanted.map(Arc::from));
        // Both policies put a finalizer on the object, which the garbage collector removes.
        // Source: `deletionFinalizersForGarbageCollection` in `registry/generic/registry/store.go`.
        if change.code == Some(202) || options.wait_for_the_collector() {
            return Deed::Mark;
        }
        Deed::Drop
    }

    /// What this says of the instant before it.
    pub(super) fn before(&self) -> Before {
        match self.deed {
            Deed::Create if self.open.is_some() => Before::Nothing,
            Deed::Create => Before::Absent,
            _ if self.open.is_some() => Before::Perhaps,
            Deed::Write => Before::Perhaps,
            Deed::Change => Before::Exists(self.life()),
            Deed::Delete | Deed::Mark | Deed::Drop => match &self.shown {
                Some(body) => Before::Seen(Arc::new(self.last_seen(body))),
                None => Before::Exists(self.life()),
            },
        }
    }

    /// The state before a delete, read from its response; its resourceVersion is already the deletion's.
    fn last_seen(&self, body: &Arc<Body>) -> State {
        State { resource_version: None, deleting: false, ..State::whole(body, &self.origin) }
    }

    fn life(&self) -> Life {
        Life { uid: self.uid.clone(), created: self.created, role_ref: None }
    }

    /// The roleRef that a body of this request shows; it was the same before, unless the request created it.
    pub(super) fn role_ref(&self) -> Option<Arc<str>> {
        self.shown.as_ref().or(self.asked.as_ref()).and_then(|body| Parts::of(body)?.role_ref)
    }
}

fn deed(change: &Change) -> Deed {
    match change.verb.as_str() {
        "create" => Deed::Create,
        "update" | "patch" => match change.code {
            Some(201) => Deed::Create,
            None | Some(0) => Deed::Write,
            Some(_) => Deed::Change,
        },
        _ => Deed::Drop,
    }
}

#[derive(Deserialize)]
struct Success {
    kind: Option<String>,
    status: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    uid: Option<String>,
}

fn success(json: &str) -> Option<Success> {
    let status: Success = serde_json::from_str(json).ok()?;
    (status.kind.as_deref() == Some("Status") && status.status.as_deref() == Some("Success")).then_some(status)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    preconditions: Option<Preconditions>,
}

#[derive(Deserialize)]
struct Preconditions {
    uid: Option<String>,
}

impl Options {
    fn wait_for_the_collector(&self) -> bool {
        let policy = self.propagation_policy.as_deref();
        matches!(policy, Some("Foreground" | "Orphan")) || self.orphan_dependents == Some(true)
    }
}
