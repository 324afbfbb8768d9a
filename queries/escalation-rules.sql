-- title: Rules that let their holder get more rights
-- shows: Every rule of a role that allows `escalate` or `bind` on roles, `impersonate`, or the making of service
--     account tokens, with the stretch of time in which it stood in the role.
-- limits: Who holds the role: see bindings-to-role. Other ways to more rights, such as making pods that run as
--     another service account, or reading its token from a secret: see secret-grants.
-- attack: T1098.006 Additional Container Cluster Roles
-- column: cluster | the cluster
-- column: kind | Role or ClusterRole
-- column: namespace | namespace of a Role, empty for a ClusterRole
-- column: name | name of the role
-- column: rule_index wide | position of the rule in the role at first, from 0
-- column: verbs | verbs of the rule
-- column: api_groups wide | its API groups, the empty text is core
-- column: resources | its resources
-- column: resource_names wide | names it is narrowed to; empty means all
-- column: escalates | 1 where it allows to write rights into a role that the holder does not have
-- column: binds | 1 where it allows to bind a role whose rights the holder does not have
-- column: impersonates | 1 where it allows to make requests as somebody else
-- column: issues_tokens | 1 where it allows to make tokens of service accounts
-- column: stands_from | first instant it stood in the role; missing: before all evidence
-- column: stands_to | first instant after; missing: not ended in the evidence
-- column: known wide | `yes`: the role existed with this rule at first; `maybe`: if it existed, then with it

WITH marked AS (
  SELECT
    cluster, kind, namespace, name, rule_index, verbs, api_groups, resources, resource_names, stands_from, stands_to,
    known,
    CASE
      WHEN (array_contains(verbs, 'escalate') OR array_contains(verbs, '*'))
        AND (array_contains(api_groups, 'rbac.authorization.k8s.io') OR array_contains(api_groups, '*'))
        AND (array_contains(resources, 'roles') OR array_contains(resources, 'clusterroles')
          OR array_contains(resources, '*'))
      THEN 1 ELSE 0
    END AS escalates,
    CASE
      WHEN (array_contains(verbs, 'bind') OR array_contains(verbs, '*'))
        AND (array_contains(api_groups, 'rbac.authorization.k8s.io') OR array_contains(api_groups, '*'))
        AND (array_contains(resources, 'roles') OR array_contains(resources, 'clusterroles')
          OR array_contains(resources, '*'))
      THEN 1 ELSE 0
    END AS binds,
    CASE
      WHEN array_contains(verbs, 'impersonate') THEN 1
      WHEN array_contains(verbs, '*')
        AND (
          ((array_contains(api_groups, '') OR array_contains(api_groups, '*'))
            AND (array_contains(resources, 'users') OR array_contains(resources, 'groups')
              OR array_contains(resources, 'serviceaccounts') OR array_contains(resources, '*')))
          OR (array_contains(api_groups, 'authentication.k8s.io')
            AND (array_contains(resources, 'uids') OR array_contains(resources, '*')))
        )
      THEN 1 ELSE 0
    END AS impersonates,
    CASE
      WHEN (array_contains(verbs, 'create') OR array_contains(verbs, '*'))
        AND (array_contains(api_groups, '') OR array_contains(api_groups, '*'))
        AND (array_contains(resources, 'serviceaccounts/token') OR array_contains(resources, '*/token')
          OR array_contains(resources, '*'))
      THEN 1 ELSE 0
    END AS issues_tokens
  FROM role_rules
  WHERE rule_index IS NOT NULL AND valid_from IS NOT DISTINCT FROM stands_from
)
SELECT
  cluster, kind, namespace, name, rule_index, verbs, api_groups, resources, resource_names, escalates, binds,
  impersonates, issues_tokens, stands_from, stands_to, known
FROM marked
WHERE escalates + binds + impersonates + issues_tokens > 0
ORDER BY cluster, kind, namespace, name, stands_from NULLS FIRST, rule_index
