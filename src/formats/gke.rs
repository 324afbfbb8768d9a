//! Google Cloud Logging entries of GKE. The event is mapped, not quoted: `methodName` gives the verb and
//! tells resource from subresource, `resourceName` gives group, version, namespace and name. Alone
//! either is ambiguous (a name may be missing). What the entry does not say stays absent: its
//! `google.rpc` code goes into `grpc_code`, its one address may be any of the request's.

use serde_json::value::RawValue;

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::{Fact, Skipped};
use super::warnings;
use crate::model::annotations::Annotations;
use crate::model::audit::{AuditEvent, ObjectReference, ResponseStatus, UserInfo};
use crate::model::event_times::EventTimes;
use crate::model::text::Text;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    let payload = fields.object("protoPayload");
    fields.has("logName")
        && payload.is_some_and(|p| p.text("@type").is_some_and(|t| t.ends_with("google.cloud.audit.AuditLog")))
        || (fields.has("logName") && fields.has("insertId") && fields.has("resource"))
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::GkeCloudLogging);
    let around = around.of(Format::GkeCloudLogging);
    let entry = &doc.fields;
    let resource = entry.object("resource").unwrap_or_default();
    let payload = entry.object("protoPayload").unwrap_or_default();
    if !resource.is("type", "k8s_cluster") || !payload.is("serviceName", "k8s.io") {
        // Calls of the Google API (`gke_cluster`), container logs, anything else in the same export.
        return opener.sink.skip(Skipped::OtherLog, around.span());
    }
    about(opener, entry, &resource);
    match Entry::read(entry, &payload) {
        Some(read) => read.event(opener, doc.text, around),
        None => opener.reject(
            doc.text,
            "expected `protoPayload.methodName` and `timestamp`",
            around,
            warnings::REJECTED_LINE,
        ),
    }
}

fn about(opener: &mut Opener<'_>, entry: &Fields<'_>, resource: &Fields<'_>) {
    let labels = resource.object("labels").unwrap_or_default();
    if let Some(cluster) = labels.text("cluster_name") {
        opener.sink.fact(Fact::Cluster(&cluster));
    }
    if let Some(project) = labels.text("project_id") {
        opener.sink.fact(Fact::Account(&project));
    }
    if let Some(log) =
        entry.text("logName").as_deref().and_then(|l| l.rsplit_once("%2F").or_else(|| l.rsplit_once('/')))
    {
        opener.sink.fact(Fact::Category(log.1));
    }
}

/// The parts of an entry.
struct Entry<'a> {
    audit_id: Option<Text<'a>>,
    method: Text<'a>,
    resource_name: Option<Text<'a>>,
    principal: Option<Text<'a>>,
    impersonated: Option<Text<'a>>,
    caller_ip: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    status: Option<(i32, Option<Text<'a>>)>,
    request: Option<Box<RawValue>>,
    response: Option<Box<RawValue>>,
    annotations: Option<Annotations<'a>>,
    times: EventTimes,
    received_by_log: Option<crate::model::time::Timestamp>,
    part: Option<&'static str>,
}

impl<'a> Entry<'a> {
    fn read(entry: &Fields<'a>, payload: &Fields<'a>) -> Option<Self> {
        let operation = entry.object("operation").unwrap_or_default();
        let who = payload.object("authenticationInfo").unwrap_or_default();
        let from = payload.object("requestMetadata").unwrap_or_default();
        let own = operation.is("producer", "k8s.io");
        let id = operation.text("id").filter(|_| own).or_else(|| entry.text("insertId"));
        Some(Self {
            audit_id: id,
            method: payload.text("methodName")?,
            resource_name: payload.text("resourceName"),
            principal: who.text("principalEmail"),
            impersonated: who.text("authoritySelector"),
            caller_ip: from.text("callerIp"),
            user_agent: from.text("callerSuppliedUserAgent"),
            status: payload.object("status").map(|s| {
                // An empty status is success: zero is not written.
                let code = s.integer("code").and_then(|c| i32::try_from(c).ok()).unwrap_or_default();
                (code, s.text("message"))
            }),
            request: payload.get("request").and_then(body),
            response: payload.get("response").and_then(body),
            annotations: entry.get("labels").and_then(|l| serde_json::from_str(l.get()).ok()),
            // The one time of an entry is when the request was received.
            times: EventTimes { stage: None, received: Some(entry.time("timestamp")?) },
            received_by_log: entry.time("receiveTimestamp"),
            part: part(&operation),
        })
    }

    fn event(&self, opener: &mut Opener<'_>, text: &str, around: Around<'_>) {
        let target = Target::of(&self.method, self.resource_name.as_deref().unwrap_or_default());
        let user =
            |name: &Option<Text<'a>>| name.clone().map(|n| UserInfo { username: Some(n), ..UserInfo::default() });
        let event = AuditEvent {
            audit_id: self.audit_id.clone(),
            verb: target.verb.map(Into::into),
            user: user(&self.principal),
            impersonated_user: user(&self.impersonated),
            source_ips: self.caller_ip.clone().map(|ip| vec![ip]),
            user_agent: self.user_agent.clone(),
            object_ref: target.object,
            response_status: self
                .status
                .as_ref()
                .map(|(_, message)| ResponseStatus { message: message.clone(), ..Default::default() }),
            request_object: self.request.as_deref().map(Into::into),
            response_object: self.response.as_deref().map(Into::into),
            annotations: self.annotations.clone(),
            ..AuditEvent::default()
        };
        let mut around = around;
        around.envelope.time = self.received_by_log;
        around.envelope.grpc_code = self.status.as_ref().map(|s| s.0);
        around.envelope.operation_part = self.part;
        around.envelope.resource_name = self.resource_name.as_deref();
        opener.event(&event, self.times, text, around);
    }
}

