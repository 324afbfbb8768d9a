//! The export formats by name, and what each cannot carry.
//!
//! An absent field is named by its column of `events`. A column that a format carries in part has the
//! missing part in brackets, `source_ips (after the first)`: the column holds values, and says less than
//! it would in a native log.

/// A recognised format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Format {
    /// Events of `audit.k8s.io/v1`, one JSON object each.
    Native,
    /// Events of `audit.k8s.io/v1beta1` (Kubernetes 1.8 to 1.23).
    NativeV1beta1,
    /// Events of `audit.k8s.io/v1alpha1` (Kubernetes 1.7 to 1.23).
    NativeV1alpha1,
    /// Batches of the audit webhook.
    EventList,
    /// Text lines of Kubernetes 1.7 and later (`--audit-log-format=legacy`).
    LegacyText,
    /// Text lines before Kubernetes 1.7: a request and its response are two lines.
    LegacyTextPre17,
    /// `aws logs filter-log-events`.
    CloudwatchFilter,
    /// `aws logs get-log-events`.
    CloudwatchGet,
    /// CloudWatch Logs export to S3.
    CloudwatchS3Export,
    /// CloudWatch Logs subscription, as Firehose, Kinesis and Lambda receive it.
    CloudwatchSubscription,
    /// CloudWatch Logs Insights results.
    CloudwatchInsights,
    /// Log of aws-iam-authenticator.
    EksAuthenticator,
    /// Google Cloud Logging entries of GKE.
    GkeCloudLogging,
    /// Azure diagnostic settings of AKS: blobs and Event Hubs.
    AksDiagnostics,
    /// Azure Log Analytics tables `AKSAudit` and `AKSAuditAdmin`.
    AksLogAnalytics,
    /// The same as the portal exports it, with times in milliseconds.
    AksLogAnalyticsPortal,
    /// OpenShift must-gather.
    OpenshiftMustGather,
    /// The server logs of RKE2 and K3s.
    Rke2K3s,
    /// Rancher's API audit log.
    RancherApiAudit,
    /// Fluent Bit.
    FluentBit,
    /// Fluentd `out_file`.
    Fluentd,
    /// Vector.
    Vector,
    /// Grafana Loki.
    Loki,
    /// Elasticsearch documents that hold the raw event.
    Elasticsearch,
    /// Elasticsearch documents that hold the event taken apart (`kubernetes.audit`).
    ElasticsearchParsed,
    /// Splunk.
    Splunk,
    /// Docker's `json-file` log driver.
    DockerJsonFile,
    /// Logs of a CRI runtime.
    Cri,
    /// `journalctl -o json`.
    Journal,
    /// Log lines behind a time, as `kubectl logs --timestamps` prints them.
    TimestampedLines,
    /// Events behind something else on their line: a node, a pod, a syslog header.
    PrefixedLines,
    /// Events inside JSON of a shipper that has no format of its own here.
    JsonEnvelope,
    /// Log text of Kubernetes components without audit events.
    KlogText,
    /// What `kubectl` wrote in place of objects.
    KubectlError,
    /// What an API server answered in place of objects.
    ApiStatus,
}

impl Format {
    /// The word used in `sources`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native-jsonl",
            Self::NativeV1beta1 => "native-v1beta1",
            Self::NativeV1alpha1 => "native-v1alpha1",
            Self::EventList => "eventlist",
            Self::LegacyText | Self::LegacyTextPre17 => "legacy-text",
            Self::CloudwatchFilter => "cloudwatch-filter-log-events",
            Self::CloudwatchGet => "cloudwatch-get-log-events",
            Self::CloudwatchS3Export => "cloudwatch-s3-export",
            Self::CloudwatchSubscription => "cloudwatch-subscription",
            Self::CloudwatchInsights => "cloudwatch-insights",
            Self::EksAuthenticator => "eks-authenticator",
            Self::GkeCloudLogging => "gke-cloud-logging",
            Self::AksDiagnostics => "aks-diagnostics",
            Self::AksLogAnalytics | Self::AksLogAnalyticsPortal => "aks-log-analytics",
            Self::OpenshiftMustGather => "openshift-must-gather",
            Self::Rke2K3s => "rke2-k3s-layout",
            Self::RancherApiAudit => "rancher-api-audit",
            Self::FluentBit => "fluent-bit",
            Self::Fluentd => "fluentd",
            Self::Vector => "vector",
            Self::Loki => "loki",
            Self::Elasticsearch | Self::ElasticsearchParsed => "elasticsearch",
            Self::Splunk => "splunk",
            Self::DockerJsonFile => "docker-json-file",
            Self::Cri => "cri",
            Self::Journal => "journal",
            Self::TimestampedLines => "timestamped-lines",
            Self::PrefixedLines => "prefixed-lines",
            Self::JsonEnvelope => "json-envelope",
            Self::KlogText => "klog-text",
            Self::KubectlError => "kubectl-error",
            Self::ApiStatus => "api-status",
        }
    }

    /// Whether it never holds audit events.
    pub const fn is_without_events(self) -> bool {
        matches!(self, Self::KlogText | Self::KubectlError | Self::ApiStatus)
    }

    /// Columns of `events` that the format cannot carry.
    pub const fn absent_fields(self) -> &'static [&'static str] {
        match self {
            Self::NativeV1beta1 | Self::NativeV1alpha1 => &[CONSTRAINT],
            Self::LegacyText => LEGACY,
            Self::LegacyTextPre17 => LEGACY_PRE_17,
            Self::CloudwatchGet => &["log_stream"],
            Self::EksAuthenticator => &["audit_id", "verb", "object_ref", "source_ips"],
            Self::GkeCloudLogging => GKE,
            Self::AksLogAnalytics => LOG_ANALYTICS,
            Self::AksLogAnalyticsPortal => LOG_ANALYTICS_PORTAL,
            Self::RancherApiAudit => RANCHER,
            Self::ElasticsearchParsed => ELASTICSEARCH_PARSED,
            _ => &[],
        }
    }
}

