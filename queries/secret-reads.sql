-- title: Reads of secrets by user
-- shows: Who read which secrets, how often, and from when to when. A list or watch shows every secret it covers,
--     with its content. A request is counted once, however many stages were logged.
-- limits: Secrets that a pod has mounted or has in its environment: reading them there is no request. What the audit
--     policy did not log is not here: see `kubesleuth coverage`.
-- attack: T1552.007 Container API
-- parameter: namespace pattern | namespace; lists over all of them have the empty text
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: username | who was authenticated (server-verified)
-- column: impersonated_user | whom the request was made as; missing where it was made as oneself
-- column: verb | get, list or watch
-- column: namespace | namespace; missing for all of them
-- column: name | the secret; missing for a list
-- column: requests | requests
-- column: answered | requests that were answered with a status below 400
-- column: addresses | different lists of addresses
-- column: first_time | the first of them
-- column: last_time | the last of them

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, impersonated_user_username, object_ref_namespace, object_ref_name, response_status_code,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own
  FROM events AS e
  WHERE object_ref_resource = 'secrets' AND verb IN ('get', 'list', 'watch')
    AND COALESCE(object_ref_namespace, '') LIKE /*:namespace*/ '%'
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
    MAX(impersonated_user_username) AS impersonated_user,
    MAX(object_ref_namespace) AS namespace,
    MAX(object_ref_name) AS name,
    MAX(response_status_code) AS code,
    MIN(stage_timestamp) AS first_stage
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
)
SELECT
  cluster, username, impersonated_user, verb, namespace, name,
  COUNT(*) AS requests,
  SUM(CASE WHEN code < 400 THEN 1 ELSE 0 END) AS answered,
  COUNT(DISTINCT source_ips) AS addresses,
  MIN(time) AS first_time,
  MAX(time) AS last_time
FROM timed
GROUP BY cluster, username, impersonated_user, verb, namespace, name
ORDER BY cluster, username NULLS FIRST, impersonated_user NULLS FIRST, namespace NULLS FIRST, name NULLS FIRST, verb
