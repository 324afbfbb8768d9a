-- title: Users and what they did, in numbers
-- shows: Every user with the number of requests, changes, failures and denials, and the first and last of them. A
--     request is counted once, however many stages were logged.
-- limits: What the audit policy did not log is not here: see `kubesleuth coverage`.
-- attack: T1078 Valid Accounts
-- parameter: user pattern | who; `%` stands for any text
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: username | who was authenticated (server-verified)
-- column: requests | requests
-- column: changes | requests with a verb that changes something
-- column: failed | requests answered with a status of 400 and above
-- column: denied | requests that the authorizer forbade
-- column: addresses | different lists of addresses
-- column: first_time | the first of them
-- column: last_time | the last of them

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, response_status_code, authorization_decision,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own
  FROM events AS e
  WHERE COALESCE(user_username, '') LIKE /*:user*/ '%'
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
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
  cluster, username,
  COUNT(*) AS requests,
  SUM(CASE WHEN verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') THEN 1 ELSE 0 END) AS changes,
  SUM(CASE WHEN code >= 400 THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN decision = 'forbid' THEN 1 ELSE 0 END) AS denied,
  COUNT(DISTINCT source_ips) AS addresses,
  MIN(time) AS first_time,
  MAX(time) AS last_time
FROM timed
GROUP BY cluster, username
ORDER BY cluster, requests DESC, username NULLS FIRST
