//! What every cluster holds from its first minute: a good part of the default ClusterRoles, Roles and bindings,
//! in the notation of [`super::rules`]. Facts of Kubernetes 1.36 (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy`),
//! shortened where a rule does nothing for a benchmark.

/// Label prefix of the three default aggregations.
pub(crate) const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// `(name, aggregate-to label, rules)` of ClusterRoles with their own rules.
pub(crate) const CLUSTER_ROLES: [(&str, &str, &str); 24] = [
    ("cluster-admin", "", "* * *; * url:*"),
    ("system:aggregate-to-view", "view", VIEW),
    ("system:aggregate-to-edit", "edit", EDIT),
    (
        "system:aggregate-to-admin",
        "admin",
        "create authorization.k8s.io localsubjectaccessreviews; \
         create,delete,deletecollection,get,list,patch,update,watch rbac.authorization.k8s.io rolebindings,roles",
    ),
    (
        "system:discovery",
        "",
        "get /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/",
    ),
    ("system:public-info-viewer", "", "get /healthz,/livez,/readyz,/version,/version/"),
    (
        "system:basic-user",
        "",
        "create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews; \
         create authentication.k8s.io selfsubjectreviews",
    ),
    (
        "system:service-account-issuer-discovery",
        "",
        "get /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/",
    ),
    (
        "system:monitoring",
        "",
        "get /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*; get core nodes/metrics",
    ),
    (
        "system:kubelet-api-admin",
        "",
        "get,list,watch core nodes; proxy core nodes; * core nodes/log,nodes/metrics,nodes/proxy,nodes/stats",
    ),
    ("system:node-bootstrapper", "", "create,get,list,watch certificates.k8s.io certificatesigningrequests"),
    (
        "system:node-problem-detector",
        "",
        "get core nodes; patch core nodes/status; create,patch,update core,events.k8s.io events",
    ),
    (
        "system:node-proxier",
        "",
        "list,watch core endpoints,services; get,list,watch core nodes; create,patch,update core,events.k8s.io events; \
         list,watch discovery.k8s.io endpointslices",
    ),
    (
        "system:auth-delegator",
        "",
        "create authentication.k8s.io tokenreviews; create authorization.k8s.io subjectaccessreviews",
    ),
    ("system:kube-aggregator", "", "get,list,watch core endpoints,services"),
    ("system:kube-dns", "", "list,watch core endpoints,services"),
    ("system:heapster", "", "get,list,watch core events,namespaces,nodes,pods; get,list,watch extensions deployments"),
    (
        "system:volume-scheduler",
        "",
        "get,list,patch,update,watch core persistentvolumes,persistentvolumeclaims; get,list,watch storage.k8s.io storageclasses",
    ),
    (
        "system:persistent-volume-provisioner",
        "",
        "create,delete,get,list,watch core persistentvolumes; get,list,update,watch core persistentvolumeclaims; \
         get,list,watch storage.k8s.io storageclasses; create,patch,update core,events.k8s.io events",
    ),
    (
        "system:certificates.k8s.io:kubelet-serving-approver",
        "",
        "approve certificates.k8s.io signers kubernetes.io/kubelet-serving",
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        "",
        "create certificates.k8s.io certificatesigningrequests/nodeclient",
    ),
    (
        "system:kube-scheduler",
        "",
        "create,patch,update core,events.k8s.io events; create coordination.k8s.io leases; \
         get,list,update,watch coordination.k8s.io leases kube-scheduler; get,list,watch core nodes,namespaces; \
         delete,get,list,watch core pods; create core bindings,pods/binding; patch,update core pods/status",
    ),
    (
        "system:kube-controller-manager",
        "",
        "create,patch,update core,events.k8s.io events; create coordination.k8s.io leases; \
         get,update coordination.k8s.io leases kube-controller-manager; create core secrets,serviceaccounts; \
         get core configmaps,namespaces,secrets,serviceaccounts; update core secrets,serviceaccounts; \
         create authentication.k8s.io tokenreviews; list,watch * *; create core serviceaccounts/token",
    ),
    (
        "system:node",
        "",
        "create authentication.k8s.io tokenreviews; create authorization.k8s.io subjectaccessreviews; \
         create,get,list,watch core nodes; patch,update core nodes,nodes/status; get,list,watch core pods,configmaps,secrets; \
         patch,update core pods/status; create,delete,get,patch,update coordination.k8s.io leases",
    ),
];

