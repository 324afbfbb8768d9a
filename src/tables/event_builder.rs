//! The builder of `events`. Separate from the general one because every audit record goes through
//! here: typed builders, no cells, no allocation per value, and texts that lie in the block being read are
//! pointed at instead of copied. Traded for it: a block stays in memory until its rows are written.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::Buffer;
use arrow::error::ArrowError;

use super::build::{list_builder, time_builder};
use super::events;
use super::text_builder::TextBuilder;
use super::user_extra::Extra;
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

/// What every builder of a column can do.
trait Column {
    fn begin(block: &Buffer) -> Self;
    /// The column; `none` is shared by columns of texts that hold nothing.
    fn column(&mut self, none: &mut Option<ArrayRef>) -> ArrayRef;
}

impl Column for TextBuilder {
    fn begin(block: &Buffer) -> Self {
        Self::new(block)
    }

    fn column(&mut self, none: &mut Option<ArrayRef>) -> ArrayRef {
        self.finish(none)
    }
}

/// Rows that a block may give. The rows of a small file must not keep room for a thousand.
pub(super) fn rows_in(block: &Buffer) -> usize {
    block.len() / 1500 + 16
}

macro_rules! plain_columns {
    ($($type:ty = |$rows:ident| $new:expr),* $(,)?) => {
        $(impl Column for $type {
            fn begin(block: &Buffer) -> Self {
                let $rows = rows_in(block);
                $new
            }

            fn column(&mut self, _: &mut Option<ArrayRef>) -> ArrayRef {
                Arc::new(self.finish())
            }
        })*
    };
}

plain_columns! {
    TimestampMicrosecondBuilder = |rows| time_builder(rows),
    ListBuilder<StringBuilder> = |rows| list_builder(rows),
    Int32Builder = |rows| Int32Builder::with_capacity(rows),
    Int64Builder = |rows| Int64Builder::with_capacity(rows),
    BooleanBuilder = |rows| BooleanBuilder::with_capacity(rows),
}

macro_rules! event_columns {
    ($($field:ident : $type:ty),* $(,)?) => {
        /// Events on their way to a record batch.
        pub struct EventBuilder {
            $($field: $type,)*
            rows: usize,
            /// Room to write annotations in.
            scratch: Vec<u8>,
        }

        impl EventBuilder {
            /// No events yet; texts that lie in `block` will not be copied.
            pub fn new(block: &Buffer) -> Self {
                Self { $($field: <$type as Column>::begin(block),)* rows: 0, scratch: Vec::new() }
            }

            /// The events as a record batch, columns in the table's order.
            ///
            /// # Errors
            /// When the builder and the table's description disagree.
            pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
                self.rows = 0;
                let mut none = None;
                let arrays: Vec<ArrayRef> = vec![$(self.$field.column(&mut none),)*];
                RecordBatch::try_new(events::TABLE.view_schema(), arrays)
            }
        }
    };
}

event_columns! {
    stage_timestamp: TimestampMicrosecondBuilder,
    request_received_timestamp: TimestampMicrosecondBuilder,
    audit_id: TextBuilder,
    stage: TextBuilder,
    level: TextBuilder,
    verb: TextBuilder,
    request_uri: TextBuilder,
    user_username: TextBuilder,
    user_uid: TextBuilder,
    user_groups: ListBuilder<StringBuilder>,
    user_extra: TextBuilder,
    user_credential_id: TextBuilder,
    user_pod_name: TextBuilder,
    user_node_name: TextBuilder,
    impersonated_user_username: TextBuilder,
    impersonated_user_uid: TextBuilder,
    impersonated_user_groups: ListBuilder<StringBuilder>,
    impersonated_user_extra: TextBuilder,
    impersonation_constraint: TextBuilder,
    source_ips: ListBuilder<StringBuilder>,
    user_agent: TextBuilder,
    object_ref_resource: TextBuilder,
    object_ref_namespace: TextBuilder,
    object_ref_name: TextBuilder,
    object_ref_uid: TextBuilder,
    object_ref_api_group: TextBuilder,
    object_ref_api_version: TextBuilder,
    object_ref_resource_version: TextBuilder,
    object_ref_subresource: TextBuilder,
    response_status_code: Int32Builder,
    response_status_status: TextBuilder,
    response_status_message: TextBuilder,
    response_status_reason: TextBuilder,
    request_object: TextBuilder,
    response_object: TextBuilder,
    annotations: TextBuilder,
    authorization_decision: TextBuilder,
    authorization_reason: TextBuilder,
    issued_credential_id: TextBuilder,
    truncated: BooleanBuilder,
    component: TextBuilder,
    node: TextBuilder,
    log_stream: TextBuilder,
    envelope_time: TimestampMicrosecondBuilder,
    grpc_code: Int32Builder,
    api_server: TextBuilder,
    http_method: TextBuilder,
    operation_part: TextBuilder,
    resource_name: TextBuilder,
    api_version: TextBuilder,
    source_id: TextBuilder,
    offset: Int64Builder,
    line: Int64Builder,
    length: Int64Builder,
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
        let extra = user.extra.map(|e| Extra::of(e.get())).unwrap_or_default();
        self.user_credential_id.append_option(text(&extra.credential_id.0));
        self.user_pod_name.append_option(text(&extra.pod_name.0));
        self.user_node_name.append_option(text(&extra.node_name.0));
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
        let get = |key: &str| event.annotations.as_ref().and_then(|a| a.get(key));
        // Writing to memory cannot fail.
        self.annotations.append_option(event.annotations.as_ref().and_then(|all| all.json(&mut self.scratch)));
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

fn push_list(builder: &mut ListBuilder<StringBuilder>, values: Option<&[Text<'_>]>) {
    match values {
        Some(values) => builder.append_value(values.iter().map(|v| Some(&**v))),
        None => builder.append_null(),
    }
}
