//! The requests in `events` that may have changed stored objects.
//!
//! Most records name their resource. Where one does not (legacy text, exports that kept few fields), verb and
//! resource are read from the method and the URI, as the API server read them: passing such a record over
//! would let a change go unseen while the objects still count as known. That reading serves history alone;
//! the columns of `events` stay empty.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event_rows::EventRows;
use crate::history::evidence::Change;
use crate::model::audit::MUTATING_VERBS;
use crate::model::object::Provenance;
use crate::model::request_info::{RequestInfo, method_of};
use crate::model::time::Timestamp;

/// Resources whose writes leave no stored object, or only noise.
const NOT_STORED: [&str; 9] = [
    "events",
    "leases",
    "tokenreviews",
    "subjectaccessreviews",
    "selfsubjectaccessreviews",
    "localsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "selfsubjectreviews",
    "bindings",
];

/// Subresources whose writes leave what history follows as it is.
const ASIDE: [&str; 11] = [
    "status",
    "scale",
    "token",
    "eviction",
    "binding",
    "exec",
    "attach",
    "portforward",
    "proxy",
    "log",
    "ephemeralcontainers",
];

/// A change as it stands in a row of `events`, and as it is put aside until all of the evidence is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow<'b> {
    audit_id: &'b str,
    /// See [`Change::verb`].
    pub verb: Cow<'b, str>,
    level: Option<&'b str>,
    stage: Option<&'b str>,
    code: Option<i32>,
    /// API group of the resource.
    pub group: Cow<'b, str>,
    /// Plural resource name.
    pub resource: Cow<'b, str>,
    subresource: Cow<'b, str>,
    /// Namespace, `""` for none.
    pub namespace: Cow<'b, str>,
    /// Name, `""` when the record has none.
    pub name: Cow<'b, str>,
    uid: Option<&'b str>,
    request_uri: &'b str,
    actor: &'b str,
    user_agent: &'b str,
    received: Option<i64>,
    staged: i64,
    /// Request body, verbatim JSON.
    pub request_body: Option<&'b str>,
    /// Response body, verbatim JSON.
    pub response_body: Option<&'b str>,
    truncated: bool,
    source_id: &'b str,
    offset: u64,
    line: u64,
    length: u64,
}

impl<'b> ChangeRow<'b> {
    /// The change that a row tells of; `None` when its own columns rule one out.
    pub fn of(rows: &EventRows<'b>, row: usize) -> Option<Self> {
        let asked = asked(rows, row)?;
        let code = rows.response_status_code.get(row);
        if !may_have_been_done(&asked.verb, code) || rows.grpc_code.get(row).is_some_and(|c| c != 0) {
            return None;
        }
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let actor = rows.impersonated_user_username.get(row).or_else(|| rows.user_username.get(row));
        Some(Self {
            audit_id: rows.audit_id.get(row).unwrap_or_default(),
            level: rows.level.get(row),
            stage: rows.stage.get(row),
            code,
            request_uri: rows.request_uri.get(row).unwrap_or_default(),
            actor: actor.unwrap_or_default(),
            user_agent: rows.user_agent.get(row).unwrap_or_default(),
            received: rows.request_received_timestamp.get(row).map(Timestamp::as_micros),
            staged: rows.staged(row)?.as_micros(),
            request_body: rows.request_object.get(row),
            response_body: rows.response_object.get(row),
            truncated: rows.truncated.get(row).unwrap_or(false),
            source_id: rows.source_id.get(row).unwrap_or_default(),
            offset: number(rows.offset.get(row)),
            line: number(rows.line.get(row)),
            length: number(rows.length.get(row)),
            ..asked
        })
    }

    /// A change that is known already, as a row.
    pub fn of_change(change: &'b Change) -> Self {
        let text = |text: &'b str| Cow::Borrowed(text);
        Self {
            audit_id: &change.audit_id,
            verb: text(&change.verb),
            level: change.level.as_deref(),
            stage: change.stage.as_deref(),
            code: change.code,
            group: text(&change.group),
            resource: text(&change.resource),
            subresource: text(&change.subresource),
            namespace: text(&change.namespace),
            name: text(&change.name),
            uid: change.uid.as_deref(),
            request_uri: &change.request_uri,
            actor: &change.actor,
            user_agent: &change.user_agent,
            received: change.received.map(Timestamp::as_micros),
            staged: change.staged.as_micros(),
            request_body: change.request_body.as_deref(),
            response_body: change.response_body.as_deref(),
            truncated: change.truncated,
            source_id: &change.from.source_id,
            offset: change.from.offset,
            line: change.from.line,
            length: change.from.length,
        }
    }

    /// When its stage was reached.
    pub fn staged(&self) -> Timestamp {
        Timestamp::from_micros(self.staged)
    }

    /// As history takes it.
    pub fn into_change(self) -> Change {
        Change {
            audit_id: self.audit_id.to_owned(),
            verb: self.verb.into_owned(),
            level: self.level.map(str::to_owned),
            stage: self.stage.map(str::to_owned),
            code: self.code,
            group: self.group.into_owned(),
            resource: self.resource.into_owned(),
            subresource: self.subresource.into_owned(),
            namespace: self.namespace.into_owned(),
            name: self.name.into_owned(),
            uid: self.uid.map(str::to_owned),
            request_uri: self.request_uri.to_owned(),
            actor: self.actor.to_owned(),
            user_agent: self.user_agent.to_owned(),
            received: self.received.map(Timestamp::from_micros),
            staged: Timestamp::from_micros(self.staged),
            request_body: self.request_body.map(Arc::from),
            response_body: self.response_body.map(Arc::from),
            truncated: self.truncated,
            from: Provenance {
                source_id: self.source_id.to_owned(),
                offset: self.offset,
                line: self.line,
                length: self.length,
            },
        }
    }
}

