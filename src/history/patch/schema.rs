//! How the fields of built-in kinds merge: which lists are keyed by what, which maps are taken whole.
//!
//! Strategic merge patch and server-side apply disagree on some lists, so a row says both. Kinds without
//! rows, and custom resources, have only the rules of `metadata`.

use serde_json::Value;

use super::schema_rows::{ATOMIC_TYPES, ROWS};

/// What a value is to the two merge algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A plain value; an object here has fields that merge, an array is replaced whole.
    Plain,
    /// An object of a type that has rows or is atomic.
    Object,
    /// An object that strategic merge patch replaces whole, too.
    ReplacedObject,
    /// A map: its keys are data, not fields.
    Map,
    /// A map that apply owns as a whole; strategic merge patch merges it.
    AtomicMap,
    /// A list of distinct scalars for apply; strategic merge patch replaces it.
    Set,
    /// A list of distinct scalars for both.
    MergedSet,
    /// A list of objects known by these keys for apply; strategic merge patch replaces it.
    Keyed(&'static [&'static str]),
    /// As `Keyed`, and known by the one key last named to strategic merge patch.
    Merged(&'static [&'static str], &'static str),
    /// A list that apply owns as a whole, and strategic merge patch merges by this key.
    AtomicMerged(&'static str),
}

/// One field: its type's name, its own, its shape, and the type of what is inside (`""` for none known).
pub(super) type Row = (&'static str, &'static str, Shape, &'static str);

/// A place in an object: what is expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// What the value is.
    pub(super) shape: Shape,
    /// The type of the object, of a map's values, or of a list's items.
    pub(super) inner: &'static str,
}

/// How strategic merge patch treats a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListMerge {
    Replace,
    Scalars,
    ByKey(&'static str),
}

impl Spot {
    const PLAIN: Self = Self { shape: Shape::Plain, inner: "" };

    /// The root object of a kind. Another version of a kind has the same rules, with one known exception.
    pub(super) fn root(group: &str, version: &str, kind: &str) -> Self {
        let inner = match (group, version, kind) {
            ("events.k8s.io", _, "Event") => "events.Event",
            ("autoscaling", "v1", "HorizontalPodAutoscaler") => "autoscaling.HorizontalPodAutoscaler",
            _ if !is_builtin_group(group) => "",
            _ => known_type(kind),
        };
        Self { shape: Shape::Object, inner }
    }

    /// The place of a field inside the object or map at this place. `top` is set at an object's root.
    pub(super) fn field(self, name: &str, top: bool) -> Self {
        if top && name == "metadata" {
            return Self { shape: Shape::Object, inner: "ObjectMeta" };
        }
        match self.shape {
            Shape::Map | Shape::AtomicMap => self.item(),
            _ => row(self.inner, name).unwrap_or(Self::PLAIN),
        }
    }

    /// The place of an item of the list, or of a value of the map, at this place.
    pub(super) fn item(self) -> Self {
        if self.inner.is_empty() { Self::PLAIN } else { Self { shape: Shape::Object, inner: self.inner } }
    }

    /// Whether server-side apply takes the value here as a whole, whatever it holds.
    pub(super) fn is_atomic(self, value: &Value) -> bool {
        match value {
            Value::Object(_) => match self.shape {
                Shape::AtomicMap => true,
                Shape::Object | Shape::ReplacedObject => ATOMIC_TYPES.binary_search(&self.inner).is_ok(),
                _ => false,
            },
            Value::Array(_) => {
                !matches!(self.shape, Shape::Set | Shape::MergedSet | Shape::Keyed(_) | Shape::Merged(..))
            }
            _ => true,
        }
    }

    /// Whether the keys of an object here are data.
    pub(super) fn is_map(self) -> bool {
        matches!(self.shape, Shape::Map | Shape::AtomicMap)
    }

    /// The keys by which apply knows the items of a list; none for a list of scalars.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self.shape {
            Shape::Keyed(keys) | Shape::Merged(keys, _) => keys,
            _ => &[],
        }
    }

    /// How strategic merge patch treats a list here.
    pub(super) fn list_merge(self) -> ListMerge {
        match self.shape {
            Shape::MergedSet => ListMerge::Scalars,
            Shape::Merged(_, key) | Shape::AtomicMerged(key) => ListMerge::ByKey(key),
            _ => ListMerge::Replace,
        }
    }
}

