-- title: Requests without credentials
-- shows: What was asked without credentials, and how it was answered. A request is counted once, however many stages
--     were logged.
-- limits: Requests with credentials that were not accepted: see denied-requests.
-- attack: T1190 Exploit Public-Facing Application
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: verb | Kubernetes verb, or the lower-cased HTTP method of a non-resource request
-- column: request_uri | the URI as it was sent
-- column: code | HTTP status, the highest of the stages; missing where no answer was logged
-- column: source_ips | addresses; only the last is server-verified, the others are client-claimed
-- column: requests | requests
-- column: first_time | the first of them
-- column: last_time | the last of them
-- column: record wide | one of the records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, response_status_code,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events AS e
  WHERE (user_username = 'system:anonymous' OR array_contains(user_groups, 'system:unauthenticated'))
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
    MAX(response_status_code) AS code,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
)
SELECT
  cluster, verb, request_uri, code, source_ips,
  COUNT(*) AS requests,
  MIN(time) AS first_time,
  MAX(time) AS last_time,
  MIN(record) AS record
FROM timed
GROUP BY cluster, verb, request_uri, code, source_ips
ORDER BY cluster, requests DESC, request_uri NULLS FIRST, verb NULLS FIRST, code NULLS FIRST, record
