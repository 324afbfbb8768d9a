//! Telling copies of one event from different events under one audit ID.
//!
//! The API server takes a client's `Audit-ID` as it is, so equal ids prove nothing. A record is dropped
//! on the way only when it has the same identity *and* the very same bytes as one already kept. Equal
//! identities with other bytes are kept for now and compared field by field at the end ([`compare`]).
//! Both digests are cryptographic: whoever writes evidence must not be able to make an event vanish by
//! a chosen collision. Memory: 40 bytes for each distinct event.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::model::audit::AuditEvent;

/// What tells copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Digest of (component, auditID, stage, part of the operation).
    pub identity: [u8; 16],
    /// Digest of the record's bytes.
    pub content: [u8; 16],
}

/// The key of an event; `None` without an audit ID, since nothing then tells copies.
pub fn key_of(event: &AuditEvent<'_>, component: Option<&str>, part: Option<&str>, bytes: &[u8]) -> Option<Key> {
    let id = event.audit_id.as_deref().filter(|id| !id.is_empty())?;
    Some(Key { identity: identity(component, id, event.stage.as_deref(), part), content: digest(&[bytes]) })
}

/// Digest of (component, auditID, stage, part of the operation). Exports that name no server hold the
/// log of `kube-apiserver`, so the one and the other are equal. Two entries of one long-running
/// operation may differ in nothing but their part.
pub fn identity(component: Option<&str>, audit_id: &str, stage: Option<&str>, part: Option<&str>) -> [u8; 16] {
    let fields = [component.unwrap_or("kube-apiserver"), audit_id, stage.unwrap_or_default(), part.unwrap_or_default()];
    let mut parts: Vec<&[u8]> = Vec::with_capacity(8);
    let lengths = fields.map(|f| (f.len() as u64).to_le_bytes());
    // Lengths go in too: a field may hold any byte.
    for (field, length) in fields.iter().zip(&lengths) {
        parts.extend([length.as_slice(), field.as_bytes()]);
    }
    digest(&parts)
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut half = [0_u8; 16];
    hasher.finalize_xof().fill(&mut half);
    half
}

/// What to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Seen for the first time.
    New,
    /// The same bytes are kept already, from this source.
    Copy {
        /// Index of the source of the kept one.
        of: u32,
    },
    /// The identity is known, the bytes differ: keep it and compare later.
    Compare,
}

#[derive(Clone, Copy)]
struct Kept {
    /// `None`: a row of the case from an earlier import, whose bytes are not at hand.
    content: Option<[u8; 16]>,
    source: u32,
}

/// The events kept so far.
#[derive(Default)]
pub struct Seen {
    kept: HashMap<[u8; 16], Kept>,
    /// Further contents under an identity that has several.
    others: HashMap<[u8; 16], Vec<Kept>>,
}

impl Seen {
    /// Registers a row of an earlier import.
    pub fn earlier(&mut self, identity: [u8; 16]) {
        self.kept.entry(identity).or_insert(Kept { content: None, source: u32::MAX });
    }

    /// Decides about a record of source number `source`.
    pub fn judge(&mut self, key: Key, source: u32) -> Verdict {
        let new = Kept { content: Some(key.content), source };
        let first = match self.kept.entry(key.identity) {
            std::collections::hash_map::Entry::Vacant(v) => {
                v.insert(new);
                return Verdict::New;
            }
            std::collections::hash_map::Entry::Occupied(o) => *o.get(),
        };
        let others = self.others.get(&key.identity).map(Vec::as_slice).unwrap_or_default();
        if let Some(same) = std::iter::once(&first).chain(others).find(|k| k.content == Some(key.content)) {
            return Verdict::Copy { of: same.source };
        }
        self.others.entry(key.identity).or_default().push(new);
        Verdict::Compare
    }
}

