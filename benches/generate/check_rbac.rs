//! Replays a generated RBAC log from the first snapshot, and compares the outcome with the second.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use super::check::{agree, each_line, ensure, json_file, text};
use super::clock::{MINUTE, parse};
use super::patches::apply;

type Key = (String, String, String);

/// Objects by plural, namespace and name; without `managedFields`, as in snapshots.
#[derive(Default)]
struct Replay {
    state: BTreeMap<Key, Value>,
    uids: BTreeSet<String>,
    ids: BTreeSet<String>,
    changes: u64,
    version: u64,
    last: Option<i64>,
    longest_gap: i64,
    reasons: u64,
}

/// Verifies a directory that `rbac` generated.
pub(crate) fn check(dir: &Path, record: &Value) -> Result<String, String> {
    let mut replay = Replay { state: snapshot(&dir.join("snapshots/start"))?, ..Replay::default() };
    replay.uids = replay.state.values().map(|o| text(o, "/metadata/uid").to_owned()).collect();
    ensure(replay.uids.len() == replay.state.len(), || "two objects of the first snapshot share a uid".to_owned())?;
    let objects = replay.state.len();
    let [files, lines, bytes] = each_line(&dir.join("audit"), |line| {
        let event: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        replay.event(&event).map_err(|e| format!("{e} (audit ID {})", text(&event, "/auditID")))
    })?;
    ensure(replay.longest_gap <= 5 * MINUTE, || format!("the log has a gap of {} s", replay.longest_gap / 1_000_000))?;
    let end = snapshot(&dir.join("snapshots/end"))?;
    for key in replay.state.keys().chain(end.keys()) {
        let (replayed, shown) = (replay.state.get(key), end.get(key));
        ensure(replayed == shown, || format!("{key:?} is {shown:?} in the last snapshot, replayed {replayed:?}"))?;
    }
    for (key, found) in [("files", files), ("lines", lines), ("bytes", bytes), ("changes", replay.changes)] {
        agree(record, key, found)?;
    }
    let (asked, allowed) = reviews(dir)?;
    agree(record, "reviews", asked)?;
    agree(record, "reviews_allowed", allowed)?;
    Ok(format!(
        "{objects} objects, then {} changes in {lines} events ({bytes} bytes, {files} files, longest gap {} s) give the {} objects \
         of the last snapshot; {} reasons hold; {asked} reviews, {allowed} allowed",
        replay.changes,
        replay.longest_gap / 1_000_000,
        end.len(),
        replay.reasons
    ))
}

fn snapshot(dir: &Path) -> Result<BTreeMap<Key, Value>, String> {
    let mut state = BTreeMap::new();
    for plural in ["clusterroles", "clusterrolebindings", "roles", "rolebindings", "serviceaccounts", "namespaces"] {
        let list = json_file(&dir.join(format!("{plural}.json")))?;
        for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let (namespace, name) = (text(item, "/metadata/namespace"), text(item, "/metadata/name"));
            let before = state.insert((plural.to_owned(), namespace.to_owned(), name.to_owned()), item.clone());
            ensure(before.is_none(), || format!("{plural} {namespace}/{name} is twice in `{}`", dir.display()))?;
        }
    }
    Ok(state)
}

impl Replay {
    fn event(&mut self, event: &Value) -> Result<(), String> {
        ensure(self.ids.insert(text(event, "/auditID").to_owned()), || "the audit ID came before".to_owned())?;
        let time = |field: &str| parse(text(event, field)).ok_or_else(|| format!("{field} is no time"));
        let (received, staged) = (time("/requestReceivedTimestamp")?, time("/stageTimestamp")?);
        ensure(received < staged, || "it ended before it began".to_owned())?;
        if let Some(last) = self.last {
            self.longest_gap = self.longest_gap.max(staged - last);
        }
        self.last = Some(self.last.map_or(staged, |l| l.max(staged)));
        self.reason(event)?;
        let code = event.pointer("/responseStatus/code").and_then(Value::as_i64).unwrap_or_default();
        let verb = text(event, "/verb");
        let changes = matches!(verb, "create" | "update" | "patch" | "delete" | "deletecollection");
        if !changes || code >= 300 || text(event, "/requestURI").contains("dryRun=All") {
            return Ok(());
        }
        let plural = text(event, "/objectRef/resource");
        let namespace = if plural == "namespaces" { "" } else { text(event, "/objectRef/namespace") };
        let key = (plural.to_owned(), namespace.to_owned(), text(event, "/objectRef/name").to_owned());
        match (plural, verb, text(event, "/objectRef/subresource")) {
            ("leases", ..) => Ok(()),
            ("namespaces", "update", "finalize") => self.gone(&key),
            ("namespaces", "delete", _) => self.written(event, &key, false),
            (_, "delete", _) => self.deleted(event, &key),
            (_, "deletecollection", _) => self.emptied(event, &key),
            _ => self.written(event, &key, code == 201),
        }
    }

