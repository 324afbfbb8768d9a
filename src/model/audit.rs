//! One audit event, as `audit.k8s.io/v1` defines it, borrowed from the line it was read from.
//!
//! Only what becomes a column is parsed; bodies stay verbatim slices. Unknown fields are ignored,
//! fields of a wrong type make the record a reject. Source: `staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go`.

use serde::Deserialize;

use super::annotations::Annotations;
use super::json::Json;
use super::text::Text;

/// An audit event. Absent and null fields are `None` (or empty where the API has no difference).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent<'a> {
    /// `Event` for a native record; events of an EventList may leave it out.
    #[serde(borrow, default)]
    pub kind: Option<Text<'a>>,
    /// `audit.k8s.io/v1` and older.
    #[serde(borrow, default)]
    pub api_version: Option<Text<'a>>,
    /// `Metadata`, `Request` or `RequestResponse`.
    #[serde(borrow, default)]
    pub level: Option<Text<'a>>,
    /// The request's id; a client may have chosen it.
    #[serde(borrow, default, rename = "auditID")]
    pub audit_id: Option<Text<'a>>,
    /// `RequestReceived`, `ResponseStarted`, `ResponseComplete` or `Panic`.
    #[serde(borrow, default)]
    pub stage: Option<Text<'a>>,
    /// The request URI as sent, with its query.
    #[serde(borrow, default, rename = "requestURI")]
    pub request_uri: Option<Text<'a>>,
    /// The Kubernetes verb, or the lower-cased method of a non-resource request.
    #[serde(borrow, default)]
    pub verb: Option<Text<'a>>,
    /// Who was authenticated.
    #[serde(borrow, default)]
    pub user: Option<UserInfo<'a>>,
    /// Whom the request was made as.
    #[serde(borrow, default)]
    pub impersonated_user: Option<UserInfo<'a>>,
    /// Facts of constrained impersonation (1.35 and later).
    #[serde(borrow, default)]
    pub authentication_metadata: Option<AuthenticationMetadata<'a>>,
    /// Where from; all but the last are what the client claims.
    #[serde(borrow, default, rename = "sourceIPs")]
    pub source_ips: Option<Vec<Text<'a>>>,
    /// What the client calls itself.
    #[serde(borrow, default)]
    pub user_agent: Option<Text<'a>>,
    /// The object spoken of.
    #[serde(borrow, default)]
    pub object_ref: Option<ObjectReference<'a>>,
    /// The outcome.
    #[serde(borrow, default)]
    pub response_status: Option<ResponseStatus<'a>>,
    /// The request body, verbatim.
    #[serde(borrow, default)]
    pub request_object: Option<Json<'a>>,
    /// The response body, verbatim.
    #[serde(borrow, default)]
    pub response_object: Option<Json<'a>>,
    /// When the request reached the API server.
    #[serde(borrow, default)]
    pub request_received_timestamp: Option<Text<'a>>,
    /// When this stage was reached.
    #[serde(borrow, default)]
    pub stage_timestamp: Option<Text<'a>>,
    /// Annotations.
    #[serde(borrow, default)]
    pub annotations: Option<Annotations<'a>>,
}

/// A user as the API server knows it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    /// User name.
    #[serde(borrow, default)]
    pub username: Option<Text<'a>>,
    /// UID.
    #[serde(borrow, default)]
    pub uid: Option<Text<'a>>,
    /// Groups.
    #[serde(borrow, default)]
    pub groups: Option<Vec<Text<'a>>>,
    /// Extra values of the authenticator, verbatim JSON.
    #[serde(borrow, default)]
    pub extra: Option<Json<'a>>,
}

/// Facts about the authentication.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationMetadata<'a> {
    /// The verb of constrained impersonation that allowed it.
    #[serde(borrow, default)]
    pub impersonation_constraint: Option<Text<'a>>,
}

/// The object a request speaks of.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference<'a> {
    /// Plural resource name.
    #[serde(borrow, default)]
    pub resource: Option<Text<'a>>,
    /// Namespace.
    #[serde(borrow, default)]
    pub namespace: Option<Text<'a>>,
    /// Name; absent on list and on create with generateName.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// UID.
    #[serde(borrow, default)]
    pub uid: Option<Text<'a>>,
    /// API group; absent is core.
    #[serde(borrow, default)]
    pub api_group: Option<Text<'a>>,
    /// API version without the group.
    #[serde(borrow, default)]
    pub api_version: Option<Text<'a>>,
    /// resourceVersion of the request's precondition.
    #[serde(borrow, default)]
    pub resource_version: Option<Text<'a>>,
    /// Subresource.
    #[serde(borrow, default)]
    pub subresource: Option<Text<'a>>,
}

/// The outcome of a request.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ResponseStatus<'a> {
    /// HTTP status code.
    #[serde(default)]
    pub code: Option<i32>,
    /// `Success` or `Failure`.
    #[serde(borrow, default)]
    pub status: Option<Text<'a>>,
    /// Message for people.
    #[serde(borrow, default)]
    pub message: Option<Text<'a>>,
    /// Reason for machines.
    #[serde(borrow, default)]
    pub reason: Option<Text<'a>>,
}

/// Verbs that may change a stored object.
pub const MUTATING_VERBS: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
