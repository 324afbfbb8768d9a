//! What was asked of the authorizer, when, and what it said, as one event tells it.

use std::sync::Arc;

use crate::model::reason;
use crate::model::request_info::RequestInfo;
use crate::model::review::{AccessReview, Action, ResourceTarget, Target};
use crate::model::time::Timestamp;

/// How long the API server may decide by a state that has changed: its watch of RBAC objects lags behind their writes.
const LAG: i64 = 2_000_000;
/// How long a request may wait for its decision; the default request timeout. A watch goes on for hours after it.
const LONGEST_WAIT: i64 = 60_000_000;

/// The moments around a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Moment {
    /// When the request was received.
    pub(super) received: Timestamp,
    /// When it was decided at the latest.
    pub(super) latest: Timestamp,
}

impl Moment {
    pub(super) fn of(received: Option<Timestamp>, staged: Option<Timestamp>) -> Option<Self> {
        let received = received.or(staged)?;
        let latest = staged.unwrap_or(received).min(received.plus_micros(LONGEST_WAIT)).max(received);
        Some(Self { received, latest })
    }

    /// The earliest state that may have decided it.
    pub(super) fn earliest(self) -> Timestamp {
        self.received.plus_micros(-LAG)
    }
}

/// What was asked and what was said. Events that agree in all of this have the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request<'f> {
    pub(super) user: Option<&'f str>,
    /// `None`: not recorded.
    pub(super) groups: Option<Arc<[String]>>,
    /// Whether the format hides whom a request was made as.
    pub(super) impersonation_hidden: bool,
    pub(super) verb: Option<&'f str>,
    pub(super) uri: Option<&'f str>,
    pub(super) group: Option<&'f str>,
    pub(super) resource: Option<&'f str>,
    pub(super) subresource: Option<&'f str>,
    pub(super) namespace: Option<&'f str>,
    pub(super) name: Option<&'f str>,
    pub(super) decision: Option<&'f str>,
    pub(super) reason: Option<&'f str>,
    /// Whether the request was only received so far.
    pub(super) undecided: bool,
    /// Between which changes the moments around the decision lie; `None` without a time.
    pub(super) between: Option<[usize; 3]>,
}

impl Request<'_> {
    /// The review that the authorizer decided; `None` when the event does not tell who asked for what. Where the event
    /// does not tell the groups, those are taken that the authorizer named.
    pub(super) fn review(&self) -> Option<AccessReview> {
        let action = Action { verb: self.verb?.to_owned(), target: self.asked_for()? };
        let named = || self.reason.and_then(reason::parse).filter(|n| n.subject_kind == "Group").map(|n| n.subject);
        let groups = self.groups.as_ref().map_or_else(|| named().into_iter().collect(), |g| g.to_vec());
        Some(AccessReview { user: self.user?.to_owned(), groups, action })
    }

    /// Whether the user is recorded as a member of a group.
    pub(super) fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|groups| groups.iter().any(|g| g == group))
    }

    /// What the event does not record of what the authorizer was asked, so that it cannot contradict anything.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        if self.groups.is_none() {
            Some("the user's groups are not recorded")
        } else if self.uri.is_none() {
            Some("the request URI, which tells what the authorizer was asked, is not recorded")
        } else if self.impersonation_hidden {
            Some("the format does not show whom a request was made as")
        } else {
            None
        }
    }

    /// The URI tells what the authorizer saw; objectRef is completed from the request body afterwards.
    fn asked_for(&self) -> Option<Target> {
        let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let info = self.uri.map(|uri| RequestInfo::new(method(self.verb.unwrap_or_default()), uri));
        let read = info.filter(|i| i.error.is_none());
        match (self.resource, read) {
            (None, Some(info)) if !info.is_resource => Some(Target::NonResource { path: info.path }),
            (resource, Some(info)) if info.is_resource && self.is_of(resource, &info) => {
                let RequestInfo { group, resource, subresource, namespace, name, .. } = info;
                Some(Target::Resource(ResourceTarget { group, resource, subresource, namespace, name }))
            }
            (Some(resource), _) => {
                let nameless = self.verb == Some("create") && self.subresource.is_none();
                Some(Target::Resource(ResourceTarget {
                    group: own(self.group),
                    resource: resource.to_owned(),
                    subresource: own(self.subresource),
                    namespace: own(self.namespace),
                    name: if nameless { String::new() } else { own(self.name) },
                }))
            }
            (None, _) => None,
        }
    }

    /// Whether the URI speaks of what objectRef speaks of, if there is one.
    fn is_of(&self, resource: Option<&str>, info: &RequestInfo) -> bool {
        let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
        resource.is_none_or(|r| {
            info.resource == r && info.group == own(self.group) && info.subresource == own(self.subresource)
        })
    }

    /// What was asked for, for people: `pods/log`, `deployments.apps`, `/metrics`.
    pub(super) fn target(&self) -> Option<String> {
        Some(match self.asked_for()? {
            Target::NonResource { path } => path,
            Target::Resource(r) if r.group.is_empty() => r.combined(),
            Target::Resource(r) => format!("{}.{}", r.combined(), r.group),
        })
    }
}

