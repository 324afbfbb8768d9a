-- title: Tokens issued for service accounts, and where they were used
-- shows: Every token request (TokenRequest), who asked for whose token, and how often, from when to when and
--     from how many addresses the token that came of it was used. A request is counted once, however many stages
--     were logged.
-- limits: Uses of a token where the API server logs no credential ids (by default before Kubernetes 1.30).
--     Long-lived tokens, which lie in secrets and need no token request.
-- attack: T1528 Steal Application Access Token
-- parameter: from time | asked for from this moment on; uses are counted over all time
-- parameter: to time | asked for before this moment
-- column: cluster | the cluster
-- column: time | when the request reached the API server, else the first stage that was logged
-- column: username | who asked (server-verified)
-- column: impersonated_user | whom the request was made as; missing where it was made as oneself
-- column: namespace | namespace of the service account
-- column: name | the service account whose token it is
-- column: code | HTTP status, the highest of the stages; missing where no answer was logged
-- column: source_ips | addresses of the asker; only the last is server-verified, the others are client-claimed
-- column: credential | id of the issued token; missing where none was issued or logged
-- column: uses | requests made with the token
-- column: first_use | the first of them
-- column: last_use | the last of them
-- column: use_addresses | different lists of addresses they came from
-- column: audit_id | the request's id; a client may choose it
-- column: record wide | one of its records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, impersonated_user_username, object_ref_namespace, object_ref_name, response_status_code,
    issued_credential_id,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events AS e
  WHERE object_ref_resource = 'serviceaccounts' AND object_ref_subresource = 'token' AND verb = 'create'
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    MAX(impersonated_user_username) AS impersonated_user,
    MAX(object_ref_namespace) AS namespace,
    MAX(object_ref_name) AS name,
    MAX(response_status_code) AS code,
    MAX(issued_credential_id) AS credential,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
),
used_stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, user_credential_id,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own
  FROM events AS e
  WHERE user_credential_id IS NOT NULL
),
used_requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    user_credential_id AS used_credential,
    MIN(stage_timestamp) AS first_stage
  FROM used_stages
  GROUP BY
    cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    user_credential_id
),
used_timed AS (
  SELECT *, COALESCE(request_received_timestamp, first_stage) AS time
  FROM used_requests
),
uses AS (
  SELECT
    cluster AS used_cluster, used_credential,
    COUNT(*) AS uses,
    MIN(time) AS first_use,
    MAX(time) AS last_use,
    COUNT(DISTINCT source_ips) AS use_addresses
  FROM used_timed
  GROUP BY cluster, used_credential
)
SELECT
  cluster, COALESCE(request_received_timestamp, first_stage) AS time, user_username AS username, impersonated_user,
  namespace, name, code, source_ips, credential, COALESCE(uses, 0) AS uses, first_use, last_use,
  COALESCE(use_addresses, 0) AS use_addresses, audit_id, record
FROM requests AS r
LEFT JOIN uses AS u ON r.credential = u.used_credential AND r.cluster = u.used_cluster
ORDER BY cluster, time NULLS FIRST, record
