-- title: Denied requests by user
-- shows: Every user who was refused something, with what kind of it and how often: an intruder tries out what an
--     account can do. A request is counted once, however many stages were logged.
-- limits: Questions that are no denials, such as `kubectl auth can-i`, which asks the API server what it would
--     decide. What the audit policy did not log is not here: see `kubesleuth coverage`.
-- attack: T1613 Container and Resource Discovery
-- parameter: least integer | show users who were refused at least so often
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: username | who was authenticated (server-verified); missing where nobody was
-- column: denied | requests that the authorizer forbade
-- column: unauthenticated | requests whose credentials were not accepted
-- column: refused | other requests answered 403: admission refused them, or the export carries no decision
-- column: verbs | different verbs
-- column: resources | different resources
-- column: namespaces | different namespaces
-- column: first_time | the first of them
-- column: last_time | the last of them

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, authorization_decision, object_ref_resource, object_ref_namespace, response_status_code,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own
  FROM events AS e
  WHERE (authorization_decision = 'forbid' OR response_status_code IN (401, 403))
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
    MAX(authorization_decision) AS decision,
    MAX(object_ref_resource) AS resource,
    MAX(object_ref_namespace) AS namespace,
    MAX(response_status_code) AS code,
    MIN(stage_timestamp) AS first_stage
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
),
counted AS (
  SELECT
    cluster, username,
    SUM(CASE WHEN decision = 'forbid' THEN 1 ELSE 0 END) AS denied,
    SUM(CASE WHEN code = 401 THEN 1 ELSE 0 END) AS unauthenticated,
    SUM(CASE WHEN code = 403 AND COALESCE(decision, '') <> 'forbid' THEN 1 ELSE 0 END) AS refused,
    COUNT(DISTINCT verb) AS verbs,
    COUNT(DISTINCT resource) AS resources,
    COUNT(DISTINCT namespace) AS namespaces,
    MIN(time) AS first_time,
    MAX(time) AS last_time
  FROM timed
  GROUP BY cluster, username
)
SELECT *
FROM counted
WHERE denied + unauthenticated + refused >= /*:least*/ 1
ORDER BY cluster, denied DESC, unauthenticated DESC, username NULLS FIRST
