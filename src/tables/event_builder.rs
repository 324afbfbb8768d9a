//! The builder of `events`. Separate from the general one because every audit record goes through
//! here: typed builders, no cells, no allocation per value.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::error::ArrowError;
use serde::Deserialize;

use super::build::{list_builder, time_builder};
use super::events;
use crate::formats::sink::Envelope;
use crate::model::audit::{AuditEvent, ObjectReference, ResponseStatus, UserInfo};
pub use crate::model::event_times::EventTimes;
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// Where a record lies.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The source.
    pub source_id: &'a str,
    /// Byte offset in the decompressed source.
    pub offset: u64,
    /// Line, from 1.
    pub line: u64,
    /// Length in bytes.
    pub length: u64,
}

/// The keys of `user.extra` that have a column.
#[derive(Default, Deserialize)]
struct Extra<'a> {
    #[serde(borrow, default, rename = "authentication.kubernetes.io/credential-id")]
    credential_id: Option<Vec<Text<'a>>>,
    #[serde(borrow, default, rename = "authentication.kubernetes.io/pod-name")]
    pod_name: Option<Vec<Text<'a>>>,
    #[serde(borrow, default, rename = "authentication.kubernetes.io/node-name")]
    node_name: Option<Vec<Text<'a>>>,
}

macro_rules! event_columns {
    ($($field:ident : $type:ty = $new:expr),* $(,)?) => {
        /// Events on their way to a record batch.
        pub struct EventBuilder {
            $($field: $type,)*
            rows: usize,
        }

        impl EventBuilder {
            /// No events yet.
            pub fn new() -> Self {
                Self { $($field: $new,)* rows: 0 }
            }

            /// The events as a record batch, columns in the table's order.
            ///
            /// # Errors
            /// When the builder and the table's description disagree.
            pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
                self.rows = 0;
                let arrays: Vec<ArrayRef> = vec![$(Arc::new(self.$field.finish()),)*];
                RecordBatch::try_new(events::TABLE.schema(), arrays)
            }
        }
    };
}

event_columns! {
    stage_timestamp: TimestampMicrosecondBuilder = time_builder(),
    request_received_timestamp: TimestampMicrosecondBuilder = time_builder(),
    audit_id: StringBuilder = StringBuilder::new(),
    stage: StringBuilder = StringBuilder::new(),
    level: StringBuilder = StringBuilder::new(),
    verb: StringBuilder = StringBuilder::new(),
    request_uri: StringBuilder = StringBuilder::new(),
    user_username: StringBuilder = StringBuilder::new(),
    user_uid: StringBuilder = StringBuilder::new(),
    user_groups: ListBuilder<StringBuilder> = list_builder(),
    user_extra: StringBuilder = StringBuilder::new(),
    user_credential_id: StringBuilder = StringBuilder::new(),
    user_pod_name: StringBuilder = StringBuilder::new(),
    user_node_name: StringBuilder = StringBuilder::new(),
    impersonated_user_username: StringBuilder = StringBuilder::new(),
    impersonated_user_uid: StringBuilder = StringBuilder::new(),
    impersonated_user_groups: ListBuilder<StringBuilder> = list_builder(),
    impersonated_user_extra: StringBuilder = StringBuilder::new(),
    impersonation_constraint: StringBuilder = StringBuilder::new(),
    source_ips: ListBuilder<StringBuilder> = list_builder(),
    user_agent: StringBuilder = StringBuilder::new(),
    object_ref_resource: StringBuilder = StringBuilder::new(),
    object_ref_namespace: StringBuilder = StringBuilder::new(),
    object_ref_name: StringBuilder = StringBuilder::new(),
    object_ref_uid: StringBuilder = StringBuilder::new(),
    object_ref_api_group: StringBuilder = StringBuilder::new(),
    object_ref_api_version: StringBuilder = StringBuilder::new(),
    object_ref_resource_version: StringBuilder = StringBuilder::new(),
    object_ref_subresource: StringBuilder = StringBuilder::new(),
    response_status_code: Int32Builder = Int32Builder::new(),
    response_status_status: StringBuilder = StringBuilder::new(),
    response_status_message: StringBuilder = StringBuilder::new(),
    response_status_reason: StringBuilder = StringBuilder::new(),
    request_object: StringBuilder = StringBuilder::new(),
    response_object: StringBuilder = StringBuilder::new(),
    annotations: StringBuilder = StringBuilder::new(),
    authorization_decision: StringBuilder = StringBuilder::new(),
    authorization_reason: StringBuilder = StringBuilder::new(),
    issued_credential_id: StringBuilder = StringBuilder::new(),
    truncated: BooleanBuilder = BooleanBuilder::new(),
    component: StringBuilder = StringBuilder::new(),
    node: StringBuilder = StringBuilder::new(),
    log_stream: StringBuilder = StringBuilder::new(),
    envelope_time: TimestampMicrosecondBuilder = time_builder(),
    grpc_code: Int32Builder = Int32Builder::new(),
    api_server: StringBuilder = StringBuilder::new(),
    http_method: StringBuilder = StringBuilder::new(),
    operation_part: StringBuilder = StringBuilder::new(),
    resource_name: StringBuilder = StringBuilder::new(),
    api_version: StringBuilder = StringBuilder::new(),
    source_id: StringBuilder = StringBuilder::new(),
    offset: Int64Builder = Int64Builder::new(),
    line: Int64Builder = Int64Builder::new(),
    length: Int64Builder = Int64Builder::new(),
}

