-- title: Text inside bodies
-- shows: Every request whose logged request or response body holds a text, letter by letter. A request is counted
--     once, however many stages were logged.
-- limits: Bodies are logged only at the levels Request and RequestResponse, and large ones are cut. Text that JSON
--     writes with escapes or base64 (all values of secrets) is found only in that form.
-- attack: none
-- parameter: text text required | what to look for; upper and lower case differ
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: time | when the request reached the API server, else the first stage that was logged
-- column: username | who was authenticated (server-verified)
-- column: impersonated_user | whom the request was made as; missing where it was made as oneself
-- column: verb | Kubernetes verb, or the lower-cased HTTP method of a non-resource request
-- column: resource | plural resource; missing for non-resource requests
-- column: subresource | subresource
-- column: namespace | namespace
-- column: name | object; missing on lists and where the server made the name
-- column: code | HTTP status, the highest of the stages; missing where no answer was logged
-- column: source_ips | addresses; only the last is server-verified, the others are client-claimed
-- column: user_agent wide | what the client calls itself (client-claimed)
-- column: in_request | whether the request body holds it
-- column: in_response | whether the response body holds it
-- column: audit_id | the request's id; a client may choose it
-- column: record wide | one of its records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, impersonated_user_username, object_ref_resource, object_ref_subresource, object_ref_namespace,
    object_ref_name, response_status_code, user_agent,
    CASE WHEN REPLACE(request_object, /*:text*/ 'privileged', '') <> request_object THEN 1 ELSE 0 END AS asked,
    CASE WHEN REPLACE(response_object, /*:text*/ 'privileged', '') <> response_object THEN 1 ELSE 0 END AS answered,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events AS e
  WHERE (REPLACE(request_object, /*:text*/ 'privileged', '') <> request_object
      OR REPLACE(response_object, /*:text*/ 'privileged', '') <> response_object)
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    MAX(impersonated_user_username) AS impersonated_user,
    MAX(object_ref_resource) AS resource,
    MAX(object_ref_subresource) AS subresource,
    MAX(object_ref_namespace) AS namespace,
    MAX(object_ref_name) AS name,
    MAX(response_status_code) AS code,
    MAX(user_agent) AS user_agent,
    SUM(asked) > 0 AS in_request,
    SUM(answered) > 0 AS in_response,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
)
SELECT
  cluster, COALESCE(request_received_timestamp, first_stage) AS time, user_username AS username,
  impersonated_user, verb, resource, subresource, namespace, name, code, source_ips, user_agent, in_request,
  in_response, audit_id, record
FROM requests
ORDER BY cluster, time NULLS FIRST, record
