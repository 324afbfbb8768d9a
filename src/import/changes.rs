//! The requests in `events` that may have changed stored objects.
//!
//! Most records name their resource. Where one does not (legacy text, exports that kept few fields), verb and
//! resource are read from the method and the URI, as the API server read them: passing such a record over
//! would let a change go unseen while the objects still count as known. That reading serves history alone;
//! the columns of `events` stay empty.

use std::sync::Arc;

use polars::prelude::*;
use rayon::prelude::*;

use super::evidence::Places;
use crate::case::CaseError;
use crate::case::frame::Frame;
use crate::history::evidence::Change;
use crate::model::audit::MUTATING_VERBS;
use crate::model::request_info::RequestInfo;

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

/// Methods that change objects, as exports write them in place of the verb.
const MUTATING_METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// The requests that may have changed stored objects.
///
/// Of each part only what may have changed something is held.
///
/// # Errors
/// When the table cannot be read.
pub fn changes(parts: Vec<LazyFrame>) -> Result<Vec<Change>, CaseError> {
    let read = |part: LazyFrame| {
        let lazy = part.filter(may_change()).select(COLUMNS.map(col).as_slice());
        rows(&Frame::collect(lazy, "events")?)
    };
    let parts: Vec<Vec<Change>> = parts.into_par_iter().map(read).collect::<Result<_, CaseError>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// Whether a record tells what was done to what: only such records show that nothing else was done.
pub(super) fn tells_what_was_done() -> Expr {
    let place = col("object_ref_resource").is_not_null().or(col("request_uri").is_not_null());
    place.and(col("verb").is_not_null().or(col("http_method").is_not_null()))
}

fn words(words: &[&str]) -> Expr {
    lit(Series::new("words".into(), words))
}

/// Rows whose own columns do not rule out a change.
fn may_change() -> Expr {
    let resource = || col("object_ref_resource");
    let verb = col("verb").is_in(words(&MUTATING_VERBS)).fill_null(lit(false));
    let method = col("http_method").str().to_uppercase().is_in(words(&MUTATING_METHODS)).fill_null(lit(false));
    let named = resource()
        .is_in(words(&NOT_STORED))
        .not()
        .and(col("object_ref_subresource").is_null().or(col("object_ref_subresource").is_in(words(&ASIDE)).not()));
    let placed = when(resource().is_not_null()).then(named).otherwise(col("request_uri").is_not_null());
    let done = col("response_status_code").is_null().or(col("response_status_code").lt(lit(300)));
    verb.or(col("verb").is_null().and(method)).and(placed).and(done)
}

const COLUMNS: [&str; 26] = [
    "audit_id",
    "verb",
    "http_method",
    "level",
    "stage",
    "response_status_code",
    "object_ref_api_group",
    "object_ref_resource",
    "object_ref_subresource",
    "object_ref_namespace",
    "object_ref_name",
    "object_ref_uid",
    "request_uri",
    "user_username",
    "impersonated_user_username",
    "user_agent",
    "request_received_timestamp",
    "stage_timestamp",
    "request_object",
    "response_object",
    "truncated",
    "source_id",
    "offset",
    "line",
    "length",
    "grpc_code",
];

fn rows(frame: &Frame) -> Result<Vec<Change>, CaseError> {
    let mut changes = Vec::with_capacity(frame.height());
    let (audit_id, level, stage) = (frame.text("audit_id")?, frame.text("level")?, frame.text("stage")?);
    let (code, grpc) = (frame.int32("response_status_code")?, frame.int32("grpc_code")?);
    let asked = Asked::of(frame)?;
    let (user, other) = (frame.text("user_username")?, frame.text("impersonated_user_username")?);
    let (uri, agent) = (frame.text("request_uri")?, frame.text("user_agent")?);
    let (received, staged) = (frame.time("request_received_timestamp")?, frame.time("stage_timestamp")?);
    let (request, response, truncated) =
        (frame.text("request_object")?, frame.text("response_object")?, frame.flag("truncated")?);
    let places = Places::of(frame)?;
    let owned = |c: &StringChunked, row: usize| c.get(row).unwrap_or_default().to_owned();
    for row in 0..frame.height() {
        let Some(at) = staged.get(row).or(received.get(row)) else { continue };
        if grpc.get(row).is_some_and(|c| c != 0) {
            continue;
        }
        let Some(asked) = asked.get(row) else { continue };
        changes.push(Change {
            audit_id: owned(audit_id, row),
            level: level.get(row).map(str::to_owned),
            stage: stage.get(row).map(str::to_owned),
            code: code.get(row),
            request_uri: owned(uri, row),
            actor: other.get(row).or(user.get(row)).unwrap_or_default().to_owned(),
            user_agent: owned(agent, row),
            received: received.get(row),
            staged: at,
            request_body: request.get(row).map(Arc::from),
            response_body: response.get(row).map(Arc::from),
            truncated: truncated.get(row).unwrap_or(false),
            from: places.get(row),
            ..asked
        });
    }
    Ok(changes)
}

/// The columns that tell what was asked for.
struct Asked<'f> {
    verb: &'f StringChunked,
    method: &'f StringChunked,
    group: &'f StringChunked,
    resource: &'f StringChunked,
    subresource: &'f StringChunked,
    namespace: &'f StringChunked,
    name: &'f StringChunked,
    uid: &'f StringChunked,
    uri: &'f StringChunked,
}

