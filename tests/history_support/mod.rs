//! A small simulated cluster that remembers the truth, and the evidence that it leaves behind.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use kubesleuth::history::evidence::{Change, Evidence, Listing, Sighting};
use kubesleuth::history::rbac::timeline;
use kubesleuth::history::state::{BindingState, RbacTimeline, RoleState};
use kubesleuth::history::version::History;
use kubesleuth::history::{rebuild_with, version::Presence};
use kubesleuth::model::basis::Basis;
use kubesleuth::model::object::{ObjectKey, ObservedAt, Provenance};
use kubesleuth::model::rbac::{RBAC_GROUP, RbacKind};
use kubesleuth::model::time::{Interval, Timestamp};
use serde_json::{Value, json};

pub const BASE: i64 = 1_790_000_000_000_000;

/// Milliseconds after the beginning of the world.
pub fn ms(n: i64) -> Timestamp {
    Timestamp::from_micros(BASE + n * 1000)
}

pub fn second(t: Timestamp) -> String {
    Timestamp::from_micros(t.as_micros().div_euclid(1_000_000) * 1_000_000).to_string()
}

pub fn kind_of(group: &str, resource: &str) -> Option<String> {
    match (group, resource) {
        (RBAC_GROUP, resource) => RbacKind::from_resource(resource).map(|k| k.as_str().to_owned()),
        ("", "namespaces") => Some("Namespace".into()),
        ("", "serviceaccounts") => Some("ServiceAccount".into()),
        ("", "pods") => Some("Pod".into()),
        _ => None,
    }
}

pub fn history(evidence: &Evidence) -> History {
    rebuild_with(evidence, &kind_of)
}

pub fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    let group = if RbacKind::from_kind(kind).is_some() { RBAC_GROUP } else { "" };
    ObjectKey { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
}

/// What an answer can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Absent(Basis),
    /// Rules, or roleRef and subjects, as JSON.
    Present(Value, Basis),
    /// May have existed, then with these parts (null: not known).
    Maybe(Value, Value),
    Unknown,
}

/// What RBAC reads of an object, as the answers show it.
pub fn content(object: &Value) -> Value {
    if object["kind"].as_str().is_some_and(|k| k.ends_with("Role")) {
        json!([object["rules"].as_array().cloned().unwrap_or_default()])
    } else {
        json!([object["roleRef"]["name"], object["subjects"].as_array().cloned().unwrap_or_default()])
    }
}

/// What the history says of an object at an instant.
pub fn ask(timeline: &RbacTimeline, key: &ObjectKey, t: Timestamp) -> Answer {
    let kind = RbacKind::from_kind(&key.kind).unwrap();
    let mut found = None;
    let mut ghost = false;
    for role in timeline.roles.iter().filter(|v| v.kind == kind && *v.namespace == key.namespace && v.held.contains(t))
    {
        ghost |= role.name.contains('?');
        if *role.name == key.name {
            assert!(found.is_none(), "versions overlap");
            found = Some(match &role.state {
                RoleState::Rules(rules) => Answer::Present(json!([rules.to_vec()]), role.basis),
                RoleState::Maybe { rules, .. } => Answer::Maybe(json!(rules.to_vec()), Value::Null),
                RoleState::Unknown(_) => Answer::Unknown,
            });
        }
    }
    for b in timeline.bindings.iter().filter(|v| v.kind == kind && *v.namespace == key.namespace && v.held.contains(t))
    {
        ghost |= b.name.contains('?');
        if *b.name == key.name {
            assert!(found.is_none(), "versions overlap");
            found = Some(match &b.state {
                BindingState::Known { role_ref, subjects } => {
                    Answer::Present(json!([role_ref.name, subjects.to_vec()]), b.basis)
                }
                BindingState::Maybe { role_ref, subjects, .. } => {
                    Answer::Maybe(json!(role_ref.name), subjects.as_ref().map_or(Value::Null, |s| json!(s.to_vec())))
                }
                BindingState::Unknown(_) => Answer::Unknown,
            });
        }
    }
    let set = timeline.known_sets.iter().filter(|s| s.covers(kind, &key.namespace, t)).map(|s| s.basis).min();
    match (found, set) {
        (Some(answer), _) => answer,
        (None, Some(basis)) if !ghost => Answer::Absent(basis),
        _ => Answer::Unknown,
    }
}

/// Audit levels, from the fullest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    RequestResponse,
    Request,
    Metadata,
}

/// One true object.
#[derive(Clone, Debug)]
pub struct Object {
    pub body: Value,
}