const VIEW: &str = "get,list,watch core configmaps,endpoints,persistentvolumeclaims,pods,replicationcontrollers,serviceaccounts,services; \
    get,list,watch core bindings,limitranges,namespaces/status,pods/log,pods/status,resourcequotas,resourcequotas/status; \
    get,list,watch core namespaces; get,list,watch core,events.k8s.io events; \
    get,list,watch discovery.k8s.io endpointslices; \
    get,list,watch apps controllerrevisions,daemonsets,deployments,deployments/scale,deployments/status,replicasets,statefulsets; \
    get,list,watch autoscaling horizontalpodautoscalers; get,list,watch batch cronjobs,cronjobs/status,jobs,jobs/status; \
    get,list,watch policy poddisruptionbudgets; get,list,watch networking.k8s.io ingresses,ingresses/status,networkpolicies";

const EDIT: &str = "get,list,watch core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy; \
    impersonate core serviceaccounts; \
    create,delete,deletecollection,patch,update core pods,pods/attach,pods/exec,pods/portforward,pods/proxy; \
    create core pods/eviction; \
    create,delete,deletecollection,patch,update core configmaps,persistentvolumeclaims,secrets,serviceaccounts,services,services/proxy; \
    create core serviceaccounts/token; create,delete,deletecollection,patch,update core,events.k8s.io events; \
    create,delete,deletecollection,patch,update apps daemonsets,deployments,deployments/scale,replicasets,replicasets/scale,statefulsets; \
    create,delete,deletecollection,patch,update autoscaling horizontalpodautoscalers; \
    create,delete,deletecollection,patch,update batch cronjobs,jobs; \
    create,delete,deletecollection,patch,update policy poddisruptionbudgets; \
    create,delete,deletecollection,patch,update networking.k8s.io ingresses,networkpolicies; \
    create,delete,deletecollection,get,list,patch,update,watch coordination.k8s.io leases";

/// `(name, label it carries itself, label it gathers)` of the aggregated ClusterRoles.
pub(crate) const AGGREGATED: [(&str, &str, &str); 3] =
    [("admin", "", "admin"), ("edit", "admin", "edit"), ("view", "edit", "view")];

/// `(name, rules)`: ClusterRole and binding `system:controller:<name>`, service account `kube-system/<name>`.
pub(crate) const CONTROLLERS: [(&str, &str); 18] = [
    (
        "clusterrole-aggregation-controller",
        "escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles",
    ),
    (
        "namespace-controller",
        "delete,get,list,watch core namespaces; update core namespaces/finalize,namespaces/status; \
         delete,deletecollection,get,list,watch * *",
    ),
    ("service-account-controller", "create core serviceaccounts; create,patch,update core,events.k8s.io events"),
    (
        "generic-garbage-collector",
        "delete,get,list,patch,update,watch * *; create,patch,update core,events.k8s.io events",
    ),
    (
        "resourcequota-controller",
        "list,watch * *; update core resourcequotas/status; create,patch,update core,events.k8s.io events",
    ),
    (
        "deployment-controller",
        "get,list,update,watch apps deployments; update apps deployments/status; \
         create,delete,get,list,patch,update,watch apps replicasets; get,list,update,watch core pods",
    ),
    (
        "replicaset-controller",
        "get,list,update,watch apps replicasets; update apps replicasets/status; create,delete,list,patch,watch core pods",
    ),
    (
        "statefulset-controller",
        "get,list,watch apps statefulsets; update apps statefulsets/status; create,delete,get,patch,update core pods",
    ),
    (
        "daemon-set-controller",
        "get,list,watch apps daemonsets; update apps daemonsets/status; create,delete,list,patch,watch core pods",
    ),
    (
        "job-controller",
        "get,list,patch,update,watch batch jobs; update batch jobs/status; create,delete,list,patch,watch core pods",
    ),
    (
        "cronjob-controller",
        "get,list,update,watch batch cronjobs; create,delete,get,list,patch,update,watch batch jobs",
    ),
    ("endpoint-controller", "get,list,watch core pods,services; create,delete,get,list,update,watch core endpoints"),
    (
        "endpointslice-controller",
        "get,list,watch core nodes,pods,services; create,delete,get,list,update,watch discovery.k8s.io endpointslices",
    ),
    (
        "node-controller",
        "delete,get,list,patch,update,watch core nodes; patch,update core nodes/status; delete,get,list,watch core pods",
    ),
    (
        "horizontal-pod-autoscaler",
        "get,list,watch autoscaling horizontalpodautoscalers; get,update * */scale; list,watch core pods",
    ),
    (
        "persistent-volume-binder",
        "create,delete,get,list,update,watch core persistentvolumes; get,list,update,watch core persistentvolumeclaims",
    ),
    ("root-ca-cert-publisher", "create,update core configmaps; create,patch,update core,events.k8s.io events"),
    (
        "ttl-after-finished-controller",
        "delete,get,list,watch batch jobs; create,patch,update core,events.k8s.io events",
    ),
];

