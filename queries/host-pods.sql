-- title: Pods that reach the node
-- shows: Every request that makes or changes a pod, or what makes pods, with a setting that opens the node to it. A
--     request is counted once, however many stages were logged.
-- limits: Found by text in the request body, so only where bodies were logged; a text may also stand in an
--     annotation. Settings that came by a patch of another form or from a template already there.
-- attack: T1611 Escape to Host
-- parameter: user pattern | who; `%` stands for any text
-- parameter: from time | from this moment on; events without a time of their own are always shown
-- parameter: to time | up to, not including, this moment
-- column: cluster | the cluster
-- column: time | when the request reached the API server, else the first stage that was logged
-- column: username | who was authenticated (server-verified)
-- column: impersonated_user | whom the request was made as; missing where it was made as oneself
-- column: verb | Kubernetes verb, or the lower-cased HTTP method of a non-resource request
-- column: resource | plural resource; missing for non-resource requests
-- column: namespace | namespace
-- column: name | object; missing on lists and where the server made the name
-- column: code | HTTP status, the highest of the stages; missing where no answer was logged
-- column: source_ips | addresses; only the last is server-verified, the others are client-claimed
-- column: user_agent wide | what the client calls itself (client-claimed)
-- column: privileged | a container runs with all rights on the node
-- column: host_path | a folder of the node is mounted
-- column: host_pid | the processes of the node are seen
-- column: host_network | the network of the node is used
-- column: host_ipc | the shared memory of the node is used
-- column: audit_id | the request's id; a client may choose it
-- column: record wide | one of its records, as `kubesleuth show` takes it

WITH stages AS (
  SELECT
    cluster, audit_id, component, request_received_timestamp, stage_timestamp, user_username, verb, request_uri,
    source_ips, impersonated_user_username, object_ref_resource, object_ref_namespace, object_ref_name,
    response_status_code, user_agent,
    CASE WHEN REPLACE(request_object, ' ', '') LIKE '%"privileged":true%' THEN 1 ELSE 0 END AS has_privileged,
    CASE WHEN REPLACE(request_object, ' ', '') LIKE '%"hostPath":{%' THEN 1 ELSE 0 END AS has_host_path,
    CASE WHEN REPLACE(request_object, ' ', '') LIKE '%"hostPID":true%' THEN 1 ELSE 0 END AS has_host_pid,
    CASE WHEN REPLACE(request_object, ' ', '') LIKE '%"hostNetwork":true%' THEN 1 ELSE 0 END AS has_host_network,
    CASE WHEN REPLACE(request_object, ' ', '') LIKE '%"hostIPC":true%' THEN 1 ELSE 0 END AS has_host_ipc,
    CASE WHEN audit_id IS NULL THEN CONCAT(source_id, ':', CAST(e.offset AS STRING)) END AS own,
    CONCAT(source_id, ':', CAST(line AS STRING)) AS record
  FROM events AS e
  WHERE object_ref_resource IN (
      'pods', 'deployments', 'daemonsets', 'statefulsets', 'replicasets', 'replicationcontrollers', 'jobs', 'cronjobs'
    )
    AND verb IN ('create', 'update', 'patch')
    AND (POSITION('"privileged"' IN request_object) > 0 OR POSITION('"hostPath"' IN request_object) > 0
      OR POSITION('"hostPID"' IN request_object) > 0 OR POSITION('"hostNetwork"' IN request_object) > 0
      OR POSITION('"hostIPC"' IN request_object) > 0)
    AND COALESCE(user_username, '') LIKE /*:user*/ '%'
    AND (stage_timestamp >= /*:from*/ '0001-01-01 00:00:00' OR stage_timestamp IS NULL)
    AND (stage_timestamp < /*:to*/ '9999-12-31 23:59:59' OR stage_timestamp IS NULL)
),
requests AS (
  SELECT
    cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips,
    MAX(impersonated_user_username) AS impersonated_user,
    MAX(object_ref_resource) AS resource,
    MAX(object_ref_namespace) AS namespace,
    MAX(object_ref_name) AS name,
    MAX(response_status_code) AS code,
    MAX(user_agent) AS user_agent,
    SUM(has_privileged) > 0 AS privileged,
    SUM(has_host_path) > 0 AS host_path,
    SUM(has_host_pid) > 0 AS host_pid,
    SUM(has_host_network) > 0 AS host_network,
    SUM(has_host_ipc) > 0 AS host_ipc,
    MIN(stage_timestamp) AS first_stage,
    MIN(record) AS record
  FROM stages
  GROUP BY cluster, audit_id, own, component, request_received_timestamp, user_username, verb, request_uri, source_ips
)
SELECT
  cluster, COALESCE(request_received_timestamp, first_stage) AS time, user_username AS username,
  impersonated_user, verb, resource, namespace, name, code, source_ips, user_agent, privileged, host_path,
  host_pid, host_network, host_ipc, audit_id, record
FROM requests
WHERE privileged OR host_path OR host_pid OR host_network OR host_ipc
ORDER BY cluster, time NULLS FIRST, record