/// `first` and `last` of one long-running request are two entries; a short one is both at once.
fn part(operation: &Fields<'_>) -> Option<&'static str> {
    let is = |key| operation.get(key).is_some_and(|v| v.get() == "true");
    match (is("first"), is("last")) {
        (true, false) => Some("first"),
        (false, true) => Some("last"),
        _ => None,
    }
}

/// A body without the `@type` that the log service adds.
fn body(raw: &RawValue) -> Option<Box<RawValue>> {
    let Ok(fields) = Fields::of(raw.get()) else { return RawValue::from_string(raw.get().to_owned()).ok() };
    let mut text = String::with_capacity(raw.get().len());
    for (key, value) in fields.iter().filter(|(k, _)| *k != "@type") {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(&serde_json::Value::from(key).to_string());
        text.push(':');
        text.push_str(value.get());
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    RawValue::from_string(text).ok()
}

/// What a request was about.
#[derive(Debug, Default)]
struct Target<'t> {
    verb: Option<&'t str>,
    object: Option<ObjectReference<'t>>,
}

impl<'t> Target<'t> {
    /// `io.k8s.<group>.<version>.<resource>[.<subresource>].<verb>` and
    /// `<group>/<version>/[namespaces/<ns>/]<resource>[/<name>][/<subresource>]`.
    fn of(method: &'t str, name: &'t str) -> Self {
        let words: Vec<&str> = method.split('.').collect();
        let verb = words.last().copied().filter(|_| words.len() > 1);
        let parts: Vec<&str> = name.split('/').collect();
        let [group, version, rest @ ..] = parts.as_slice() else { return Self { verb, object: None } };
        let (resource, subresource) = match words.as_slice() {
            [.., v, resource, _] if v == version => (*resource, None),
            [.., v, resource, sub, _] if v == version => (*resource, Some(*sub)),
            // The two do not speak of one thing; what they agree on is the verb.
            _ => return Self { verb, object: None },
        };
        let (namespace, rest) = match rest {
            // A namespace is in itself, as the API server sees it.
            ["namespaces", ns, ..] if resource == "namespaces" => (Some(*ns), rest),
            ["namespaces", ns, rest @ ..] => (Some(*ns), rest),
            _ => (None, rest),
        };
        let name = match rest {
            [r, last] if *r == resource && Some(*last) == subresource => None,
            [r, name, ..] if *r == resource => Some(*name),
            _ => None,
        };
        let object = ObjectReference {
            resource: Some(resource.into()),
            namespace: namespace.map(Into::into),
            name: name.map(Into::into),
            api_group: (*group != "core").then(|| (*group).into()),
            api_version: Some((*version).into()),
            subresource: subresource.map(Into::into),
            ..ObjectReference::default()
        };
        Self { verb, object: Some(object) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(method: &str, name: &str) -> String {
        let t = Target::of(method, name);
        let o = t.object.unwrap_or_default();
        let s = |v: &Option<Text<'_>>| v.as_deref().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {} {} {} {}",
            t.verb.unwrap_or("-"),
            s(&o.api_group),
            s(&o.api_version),
            s(&o.resource),
            s(&o.namespace),
            s(&o.name),
            s(&o.subresource)
        )
    }

    #[test]
    fn method_and_resource_name_together_tell_the_object() {
        for (method, name, expected) in [
            (
                "io.k8s.authorization.rbac.v1.roles.create",
                "rbac.authorization.k8s.io/v1/namespaces/a/roles/r",
                "create rbac.authorization.k8s.io v1 roles a r -",
            ),
            ("io.k8s.core.v1.pods.create", "core/v1/namespaces/web/pods", "create - v1 pods web - -"),
            (
                "io.k8s.core.v1.pods.exec.create",
                "core/v1/namespaces/p/pods/api-0/exec",
                "create - v1 pods p api-0 exec",
            ),
            ("io.k8s.core.v1.namespaces.get", "core/v1/namespaces/p", "get - v1 namespaces p p -"),
            ("io.k8s.core.v1.namespaces.list", "core/v1/namespaces", "list - v1 namespaces - - -"),
            (
                "io.k8s.core.v1.namespaces.finalize.update",
                "core/v1/namespaces/p/finalize",
                "update - v1 namespaces p p finalize",
            ),
            ("io.k8s.core.v1.nodes.proxy.get", "core/v1/nodes/n1/proxy", "get - v1 nodes - n1 proxy"),
            ("io.k8s.core.v1.pods.status.patch", "core/v1/namespaces/p/pods/status", "patch - v1 pods p - status"),
            ("io.k8s.get", "api", "get - - - - - -"),
            ("io.k8s.post", "apis/x", "post - - - - - -"),
            ("odd", "", "- - - - - - -"),
        ] {
            assert_eq!(shown(method, name), expected, "{method} {name}");
        }
    }

    #[test]
    fn bodies_lose_only_the_added_type() {
        let raw: &RawValue = serde_json::from_str(r#"{"@type":"k8s.io/Patch","a": {"@type":1},"b":[2]}"#).unwrap();
        assert_eq!(body(raw).unwrap().get(), r#"{"a":{"@type":1},"b":[2]}"#);
        let raw: &RawValue = serde_json::from_str(r#"{"@type":"x"}"#).unwrap();
        assert_eq!(body(raw).unwrap().get(), "{}");
    }
}
