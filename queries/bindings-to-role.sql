-- title: Who was bound to a role, from when to when
-- shows: Every subject that a binding gave the role, with the stretch of time in which it stood there, who began it
--     and who ended it.
-- limits: Members of a bound group: see group-members, and `kubesleuth who-can` for the exact rights at a moment.
--     Roles of another name that allow as much: see wildcard-grants. Who began or ended what the audit log does not
--     show.
-- attack: T1098.006 Additional Container Cluster Roles
-- parameter: role pattern | name of the role; `%` stands for any text
-- parameter: subject pattern | name of the subject, without its namespace
-- column: cluster | the cluster
-- column: role_kind wide | Role or ClusterRole
-- column: role | name of the role
-- column: subject_kind | User, Group or ServiceAccount
-- column: subject_namespace | namespace as written in the subject
-- column: subject | name of the subject
-- column: binding_kind wide | RoleBinding or ClusterRoleBinding
-- column: binding_namespace wide | namespace of a RoleBinding, empty for a ClusterRoleBinding
-- column: binding | name of the binding
-- column: stands_from | first instant it stood there; missing: before all evidence
-- column: stands_to | first instant after; missing: not ended in the evidence
-- column: begun_by | who made the change that began it; missing where the audit log does not show it
-- column: ended_by | who ended it; missing where it was not ended or the audit log does not show it
-- column: versions wide | versions of the binding in that time
-- column: unsure wide | versions of which it is not known that they existed so

WITH stands AS (
  SELECT
    cluster, role_kind, role_name, subject_kind, subject_namespace, subject_name, kind, namespace, name, stands_from,
    stands_to,
    COUNT(*) AS versions,
    SUM(CASE WHEN known = 'yes' THEN 0 ELSE 1 END) AS unsure
  FROM binding_subjects
  WHERE role_name LIKE /*:role*/ 'cluster-admin' AND subject_name LIKE /*:subject*/ '%'
  GROUP BY
    cluster, role_kind, role_name, subject_kind, subject_namespace, subject_name, kind, namespace, name, stands_from,
    stands_to
),
begins AS (
  SELECT
    cluster AS b_cluster, kind AS b_kind, namespace AS b_namespace, name AS b_name, valid_from AS b_from,
    MIN(actor) AS begun_by
  FROM object_versions
  WHERE kind IN ('RoleBinding', 'ClusterRoleBinding') AND valid_from IS NOT NULL
  GROUP BY cluster, kind, namespace, name, valid_from
),
ends AS (
  SELECT
    cluster AS e_cluster, kind AS e_kind, namespace AS e_namespace, name AS e_name, valid_to AS e_to,
    MIN(ended_by) AS ended_by
  FROM object_versions
  WHERE kind IN ('RoleBinding', 'ClusterRoleBinding') AND valid_to IS NOT NULL
  GROUP BY cluster, kind, namespace, name, valid_to
),
begun AS (
  SELECT *
  FROM stands AS s
  LEFT JOIN begins AS b
    ON s.cluster = b.b_cluster AND s.kind = b.b_kind AND s.namespace = b.b_namespace AND s.name = b.b_name
    AND s.stands_from = b.b_from
)
SELECT
  cluster, role_kind, role_name AS role, subject_kind, subject_namespace, subject_name AS subject,
  kind AS binding_kind, namespace AS binding_namespace, name AS binding, stands_from, stands_to, begun_by, ended_by,
  versions, unsure
FROM begun AS s
LEFT JOIN ends AS e
  ON s.cluster = e.e_cluster AND s.kind = e.e_kind AND s.namespace = e.e_namespace AND s.name = e.e_name
  AND s.stands_to = e.e_to
ORDER BY
  cluster, stands_from NULLS FIRST, role, role_kind, binding_kind, binding_namespace, binding, subject_kind,
  subject_namespace NULLS FIRST, subject, stands_to NULLS LAST
