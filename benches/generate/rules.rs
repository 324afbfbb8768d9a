//! Policy rules: the type, a short notation for tables of them, and the check the real authorizer makes.
//! The check is a second, plain implementation, so that generated questions come with independent answers.

use super::json::{Json, object};

/// One `PolicyRule`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) urls: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Not empty: a non-resource URL is asked for, and none of the above but the verb counts.
    pub(crate) path: String,
}

impl Rule {
    /// From `verbs groups resources [names]` or `verbs /urls`, lists with commas, `core` for the core group.
    pub(crate) fn parse(text: &str) -> Self {
        let list = |t: Option<&str>| t.map_or(Vec::new(), |t| t.split(',').map(str::to_owned).collect());
        let mut words = text.split_whitespace();
        let verbs = list(words.next());
        let second = words.next();
        if second.is_some_and(|w| w.starts_with('/') || w == "url:*") {
            let urls = list(second.map(|w| w.trim_start_matches("url:")));
            return Self { verbs, urls, ..Self::default() };
        }
        let groups = list(second).into_iter().map(|g| if g == "core" { String::new() } else { g }).collect();
        Self { verbs, groups, resources: list(words.next()), names: list(words.next()), urls: Vec::new() }
    }

    /// Rules in the short notation, separated by `;`.
    pub(crate) fn table(text: &str) -> Vec<Self> {
        text.split(';').filter(|t| !t.trim().is_empty()).map(Self::parse).collect()
    }

    /// As JSON, in the order of the Go fields.
    pub(crate) fn json(&self) -> Json {
        object()
            .with("verbs", self.verbs.as_slice())
            .texts("apiGroups", &self.groups)
            .texts("resources", &self.resources)
            .texts("resourceNames", &self.names)
            .texts("nonResourceURLs", &self.urls)
            .done()
    }

    /// Whether it allows what is asked.
    pub(crate) fn allows(&self, ask: &Ask) -> bool {
        let has = |list: &[String], value: &str| list.iter().any(|v| v == "*" || v == value);
        if !has(&self.verbs, &ask.verb) {
            return false;
        }
        if !ask.path.is_empty() {
            let fits =
                |url: &String| url.strip_suffix('*').map_or(*url == ask.path, |start| ask.path.starts_with(start));
            return self.urls.iter().any(fits);
        }
        has(&self.groups, &ask.group)
            && self.resources.iter().any(|r| names_resource(r, &ask.resource, &ask.subresource))
            && (self.names.is_empty() || self.names.contains(&ask.name))
    }
}

/// Whether an entry of `resources` means this resource and subresource.
fn names_resource(entry: &str, resource: &str, subresource: &str) -> bool {
    match entry.split_once('/') {
        None => entry == "*" || (subresource.is_empty() && entry == resource),
        Some((of, sub)) => sub == subresource && !subresource.is_empty() && (of == "*" || of == resource),
    }
}

/// What holders of the ClusterRole `admin` may hand on: namespaced rules that it covers.
pub(crate) const COVERED: [&str; 16] = [
    "get,list,watch core pods,services,configmaps",
    "get,list,watch core pods,pods/log",
    "get,list core endpoints,events",
    "create,delete,get,list,patch,update,watch apps deployments,replicasets,statefulsets",
    "get,patch,update apps deployments/scale",
    "create,delete,get,list,watch batch jobs,cronjobs",
    "get,list,watch core secrets",
    "get,update core secrets db-credentials,tls-cert",
    "get,patch,update core configmaps app-config,feature-flags",
    "get core configmaps leader-election",
    "create core pods/exec,pods/portforward",
    "create,delete,deletecollection,get,list core persistentvolumeclaims",
    "get,list,watch networking.k8s.io ingresses,networkpolicies",
    "create,get,list,patch,update,watch core services",
    "create core serviceaccounts/token",
    "get,list,watch rbac.authorization.k8s.io roles,rolebindings",
];

/// Rules of custom resources and other things that `admin` does not cover.
pub(crate) const UNCOVERED: [&str; 20] = [
    "* * *",
    "* apps *",
    "* core *",
    "get,list,watch * *",
    "* databases.example.com postgresclusters,redisclusters",
    "get,list,watch,create,update databases.example.com postgresclusters,postgresclusters/status",
    "get,list,watch monitoring.example.com servicemonitors,prometheusrules",
    "* cert.example.com certificates,issuers",
    "create,get,list,update,watch coordination.k8s.io leases",
    "create,delete,get,list,patch,update,watch coordination.k8s.io leases operator-lock,controller-leader",
    "get,update * */scale",
    "patch,update * */status",
    "impersonate core users,groups",
    "escalate,bind rbac.authorization.k8s.io roles,clusterroles",
    "bind rbac.authorization.k8s.io clusterroles view,edit",
    "create,get,list,watch workflows.example.org runs,tasks,pipelines",
    "deletecollection,delete workflows.example.org runs",
    "create core pods/eviction",
    "get,list,watch metrics.k8s.io pods",
    "use security.example.org constraints restricted,baseline",
];

/// Rules that only a ClusterRole can make use of.
pub(crate) const CLUSTER_WIDE: [&str; 16] = [
    "get,list,watch core nodes",
    "get,list,watch core namespaces",
    "patch,update core nodes,nodes/status",
    "get core nodes/metrics,nodes/stats,nodes/proxy",
    "get /metrics,/healthz",
    "get,post /logs,/logs/*",
    "get url:*",
    "get /api,/api/*,/apis,/apis/*,/version",
    "get,list,watch core persistentvolumes",
    "get,list,watch storage.k8s.io storageclasses,csinodes",
    "get,list,watch apiextensions.k8s.io customresourcedefinitions",
    "create authentication.k8s.io tokenreviews",
    "create authorization.k8s.io subjectaccessreviews",
    "get,list,watch,update,patch admissionregistration.k8s.io validatingwebhookconfigurations operator-webhook",
    "approve certificates.k8s.io signers kubernetes.io/kubelet-serving",
    "get,list,watch rbac.authorization.k8s.io clusterroles,clusterrolebindings",
];
