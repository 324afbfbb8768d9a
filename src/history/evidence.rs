//! What history is rebuilt from: sightings of objects, listings, and changes read from audit events.
//! Plain data, in no particular order; [`super::rebuild`] does all the reasoning.

use std::sync::Arc;

use crate::model::object::{ObjectKey, ObservedAt, Provenance};
use crate::model::time::{Interval, Timestamp};

/// An object seen whole at some time: in a snapshot, or in an exported file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which object.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Option<String>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<String>,
    /// When it was seen.
    pub observed: ObservedAt,
    /// The object's JSON, as read (converted, when the file was YAML).
    pub body: Arc<str>,
    /// Where it was read.
    pub from: Provenance,
}

/// A list of objects of one kind, from which absence can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// API group listed.
    pub group: String,
    /// Kind listed.
    pub kind: String,
    /// `None`: all namespaces, or a cluster-scoped kind.
    pub namespace: Option<String>,
    /// When it was read.
    pub observed: ObservedAt,
    /// Whether it is the whole list (no `continue` token, no `remainingItemCount`).
    pub whole: bool,
    /// Whether completeness was only supposed, because the export does not say what was asked for.
    pub supposed: bool,
    /// Where it was read.
    pub from: Provenance,
}

/// A request that may have changed objects, as one audit event tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The request's audit ID.
    pub audit_id: String,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// `Metadata`, `Request`, `RequestResponse`; `None` when the format cannot say.
    pub level: Option<String>,
    /// `ResponseComplete` and so on; `None` when the format cannot say.
    pub stage: Option<String>,
    /// HTTP status; `None` when the format cannot say.
    pub code: Option<i32>,
    /// API group of the resource.
    pub group: String,
    /// Plural resource name.
    pub resource: String,
    /// Subresource, `""` for none.
    pub subresource: String,
    /// Namespace, `""` for none.
    pub namespace: String,
    /// Name, `""` when the event has none (generateName, deletecollection).
    pub name: String,
    /// `objectRef.uid`, when given.
    pub uid: Option<String>,
    /// The request URI with its query.
    pub request_uri: String,
    /// The user who acted: the impersonated one if any, else the authenticated one.
    pub actor: String,
    /// What the client calls itself; client-claimed, a hint at the kind of a patch.
    pub user_agent: String,
    /// When the request reached the API server.
    pub received: Option<Timestamp>,
    /// When this stage was reached.
    pub staged: Timestamp,
    /// Request body, verbatim JSON.
    pub request_body: Option<Arc<str>>,
    /// Response body, verbatim JSON.
    pub response_body: Option<Arc<str>>,
    /// `audit.k8s.io/truncated`, or a format's own sign that bodies were removed.
    pub truncated: bool,
    /// Where it was read.
    pub from: Provenance,
}

/// Everything history is rebuilt from, for one cluster.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Objects seen whole.
    pub sightings: Vec<Sighting>,
    /// Lists.
    pub listings: Vec<Listing>,
    /// Requests that may have changed something, any order, stages not yet folded.
    pub changes: Vec<Change>,
    /// Stretches in which the audit log runs without a gap. Sorted, not overlapping.
    pub log: Vec<Interval>,
    /// Namespace + name pairs of bindings and roles that other evidence names (authorization reasons):
    /// proof that objects of a kind existed. Used only to refuse a supposed completeness.
    pub named_elsewhere: Vec<ObjectKey>,
}
