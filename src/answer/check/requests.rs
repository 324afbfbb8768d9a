//! Events read as requests to the authorizer; equal ones made one as long as no RBAC object changed in between.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use polars::prelude::*;

use crate::case::CaseError;
use crate::case::frame::{Frame, TextListColumn};
use crate::model::time::{Interval, Timestamp};

use super::request::{Moment, Request};

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
