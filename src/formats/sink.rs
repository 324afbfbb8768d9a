//! What the formats hand on: one call for each record, with its place. Formats read, they do not count
//! or store; a [`Sink`] decides what becomes of a record.

use super::Reject;
use super::authenticator::AuthenticatorRecord;
use super::format::Format;
use super::refusals::Refusal;
use crate::model::audit::AuditEvent;
use crate::model::event_times::EventTimes;
use crate::model::time::Timestamp;

/// Where a record lies in the decompressed source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Byte offset of the first byte.
    pub offset: u64,
    /// Line of the first byte, from 1.
    pub line: u64,
    /// Length in bytes.
    pub length: u64,
}

/// What an export says about a record besides the record itself. Empty for native logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'e> {
    /// Which server wrote it, where the export says so (`openshift-apiserver`, `rancher`).
    pub component: Option<&'e str>,
    /// The node or host it was collected from.
    pub node: Option<&'e str>,
    /// Which instance of the server wrote it: the name of its pod.
    pub api_server: Option<&'e str>,
    /// The log stream of a log service.
    pub log_stream: Option<&'e str>,
    /// When a shipper or log service saw it.
    pub time: Option<Timestamp>,
    /// `google.rpc.Code`; not an HTTP status.
    pub grpc_code: Option<i32>,
    /// Google Cloud Logging: which part of a long-running operation the entry is (`first`, `last`).
    /// Two entries of one request differ in nothing else, so it belongs to what tells copies.
    pub operation_part: Option<&'e str>,
    /// The HTTP method, where the export gives it in place of the verb.
    pub http_method: Option<&'e str>,
    /// The resource as the export names it, where it gives no request URI.
    pub resource_name: Option<&'e str>,
    /// A format's own sign that bodies were removed.
    pub truncated: bool,
}

/// An audit event as found.
pub struct EventRecord<'r> {
    /// The event.
    pub event: &'r AuditEvent<'r>,
    /// Its times.
    pub times: EventTimes,
    /// What its envelope says.
    pub envelope: Envelope<'r>,
    /// The format it came in.
    pub format: Format,
    /// The event's own text, which copies share: the inner text where an envelope quotes it.
    pub raw: &'r [u8],
    /// Where the record, with its envelope, lies.
    pub span: Span,
}

/// A JSON document that is no audit record.
pub struct JsonDocument<'r> {
    /// Its text.
    pub text: &'r str,
    /// Where it lies.
    pub span: Span,
    /// Parts of it were damaged and are `null` here; lists in it are not whole.
    pub damaged: bool,
}

/// Readable records of other kinds, which a case does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skipped {
    /// Log text of a component.
    Text,
    /// A record of another log category or stream.
    OtherLog,
    /// A control message of a log service.
    Control,
    /// JSON of another kind inside an envelope.
    OtherJson,
    /// A cluster event (`v1` Event).
    ClusterEvent,
}

/// One page of a paged result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// The format of the result.
    pub format: Format,
    /// A token for more was left.
    pub more: bool,
    /// Records on the page.
    pub rows: u64,
    /// Records the whole result has, where the service says so.
    pub total: Option<u64>,
    /// Earliest envelope time.
    pub first: Option<Timestamp>,
    /// Latest envelope time.
    pub last: Option<Timestamp>,
    /// This is a stretch of a page, and more of it follows.
    #[serde(skip)]
    pub goes_on: bool,
}

impl Page {
    /// An empty page.
    pub(super) const fn of(format: Format) -> Self {
        Self { format, more: false, rows: 0, total: None, first: None, last: None, goes_on: false }
    }

    /// The page as far as it is known with the stretch behind it.
    pub(super) fn and(self, next: Self) -> Self {
        Self {
            more: next.more,
            rows: self.rows.saturating_add(next.rows),
            total: self.total.or(next.total),
            first: self.first.into_iter().chain(next.first).min(),
            last: self.last.max(next.last),
            goes_on: next.goes_on,
            ..self
        }
    }
}

/// What an export says of a source as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'r> {
    /// A document of this format was met, with or without events.
    Format(Format),
    /// The cluster it speaks of.
    Cluster(&'r str),
    /// The cloud account, project or subscription.
    Account(&'r str),
    /// A log category (AKS) or log name (GKE) was met.
    Category(&'r str),
    /// A page of a paged result.
    Page(Page),
    /// A collector's request gave no objects.
    Refused(&'r Refusal),
}

/// Receives what is read.
pub trait Sink {
    /// An audit event.
    fn event(&mut self, record: EventRecord<'_>);
    /// A JSON document that is no audit record: Kubernetes objects, discovery data, or something else.
    fn json(&mut self, document: JsonDocument<'_>);
    /// A record of aws-iam-authenticator.
    fn authenticator(&mut self, record: &AuthenticatorRecord<'_>, span: Span, log_stream: Option<&str>);
    /// A readable record of another kind.
    fn skip(&mut self, what: Skipped, span: Span);
    /// Bytes that should be a record and cannot be read.
    fn reject(&mut self, reject: Reject);
    /// A sign of incompleteness, one of [`super::warnings`].
    fn warn(&mut self, code: &'static str);
    /// Something about the whole source.
    fn fact(&mut self, fact: Fact<'_>);
}
