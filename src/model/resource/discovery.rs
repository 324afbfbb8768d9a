//! Discovery data in JSON: classic and aggregated discovery, and CustomResourceDefinition objects.
//!
//! Recognised by content, because collectors name their files as they please. One damaged entry does not
//! cost the rest: it is skipped and told. Source: `meta/v1` APIResourceList, APIGroupList;
//! `apidiscovery.k8s.io/v2` APIGroupDiscoveryList; `apiextensions.k8s.io/v1` CustomResourceDefinition.

use serde_json::Value;
use thiserror::Error;

use super::ApiResource;
use crate::model::object::split_api_version;

/// What one piece of discovery data says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The resources; subresources have a slash in their plural name, as in `pods/exec`.
    pub resources: Vec<ApiResource>,
    /// Groups that this data lists in full, at least for one version.
    pub listed_groups: Vec<String>,
    /// Whether it claims to list the resources of all groups.
    pub lists_all_groups: bool,
    /// Groups in the order the API server prefers them; empty when the data does not show it.
    pub group_order: Vec<String>,
    /// Entries that could not be read.
    pub skipped: Vec<Skipped>,
}

/// An entry that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which: a line number counted from 1 in text, a place counted from 0 in a JSON list.
    pub place: usize,
    /// What was missing.
    pub why: String,
}

/// Why discovery data could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DiscoveryError {
    /// Another kind of document.
    #[error(
        "kind `{0}` is no discovery data; expected APIResourceList, APIGroupDiscoveryList, APIGroupList or CustomResourceDefinition"
    )]
    OtherKind(String),
    /// A document of the right kind without its list.
    #[error("{kind} without `{field}`, which should be a list; the file may be cut off")]
    NoList {
        /// The document's kind.
        kind: String,
        /// The field that should hold the list.
        field: &'static str,
    },
    /// Text without a line that could be read.
    #[error(
        "no line reads as `NAME [SHORTNAMES] APIVERSION NAMESPACED KIND`; expected the output of `kubectl api-resources`"
    )]
    NoTable,
}

/// Whether a JSON document is discovery data that [`parse_discovery`] takes.
pub fn looks_like_discovery(document: &Value) -> bool {
    match text(document, "kind") {
        "APIResourceList"
        | "APIGroupDiscoveryList"
        | "APIGroupList"
        | "APIGroup"
        | "CustomResourceDefinition"
        | "CustomResourceDefinitionList" => true,
        "List" => {
            let items = list(document, "items").unwrap_or_default();
            items.iter().any(|item| text(item, "kind") == "CustomResourceDefinition")
        }
        _ => false,
    }
}

/// Reads one discovery document, or a custom resource definition or a list of them.
///
/// # Errors
/// [`DiscoveryError`] when it is something else, or lacks its list.
pub fn parse_discovery(document: &Value) -> Result<Discovery, DiscoveryError> {
    let kind = text(document, "kind");
    let items = |field: &'static str| {
        list(document, field).ok_or_else(|| DiscoveryError::NoList { kind: kind.to_owned(), field })
    };
    let mut found = Discovery::default();
    match kind {
        "APIResourceList" => found.resource_list(document, items("resources")?),
        "APIGroupDiscoveryList" => found.aggregated(items("items")?),
        "APIGroupList" => found.group_order = items("groups")?.iter().map(|g| text(g, "name").to_owned()).collect(),
        "APIGroup" => {}
        "CustomResourceDefinition" => found.definitions(std::slice::from_ref(document)),
        "CustomResourceDefinitionList" | "List" => found.definitions(items("items")?),
        other => return Err(DiscoveryError::OtherKind(other.to_owned())),
    }
    Ok(found)
}

impl Discovery {
    /// Keeps a resource if it has all that makes one.
    fn keep(&mut self, place: usize, resource: ApiResource) {
        let why = match (resource.plural.is_empty(), resource.kind.is_empty()) {
            (true, _) => "it has no name",
            (_, true) => "it has no kind",
            _ => return self.resources.push(resource),
        };
        self.skipped.push(Skipped { place, why: why.to_owned() });
    }

