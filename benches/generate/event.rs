//! Audit events of the RBAC history: one request becomes one line, at the level a common policy gives it.

use std::borrow::Cow;
use std::io;

use super::clock::micros;
use super::json::{Builder, Json, object};
use super::logs::{Logs, Written};
use super::rng::Rng;

/// Who makes requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actor {
    pub(crate) username: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: Vec<(&'static str, String)>,
    pub(crate) ips: Vec<String>,
    pub(crate) agent: String,
    /// What `authorization.k8s.io/reason` says when the actor is let through.
    pub(crate) reason: String,
}

impl Actor {
    /// `user` or `impersonatedUser`.
    pub(crate) fn json(&self) -> Json {
        let extra = self.extra.iter().map(|(k, v)| (Cow::Borrowed(*k), Json::List(vec![Json::from(v.as_str())])));
        let user =
            object().with("username", self.username.as_str()).text("uid", &self.uid).texts("groups", &self.groups);
        user.maybe("extra", (!self.extra.is_empty()).then(|| Json::Object(extra.collect()))).done()
    }
}

/// What a request is about: the members of `objectRef`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) group: String,
    pub(crate) version: &'static str,
    pub(crate) resource_version: String,
    pub(crate) subresource: String,
}

impl Target {
    /// The path of the collection, or of the object when it has a name.
    pub(crate) fn path(&self, with_name: bool) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if !self.namespace.is_empty() && self.resource != "namespaces" {
            path = format!("{path}/namespaces/{}", self.namespace);
        }
        path = format!("{path}/{}", self.resource);
        if with_name && !self.name.is_empty() {
            path = format!("{path}/{}", escape_path(&self.name));
        }
        if self.subresource.is_empty() { path } else { format!("{path}/{}", self.subresource) }
    }

    fn json(&self) -> Json {
        object()
            .text("resource", &self.resource)
            .text("namespace", &self.namespace)
            .text("name", &self.name)
            .text("uid", &self.uid)
            .text("apiGroup", &self.group)
            .text("apiVersion", self.version)
            .text("resourceVersion", &self.resource_version)
            .text("subresource", &self.subresource)
            .done()
    }
}

/// Percent-encodes a path segment the way Go's `url.URL` prints it.
fn escape_path(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b':' | b'=' | b'@' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// One request and its outcome.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) actor: &'a Actor,
    /// On whose behalf; then the authorization is theirs.
    pub(crate) as_actor: Option<&'a Actor>,
    pub(crate) level: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) uri: String,
    /// `None` for a non-resource URL.
    pub(crate) target: Option<Target>,
    pub(crate) code: i64,
    /// Status fields besides the code, when the answer was a `Status`.
    pub(crate) status: Option<Builder>,
    pub(crate) request: Option<Json>,
    pub(crate) response: Option<Json>,
    pub(crate) forbidden: bool,
}

impl<'a> Request<'a> {
    /// A successful one without bodies.
    pub(crate) fn new(
        actor: &'a Actor,
        level: &'static str,
        verb: &'static str,
        uri: String,
        target: Option<Target>,
    ) -> Self {
        let code = if verb == "create" { 201 } else { 200 };
        Self {
            actor,
            as_actor: None,
            level,
            verb,
            uri,
            target,
            code,
            status: None,
            request: None,
            response: None,
            forbidden: false,
        }
    }

    fn line(self, audit_id: String, received: i64, stage: i64) -> Vec<u8> {
        let allowed = self.as_actor.unwrap_or(self.actor);
        let (decision, reason) = if self.forbidden { ("forbid", "") } else { ("allow", allowed.reason.as_str()) };
        let status = object().with("metadata", object().done());
        let status = match self.status {
            Some(Builder(members)) => members.into_iter().fold(status, |s, (key, value)| s.with(key, value)),
            None => status,
        };
        let event = object()
            .with("kind", "Event")
            .with("apiVersion", "audit.k8s.io/v1")
            .with("level", self.level)
            .with("auditID", audit_id)
            .with("stage", "ResponseComplete")
            .with("requestURI", self.uri)
            .with("verb", self.verb)
            .with("user", self.actor.json())
            .maybe("impersonatedUser", self.as_actor.map(Actor::json))
            .with("sourceIPs", self.actor.ips.as_slice())
            .with("userAgent", self.actor.agent.as_str())
            .maybe("objectRef", self.target.map(|t| t.json()))
            .with("responseStatus", status.with("code", Json::Number(self.code)).done())
            .maybe("requestObject", self.request)
            .maybe("responseObject", self.response)
            .with("requestReceivedTimestamp", micros(received))
            .with("stageTimestamp", micros(stage));
        let annotations =
            object().with("authorization.k8s.io/decision", decision).with("authorization.k8s.io/reason", reason);
        let mut out = Vec::with_capacity(4096);
        event.with("annotations", annotations.done()).done().push_compact(&mut out);
        out
    }
}

/// The members of a failure, after `metadata`.
pub(crate) fn failure(message: String, reason: &'static str, details: Json) -> Builder {
    object().with("status", "Failure").with("message", message).with("reason", reason).with("details", details)
}

/// A `Status` as a response body; a failure repeats its code.
pub(crate) fn status_body(members: &Builder, code: Option<i64>) -> Json {
    let start = object().with("kind", "Status").with("apiVersion", "v1").with("metadata", object().done());
    let all = members.0.iter().fold(start, |s, (key, value)| s.with(key.clone(), value.clone()));
    all.maybe("code", code.map(Json::Number)).done()
}

/// The log being written: its clock runs forwards only, and no two requests overlap.
#[derive(Debug)]
pub(crate) struct Journal {
    logs: Logs,
    ids: Rng,
    now: i64,
    held: Option<(Vec<u8>, i64)>,
}

impl Journal {
    /// A journal into these files.
    pub(crate) fn new(logs: Logs, seed: u64, start: i64) -> Self {
        Self { logs, ids: Rng::new(seed, "audit ids"), now: start, held: None }
    }

    /// The time: later than everything logged.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Lets time pass until then.
    pub(crate) fn wait_until(&mut self, time: i64) {
        self.now = self.now.max(time);
    }

    /// Lets this much time pass.
    pub(crate) fn wait(&mut self, span: i64) {
        self.now = self.now.saturating_add(span);
    }

    /// Logs a request made now. Changes take effect before it returns.
    pub(crate) fn log(&mut self, request: Request<'_>) -> io::Result<()> {
        let received = self.now;
        let latency = self.ids.range(900, 12_000);
        let stage = received.saturating_add(latency);
        self.now = stage.saturating_add(500);
        // Requests of several connections reach the log slightly out of order; here only reads do, so that the
        // order of lines is the order of changes.
        let late = request.level == "Metadata" && self.held.is_none() && self.ids.per_mille(5);
        let line = request.line(self.ids.uuid(), received, stage);
        if late {
            self.held = Some((line, stage));
            return Ok(());
        }
        self.logs.line(&line, stage)?;
        match self.held.take() {
            Some((line, stage)) => self.logs.line(&line, stage),
            None => Ok(()),
        }
    }

    /// Closes the files.
    pub(crate) fn finish(mut self) -> io::Result<Written> {
        if let Some((line, stage)) = self.held.take() {
            self.logs.line(&line, stage)?;
        }
        self.logs.finish()
    }
}
