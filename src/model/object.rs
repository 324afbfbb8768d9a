//! What identifies a Kubernetes object, and where a statement about it was read.

use std::fmt;

use super::time::Timestamp;

/// The identity of an object inside one cluster. The API version is left out on purpose:
/// `v1` and `v1beta1` of a kind are the same object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// API group, `""` is core.
    pub group: String,
    /// Kind, as in `ClusterRole`.
    pub kind: String,
    /// Namespace, `""` for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    /// `Kind namespace/name`, the way people write it in a report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// Splits `group/version` as in `apiVersion`; core has no group.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The place of a record in the evidence. `offset` counts bytes of the decompressed source,
/// `line` counts from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Provenance {
    /// Id of the source inside the case.
    pub source_id: String,
    /// Byte offset of the record's first byte.
    pub offset: u64,
    /// Line on which the record starts, from 1.
    pub line: u64,
    /// Length of the record in bytes.
    pub length: u64,
}

/// When a snapshot was taken: the state was read somewhere inside this closed stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObservedAt {
    /// Reading began.
    pub from: Timestamp,
    /// Reading had ended.
    pub to: Timestamp,
}