/// `(ClusterRole and binding, subjects)` of the other default ClusterRoleBindings, in the notation of
/// [`super::objects::Subject::parse`].
pub(crate) const CLUSTER_BINDINGS: [(&str, &str); 11] = [
    ("cluster-admin", "Group/system:masters"),
    ("system:discovery", "Group/system:authenticated"),
    ("system:basic-user", "Group/system:authenticated"),
    ("system:public-info-viewer", "Group/system:authenticated Group/system:unauthenticated"),
    ("system:service-account-issuer-discovery", "Group/system:serviceaccounts"),
    ("system:monitoring", "Group/system:monitoring"),
    ("system:kube-scheduler", "User/system:kube-scheduler"),
    ("system:volume-scheduler", "User/system:kube-scheduler"),
    ("system:kube-controller-manager", "User/system:kube-controller-manager"),
    ("system:node-proxier", "User/system:kube-proxy"),
    ("system:node", ""),
];

/// `(namespace, name, rules, binding, subjects)` of default Roles and their RoleBindings.
pub(crate) const ROLES: [(&str, &str, &str, &str, &str); 4] = [
    (
        "kube-system",
        "extension-apiserver-authentication-reader",
        "get,list,watch core configmaps extension-apiserver-authentication",
        "system::extension-apiserver-authentication-reader",
        "User/system:kube-controller-manager User/system:kube-scheduler",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-scheduler",
        "create,get,list,update,watch coordination.k8s.io leases",
        "system::leader-locking-kube-scheduler",
        "User/system:kube-scheduler ServiceAccount/kube-system/kube-scheduler",
    ),
    (
        "kube-system",
        "system:controller:token-cleaner",
        "delete,get,list,watch core secrets; create,patch,update core,events.k8s.io events",
        "system:controller:token-cleaner",
        "ServiceAccount/kube-system/token-cleaner",
    ),
    (
        "kube-public",
        "system:controller:bootstrap-signer",
        "get,list,watch core configmaps; update core configmaps cluster-info",
        "system:controller:bootstrap-signer",
        "ServiceAccount/kube-system/bootstrap-signer",
    ),
];

/// `(name, rules, subjects)`: ClusterRole and ClusterRoleBinding that the platform team installed on the first day
/// and nobody touches; they carry the actors of the generated log. Empty rules: the ClusterRole `cluster-admin`.
pub(crate) const PLATFORM: [(&str, &str, &str); 4] = [
    ("platform-admins", "", "Group/platform-admins"),
    ("argocd-application-controller", "* * *; * url:*", "ServiceAccount/argocd/argocd-application-controller"),
    (
        "tenant-operator",
        "* rbac.authorization.k8s.io roles,rolebindings,clusterroles,clusterrolebindings; \
         create,delete,get,list,patch,update,watch core namespaces,serviceaccounts",
        "ServiceAccount/platform/tenant-operator",
    ),
    (
        "prometheus",
        "get,list,watch core nodes,nodes/metrics,services,endpoints,pods; get,list,watch discovery.k8s.io endpointslices; get /metrics",
        "ServiceAccount/monitoring/prometheus",
    ),
];

/// Namespaces of the system and the platform.
pub(crate) const NAMESPACES: [&str; 8] =
    ["default", "kube-system", "kube-public", "kube-node-lease", "argocd", "platform", "monitoring", "cert-manager"];