    fn count(&mut self, key: &Key, objects: u64) {
        if key.0.contains("role") {
            self.changes += objects;
        }
    }

    fn written(&mut self, event: &Value, key: &Key, created: bool) -> Result<(), String> {
        let body = bare(event.get("responseObject").ok_or("it has no response body")?);
        ensure(text(&body, "/metadata/name") == key.2 && text(&body, "/metadata/namespace") == key.1, || {
            "it answers with another object".to_owned()
        })?;
        let version: u64 = text(&body, "/metadata/resourceVersion").parse().map_err(|_| "no resourceVersion")?;
        ensure(version > self.version, || format!("resourceVersion {version} does not follow {}", self.version))?;
        self.version = version;
        let uid = text(&body, "/metadata/uid").to_owned();
        match self.state.get(key) {
            None if created => ensure(self.uids.insert(uid), || "a new object has an old uid".to_owned())?,
            Some(before) if !created => {
                ensure(text(before, "/metadata/uid") == uid, || "the uid changed".to_owned())?;
                ensure(before.get("roleRef") == body.get("roleRef"), || "the roleRef changed".to_owned())?;
                self.as_asked(event, before, &body)?;
            }
            found => return Err(format!("created: {created}, but before it there was {found:?}")),
        }
        self.count(key, 1);
        self.state.insert(key.clone(), body);
        Ok(())
    }

    /// The patch, or the whole new object, must lead to what the response shows.
    fn as_asked(&self, event: &Value, before: &Value, body: &Value) -> Result<(), String> {
        let request = event.get("requestObject").ok_or("it has no request body")?;
        let wanted = match text(event, "/verb") {
            "patch" => apply(before, request)?,
            "update" => bare(request),
            _ => return Ok(()),
        };
        for (member, pointer) in [
            ("rules", "/rules"),
            ("subjects", "/subjects"),
            ("labels", "/metadata/labels"),
            ("annotations", "/metadata/annotations"),
        ] {
            let empty = |v: &&Value| !v.is_null() && v.as_array().is_none_or(|a| !a.is_empty());
            let (wanted, found) = (wanted.pointer(pointer).filter(empty), body.pointer(pointer).filter(empty));
            // Server-side apply leaves alone what other managers wrote, annotations above all.
            let applied = text(event, "/requestURI").contains("force=true") && member == "annotations";
            ensure(wanted == found || applied, || format!("asked for {member} {wanted:?}, found {found:?}"))?;
        }
        Ok(())
    }

    fn deleted(&mut self, event: &Value, key: &Key) -> Result<(), String> {
        let before = self.state.get(key).ok_or("it deletes what is not there")?;
        let told = [text(event, "/responseObject/details/uid"), text(event, "/responseObject/metadata/uid")];
        ensure(told.contains(&text(before, "/metadata/uid")), || "it deletes another uid".to_owned())?;
        self.count(key, 1);
        self.gone(key)
    }

    fn gone(&mut self, key: &Key) -> Result<(), String> {
        let held = ["roles", "rolebindings", "serviceaccounts"].iter().any(|plural| self.holds(plural, &key.2));
        ensure(key.0 != "namespaces" || !held, || "the namespace still holds objects".to_owned())?;
        self.state.remove(key).map(|_| ()).ok_or_else(|| format!("{key:?} is not there"))
    }

