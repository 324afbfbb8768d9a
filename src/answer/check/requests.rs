//! Events as `check` reads them: what was asked of the authorizer, and what it said; equal ones made one as long as no
//! RBAC object changed in between.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use polars::prelude::*;

use crate::case::CaseError;
use crate::case::frame::{Frame, TextListColumn};
use crate::model::reason;
use crate::model::request_info::RequestInfo;
use crate::model::review::{AccessReview, Action, ResourceTarget, Target};
use crate::model::time::{Interval, Timestamp};

/// How long the API server may decide by a state that has changed: its watch of RBAC objects lags behind their writes.
const LAG: i64 = 2_000_000;
/// How long a request may wait for its decision; the default request timeout. A watch goes on for hours after it.
const LONGEST_WAIT: i64 = 60_000_000;

const COLUMNS: [&str; 20] = [
    "request_received_timestamp",
    "stage_timestamp",
    "stage",
    "verb",
    "request_uri",
    "user_username",
    "user_groups",
    "impersonated_user_username",
    "impersonated_user_groups",
    "object_ref_api_group",
    "object_ref_resource",
    "object_ref_subresource",
    "object_ref_namespace",
    "object_ref_name",
    "authorization_decision",
    "authorization_reason",
    "audit_id",
    "source_id",
    "offset",
    "line",
];

/// The columns that are read.
pub(super) fn columns() -> Vec<Expr> {
    COLUMNS.map(col).to_vec()
}

/// The moments around a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Moment {
    /// When the request was received.
    pub(super) received: Timestamp,
    /// When it was decided at the latest.
    pub(super) latest: Timestamp,
}

impl Moment {
    fn of(received: Option<Timestamp>, staged: Option<Timestamp>) -> Option<Self> {
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
    between: Option<[usize; 3]>,
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

/// One event, to show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    moment: Option<Moment>,
    source: String,
    line: i64,
    offset: i64,
    pub(super) audit_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) groups: Option<Arc<[String]>>,
}

impl Seen {
    /// Where it lies, as `show` takes it.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.source, self.line)
    }

    /// The moments around its decision.
    pub(super) fn moment(&self) -> Option<Moment> {
        self.moment
    }
}

/// The events that made one request.
#[derive(Clone, Debug)]
pub(super) struct Sightings {
    pub(super) events: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) first_seen: Seen,
}

/// The place of an event in the frame, for choosing the first.
type Order<'f> = (Option<Moment>, &'f str, i64, i64, usize);

struct Count<'f> {
    events: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    least: Order<'f>,
}

/// The requests of one part of the events. `turns` are the moments at which RBAC changed, sorted; `hiding` the sources
/// whose format hides whom a request was made as.
///
/// # Errors
/// When a column is missing.
pub(super) fn read<'f>(
    frame: &'f Frame,
    turns: &[Timestamp],
    within: Option<Interval>,
    hiding: &BTreeSet<String>,
) -> Result<Vec<(Request<'f>, Sightings)>, CaseError> {
    let columns = Columns::of(frame)?;
    let mut groups = GroupLists::default();
    let mut found: HashMap<Request<'f>, Count<'f>> = HashMap::new();
    for row in 0..frame.height() {
        let moment = Moment::of(columns.received.get(row), columns.staged.get(row));
        let received = moment.map(|m| m.received);
        if within.is_some_and(|w| received.is_none_or(|t| !w.contains(t))) {
            continue;
        }
        let place = |t: Timestamp| turns.partition_point(|turn| *turn <= t);
        let between = moment.map(|m| [place(m.earliest()), place(m.received), place(m.latest)]);
        let source = columns.source.get(row).unwrap_or_default();
        let mut request = columns.request(row, between, &mut groups);
        request.impersonation_hidden = hiding.contains(source);
        let number = |c: &Int64Chunked| c.get(row).unwrap_or_default();
        let own: Order<'_> = (moment, source, number(columns.line), number(columns.offset), row);
        let count = found.entry(request).or_insert(Count { events: 0, first: received, last: received, least: own });
        count.events = count.events.saturating_add(1);
        count.first = super::earlier(count.first, received);
        count.last = count.last.max(received);
        count.least = count.least.min(own);
    }
    let seen = |request: &Request<'f>, (moment, source, line, offset, row): Order<'f>| Seen {
        moment,
        source: source.to_owned(),
        line,
        offset,
        audit_id: columns.audit_id.get(row).map(str::to_owned),
        name: request.name.map(str::to_owned),
        groups: request.groups.clone(),
    };
    let requests = found.into_iter().map(|(request, count)| {
        let first_seen = seen(&request, count.least);
        (request, Sightings { events: count.events, first: count.first, last: count.last, first_seen })
    });
    Ok(requests.collect())
}