/// Whether a request with this outcome may have changed something. A timeout may have been carried out all the same,
/// and a `deletecollection` that failed may have deleted some before.
fn may_have_been_done(verb: &str, code: Option<i32>) -> bool {
    match code {
        None | Some(..300 | 504) => true,
        Some(409 | 500..=599) => verb == "deletecollection",
        Some(_) => false,
    }
}

/// Verb and object of a row; `None` when it was no change of a stored object.
fn asked<'b>(rows: &EventRows<'b>, row: usize) -> Option<ChangeRow<'b>> {
    let (verb, resource) = (rows.verb.get(row), rows.object_ref_resource.get(row));
    if verb.is_some_and(|v| !MUTATING_VERBS.contains(&v)) {
        return None;
    }
    let Some(resource) = resource else {
        return from_uri(verb, rows.http_method.get(row).unwrap_or_default(), rows.request_uri.get(row)?);
    };
    let subresource = rows.object_ref_subresource.get(row).unwrap_or_default();
    if NOT_STORED.contains(&resource) || ASIDE.contains(&subresource) {
        return None;
    }
    let Some(verb) = verb else {
        return from_uri(None, rows.http_method.get(row)?, rows.request_uri.get(row)?);
    };
    let text = |value: Option<&'b str>| Cow::Borrowed(value.unwrap_or_default());
    Some(ChangeRow {
        verb: Cow::Borrowed(verb),
        group: text(rows.object_ref_api_group.get(row)),
        resource: Cow::Borrowed(resource),
        subresource: Cow::Borrowed(subresource),
        namespace: text(rows.object_ref_namespace.get(row)),
        name: text(rows.object_ref_name.get(row)),
        uid: rows.object_ref_uid.get(row),
        ..ChangeRow::default()
    })
}

/// Verb and object as the request line has them.
fn from_uri(verb: Option<&str>, method: &str, uri: &str) -> Option<ChangeRow<'static>> {
    let method = verb.map_or_else(|| method.to_uppercase(), method_of);
    let info = RequestInfo::new(&method, uri);
    let verb = verb.map_or_else(|| info.verb.clone(), str::to_owned);
    let changes = info.is_resource
        && MUTATING_VERBS.contains(&verb.as_str())
        && !NOT_STORED.contains(&info.resource.as_str())
        && !ASIDE.contains(&info.subresource.as_str());
    changes.then(|| ChangeRow {
        verb: verb.into(),
        group: info.group.into(),
        resource: info.resource.into(),
        subresource: info.subresource.into(),
        namespace: info.namespace.into(),
        name: info.name.into(),
        ..ChangeRow::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_change_without_a_reference_is_read_from_its_uri() {
        let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles";
        let created = from_uri(Some("create"), "", roles).unwrap();
        assert_eq!((&*created.resource, &*created.namespace, &*created.name), ("roles", "shop", ""));
        let patched = from_uri(None, "patch", &format!("{roles}/reader?fieldManager=x")).unwrap();
        assert_eq!((&*patched.verb, &*patched.name), ("patch", "reader"));
        assert_eq!(from_uri(None, "DELETE", roles).unwrap().verb, "deletecollection");
        assert_eq!(from_uri(Some("deletecollection"), "", roles).unwrap().verb, "deletecollection");
    }

    #[test]
    fn what_leaves_no_stored_object_is_no_change() {
        assert_eq!(from_uri(Some("create"), "", "/apis/authorization.k8s.io/v1/subjectaccessreviews"), None);
        assert_eq!(from_uri(None, "POST", "/api/v1/namespaces/a/serviceaccounts/b/token"), None);
        assert_eq!(from_uri(None, "GET", "/api/v1/namespaces/a/pods/b"), None);
        assert_eq!(from_uri(None, "POST", "/healthz"), None);
    }

    #[test]
    fn a_request_that_timed_out_or_deleted_some_before_it_failed_counts() {
        assert!(may_have_been_done("create", Some(504)) && may_have_been_done("create", None));
        assert!(may_have_been_done("deletecollection", Some(500)) && !may_have_been_done("create", Some(500)));
        assert!(!may_have_been_done("deletecollection", Some(403)) && may_have_been_done("patch", Some(200)));
    }

    #[test]
    fn what_is_put_aside_comes_back_as_it_was() {
        let row = ChangeRow {
            audit_id: "a",
            verb: "patch".into(),
            group: String::from("apps").into(),
            code: Some(-1),
            received: Some(-5),
            response_body: Some("{\"kind\":\"Deployment\"}"),
            length: u64::MAX,
            ..ChangeRow::default()
        };
        let bytes = postcard::to_stdvec(&row).unwrap();
        assert_eq!(postcard::from_bytes::<ChangeRow<'_>>(&bytes).unwrap(), row);
    }
}
