//! Kubernetes objects as JSON: single objects, `List` of anything, typed lists such as `RoleList`.
//! Broken or odd objects load too: the authorizer would read them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::audit;
use crate::model::object::{ObjectKey, split_api_version};
use crate::model::text::Text;

/// One object as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// Which object.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Option<String>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<String>,
    /// Its JSON, with `apiVersion` and `kind`.
    pub body: String,
    /// Byte offset from the start of the document.
    pub offset: usize,
    /// Lines from the start of the document.
    pub lines: u64,
    /// Length in the source.
    pub length: usize,
}

/// Objects of one kind listed together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRecord {
    /// API group and kind.
    pub kind: (String, String),
    /// The namespaces of its items.
    pub namespaces: BTreeSet<String>,
    /// Number of items of the kind.
    pub items: u64,
    /// False where more pages exist.
    pub whole: bool,
    /// Whether the list itself names the kind (`RoleList`), and not only its items.
    pub typed: bool,
}

/// What a JSON document holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Objects.
    pub objects: Vec<ObjectRecord>,
    /// Lists.
    pub lists: Vec<ListRecord>,
    /// Items that are no objects: offset from the start of the document, length, reason.
    pub broken: Vec<(usize, usize, String)>,
    /// Readable records a case does not hold.
    pub skipped: u64,
}

impl Contents {
    /// Whether it is a list that holds nothing and does not say of what.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.lists.is_empty() && self.broken.is_empty() && self.skipped == 0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    namespace: Option<Text<'a>>,
    #[serde(borrow, default)]
    uid: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource_version: Option<Text<'a>>,
    #[serde(borrow, default, rename = "continue")]
    more: Option<Text<'a>>,
    #[serde(default)]
    remaining_item_count: Option<i64>,
}

/// Whether a document of this kind is a list of objects.
fn is_list(kind: &str, head: &Head<'_>) -> bool {
    head.items.is_some() && kind.ends_with("List")
}

/// Reads the objects of one JSON document; `None` when it holds no Kubernetes object at all.
pub fn read(text: &str) -> Option<Contents> {
    let head: Head<'_> = serde_json::from_str(text).ok()?;
    let kind = head.kind.as_deref().filter(|k| !k.is_empty())?;
    let api_version = head.api_version.as_deref().unwrap_or_default();
    let mut contents = Contents::default();
    if is_list(kind, &head) {
        read_list(text, kind, api_version, &head, &mut contents);
    } else if head.metadata.as_ref().is_some_and(|m| m.name.is_some()) && !api_version.is_empty() {
        read_object(text, text, None, &mut contents);
    } else {
        return None;
    }
    Some(contents)
}

fn read_list(text: &str, kind: &str, api_version: &str, head: &Head<'_>, contents: &mut Contents) {
    let default_kind = kind.strip_suffix("List").filter(|k| !k.is_empty());
    let none = Metadata::default();
    let metadata = head.metadata.as_ref().unwrap_or(&none);
    let whole = metadata.more.as_deref().is_none_or(str::is_empty) && metadata.remaining_item_count.unwrap_or(0) <= 0;
    let first = contents.objects.len();
    // Null is no object; where a damaged list was repaired it stands for the broken ones.
    for item in head.items.iter().flatten().filter(|i| i.get() != "null") {
        read_object(text, item.get(), default_kind.map(|k| (k, api_version)), contents);
    }
    let mut lists: BTreeMap<(String, String), ListRecord> = BTreeMap::new();
    if let Some(kind) = default_kind {
        let key = (split_api_version(api_version).0.to_owned(), kind.to_owned());
        lists.insert(key.clone(), ListRecord { kind: key, whole, typed: true, ..Default::default() });
    }
    for object in contents.objects.get(first..).unwrap_or_default() {
        let key = (object.key.group.clone(), object.key.kind.clone());
        let list = lists.entry(key.clone()).or_insert_with(|| ListRecord { kind: key, whole, ..Default::default() });
        list.items += 1;
        list.namespaces.insert(object.key.namespace.clone());
    }
    contents.lists.extend(lists.into_values());
}

