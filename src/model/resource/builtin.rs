//! The resources that Kubernetes itself serves or has served, for evidence without discovery.
//!
//! One row per group and resource, under the newest version that has it. Verbs and categories are left
//! out: they differ between versions, and nobody should answer from a guess about them.
//! Source: discovery of API servers 1.25 to 1.36 and the API reference of older releases.

use super::ApiResource;

/// One row: version, plural, short names joined by commas, kind, namespaced.
type Row = (&'static str, &'static str, &'static str, &'static str, bool);

/// Groups in the order in which an API server lists them: its group priorities, highest first.
/// `extensions` stood right behind `apiregistration.k8s.io` while it was served.
pub(super) const GROUP_ORDER: [&str; 30] = [
    "",
    "apiregistration.k8s.io",
    "extensions",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "settings.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "auditregistration.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "storagemigration.k8s.io",
    // aggregated APIs come after the groups of custom resources
    "custom.metrics.k8s.io",
    "external.metrics.k8s.io",
    "metrics.k8s.io",
    "imagepolicy.k8s.io",
];

/// How many of [`GROUP_ORDER`] stand before the groups of custom resources.
pub(super) const BEFORE_CUSTOM: usize = 26;

/// What an API server of 1.36 may serve, alpha and beta resources included.
const SERVED: &[(&str, &[Row])] = &[
    ("", CORE),
    (
        "admissionregistration.k8s.io",
        &[
            ("v1", "mutatingadmissionpolicies", "", "MutatingAdmissionPolicy", false),
            ("v1", "mutatingadmissionpolicybindings", "", "MutatingAdmissionPolicyBinding", false),
            ("v1", "mutatingwebhookconfigurations", "", "MutatingWebhookConfiguration", false),
            ("v1", "validatingadmissionpolicies", "", "ValidatingAdmissionPolicy", false),
            ("v1", "validatingadmissionpolicybindings", "", "ValidatingAdmissionPolicyBinding", false),
            ("v1", "validatingwebhookconfigurations", "", "ValidatingWebhookConfiguration", false),
        ],
    ),
    ("apiextensions.k8s.io", &[("v1", "customresourcedefinitions", "crd,crds", "CustomResourceDefinition", false)]),
    ("apiregistration.k8s.io", &[("v1", "apiservices", "", "APIService", false)]),
    (
        "apps",
        &[
            ("v1", "controllerrevisions", "", "ControllerRevision", true),
            ("v1", "daemonsets", "ds", "DaemonSet", true),
            ("v1", "deployments", "deploy", "Deployment", true),
            ("v1", "replicasets", "rs", "ReplicaSet", true),
            ("v1", "statefulsets", "sts", "StatefulSet", true),
        ],
    ),
    (
        "authentication.k8s.io",
        &[
            ("v1", "selfsubjectreviews", "", "SelfSubjectReview", false),
            ("v1", "tokenreviews", "", "TokenReview", false),
        ],
    ),
    (
        "authorization.k8s.io",
        &[
            ("v1", "localsubjectaccessreviews", "", "LocalSubjectAccessReview", true),
            ("v1", "selfsubjectaccessreviews", "", "SelfSubjectAccessReview", false),
            ("v1", "selfsubjectrulesreviews", "", "SelfSubjectRulesReview", false),
            ("v1", "subjectaccessreviews", "", "SubjectAccessReview", false),
        ],
    ),
    ("autoscaling", &[("v2", "horizontalpodautoscalers", "hpa", "HorizontalPodAutoscaler", true)]),
    ("batch", &[("v1", "cronjobs", "cj", "CronJob", true), ("v1", "jobs", "", "Job", true)]),
    (
        "certificates.k8s.io",
        &[
            ("v1", "certificatesigningrequests", "csr", "CertificateSigningRequest", false),
            ("v1beta1", "clustertrustbundles", "", "ClusterTrustBundle", false),
            ("v1beta1", "podcertificaterequests", "", "PodCertificateRequest", true),
        ],
    ),
    (
        "coordination.k8s.io",
        &[("v1", "leases", "", "Lease", true), ("v1beta1", "leasecandidates", "", "LeaseCandidate", true)],
    ),
    ("discovery.k8s.io", &[("v1", "endpointslices", "", "EndpointSlice", true)]),
    ("events.k8s.io", &[("v1", "events", "ev", "Event", true)]),
    (
        "flowcontrol.apiserver.k8s.io",
        &[
            ("v1", "flowschemas", "", "FlowSchema", false),
            ("v1", "prioritylevelconfigurations", "", "PriorityLevelConfiguration", false),
        ],
    ),
    ("internal.apiserver.k8s.io", &[("v1alpha1", "storageversions", "", "StorageVersion", false)]),
    (
        "networking.k8s.io",
        &[
            ("v1", "ingressclasses", "", "IngressClass", false),
            ("v1", "ingresses", "ing", "Ingress", true),
            ("v1", "ipaddresses", "ip", "IPAddress", false),
            ("v1", "networkpolicies", "netpol", "NetworkPolicy", true),
            ("v1", "servicecidrs", "", "ServiceCIDR", false),
        ],
    ),
    ("node.k8s.io", &[("v1", "runtimeclasses", "", "RuntimeClass", false)]),
    ("policy", &[("v1", "poddisruptionbudgets", "pdb", "PodDisruptionBudget", true)]),
    (
        "rbac.authorization.k8s.io",
        &[
            ("v1", "clusterrolebindings", "", "ClusterRoleBinding", false),
            ("v1", "clusterroles", "", "ClusterRole", false),
            ("v1", "rolebindings", "", "RoleBinding", true),
            ("v1", "roles", "", "Role", true),
        ],
    ),
    (
        "resource.k8s.io",
        &[
            ("v1", "deviceclasses", "", "DeviceClass", false),
            ("v1beta2", "devicetaintrules", "", "DeviceTaintRule", false),
            ("v1", "resourceclaims", "", "ResourceClaim", true),
            ("v1", "resourceclaimtemplates", "", "ResourceClaimTemplate", true),
            ("v1alpha3", "resourcepoolstatusrequests", "", "ResourcePoolStatusRequest", false),
            ("v1", "resourceslices", "", "ResourceSlice", false),
        ],
    ),
    (
        "scheduling.k8s.io",
        &[
            ("v1alpha2", "podgroups", "", "PodGroup", true),
            ("v1", "priorityclasses", "pc", "PriorityClass", false),
            ("v1alpha2", "workloads", "", "Workload", true),
        ],
    ),
    (
        "storage.k8s.io",
        &[
            ("v1", "csidrivers", "", "CSIDriver", false),
            ("v1", "csinodes", "", "CSINode", false),
            ("v1", "csistoragecapacities", "", "CSIStorageCapacity", true),
            ("v1", "storageclasses", "sc", "StorageClass", false),
            ("v1", "volumeattachments", "", "VolumeAttachment", false),
            ("v1", "volumeattributesclasses", "vac", "VolumeAttributesClass", false),
        ],
    ),
    ("storagemigration.k8s.io", &[("v1beta1", "storageversionmigrations", "", "StorageVersionMigration", false)]),
];