impl Default for EventBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBuilder {
    /// Events so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds one event.
    pub fn push(&mut self, event: &AuditEvent<'_>, times: EventTimes, envelope: &Envelope<'_>, place: Place<'_>) {
        self.stage_timestamp.append_option(times.stage.map(Timestamp::as_micros));
        self.request_received_timestamp.append_option(times.received.map(Timestamp::as_micros));
        self.audit_id.append_option(text(&event.audit_id));
        self.stage.append_option(text(&event.stage));
        self.level.append_option(text(&event.level));
        self.verb.append_option(text(&event.verb));
        self.request_uri.append_option(text(&event.request_uri));
        self.push_users(event);
        push_list(&mut self.source_ips, event.source_ips.as_deref());
        self.user_agent.append_option(text(&event.user_agent));
        self.push_object_ref(event.object_ref.as_ref());
        self.push_status(event.response_status.as_ref());
        self.request_object.append_option(event.request_object.map(|b| b.get()));
        self.response_object.append_option(event.response_object.map(|b| b.get()));
        self.push_annotations(event, envelope);
        self.push_envelope(event, envelope, place);
        self.rows += 1;
    }

    fn push_users(&mut self, event: &AuditEvent<'_>) {
        let none = UserInfo::default();
        let user = event.user.as_ref().unwrap_or(&none);
        self.user_username.append_option(text(&user.username));
        self.user_uid.append_option(text(&user.uid));
        push_list(&mut self.user_groups, user.groups.as_deref());
        self.user_extra.append_option(user.extra.map(|e| e.get()));
        let extra: Extra<'_> = user.extra.and_then(|e| serde_json::from_str(e.get()).ok()).unwrap_or_default();
        self.user_credential_id.append_option(first(&extra.credential_id));
        self.user_pod_name.append_option(first(&extra.pod_name));
        self.user_node_name.append_option(first(&extra.node_name));
        let other = event.impersonated_user.as_ref().unwrap_or(&none);
        self.impersonated_user_username.append_option(text(&other.username));
        self.impersonated_user_uid.append_option(text(&other.uid));
        push_list(&mut self.impersonated_user_groups, other.groups.as_deref());
        self.impersonated_user_extra.append_option(other.extra.map(|e| e.get()));
        let constraint = event.authentication_metadata.as_ref().and_then(|m| text(&m.impersonation_constraint));
        self.impersonation_constraint.append_option(constraint);
    }

    fn push_object_ref(&mut self, object: Option<&ObjectReference<'_>>) {
        let none = ObjectReference::default();
        let object = object.unwrap_or(&none);
        self.object_ref_resource.append_option(text(&object.resource));
        self.object_ref_namespace.append_option(text(&object.namespace));
        self.object_ref_name.append_option(text(&object.name));
        self.object_ref_uid.append_option(text(&object.uid));
        self.object_ref_api_group.append_option(text(&object.api_group));
        self.object_ref_api_version.append_option(text(&object.api_version));
        self.object_ref_resource_version.append_option(text(&object.resource_version));
        self.object_ref_subresource.append_option(text(&object.subresource));
    }

    fn push_status(&mut self, status: Option<&ResponseStatus<'_>>) {
        let none = ResponseStatus::default();
        let status = status.unwrap_or(&none);
        self.response_status_code.append_option(status.code);
        self.response_status_status.append_option(text(&status.status));
        self.response_status_message.append_option(text(&status.message));
        self.response_status_reason.append_option(text(&status.reason));
    }

    fn push_annotations(&mut self, event: &AuditEvent<'_>, envelope: &Envelope<'_>) {
        let get = |key: &str| event.annotations.as_ref().and_then(|a| a.get(key)).map(|v| &**v);
        match &event.annotations {
            Some(all) => {
                let pairs: serde_json::Map<String, serde_json::Value> =
                    all.iter().map(|(k, v)| (k.to_string(), v.to_string().into())).collect();
                self.annotations.append_value(serde_json::Value::Object(pairs).to_string());
            }
            None => self.annotations.append_null(),
        }
        self.authorization_decision.append_option(get("authorization.k8s.io/decision"));
        self.authorization_reason.append_option(get("authorization.k8s.io/reason"));
        self.issued_credential_id.append_option(get("authentication.kubernetes.io/issued-credential-id"));
        let truncated = envelope.truncated || get("audit.k8s.io/truncated") == Some("true");
        self.truncated.append_option(truncated.then_some(true));
    }

    fn push_envelope(&mut self, event: &AuditEvent<'_>, envelope: &Envelope<'_>, place: Place<'_>) {
        self.component.append_option(envelope.component);
        self.node.append_option(envelope.node);
        self.log_stream.append_option(envelope.log_stream);
        self.envelope_time.append_option(envelope.time.map(Timestamp::as_micros));
        self.grpc_code.append_option(envelope.grpc_code);
        self.api_server.append_option(envelope.api_server);
        self.http_method.append_option(envelope.http_method);
        self.operation_part.append_option(envelope.operation_part);
        self.resource_name.append_option(envelope.resource_name);
        self.api_version.append_option(text(&event.api_version));
        self.source_id.append_value(place.source_id);
        self.offset.append_value(i64::try_from(place.offset).unwrap_or(i64::MAX));
        self.line.append_value(i64::try_from(place.line).unwrap_or(i64::MAX));
        self.length.append_value(i64::try_from(place.length).unwrap_or(i64::MAX));
    }
}

fn text<'t>(value: &'t Option<Text<'_>>) -> Option<&'t str> {
    value.as_deref()
}

fn first<'t>(values: &'t Option<Vec<Text<'_>>>) -> Option<&'t str> {
    values.as_ref().and_then(|v| v.first()).map(|v| &**v)
}

fn push_list(builder: &mut ListBuilder<StringBuilder>, values: Option<&[Text<'_>]>) {
    match values {
        Some(values) => builder.append_value(values.iter().map(|v| Some(&**v))),
        None => builder.append_null(),
    }
}