fn row(type_name: &str, field: &str) -> Option<Spot> {
    if type_name.is_empty() {
        return None;
    }
    let found = ROWS.binary_search_by(|(t, f, ..)| (*t, *f).cmp(&(type_name, field))).ok()?;
    ROWS.get(found).map(|(_, _, shape, inner)| Spot { shape: *shape, inner })
}

/// The table's own copy of a type's name.
fn known_type(name: &str) -> &'static str {
    let first = ROWS.partition_point(|(t, ..)| *t < name);
    ROWS.get(first).map(|(t, ..)| *t).filter(|t| *t == name).unwrap_or_default()
}

/// A key that the API server fills in before it compares items.
pub(super) fn key_default(key: &str) -> Option<Value> {
    (key == "protocol").then(|| Value::from("TCP"))
}

/// Whether a group's kinds are compiled into Kubernetes, so that strategic merge patch works on them.
/// Custom resources cannot use these groups.
pub(super) fn is_builtin_group(group: &str) -> bool {
    matches!(
        group,
        "" | "apps"
            | "autoscaling"
            | "batch"
            | "extensions"
            | "policy"
            | "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "auditregistration.k8s.io"
            | "authentication.k8s.io"
            | "authorization.k8s.io"
            | "certificates.k8s.io"
            | "coordination.k8s.io"
            | "discovery.k8s.io"
            | "events.k8s.io"
            | "flowcontrol.apiserver.k8s.io"
            | "internal.apiserver.k8s.io"
            | "networking.k8s.io"
            | "node.k8s.io"
            | "rbac.authorization.k8s.io"
            | "resource.k8s.io"
            | "scheduling.k8s.io"
            | "settings.k8s.io"
            | "storage.k8s.io"
            | "storagemigration.k8s.io"
    )
}

/// Whether a group may be served by an aggregated API server, whose kinds may know strategic merge patch
/// and whose rules for it are not known here.
pub(super) fn may_be_aggregated(group: &str) -> bool {
    group.ends_with(".openshift.io") || group.ends_with(".k8s.io") && !is_builtin_group(group)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn trap_rows_are_sorted_and_lead_to_known_types() {
        assert!(ROWS.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        assert!(ATOMIC_TYPES.is_sorted());
        for (_, _, _, inner) in ROWS {
            let known = inner.is_empty() || known_type(inner) == *inner || ATOMIC_TYPES.contains(inner);
            assert!(known, "{inner}");
        }
    }

    #[test]
    fn known_fields_of_known_kinds() {
        let pod = Spot::root("", "v1", "Pod").field("spec", true);
        assert_eq!(pod.field("containers", false).shape, Shape::Merged(&["name"], "name"));
        assert_eq!(pod.field("containers", false).item().field("ports", false).keys(), ["containerPort", "protocol"]);
        assert_eq!(pod.field("tolerations", false), Spot::PLAIN);
        let account = Spot::root("", "v1", "ServiceAccount");
        assert_eq!(account.field("secrets", true).list_merge(), ListMerge::ByKey("name"));
        assert_eq!(account.field("imagePullSecrets", true).list_merge(), ListMerge::Replace);
        for kind in ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] {
            let root = Spot::root("rbac.authorization.k8s.io", "v1", kind);
            for list in ["rules", "subjects"] {
                assert!(root.field(list, true).is_atomic(&Value::Array(Vec::new())), "{kind} {list}");
                assert_eq!(root.field(list, true).list_merge(), ListMerge::Replace);
            }
            assert_eq!(root.field("metadata", true).field("finalizers", false).list_merge(), ListMerge::Scalars);
        }
        let custom = Spot::root("example.com", "v1", "Pod");
        assert_eq!(custom.field("spec", true), Spot::PLAIN);
        assert_eq!(custom.field("metadata", true).field("labels", false).shape, Shape::Map);
    }
}
