-- title: Audit IDs that stand for several requests
-- shows: Every audit ID under which more than one request was logged. A client may choose it (header
--     `Audit-ID`), to be found among the requests of somebody else; API servers behind one another share it too,
--     with another component.
-- limits: Records that say exactly the same are duplicates and were dropped. A request whose records differ in
--     server, time of receipt, user, verb, URI or addresses counts as several.
-- attack: T1036 Masquerading
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: audit_id | the audit ID
-- column: requests | different requests under it
-- column: users | different users
-- column: components | different servers that logged it, where the export says which
-- column: first_time | the first of them
-- column: last_time | the last of them
-- column: record wide | one of the records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events
  WHERE audit_id IS NOT NULL
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
),
counted AS (
  SELECT
    cluster, audit_id,
    COUNT(*) AS requests,
    COUNT(DISTINCT user_username) AS users,
    COUNT(DISTINCT component) AS components,
    MIN(time) AS first_time,
    MAX(time) AS last_time,
    MIN(record) AS record
  FROM timed
  GROUP BY cluster, audit_id
)
SELECT cluster, audit_id, requests, users, components, first_time, last_time, record
FROM counted
WHERE requests > 1
ORDER BY cluster, first_time NULLS FIRST, audit_id