/// A method that gives the verb, so that the path is read as the API server read it.
fn method(verb: &str) -> &str {
    match verb {
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "delete" | "deletecollection" => "DELETE",
        _ => "GET",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn request<'f>(
        verb: &'f str,
        uri: Option<&'f str>,
        resource: Option<&'f str>,
        name: Option<&'f str>,
    ) -> Request<'f> {
        Request {
            user: Some("ann"),
            groups: Some(Arc::from([])),
            impersonation_hidden: false,
            verb: Some(verb),
            uri,
            group: None,
            resource,
            subresource: None,
            namespace: Some("web"),
            name,
            decision: None,
            reason: None,
            undecided: false,
            between: None,
        }
    }

    fn resource(r: &Request<'_>) -> (String, String, String) {
        match r.review().unwrap().action.target {
            Target::Resource(t) => (t.resource, t.namespace, t.name),
            Target::NonResource { path } => (path, String::new(), String::new()),
        }
    }

    fn told(resource: &str, namespace: &str, name: &str) -> (String, String, String) {
        (resource.to_owned(), namespace.to_owned(), name.to_owned())
    }

    #[test]
    fn trap_a_create_was_decided_without_the_name_that_the_log_adds() {
        let uri = Some("/api/v1/namespaces/web/secrets");
        assert_eq!(resource(&request("create", uri, Some("secrets"), Some("db"))), told("secrets", "web", ""));
        assert_eq!(resource(&request("create", None, Some("secrets"), Some("db"))), told("secrets", "web", ""));
        assert_eq!(resource(&request("get", None, Some("secrets"), Some("db"))), told("secrets", "web", "db"));
    }

    #[test]
    fn a_list_of_one_name_was_decided_with_that_name() {
        let uri = Some("/api/v1/namespaces/web/secrets?fieldSelector=metadata.name%3Ddb&watch=true");
        assert_eq!(resource(&request("watch", uri, Some("secrets"), None)), told("secrets", "web", "db"));
    }

    #[test]
    fn a_path_outside_the_api_needs_no_object() {
        assert_eq!(resource(&request("get", Some("/metrics?x=1"), None, None)), told("/metrics", "", ""));
        assert!(request("get", None, None, None).review().is_none());
    }

    #[test]
    fn a_uri_that_speaks_of_something_else_is_not_believed() {
        let uri = Some("/api/v1/namespaces/web/pods/x");
        assert_eq!(resource(&request("get", uri, Some("secrets"), Some("db"))), told("secrets", "web", "db"));
    }

    #[test]
    fn a_long_watch_was_decided_at_its_beginning() {
        let t = |s: i64| Timestamp::from_micros(s * 1_000_000);
        let moment = Moment::of(Some(t(100)), Some(t(3700))).unwrap();
        assert_eq!((moment.earliest(), moment.latest), (t(98), t(160)));
        assert_eq!(Moment::of(None, Some(t(5))).unwrap().received, t(5));
        assert_eq!(Moment::of(Some(t(9)), Some(t(5))).unwrap().latest, t(9), "clocks may run backwards");
    }
}