const CONSTRAINT: &str = "authentication_metadata_impersonation_constraint";

const LEGACY: &[&str] = &[
    "api_version",
    "level",
    "stage_timestamp",
    "user_uid",
    "user_extra",
    "impersonated_user_uid",
    "impersonated_user_extra",
    CONSTRAINT,
    "source_ips (after the first)",
    "object_ref_resource",
    "object_ref_name",
    "object_ref_uid",
    "object_ref_api_group",
    "object_ref_api_version",
    "object_ref_resource_version",
    "object_ref_subresource",
    "response_status_status",
    "response_status_message",
    "response_status_reason",
    "request_object",
    "response_object",
    "annotations",
];

const LEGACY_PRE_17: &[&str] = &[
    "api_version",
    "level",
    "stage",
    "verb",
    "user_agent",
    "user_uid",
    "user_extra",
    "impersonated_user_uid",
    "impersonated_user_extra",
    CONSTRAINT,
    "source_ips (after the first)",
    "object_ref_resource",
    "object_ref_name",
    "object_ref_uid",
    "object_ref_api_group",
    "object_ref_api_version",
    "object_ref_resource_version",
    "object_ref_subresource",
    "response_status_status",
    "response_status_message",
    "response_status_reason",
    "request_object",
    "response_object",
    "annotations",
];

const GKE: &[&str] = &[
    "api_version",
    "level",
    "stage",
    "stage_timestamp",
    "request_uri",
    "user_uid",
    "user_groups",
    "user_extra",
    "impersonated_user_uid",
    "impersonated_user_groups",
    "impersonated_user_extra",
    CONSTRAINT,
    "source_ips (after the first)",
    "object_ref_uid",
    "object_ref_resource_version",
    "response_status_code",
    "response_status_status",
    "response_status_reason",
];

const LOG_ANALYTICS: &[&str] = &[
    "api_version",
    "impersonated_user_username",
    "impersonated_user_uid",
    "impersonated_user_groups",
    "impersonated_user_extra",
    CONSTRAINT,
];

const LOG_ANALYTICS_PORTAL: &[&str] = &[
    "api_version",
    "impersonated_user_username",
    "impersonated_user_uid",
    "impersonated_user_groups",
    "impersonated_user_extra",
    CONSTRAINT,
    "stage_timestamp (microseconds)",
    "request_received_timestamp (microseconds)",
];

const RANCHER: &[&str] = &[
    "api_version",
    "level",
    "verb",
    "user_groups",
    "user_agent (without request headers)",
    "object_ref_resource",
    "object_ref_namespace",
    "object_ref_name",
    "object_ref_uid",
    "object_ref_api_group",
    "object_ref_api_version",
    "object_ref_resource_version",
    "object_ref_subresource",
    "response_status_status",
    "response_status_message",
    "response_status_reason",
    "annotations",
    "stage_timestamp (microseconds)",
    "request_received_timestamp (microseconds)",
];

const ELASTICSEARCH_PARSED: &[&str] = &[
    "request_object",
    "response_object",
    "annotations (exact keys)",
    "stage_timestamp (microseconds)",
    "request_received_timestamp (microseconds)",
];
