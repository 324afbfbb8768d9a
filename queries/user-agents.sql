-- title: Clients by what they call themselves
-- shows: Every user agent with the number of requests and users, and the first and last of them. A request is
--     counted once, however many stages were logged.
-- limits: A client writes here what it likes.
-- attack: T1036 Masquerading
-- parameter: agent pattern | user agent; `%` stands for any text
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: user_agent | what the client calls itself (client-claimed)
-- column: requests | requests
-- column: users | users who made them
-- column: addresses | different lists of addresses
-- column: first_time | the first of them
-- column: last_time | the last of them

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, user_agent,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own
  FROM events AS e
  WHERE COALESCE(user_agent, '') LIKE /*:agent*/ '%'
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
    MAX(user_agent) AS user_agent,
    MIN(stage_timestamp) AS first_stage
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
)
SELECT
  cluster, user_agent,
  COUNT(*) AS requests,
  COUNT(DISTINCT username) AS users,
  COUNT(DISTINCT source_ips) AS addresses,
  MIN(time) AS first_time,
  MAX(time) AS last_time
FROM timed
GROUP BY cluster, user_agent
ORDER BY cluster, requests DESC, user_agent NULLS FIRST