    fn emptied(&mut self, event: &Value, key: &Key) -> Result<(), String> {
        let items = event.pointer("/responseObject/items").and_then(Value::as_array).ok_or("it lists nothing")?;
        for item in items {
            let of = (key.0.clone(), key.1.clone(), text(item, "/metadata/name").to_owned());
            let before = self.state.remove(&of).ok_or_else(|| format!("{of:?} was not there"))?;
            ensure(text(&before, "/metadata/uid") == text(item, "/metadata/uid"), || {
                format!("{of:?} has another uid")
            })?;
        }
        self.count(key, items.len() as u64);
        ensure(!self.holds(&key.0, &key.1), || "it left objects of the kind behind".to_owned())
    }

    /// Whether a namespace holds objects of a kind.
    fn holds(&self, plural: &str, namespace: &str) -> bool {
        let from = (plural.to_owned(), namespace.to_owned(), String::new());
        self.state.range(from..).next().is_some_and(|(k, _)| k.0 == plural && k.1 == namespace)
    }

    /// The binding that an authorization reason names must exist, name the role and the subject.
    fn reason(&mut self, event: &Value) -> Result<(), String> {
        let reason =
            event.pointer("/annotations/authorization.k8s.io~1reason").and_then(Value::as_str).ok_or("no reason")?;
        if reason.is_empty() {
            return Ok(());
        }
        let unquoted = reason.replace("\\\"", "\u{1}");
        let parts: Vec<String> = unquoted.split('"').map(|p| p.replace('\u{1}', "\"")).collect();
        let [kind, binding, role_kind, role, subject_kind, subject, _] = parts.as_slice() else {
            return Err(format!("odd reason {reason}"));
        };
        let (plural, (name, namespace)) = match kind.ends_with(" RoleBinding ") {
            true => ("rolebindings", binding.rsplit_once('/').unwrap_or_default()),
            false => ("clusterrolebindings", (binding.as_str(), "")),
        };
        let found = self.state.get(&(plural.to_owned(), namespace.to_owned(), name.to_owned()));
        let found = found.ok_or_else(|| format!("no such binding: {reason}"))?;
        let same_role = text(found, "/roleRef/name") == role && role_kind.contains(text(found, "/roleRef/kind"));
        let of_role = if role_kind.contains("ClusterRole") { ("clusterroles", "") } else { ("roles", namespace) };
        let role_there = self.state.contains_key(&(of_role.0.to_owned(), of_role.1.to_owned(), role.clone()));
        let mut subjects = found.get("subjects").and_then(Value::as_array).into_iter().flatten();
        let named = subjects.any(|s| {
            let name = match text(s, "/kind") {
                "ServiceAccount" => format!("{}/{}", text(s, "/name"), text(s, "/namespace")),
                _ => text(s, "/name").to_owned(),
            };
            name == *subject && subject_kind.contains(text(s, "/kind"))
        });
        self.reasons += 1;
        ensure(same_role && role_there && named, || format!("does not hold: {reason}"))
    }
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

fn reviews(dir: &Path) -> Result<(u64, u64), String> {
    let lines = |name: &str| -> Result<Vec<Value>, String> {
        let file = File::open(dir.join(name)).map_err(|e| format!("{name}: {e}"))?;
        let read = |line: Result<String, std::io::Error>| {
            let line = line.map_err(|e| format!("{name}: {e}"))?;
            serde_json::from_str(&line).map_err(|e| format!("{name}: {e}"))
        };
        BufReader::new(file).lines().map(read).collect()
    };
    let (asked, answers) = (lines("reviews.jsonl")?, lines("reviews-answers.jsonl")?);
    ensure(asked.len() == answers.len(), || "there are not as many answers as reviews".to_owned())?;
    for review in &asked {
        let target = ["/spec/resourceAttributes/resource", "/spec/nonResourceAttributes/path"]
            .iter()
            .any(|p| !text(review, p).is_empty());
        let whole = parse(text(review, "/at")).is_some() && !text(review, "/spec/user").is_empty() && target;
        ensure(whole, || format!("not a review: {review}"))?;
    }
    let allowed = answers.iter().filter(|a| a.get("allowed").and_then(Value::as_bool) == Some(true)).count();
    Ok((asked.len() as u64, allowed as u64))
}
