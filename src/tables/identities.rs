//! `identities`: which identity outside the cluster was given which Kubernetes name. The audit log shows
//! only the name; whoever can edit the mapping can take any name, so acts belong to the outside identity.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "identities",
    doc: "One statement about an identity outside the cluster and the Kubernetes name it has: a line of \
          aws-iam-authenticator's log, or an entry of the config map `kube-system/aws-auth` while it held. \
          EKS access entries are not in Kubernetes: their changes are in CloudTrail alone.",
    sorted_by: "`origin`, `valid_from`, `source_id`, `offset`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("origin", Text, "`authenticator-log` or `aws-auth`"),
    required(
        "outcome",
        Text,
        "log: `granted`, `denied`, `identified` (AWS said who the caller is; the mapping comes after), `mapping` (an \
         entry was loaded), `reloaded` (the mapping was loaded anew), `other`; config map: `mapping`, `unknown` (the \
         mapping of this stretch cannot be told), `malformed` (it could not be read: the authenticator keeps the one before)",
    ),
    optional("at", Time, "log: when, in whole seconds"),
    optional("valid_from", Time, "when the statement began to hold; missing: open. Log lines hold for their second"),
    optional("valid_to", Time, "when it ceased to hold; missing: open"),
    required("basis", Text, "`observed`, `derived`, `assumed` or `unknown`, as for object versions"),
    optional("mapped", Text, "what an entry maps: `role`, `user` or `account`"),
    optional("arn", Text, "the ARN as written; an entry may hold a pattern or template"),
    optional(
        "canonical_arn",
        Text,
        "`arn` in the form that mappings are compared by: a role session's ARN as that of its role",
    ),
    optional("account", Text, "AWS account"),
    optional("principal_id", Text, "AWS principal id (`AROA…`, `AIDA…`)"),
    optional("access_key_id", Text, "AWS access key id; a temporary one (`ASIA…`) belongs to one session"),
    optional("session_name", Text, "name of the role session; chosen by whoever assumed the role"),
    optional("username", Text, "Kubernetes user name; of an entry: its template"),
    required("groups", TextList, "Kubernetes groups"),
    optional("uid", Text, "Kubernetes UID that was given"),
    optional("reason", Text, "why it was denied, is unknown, or could not be read"),
    optional("message", Text, "log: the message as written"),
    optional("client", Text, "log: the address that asked, always the API server itself"),
    optional("log_stream", Text, "the log stream of a log service"),
    optional(
        "joined_with",
        Text,
        "`source:line` of the `identified` line of the same call; account, principal, access key and session of a \
         `granted` or `denied` row are taken from there where its own line does not have them",
    ),
    optional("audit_id", Text, "config map: the request that wrote it, where the log shows it"),
    optional("actor", Text, "config map: who wrote it, where the log shows it"),
    required("source_id", Text, "the source"),
    required("offset", Int64, "byte offset of the record in the decompressed source"),
    required("line", Int64, "line on which the record starts, from 1"),
    required("length", Int64, "length of the record in bytes; 0 where a config map was rebuilt"),
];