/// Reads one object lying in `text`; `default` is the kind and apiVersion a typed list gives its items.
fn read_object(text: &str, raw: &str, default: Option<(&str, &str)>, contents: &mut Contents) {
    // Both are slices of one buffer, so the difference of their addresses is the offset.
    let offset = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let head: Head<'_> = match serde_json::from_str(raw) {
        Ok(head) => head,
        Err(e) => return contents.broken.push((offset, raw.len(), format!("expected a Kubernetes object: {e}"))),
    };
    let kind = head.kind.as_deref().or(default.map(|d| d.0));
    let api_version = head.api_version.as_deref().or(default.map(|d| d.1)).unwrap_or_default();
    let metadata = head.metadata.unwrap_or_default();
    let (Some(kind), Some(name)) = (kind, metadata.name) else {
        let what = if kind.is_none() { "kind" } else { "metadata.name" };
        return contents.broken.push((offset, raw.len(), format!("expected a Kubernetes object: it has no {what}")));
    };
    if kind == "Event"
        && (api_version == "v1"
            || api_version.starts_with("events.k8s.io/")
            || audit::is_audit_event(kind, api_version))
    {
        contents.skipped += 1;
        return;
    }
    let lines = lines_before(text, offset, contents);
    contents.objects.push(ObjectRecord {
        key: ObjectKey {
            group: split_api_version(api_version).0.to_owned(),
            kind: kind.to_owned(),
            namespace: metadata.namespace.map(|n| n.to_string()).unwrap_or_default(),
            name: name.to_string(),
        },
        uid: metadata.uid.map(|u| u.to_string()),
        resource_version: metadata.resource_version.map(|v| v.to_string()).filter(|v| !v.is_empty()),
        body: with_type(raw, head.kind.is_none(), head.api_version.is_none(), kind, api_version),
        offset,
        lines,
        length: raw.len(),
    });
}

/// Line ends before an object. Items come in order, so counting goes on from the object before.
fn lines_before(text: &str, offset: usize, contents: &Contents) -> u64 {
    let (start, lines) = contents.objects.last().filter(|o| o.offset <= offset).map_or((0, 0), |o| (o.offset, o.lines));
    text.as_bytes().get(start..offset).map_or(lines, |b| lines + memchr::memchr_iter(b'\n', b).count() as u64)
}

/// The object's JSON; items of typed lists get the kind and apiVersion that their list gives them.
fn with_type(raw: &str, no_kind: bool, no_version: bool, kind: &str, api_version: &str) -> String {
    let inner = raw.trim_start().strip_prefix('{');
    let (Some(inner), true) = (inner, no_kind || no_version) else { return raw.to_owned() };
    let mut text = String::from("{");
    let quoted = |v: &str| serde_json::Value::from(v).to_string();
    if no_kind {
        text.push_str(&format!("\"kind\":{},", quoted(kind)));
    }
    if no_version {
        text.push_str(&format!("\"apiVersion\":{},", quoted(api_version)));
    }
    text.push_str(inner);
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_list_gives_its_objects_and_one_listing_a_kind() {
        let text = r#"{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","namespace":"a"}},
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","namespace":"b"}},
{"apiVersion":"v1","kind":"Node","metadata":{"name":"n","uid":"u"}}, 7]}"#;
        let c = read(text).unwrap();
        assert_eq!(c.objects.len(), 3);
        assert_eq!((c.objects[1].offset, c.objects[1].lines), (text.find("{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"r\",\"namespace\":\"b\"").unwrap(), 2));
        assert_eq!(c.lists.len(), 2);
        assert_eq!(c.lists[1].namespaces.iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(c.broken.len(), 1);
        assert!(c.lists.iter().all(|l| l.whole && !l.typed));
    }

    #[test]
    fn items_of_a_typed_list_get_its_kind_and_a_page_is_not_whole() {
        let c = read(r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBindingList","metadata":{"continue":"x"},"items":[{"metadata":{"name":"b","namespace":"n"},"roleRef":{}}]}"#).unwrap();
        assert_eq!(c.objects[0].key.kind, "RoleBinding");
        assert!(
            c.objects[0]
                .body
                .starts_with(r#"{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata""#)
        );
        assert!(!c.lists[0].whole && c.lists[0].typed);
    }

    #[test]
    fn an_empty_typed_list_still_says_that_there_was_nothing() {
        let c = read(r#"{"kind":"RoleList","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{},"items":[]}"#)
            .unwrap();
        assert_eq!((c.objects.len(), c.lists.len(), c.lists[0].items), (0, 1, 0));
    }

    #[test]
    fn other_json_holds_no_objects() {
        for text in ["{}", "[]", r#"{"kind":"Config","apiVersion":"v1"}"#, r#"{"cluster":"x"}"#] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