const CORE: &[Row] = &[
    ("v1", "bindings", "", "Binding", true),
    ("v1", "componentstatuses", "cs", "ComponentStatus", false),
    ("v1", "configmaps", "cm", "ConfigMap", true),
    ("v1", "endpoints", "ep", "Endpoints", true),
    ("v1", "events", "ev", "Event", true),
    ("v1", "limitranges", "limits", "LimitRange", true),
    ("v1", "namespaces", "ns", "Namespace", false),
    ("v1", "nodes", "no", "Node", false),
    ("v1", "persistentvolumeclaims", "pvc", "PersistentVolumeClaim", true),
    ("v1", "persistentvolumes", "pv", "PersistentVolume", false),
    ("v1", "pods", "po", "Pod", true),
    ("v1", "podtemplates", "", "PodTemplate", true),
    ("v1", "replicationcontrollers", "rc", "ReplicationController", true),
    ("v1", "resourcequotas", "quota", "ResourceQuota", true),
    ("v1", "secrets", "", "Secret", true),
    ("v1", "serviceaccounts", "sa", "ServiceAccount", true),
    ("v1", "services", "svc", "Service", true),
];

/// What a current API server does not serve by itself: resources of older releases, and of the metrics server.
const NOT_SERVED: &[(&str, &[Row])] = &[
    (
        "admissionregistration.k8s.io",
        &[
            ("v1alpha1", "externaladmissionhookconfigurations", "", "ExternalAdmissionHookConfiguration", false),
            ("v1alpha1", "initializerconfigurations", "", "InitializerConfiguration", false),
        ],
    ),
    ("auditregistration.k8s.io", &[("v1alpha1", "auditsinks", "", "AuditSink", false)]),
    ("batch", &[("v2alpha1", "scheduledjobs", "", "ScheduledJob", true)]),
    (
        "extensions",
        &[
            ("v1beta1", "daemonsets", "ds", "DaemonSet", true),
            ("v1beta1", "deployments", "deploy", "Deployment", true),
            ("v1beta1", "horizontalpodautoscalers", "hpa", "HorizontalPodAutoscaler", true),
            ("v1beta1", "ingresses", "ing", "Ingress", true),
            ("v1beta1", "jobs", "", "Job", true),
            ("v1beta1", "networkpolicies", "netpol", "NetworkPolicy", true),
            ("v1beta1", "podsecuritypolicies", "psp", "PodSecurityPolicy", false),
            ("v1beta1", "replicasets", "rs", "ReplicaSet", true),
            ("v1beta1", "thirdpartyresources", "", "ThirdPartyResource", false),
        ],
    ),
    ("metrics.k8s.io", &[("v1beta1", "nodes", "", "NodeMetrics", false), ("v1beta1", "pods", "", "PodMetrics", true)]),
    ("networking.k8s.io", &[("v1alpha1", "clustercidrs", "", "ClusterCIDR", false)]),
    ("policy", &[("v1beta1", "podsecuritypolicies", "psp", "PodSecurityPolicy", false)]),
    (
        "resource.k8s.io",
        &[
            ("v1alpha3", "podschedulingcontexts", "", "PodSchedulingContext", true),
            ("v1alpha1", "podschedulings", "", "PodScheduling", true),
            ("v1alpha2", "resourceclaimparameters", "", "ResourceClaimParameters", true),
            ("v1alpha2", "resourceclasses", "", "ResourceClass", false),
            ("v1alpha2", "resourceclassparameters", "", "ResourceClassParameters", true),
        ],
    ),
    ("settings.k8s.io", &[("v1alpha1", "podpresets", "", "PodPreset", true)]),
];

/// All rows, each with whether a current API server serves it by itself.
pub(super) fn rows() -> impl Iterator<Item = (ApiResource, bool)> {
    let groups = SERVED.iter().map(|group| (group, true)).chain(NOT_SERVED.iter().map(|group| (group, false)));
    groups.flat_map(|((group, rows), served)| rows.iter().map(move |row| (resource(group, row), served)))
}

fn resource(group: &str, &(version, plural, short_names, kind, namespaced): &Row) -> ApiResource {
    ApiResource {
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: short_names.split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        group: group.to_owned(),
        version: version.to_owned(),
        namespaced,
        kind: kind.to_owned(),
        verbs: Vec::new(),
        categories: Vec::new(),
    }
}
