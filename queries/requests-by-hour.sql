-- title: Requests by hour
-- shows: How many requests there were in each hour, how many changed something, failed or were denied. A request is
--     counted once, however many stages were logged.
-- limits: Hours without any request have no row. What the audit policy did not log is not here: see `kubesleuth
--     coverage`. For millions of events, `kubesleuth who-did --count-by hour` counts the same of one cluster, quicker.
-- attack: none
-- parameter: user pattern | who; `%` stands for any text
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: day | the day (UTC)
-- column: hour | the hour (UTC), 0 to 23
-- column: requests | requests
-- column: changes | requests with a verb that changes something
-- column: failed | requests answered with a status of 400 and above
-- column: denied | requests that the authorizer forbade
-- column: users | users who made them

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
-- The records of a request tell one time of arrival. Most times are told by one record, which then is the whole
-- request: only those that share theirs are put together.
counted AS (
  SELECT request_received_timestamp AS arrival, COUNT(*) AS records
  FROM events
  GROUP BY request_received_timestamp
),
requests AS (
  SELECT
    cluster, request_received_timestamp, user_username AS username, verb,
    response_status_code AS code,
    authorization_decision AS decision,
    stage_timestamp AS first_stage
  FROM stages JOIN counted ON stages.request_received_timestamp = counted.arrival
  WHERE records = 1
  UNION ALL
  SELECT
    cluster, request_received_timestamp, user_username AS username, verb,
    MAX(response_status_code) AS code,
    MAX(CASE WHEN authorization_decision = 'forbid' THEN 'forbid' END) AS decision,
    MIN(stage_timestamp) AS first_stage
  FROM stages LEFT JOIN counted ON stages.request_received_timestamp = counted.arrival
  WHERE records IS NULL OR records > 1
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, CAST(COALESCE(request_received_timestamp, first_stage) AS DATE) AS day,
    EXTRACT(HOUR FROM COALESCE(request_received_timestamp, first_stage)) AS hour
  FROM requests
)
SELECT
  cluster, day, hour,
  COUNT(*) AS requests,
  SUM(CASE WHEN verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') THEN 1 ELSE 0 END) AS changes,
  SUM(CASE WHEN code >= 400 THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN decision = 'forbid' THEN 1 ELSE 0 END) AS denied,
  COUNT(DISTINCT username) AS users
FROM timed
GROUP BY cluster, day, hour
ORDER BY cluster, day NULLS FIRST, hour NULLS FIRST