/// The simulated cluster.
#[derive(Default)]
pub struct Sim {
    pub now: i64,
    revision: u64,
    uid: u64,
    audit: u64,
    pub objects: BTreeMap<ObjectKey, Value>,
    /// Every change of an object: from when on, what it was.
    pub truth: BTreeMap<ObjectKey, Vec<(Timestamp, Option<Value>)>>,
    pub changes: Vec<Change>,
    pub sightings: Vec<Sighting>,
    pub listings: Vec<Listing>,
    pub managed_fields: bool,
    /// Snapshots show no identity, version or time of creation.
    pub anonymous: bool,
}

impl Sim {
    pub fn new() -> Self {
        Self { now: 10_000, ..Self::default() }
    }

    /// A cluster whose birth the log shows.
    pub fn with_genesis() -> Self {
        let mut sim = Self::new();
        sim.create(key("Namespace", "", "kube-system"), json!({"spec": {"finalizers": ["kubernetes"]}}));
        sim.now += 10;
        sim
    }

    pub fn t(&self) -> Timestamp {
        ms(self.now)
    }

    pub fn after(&mut self, millis: i64) -> &mut Self {
        self.now += millis;
        self
    }

    pub fn set(&mut self, key: &ObjectKey, body: Option<Value>) {
        match &body {
            Some(body) => self.objects.insert(key.clone(), body.clone()),
            None => self.objects.remove(key),
        };
        let t = self.t();
        self.truth.entry(key.clone()).or_default().push((t, body));
    }

