//! `grants`: who held which rule, through which binding and role, and when. Role resolution and
//! intervals are done here once, so that SQL and other engines get the same answers as the command line.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "grants",
    doc: "One subject × rule × scope through one binding and one role, in the stretch in which the whole chain held.",
    sorted_by: "`binding_kind`, `binding_namespace`, `binding_name`, then subject, role, `rule_index`, `valid_from`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("subject_kind", Text, "`User`, `Group` or `ServiceAccount`"),
    required("subject_namespace", Text, "namespace of a service account, the binding's where the subject has none"),
    required("subject_name", Text, "name of the subject"),
    optional("scope_namespace", Text, "the namespace it holds in; missing: cluster-wide"),
    required("binding_kind", Text, "`RoleBinding` or `ClusterRoleBinding`"),
    required("binding_namespace", Text, "namespace of a RoleBinding"),
    required("binding_name", Text, "name of the binding"),
    required("role_kind", Text, "`Role` or `ClusterRole`"),
    required("role_namespace", Text, "namespace of a Role"),
    required("role_name", Text, "name of the role"),
    required("rule_index", Int32, "position of the rule in the role, from 0"),
    required("verbs", TextList, "verbs"),
    required("api_groups", TextList, "API groups, the empty text is core"),
    required("resources", TextList, "resources"),
    required("resource_names", TextList, "object names; empty means all"),
    required("non_resource_urls", TextList, "URL paths; only a ClusterRoleBinding grants them"),
    optional("valid_from", Time, "first instant; missing: before all evidence"),
    optional("valid_to", Time, "first instant after; missing: not ended in the evidence"),
    required("basis", Text, "the weaker of the binding's and the role's basis"),
];
