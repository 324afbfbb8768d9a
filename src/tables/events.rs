//! `events`: one row for each audit event, flat. Column names are the audit API's field paths in
//! snake case; bodies are kept verbatim as JSON text, so that nothing is lost in typing them.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "events",
    doc: "One audit event: one stage of one request. Count requests by `audit_id`, events by row.",
    sorted_by: "`stage_timestamp`, `source_id`, `offset`",
    columns: COLUMNS,
    by_date: true,
};

const COLUMNS: &[Column] = &[
    optional("stage_timestamp", Time, "when this stage was reached"),
    optional("request_received_timestamp", Time, "when the request reached the API server; the same in all stages"),
    optional("audit_id", Text, "the request's id; a client may choose it (`Audit-ID` header)"),
    optional("stage", Text, "`RequestReceived`, `ResponseStarted`, `ResponseComplete` or `Panic`"),
    optional("level", Text, "`Metadata`, `Request` or `RequestResponse`"),
    optional("verb", Text, "Kubernetes verb, or the lower-cased HTTP method of a non-resource request"),
    optional("request_uri", Text, "the URI as the client sent it, with its query"),
    optional("user_username", Text, "who was authenticated (server-verified)"),
    optional("user_uid", Text, "the user's UID"),
    optional("user_groups", TextList, "the user's groups (server-verified)"),
    optional("user_extra", Text, "the authenticator's extra values, JSON as recorded"),
    optional(
        "user_credential_id",
        Text,
        "`authentication.kubernetes.io/credential-id` of `user_extra`: which token or certificate",
    ),
    optional(
        "user_pod_name",
        Text,
        "`authentication.kubernetes.io/pod-name` of `user_extra`: the pod the token is bound to",
    ),
    optional(
        "user_node_name",
        Text,
        "`authentication.kubernetes.io/node-name` of `user_extra`: the node the token is bound to",
    ),
    optional(
        "impersonated_user_username",
        Text,
        "whom the request was made as; authorization was decided for this identity",
    ),
    optional("impersonated_user_uid", Text, "UID of the impersonated identity"),
    optional("impersonated_user_groups", TextList, "groups of the impersonated identity"),
    optional("impersonated_user_extra", Text, "extra values of the impersonated identity, JSON; chosen by the caller"),
    optional(
        "authentication_metadata_impersonation_constraint",
        Text,
        "the verb of constrained impersonation that allowed it",
    ),
    optional(
        "source_ips",
        TextList,
        "addresses; the last is the TCP peer (server-verified), all others are client-claimed. Where `absent_fields` of the \
         source names `source_ips (after the first)`, the one address is the first, and client-claimed",
    ),
    optional("user_agent", Text, "what the client calls itself (client-claimed)"),
    optional("object_ref_resource", Text, "plural resource name"),
    optional("object_ref_namespace", Text, "namespace"),
    optional("object_ref_name", Text, "name; missing on lists and on create with generateName"),
    optional("object_ref_uid", Text, "UID of the object"),
    optional("object_ref_api_group", Text, "API group; missing for the core group"),
    optional("object_ref_api_version", Text, "API version without the group"),
    optional("object_ref_resource_version", Text, "resourceVersion of the request's precondition"),
    optional("object_ref_subresource", Text, "subresource"),
    optional("response_status_code", Int32, "HTTP status code"),
    optional("response_status_status", Text, "`Success` or `Failure`"),
    optional("response_status_message", Text, "message for people"),
    optional("response_status_reason", Text, "reason for machines"),
    optional("request_object", Text, "request body, JSON as recorded; may hold secrets"),
    optional("response_object", Text, "response body, JSON as recorded; may hold secrets"),
    optional("annotations", Text, "all annotations, JSON object with sorted keys"),
    optional("authorization_decision", Text, "annotation `authorization.k8s.io/decision`"),
    optional("authorization_reason", Text, "annotation `authorization.k8s.io/reason`: one binding that sufficed"),
    optional(
        "issued_credential_id",
        Text,
        "annotation `authentication.kubernetes.io/issued-credential-id`: the token this request made",
    ),
    optional("truncated", Bool, "true where bodies were removed for size; missing otherwise"),
    optional(
        "component",
        Text,
        "which server wrote it, where the export says so (`kube-apiserver`, `openshift-apiserver`, ...)",
    ),
    optional("node", Text, "the node or host it was collected from, where the export says so"),
    optional("log_stream", Text, "the log stream of a log service"),
    optional(
        "envelope_time",
        Time,
        "when a shipper or log service saw the record; never used in place of the event's own times",
    ),
    optional("grpc_code", Int32, "status code of Google Cloud Logging; not an HTTP status"),
    optional(
        "api_server",
        Text,
        "which instance of the server wrote it (the name of its pod), where the export says so",
    ),
    optional("http_method", Text, "the HTTP method, where the export gives it in place of the verb"),
    optional(
        "operation_part",
        Text,
        "Google Cloud Logging: which part of a long-running operation the entry is (`first`, `last`)",
    ),
    optional("resource_name", Text, "the resource as the export names it, where it gives no request URI"),
    optional("api_version", Text, "`apiVersion` of the record"),
    required("source_id", Text, "the source it was read from"),
    required("offset", Int64, "byte offset of the record in the decompressed source"),
    required("line", Int64, "line on which the record starts, from 1"),
    required("length", Int64, "length of the record in bytes"),
];
