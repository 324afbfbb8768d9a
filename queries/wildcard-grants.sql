-- title: Grants of everything
-- shows: Every grant whose rule has the wildcard among its verbs or its resources, with its stretch of time.
-- limits: Rules that name everything one by one. A subject may be a group: see group-members for who was seen in it.
--     What is granted outside RBAC, such as by system:masters without a binding.
-- attack: T1098.006 Additional Container Cluster Roles
-- parameter: subject pattern | name of the subject, without its namespace; `%` stands for any text
-- column: cluster | the cluster
-- column: subject_kind | User, Group or ServiceAccount
-- column: subject_namespace | namespace of a service account
-- column: subject | name of the subject
-- column: scope_namespace | the namespace it holds in; missing: cluster-wide
-- column: verbs | verbs of the rule
-- column: api_groups wide | its API groups, the empty text is core
-- column: resources | its resources
-- column: resource_names wide | names it is narrowed to; empty means all
-- column: binding_kind wide | RoleBinding or ClusterRoleBinding
-- column: binding_namespace wide | namespace of a RoleBinding
-- column: binding | name of the binding
-- column: role_kind wide | Role or ClusterRole
-- column: role | name of the role
-- column: rule_index wide | position of the rule in the role, from 0
-- column: valid_from | first instant; missing: before all evidence
-- column: valid_to | first instant after; missing: not ended in the evidence
-- column: basis wide | how it is known: observed, derived or assumed

WITH found AS (
  SELECT
    cluster, subject_kind, subject_namespace, subject_name AS subject, scope_namespace, verbs, api_groups, resources,
    resource_names, binding_kind, binding_namespace, binding_name AS binding, role_kind, role_name AS role, rule_index,
    valid_from, valid_to, basis
  FROM grants
  WHERE (array_contains(verbs, '*') OR array_contains(resources, '*'))
    AND subject_name LIKE /*:subject*/ '%'
)
SELECT *
FROM found
ORDER BY
  cluster, subject_kind, subject_namespace, subject, scope_namespace NULLS FIRST, binding_kind, binding_namespace,
  binding, role_kind, role, rule_index, valid_from NULLS FIRST