    pub fn change(&mut self, verb: &str, key: &ObjectKey, code: i32) -> Change {
        self.audit += 1;
        let resource = match RbacKind::from_kind(&key.kind) {
            Some(kind) => kind.resource().to_owned(),
            None => format!("{}s", key.kind.to_lowercase()),
        };
        let prefix = if key.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}/v1", key.group) };
        let space = if key.namespace.is_empty() { String::new() } else { format!("/namespaces/{}", key.namespace) };
        let name = if verb == "create" || key.name.is_empty() { String::new() } else { format!("/{}", key.name) };
        Change {
            audit_id: format!("audit-{}", self.audit),
            verb: verb.into(),
            level: Some("RequestResponse".into()),
            stage: Some("ResponseComplete".into()),
            code: Some(code),
            group: key.group.clone(),
            request_uri: format!("{prefix}{space}/{resource}{name}"),
            resource,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            actor: "alice".into(),
            received: Some(self.t()),
            staged: self.t(),
            from: Provenance { source_id: "log".into(), offset: self.audit * 100, line: self.audit, length: 99 },
            ..Change::default()
        }
    }

    pub fn stamp(&mut self, key: &ObjectKey, mut body: Value, old: Option<&Value>) -> Value {
        self.revision += 1;
        let object = body.as_object_mut().unwrap();
        object.insert("kind".into(), json!(key.kind));
        object.insert(
            "apiVersion".into(),
            json!(if key.group.is_empty() { "v1".into() } else { format!("{}/v1", key.group) }),
        );
        if object.get("metadata").is_none() {
            object.insert("metadata".into(), json!({}));
        }
        let now = second(self.t());
        let field = if key.kind.ends_with("Role") { "rules" } else { "subjects" };
        let same = old.is_some_and(|o| o[field] == body[field]);
        let kept = old.map(|o| o["metadata"]["managedFields"].clone()).filter(|_| same);
        let meta = body["metadata"].as_object_mut().unwrap();
        meta.insert("name".into(), json!(key.name));
        if !key.namespace.is_empty() {
            meta.insert("namespace".into(), json!(key.namespace));
        }
        meta.insert("resourceVersion".into(), json!(self.revision.to_string()));
        match old {
            Some(old) => {
                meta.insert("uid".into(), old["metadata"]["uid"].clone());
                meta.insert("creationTimestamp".into(), old["metadata"]["creationTimestamp"].clone());
            }
            None => {
                self.uid += 1;
                meta.insert("uid".into(), json!(format!("uid-{}", self.uid)));
                meta.insert("creationTimestamp".into(), json!(now));
            }
        }
        if self.managed_fields {
            let field = format!("f:{field}");
            let fresh = json!([{"manager": "kubectl", "operation": "Update", "time": now, "fieldsV1": {field: {}}}]);
            meta.insert("managedFields".into(), kept.unwrap_or(fresh));
        }
        body
    }

    pub fn create(&mut self, key: ObjectKey, body: Value) {
        assert!(!self.objects.contains_key(&key));
        let mut asked = body.clone();
        asked["metadata"]["name"] = json!(key.name);
        asked["kind"] = json!(key.kind);
        let body = self.stamp(&key, body, None);
        let mut change = self.change("create", &key, 201);
        change.request_body = Some(text(&asked));
        change.response_body = Some(text(&body));
        self.changes.push(change);
        self.set(&key, Some(body));
    }

    pub fn update(&mut self, key: &ObjectKey, body: Value) {
        let old = self.objects[key].clone();
        let mut asked = body.clone();
        asked["metadata"]["name"] = json!(key.name);
        asked["kind"] = json!(key.kind);
        let body = self.stamp(key, body, Some(&old));
        let mut change = self.change("update", key, 200);
        change.request_body = Some(text(&asked));
        change.response_body = Some(text(&body));
        self.changes.push(change);
        self.set(key, Some(body));
    }

    /// A merge patch of top-level fields and of metadata.
    pub fn patch(&mut self, key: &ObjectKey, patch: Value) {
        let old = self.objects[key].clone();
        let mut body = old.clone();
        merge(&mut body, &patch);
        let body = self.stamp(key, body, Some(&old));
        let mut change = self.change("patch", key, 200);
        change.request_uri.push_str("?fieldManager=kubectl-patch");
        change.user_agent = "kubectl/v1.36.0".into();
        change.request_body = Some(text(&patch));
        change.response_body = Some(text(&body));
        self.changes.push(change);
        self.set(key, Some(body));
    }

    pub fn delete(&mut self, key: &ObjectKey) {
        let old = self.objects[key].clone();
        self.revision += 1;
        let mut change = self.change("delete", key, 200);
        change.request_body = Some(text(&json!({"kind": "DeleteOptions", "propagationPolicy": "Background"})));
        let details = json!({"name": key.name, "uid": old["metadata"]["uid"]});
        change.response_body = Some(text(&json!({"kind": "Status", "status": "Success", "details": details})));
        self.changes.push(change);
        self.set(key, None);
    }

    /// Deletes what matches, as one request without a list in its response.
    pub fn delete_collection(&mut self, kind: &str, namespace: &str, query: &str, matches: impl Fn(&Value) -> bool) {
        let gone: Vec<ObjectKey> = self
            .objects
            .iter()
            .filter(|(k, v)| k.kind == kind && k.namespace == namespace && matches(v))
            .map(|(k, _)| k.clone())
            .collect();
        let mut change = self.change("deletecollection", &key(kind, namespace, ""), 200);
        if !query.is_empty() {
            change.request_uri.push('?');
            change.request_uri.push_str(query);
        }
        let items: Vec<Value> = gone.iter().map(|k| self.objects[k].clone()).collect();
        let list = json!({"kind": format!("{kind}List"), "metadata": {}, "items": items});
        change.response_body = Some(text(&list));
        self.changes.push(change);
        for key in gone {
            self.revision += 1;
            self.set(&key, None);
        }
    }

    /// The whole end of a namespace, as the controller brings it about.
    pub fn end_namespace(&mut self, name: &str) {
        let space = key("Namespace", "", name);
        let mut going = self.objects[&space].clone();
        going["metadata"]["deletionTimestamp"] = json!(second(self.t()));
        let mut change = self.change("delete", &space, 200);
        change.namespace = name.into();
        change.response_body = Some(text(&going));
        self.changes.push(change);
        self.set(&space, Some(going.clone()));
        for kind in ["Role", "RoleBinding"] {
            self.now += 3;
            self.delete_collection(kind, name, "", |_| true);
        }
        self.now += 3;
        going["spec"]["finalizers"] = json!([]);
        let mut change = self.change("update", &space, 200);
        change.subresource = "finalize".into();
        change.actor = "system:serviceaccount:kube-system:namespace-controller".into();
        change.request_body = Some(text(&going));
        change.response_body = Some(text(&going));
        self.changes.push(change);
        self.set(&space, None);
    }

    /// Reads everything of the four kinds, at one instant.
    pub fn snapshot(&mut self) {
        let observed = ObservedAt { from: self.t(), to: self.t() };
        for kind in RbacKind::ALL {
            self.read(kind, observed);
        }
    }

    /// Reads all of one kind now, as part of a snapshot that takes its time.
    pub fn read(&mut self, kind: RbacKind, observed: ObservedAt) {
        let source = format!("snapshot-{}-{kind}", observed.from);
        let record = |n: usize| Provenance { source_id: source.clone(), offset: n as u64, line: 1, length: 1 };
        self.listings.push(Listing {
            group: RBAC_GROUP.into(),
            kind: kind.as_str().into(),
            namespace: None,
            observed,
            whole: true,
            supposed: false,
            from: record(0),
        });
        let of_kind = |k: &ObjectKey| k.group == RBAC_GROUP && k.kind == kind.as_str();
        for (n, (key, body)) in self.objects.iter().filter(|(k, _)| of_kind(k)).enumerate() {
            let mut body = body.clone();
            if self.anonymous {
                let meta = body["metadata"].as_object_mut().unwrap();
                meta.retain(|field, _| ["name", "namespace", "labels"].contains(&field.as_str()));
            }
            self.sightings.push(sighting(key, &body, observed, record(n + 1)));
        }
    }

    /// The evidence, with the log in full from the first to the last moment.
    pub fn evidence(&self, level: Level) -> Evidence {
        let log = vec![Interval::new(ms(0), self.t().plus_micros(1))];
        self.evidence_of(level, log)
    }

    /// The evidence with the log of some stretches only.
    pub fn evidence_of(&self, level: Level, log: Vec<Interval>) -> Evidence {
        let logged = |c: &&Change| log.iter().any(|s| s.contains(c.staged));
        Evidence {
            sightings: self.sightings.clone(),
            listings: self.listings.clone(),
            changes: self.changes.iter().filter(logged).map(|c| at_level(c, level)).collect(),
            log,
            named_elsewhere: Vec::new(),
        }
    }

    /// The true content at an instant.
    pub fn true_content(&self, key: &ObjectKey, t: Timestamp) -> Option<Value> {
        let states = self.truth.get(key)?;
        let now = states.iter().rev().find(|(from, _)| *from <= t)?;
        now.1.as_ref().map(content)
    }
}

