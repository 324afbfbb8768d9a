-- title: Requests in a stretch of time
-- shows: Every request of a stretch of time, in its order. A request is counted once, however many stages were
--     logged.
-- limits: What the audit policy did not log is not here: see `kubesleuth coverage`.
-- attack: none
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- parameter: verb pattern | verb
-- column: cluster | the cluster
-- column: time | when the request reached the API server, else the first stage that was logged
-- column: username | who was authenticated (server-verified)
-- column: impersonated_user | whom the request was made as; missing where it was made as oneself
-- column: verb | Kubernetes verb, or the lower-cased HTTP method of a non-resource request
-- column: api_group wide | API group; missing for the core group and for non-resource requests
-- column: resource | plural resource; missing for non-resource requests
-- column: subresource | subresource
-- column: namespace | namespace
-- column: name | object; missing on lists and where the server made the name
-- column: code | HTTP status, the highest of the stages; missing where no answer was logged
-- column: source_ips | addresses; only the last is server-verified, the others are client-claimed
-- column: user_agent wide | what the client calls itself (client-claimed)
-- column: request_uri wide | the URI as it was sent
-- column: audit_id | the request's id; a client may choose it
-- column: record wide | one of its records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, impersonated_user_username, object_ref_api_group, object_ref_resource, object_ref_subresource,
    object_ref_namespace, object_ref_name, response_status_code, user_agent,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events AS e
  WHERE (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
    AND COALESCE(verb, '') LIKE /*:verb*/ '%'
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    MAX(impersonated_user_username) AS impersonated_user,
    MAX(object_ref_api_group) AS api_group,
    MAX(object_ref_resource) AS resource,
    MAX(object_ref_subresource) AS subresource,
    MAX(object_ref_namespace) AS namespace,
    MAX(object_ref_name) AS name,
    MAX(response_status_code) AS code,
    MAX(user_agent) AS user_agent,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
)
SELECT
  cluster, COALESCE(request_received_timestamp, first_stage) AS time, user_username AS username,
  impersonated_user, verb, api_group, resource, subresource, namespace, name, code, source_ips, user_agent,
  request_uri, audit_id, record
FROM requests
ORDER BY cluster, time NULLS FIRST, record
