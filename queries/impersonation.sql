-- title: Requests made as somebody else
-- shows: Who made requests as whom, how many were allowed, and from when to when. A request is counted once, however
--     many stages were logged.
-- limits: Whether the one who impersonates was allowed to: that is decided before, and a refused impersonation is
--     logged as a denied request of the user. What the audit policy did not log is not here: see `kubesleuth coverage`.
-- attack: none
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: username | who was authenticated (server-verified)
-- column: impersonated_user | whom the request was made as; missing where it was made as oneself
-- column: verb | Kubernetes verb, or the lower-cased HTTP method of a non-resource request
-- column: requests | requests
-- column: allowed | requests that the authorizer allowed
-- column: denied | requests that it forbade
-- column: first_time | the first of them
-- column: last_time | the last of them

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, impersonated_user_username, response_status_code, authorization_decision,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own
  FROM events AS e
  WHERE impersonated_user_username IS NOT NULL
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
    MAX(impersonated_user_username) AS impersonated_user,
    MAX(response_status_code) AS code,
    MAX(authorization_decision) AS decision,
    MIN(stage_timestamp) AS first_stage
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
)
SELECT
  cluster, username, impersonated_user, verb,
  COUNT(*) AS requests,
  SUM(CASE WHEN decision = 'allow' THEN 1 ELSE 0 END) AS allowed,
  SUM(CASE WHEN decision = 'forbid' THEN 1 ELSE 0 END) AS denied,
  MIN(time) AS first_time,
  MAX(time) AS last_time
FROM timed
GROUP BY cluster, username, impersonated_user, verb
ORDER BY cluster, username NULLS FIRST, impersonated_user, verb