pub fn sighting(key: &ObjectKey, body: &Value, observed: ObservedAt, from: Provenance) -> Sighting {
    let text = |field: &str| body["metadata"][field].as_str().map(str::to_owned);
    Sighting {
        key: key.clone(),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        observed,
        body: self::text(body),
        from,
    }
}

pub fn text(value: &Value) -> Arc<str> {
    Arc::from(value.to_string())
}

fn merge(target: &mut Value, patch: &Value) {
    if let (Value::Object(target), Value::Object(patch)) = (&mut *target, patch) {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    } else {
        *target = patch.clone();
    }
}

/// What a record holds at a lower level.
pub fn at_level(change: &Change, level: Level) -> Change {
    let mut change = change.clone();
    if level != Level::RequestResponse {
        change.level = Some("Request".into());
        change.response_body = None;
    }
    if level == Level::Metadata {
        change.level = Some("Metadata".into());
        change.request_body = None;
    }
    change
}

pub fn rules(verb: &str) -> Value {
    json!([{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}])
}

pub fn role(verb: &str) -> Value {
    json!({"rules": rules(verb)})
}

pub fn binding(role: &str, user: &str) -> Value {
    let subjects = json!([{"kind": "User", "apiGroup": RBAC_GROUP, "name": user}]);
    json!({"roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role}, "subjects": subjects})
}

pub fn codes(history: &History) -> Vec<&'static str> {
    let mut codes: Vec<_> = history.findings.iter().map(|f| f.code).collect();
    codes.dedup();
    codes
}

/// The versions of one object as `from..to basis what`, times in milliseconds, for tests to compare.
pub fn show(history: &History, key: &ObjectKey) -> Vec<String> {
    let time = |t: Timestamp| match t {
        Timestamp::MIN => "-".to_owned(),
        Timestamp::MAX => "+".to_owned(),
        t => {
            let micros = t.as_micros() - BASE;
            if micros % 1000 == 0 {
                format!("{}", micros / 1000)
            } else {
                format!("{}.{:03}", micros / 1000, micros % 1000)
            }
        }
    };
    let mut lines = Vec::new();
    for v in history.versions.iter().filter(|v| v.key == *key) {
        let what = match &v.presence {
            Presence::Present(body) => short(body, false),
            Presence::Partial { existed, known, .. } => {
                format!("{}{}", if *existed { "part " } else { "maybe " }, short(known, true))
            }
            Presence::Unknown(_) => "?".into(),
        };
        lines.push(format!("{}..{} {} {}", time(v.held.from), time(v.held.to), v.basis, what));
    }
    lines
}

fn short(body: &str, partial: bool) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    let names = |field: &str, inner: &str| match body.get(field).and_then(Value::as_array) {
        Some(list) => list.iter().map(|i| i[inner].to_string()).collect::<Vec<_>>().join(","),
        None if partial => "?".into(),
        None => String::new(),
    };
    if body["kind"].as_str().unwrap_or_default().ends_with("Role") {
        names("rules", "verbs").replace(['"', '[', ']'], "")
    } else if body.get("roleRef").is_some() || body.get("subjects").is_some() {
        let role = body["roleRef"]["name"].as_str().unwrap_or("?");
        format!("{role}>{}", names("subjects", "name").replace('"', ""))
    } else {
        "object".into()
    }
}

pub fn rbac(history: &History) -> RbacTimeline {
    timeline(history)
}