struct Columns<'f> {
    received: crate::case::frame::TimeColumn<'f>,
    staged: crate::case::frame::TimeColumn<'f>,
    stage: &'f StringChunked,
    verb: &'f StringChunked,
    uri: &'f StringChunked,
    user: [&'f StringChunked; 2],
    groups: [TextListColumn<'f>; 2],
    object: [&'f StringChunked; 5],
    decision: &'f StringChunked,
    reason: &'f StringChunked,
    audit_id: &'f StringChunked,
    source: &'f StringChunked,
    offset: &'f Int64Chunked,
    line: &'f Int64Chunked,
}

impl<'f> Columns<'f> {
    fn of(frame: &'f Frame) -> Result<Self, CaseError> {
        let object = |part: &str| frame.text(&format!("object_ref_{part}"));
        Ok(Self {
            received: frame.time("request_received_timestamp")?,
            staged: frame.time("stage_timestamp")?,
            stage: frame.text("stage")?,
            verb: frame.text("verb")?,
            uri: frame.text("request_uri")?,
            user: [frame.text("user_username")?, frame.text("impersonated_user_username")?],
            groups: [frame.list("user_groups")?, frame.list("impersonated_user_groups")?],
            object: [
                object("api_group")?,
                object("resource")?,
                object("subresource")?,
                object("namespace")?,
                object("name")?,
            ],
            decision: frame.text("authorization_decision")?,
            reason: frame.text("authorization_reason")?,
            audit_id: frame.text("audit_id")?,
            source: frame.text("source_id")?,
            offset: frame.int("offset")?,
            line: frame.int("line")?,
        })
    }

    fn request(&self, row: usize, between: Option<[usize; 3]>, lists: &mut GroupLists) -> Request<'f> {
        let [own, impersonated] = self.user;
        let [own_groups, impersonated_groups] = self.groups;
        // Authorization was decided for the impersonated identity.
        let (user, groups) = match impersonated.get(row) {
            Some(user) => (Some(user), impersonated_groups.get(row)),
            None => (own.get(row), own_groups.get(row)),
        };
        let [group, resource, subresource, namespace, name] = self.object.map(|column| column.get(row));
        Request {
            user,
            groups: groups.map(|g| lists.keep(g)),
            impersonation_hidden: false,
            verb: self.verb.get(row),
            uri: self.uri.get(row),
            group,
            resource,
            subresource,
            namespace,
            name,
            decision: self.decision.get(row),
            reason: self.reason.get(row),
            undecided: self.stage.get(row) == Some("RequestReceived"),
            between,
        }
    }
}

/// Lists of groups, kept once: a user's groups come again with every event.
#[derive(Default)]
struct GroupLists(HashMap<Vec<String>, Arc<[String]>>);

impl GroupLists {
    fn keep(&mut self, groups: Vec<String>) -> Arc<[String]> {
        if let Some(known) = self.0.get(&groups) {
            return Arc::clone(known);
        }
        let kept: Arc<[String]> = Arc::from(groups.as_slice());
        self.0.insert(groups, Arc::clone(&kept));
        kept
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