impl<'f> Asked<'f> {
    fn of(frame: &'f Frame) -> Result<Self, CaseError> {
        Ok(Self {
            verb: frame.text("verb")?,
            method: frame.text("http_method")?,
            group: frame.text("object_ref_api_group")?,
            resource: frame.text("object_ref_resource")?,
            subresource: frame.text("object_ref_subresource")?,
            namespace: frame.text("object_ref_namespace")?,
            name: frame.text("object_ref_name")?,
            uid: frame.text("object_ref_uid")?,
            uri: frame.text("request_uri")?,
        })
    }

    /// Verb and object of a row; `None` when it was no change of a stored object.
    fn get(&self, row: usize) -> Option<Change> {
        let owned = |c: &StringChunked| c.get(row).unwrap_or_default().to_owned();
        let (verb, resource, uri) = (self.verb.get(row), self.resource.get(row), self.uri.get(row));
        if let (Some(verb), Some(resource)) = (verb, resource) {
            return Some(Change {
                verb: verb.to_owned(),
                group: owned(self.group),
                resource: resource.to_owned(),
                subresource: owned(self.subresource),
                namespace: owned(self.namespace),
                name: owned(self.name),
                uid: self.uid.get(row).map(str::to_owned),
                ..Change::default()
            });
        }
        from_uri(verb, self.method.get(row).unwrap_or_default(), uri?)
    }
}

/// Verb and object as the request line has them.
fn from_uri(verb: Option<&str>, method: &str, uri: &str) -> Option<Change> {
    let method = match verb {
        Some("create") => "POST".to_owned(),
        Some("update") => "PUT".to_owned(),
        Some("patch") => "PATCH".to_owned(),
        Some("delete" | "deletecollection") => "DELETE".to_owned(),
        _ => method.to_uppercase(),
    };
    let info = RequestInfo::new(&method, uri);
    let verb = verb.map_or_else(|| info.verb.clone(), str::to_owned);
    let changes = info.is_resource
        && MUTATING_VERBS.contains(&verb.as_str())
        && !NOT_STORED.contains(&info.resource.as_str())
        && !ASIDE.contains(&info.subresource.as_str());
    changes.then(|| Change {
        verb,
        group: info.group,
        resource: info.resource,
        subresource: info.subresource,
        namespace: info.namespace,
        name: info.name,
        ..Change::default()
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
        assert_eq!(
            (created.resource.as_str(), created.namespace.as_str(), created.name.as_str()),
            ("roles", "shop", "")
        );
        let patched = from_uri(None, "patch", &format!("{roles}/reader?fieldManager=x")).unwrap();
        assert_eq!((patched.verb.as_str(), patched.name.as_str()), ("patch", "reader"));
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
}
