-- title: Accounts used from several addresses
-- shows: Every user whose requests came from more than one list of addresses, with each credential and address,
--     how often and from when to when: a stolen token shows up as an address that was not there before. A request is
--     counted once, however many stages were logged.
-- limits: A token used from the address of its owner, or behind the same proxy. Addresses other than the last of
--     their list are client-claimed. Older API servers log no credential id.
-- attack: T1528 Steal Application Access Token, T1550.001 Application Access Token
-- parameter: user pattern | who; `%` stands for any text
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: username | who was authenticated (server-verified)
-- column: credential | id of the token or certificate; missing where the API server logs none
-- column: source_ips | addresses; only the last is server-verified, the others are client-claimed
-- column: requests | requests
-- column: first_time | the first of them
-- column: last_time | the last of them
-- column: addresses | different lists of addresses of the user, over all credentials
-- column: record wide | one of the records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, user_credential_id,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events AS e
  WHERE user_username LIKE /*:user*/ 'system:serviceaccount:%'
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username AS username, verb, request_uri,
    source_ips,
    MAX(user_credential_id) AS credential,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM requests
),
uses AS (
  SELECT
    cluster, username, credential, source_ips,
    COUNT(*) AS requests,
    MIN(time) AS first_time,
    MAX(time) AS last_time,
    MIN(record) AS record
  FROM timed
  GROUP BY cluster, username, credential, source_ips
),
spread AS (
  SELECT cluster, username, COUNT(DISTINCT source_ips) AS addresses
  FROM uses
  GROUP BY cluster, username
)
SELECT
  u.cluster, u.username, u.credential, u.source_ips, u.requests, u.first_time, u.last_time, s.addresses, u.record
FROM uses AS u
JOIN spread AS s ON u.cluster = s.cluster AND u.username = s.username
WHERE s.addresses > 1
ORDER BY cluster, username, first_time NULLS FIRST, record