/// How two records of one identity stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They say the same.
    Same,
    /// The first is a truncated copy of the second.
    FirstIsTruncated,
    /// The second is a truncated copy of the first.
    SecondIsTruncated,
    /// They say different things: two events.
    Different,
}

/// The content of an event for comparison: its fields by column name, bodies parsed.
pub type Content = Map<String, Value>;

/// Fields that truncation removes or adds.
const BODIES: [&str; 2] = ["request_object", "response_object"];
const TRUNCATED: &str = "audit.k8s.io/truncated";

/// Compares two records field by field.
pub fn compare(first: &Content, second: &Content) -> Relation {
    if first == second {
        return Relation::Same;
    }
    if without_bodies(first) != without_bodies(second) {
        return Relation::Different;
    }
    match (agrees(first, second), agrees(second, first)) {
        (true, _) => Relation::FirstIsTruncated,
        (_, true) => Relation::SecondIsTruncated,
        _ => Relation::Different,
    }
}

/// Whether `cut` is marked truncated and every body it still has is that of `full`.
fn agrees(cut: &Content, full: &Content) -> bool {
    cut.get("truncated") == Some(&Value::Bool(true))
        && BODIES.iter().all(|b| match cut.get(*b) {
            None | Some(Value::Null) => true,
            Some(Value::String(s)) if s == "skipped-too-big-size-object" => true,
            body => body == full.get(*b),
        })
}

fn without_bodies(content: &Content) -> Content {
    let mut rest = content.clone();
    for body in BODIES {
        rest.remove(body);
    }
    rest.remove("truncated");
    if let Some(Value::Object(annotations)) = rest.get_mut("annotations") {
        annotations.remove(TRUNCATED);
        if annotations.is_empty() {
            rest.remove("annotations");
        }
    }
    rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn content(v: Value) -> Content {
        v.as_object().unwrap().clone()
    }

    #[test]
    fn a_truncated_copy_agrees_with_its_full_one_and_nothing_else_does() {
        let full = content(json!({"verb": "update", "request_object": {"a": 1}, "response_object": {"b": 2}}));
        let cut =
            content(json!({"verb": "update", "truncated": true, "annotations": {"audit.k8s.io/truncated": "true"}}));
        assert_eq!(compare(&cut, &full), Relation::FirstIsTruncated);
        assert_eq!(compare(&full, &cut), Relation::SecondIsTruncated);
        let unmarked = content(json!({"verb": "update"}));
        assert_eq!(compare(&unmarked, &full), Relation::Different);
        let other = content(json!({"verb": "delete", "truncated": true}));
        assert_eq!(compare(&other, &full), Relation::Different);
        let half = content(json!({"verb": "update", "truncated": true, "request_object": {"a": 9}}));
        assert_eq!(compare(&half, &full), Relation::Different);
    }

    #[test]
    fn a_missing_component_is_the_api_server_and_parts_are_told_apart() {
        let of = |c, p| identity(c, "id", Some("ResponseComplete"), p);
        assert_eq!(of(None, None), of(Some("kube-apiserver"), None));
        assert_ne!(of(None, None), of(Some("openshift-apiserver"), None));
        assert_ne!(of(None, Some("first")), of(None, Some("last")));
        assert_ne!(identity(None, "a", Some("b\0"), None), identity(None, "a", Some("b"), Some("\0")));
    }

    #[test]
    fn one_identity_may_hold_many_contents() {
        let mut seen = Seen::default();
        let key = |c: u8| Key { identity: [0; 16], content: [c; 16] };
        assert_eq!(seen.judge(key(1), 0), Verdict::New);
        assert_eq!(seen.judge(key(2), 1), Verdict::Compare);
        assert_eq!(seen.judge(key(1), 2), Verdict::Copy { of: 0 });
        assert_eq!(seen.judge(key(2), 2), Verdict::Copy { of: 1 });
        assert_eq!(seen.judge(key(3), 2), Verdict::Compare);
    }
}