    /// Classic discovery. `group` and `version` of an entry speak of the kind it answers with, not of the
    /// resource, except in kubectl's own JSON output, which has no `groupVersion` of its own.
    fn resource_list(&mut self, document: &Value, entries: &[Value]) {
        let whole = text(document, "groupVersion");
        let (group, version) = split_api_version(whole);
        for (place, entry) in entries.iter().enumerate() {
            let (group, version) =
                if whole.is_empty() { (text(entry, "group"), text(entry, "version")) } else { (group, version) };
            let Some(namespaced) = entry.get("namespaced").and_then(Value::as_bool) else {
                self.skipped.push(Skipped { place, why: "`namespaced` is neither true nor false".to_owned() });
                continue;
            };
            let resource = ApiResource {
                plural: text(entry, "name").to_owned(),
                singular: text(entry, "singularName").to_owned(),
                short_names: strings(entry, "shortNames"),
                group: group.to_owned(),
                version: version.to_owned(),
                namespaced,
                kind: text(entry, "kind").to_owned(),
                verbs: strings(entry, "verbs"),
                categories: strings(entry, "categories"),
            };
            self.keep(place, resource);
        }
        if whole.is_empty() {
            self.lists_all_groups = true;
        } else {
            self.listed_groups.push(group.to_owned());
        }
    }

    /// Aggregated discovery: groups in order of preference, in each the versions in order of preference.
    fn aggregated(&mut self, groups: &[Value]) {
        for (place, group) in groups.iter().enumerate() {
            let name = group.get("metadata").map_or("", |metadata| text(metadata, "name"));
            for version in list(group, "versions").unwrap_or_default() {
                for entry in list(version, "resources").unwrap_or_default() {
                    self.aggregated_resource(place, name, text(version, "version"), entry);
                }
            }
            self.group_order.push(name.to_owned());
            self.listed_groups.push(name.to_owned());
        }
    }

    fn aggregated_resource(&mut self, place: usize, group: &str, version: &str, entry: &Value) {
        let kind_of = |e: &Value| e.get("responseKind").map_or("", |kind| text(kind, "kind")).to_owned();
        let resource = ApiResource {
            plural: text(entry, "resource").to_owned(),
            singular: text(entry, "singularResource").to_owned(),
            short_names: strings(entry, "shortNames"),
            group: group.to_owned(),
            version: version.to_owned(),
            namespaced: text(entry, "scope") == "Namespaced",
            kind: kind_of(entry),
            verbs: strings(entry, "verbs"),
            categories: strings(entry, "categories"),
        };
        for sub in list(entry, "subresources").unwrap_or_default() {
            let sub_resource = ApiResource {
                plural: format!("{}/{}", resource.plural, text(sub, "subresource")),
                kind: kind_of(sub),
                verbs: strings(sub, "verbs"),
                singular: String::new(),
                short_names: Vec::new(),
                categories: Vec::new(),
                ..resource.clone()
            };
            self.keep(place, sub_resource);
        }
        // a resource served only through its subresources has no kind of its own
        if !resource.kind.is_empty() || list(entry, "subresources").is_none_or(<[Value]>::is_empty) {
            self.keep(place, resource);
        }
    }

    /// Custom resource definitions among the items of a list; other kinds are not looked at.
    fn definitions(&mut self, items: &[Value]) {
        for (place, item) in items.iter().enumerate() {
            // items of a typed list may leave their kind out
            if !matches!(text(item, "kind"), "" | "CustomResourceDefinition") {
                continue;
            }
            let Some(spec) = item.get("spec") else {
                self.skipped.push(Skipped { place, why: "the definition has no `spec`".to_owned() });
                continue;
            };
            let names = spec.get("names").unwrap_or(&Value::Null);
            let resource = ApiResource {
                plural: text(names, "plural").to_owned(),
                singular: text(names, "singular").to_owned(),
                short_names: strings(names, "shortNames"),
                group: text(spec, "group").to_owned(),
                version: served_version(spec).to_owned(),
                namespaced: text(spec, "scope") != "Cluster",
                kind: text(names, "kind").to_owned(),
                verbs: Vec::new(),
                categories: strings(names, "categories"),
            };
            self.keep(place, resource);
        }
    }
}

/// The newest version that a definition serves; `v1beta1` definitions may have a single one.
fn served_version(spec: &Value) -> &str {
    let versions = list(spec, "versions").unwrap_or_default();
    let served = versions.iter().filter(|v| v.get("served").and_then(Value::as_bool).unwrap_or(true));
    served.map(|v| text(v, "name")).max_by_key(|v| super::version_rank(v)).unwrap_or_else(|| text(spec, "version"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> Option<&'a [Value]> {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice)
}

fn strings(value: &Value, field: &str) -> Vec<String> {
    list(value, field).unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
