-- title: Who was given the right to read secrets
-- shows: Every grant whose rule allows to get, list or watch secrets, with its stretch of time.
-- limits: Who used it: see secret-reads. Rights to make pods, which can mount any secret of their namespace. A
--     subject may be a group: see group-members. For the exact answer at a moment: `kubesleuth who-can get secrets`.
-- attack: T1552.007 Container API
-- parameter: kind pattern | kind of the subject: `User`, `Group` or `ServiceAccount`; `%` stands for any text
-- parameter: subject pattern | name of the subject, without its namespace; `%` stands for any text
-- column: cluster | the cluster
-- column: subject_kind | User, Group or ServiceAccount
-- column: subject_namespace | namespace of a service account
-- column: subject | name of the subject
-- column: scope_namespace | the namespace it holds in; missing: cluster-wide
-- column: verbs | verbs of the rule
-- column: resource_names | secrets it is narrowed to; empty means all
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
    cluster, subject_kind, subject_namespace, subject_name AS subject, scope_namespace, verbs, resource_names,
    binding_kind, binding_namespace, binding_name AS binding, role_kind, role_name AS role, rule_index, valid_from,
    valid_to, basis
  FROM grants
  WHERE (array_contains(verbs, 'get') OR array_contains(verbs, 'list') OR array_contains(verbs, 'watch')
      OR array_contains(verbs, '*'))
    AND (array_contains(resources, 'secrets') OR array_contains(resources, '*'))
    AND (array_contains(api_groups, '') OR array_contains(api_groups, '*'))
    AND subject_kind LIKE /*:kind*/ '%'
    AND subject_name LIKE /*:subject*/ '%'
)
SELECT *
FROM found
ORDER BY
  cluster, subject_kind, subject_namespace, subject, scope_namespace NULLS FIRST, binding_kind, binding_namespace,
  binding, role_kind, role, rule_index, valid_from NULLS FIRST
