//! The kinds of requests that fill an API server's audit log, as templates, with weights taken from a recorded log:
//! two fifths at Metadata, half at Request, a tenth at RequestResponse; most lines near 1–3 KB, a few far longer.

use super::cast::Who;

/// How long a body's text is, in bytes: at least, at most; each doubling in between is as likely as the next.
pub(crate) type TextSize = (usize, usize);

/// One kind of request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Of all weights.
    pub(crate) weight: u64,
    pub(crate) who: Who,
    pub(crate) level: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) uri: &'static str,
    /// The inside of `objectRef`; empty for a non-resource URL.
    pub(crate) object: &'static str,
    pub(crate) code: u16,
    /// Further members of `responseStatus`, with a comma at the end.
    pub(crate) status: &'static str,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
    pub(crate) text: TextSize,
    /// A long-running request: it takes this many seconds from `ResponseStarted` to `ResponseComplete`.
    pub(crate) lasts: Option<(i64, i64)>,
}

/// Names and namespace of the objects most requests are about.
const OF_APP: &str = r#""namespace":"<ns>","name":"<app>""#;

const fn shape(
    weight: u64,
    who: Who,
    level: &'static str,
    verb: &'static str,
    uri: &'static str,
    object: &'static str,
) -> Shape {
    let code = if matches!(verb.as_bytes(), b"create") { 201 } else { 200 };
    Shape {
        weight,
        who,
        level,
        verb,
        uri,
        object,
        code,
        status: "",
        request: "",
        response: "",
        text: (0, 0),
        lasts: None,
    }
}

impl Shape {
    const fn sends(self, request: &'static str) -> Self {
        Self { request, ..self }
    }

    const fn answers(self, response: &'static str) -> Self {
        Self { response, ..self }
    }

    const fn with_status(self, code: u16, status: &'static str) -> Self {
        Self { code, status, ..self }
    }

    const fn long(self, least: usize, most: usize) -> Self {
        Self { text: (least, most), ..self }
    }

    const fn lasting(self, least: i64, most: i64) -> Self {
        Self { lasts: Some((least, most)), ..self }
    }

    /// The line's template; `last` for the end of a long-running request.
    pub(crate) fn line(&self, last: bool) -> String {
        let stage = if self.lasts.is_some() && !last { "ResponseStarted" } else { "ResponseComplete" };
        let decision = if self.code == 403 { "forbid" } else { "allow" };
        let member =
            |name: &str, body: &str| if body.is_empty() { String::new() } else { format!(r#""{name}":{body},"#) };
        let object =
            if self.object.is_empty() { String::new() } else { format!(r#""objectRef":{{{}}},"#, self.object) };
        let line = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{}","auditID":"<id>","stage":"{stage}","requestURI":"{}","verb":"{}",<actor>{object}"responseStatus":{{"metadata":{{}},{}"code":{}}},{}{}"requestReceivedTimestamp":"<received>","stageTimestamp":"<stage>","annotations":{{"authorization.k8s.io/decision":"{decision}","authorization.k8s.io/reason":"{}"}}}}"#,
            self.level,
            self.uri.replace('&', "\\u0026"),
            self.verb,
            self.status,
            self.code,
            member("requestObject", self.request),
            member("responseObject", self.response),
            if self.code == 403 { "" } else { "<reason>" },
        );
        line.replace("@app@", OF_APP).replace("@pod@", POD).replace("@owned@", OWNED)
    }
}

const META: &str = "Metadata";
const REQUEST: &str = "Request";
const FULL: &str = "RequestResponse";
const DEPLOYMENT: Who = Who::Controller("deployment-controller");
const REPLICA_SET: Who = Who::Controller("replicaset-controller");

const POD: &str = r#"{"metadata":{"labels":{"app":"<app>","pod-template-hash":"<hash>","team":"<ns>"}},"spec":{"volumes":[{"name":"config","configMap":{"name":"<app>-config","defaultMode":420}}],"containers":[{"name":"app","image":"registry.example.com/<ns>/<app>:1.<number>.0","ports":[{"containerPort":8080,"protocol":"TCP"}],"env":[{"name":"LOG_LEVEL","value":"info"}],"resources":{"limits":{"cpu":"500m","memory":"512Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},"volumeMounts":[{"name":"config","mountPath":"/etc/app"}],"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"<app>","serviceAccount":"<app>","securityContext":{},"schedulerName":"default-scheduler"}}"#;
const OWNED: &str = r#"{"name":"<app>-<hash>","namespace":"<ns>","uid":"<setuid>","resourceVersion":"<former>","generation":<number>,"creationTimestamp":"<created>","labels":{"app":"<app>","pod-template-hash":"<hash>"},"annotations":{"deployment.kubernetes.io/desired-replicas":"<number>","deployment.kubernetes.io/revision":"1<number>"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"<app>","uid":"<uid>","controller":true,"blockOwnerDeletion":true}]}"#;
const SET_REF: &str = r#""resource":"replicasets","namespace":"<ns>","name":"<app>-<hash>","uid":"<setuid>","apiGroup":"apps","apiVersion":"v1","resourceVersion":"<former>""#;
const SET_STATUS_REF: &str = r#""resource":"replicasets","namespace":"<ns>","name":"<app>-<hash>","uid":"<setuid>","apiGroup":"apps","apiVersion":"v1","resourceVersion":"<former>","subresource":"status""#;
const SET_URI: &str = "/apis/apps/v1/namespaces/<ns>/replicasets/<app>-<hash>";
const SET: &str = r#"{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":@owned@,"spec":{"replicas":<number>,"selector":{"matchLabels":{"app":"<app>","pod-template-hash":"<hash>"}},"template":@pod@},"status":{"replicas":<number>,"fullyLabeledReplicas":<number>,"readyReplicas":<number>,"availableReplicas":<number>,"observedGeneration":<number>}}"#;
const DEPLOYED: &str = r#"{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"<app>","namespace":"<ns>","uid":"<uid>","resourceVersion":"<former>","generation":<number>,"creationTimestamp":"<created>","labels":{"app":"<app>"},"annotations":{"deployment.kubernetes.io/revision":"1<number>"}},"spec":{"replicas":<number>,"selector":{"matchLabels":{"app":"<app>"}},"template":@pod@,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}},"revisionHistoryLimit":10,"progressDeadlineSeconds":600},"status":{"observedGeneration":<number>,"replicas":<number>,"updatedReplicas":<number>,"readyReplicas":<number>,"conditions":[{"type":"Available","status":"True","lastUpdateTime":"<now>","lastTransitionTime":"<created>","reason":"MinimumReplicasAvailable","message":"Deployment has minimum availability."},{"type":"Progressing","status":"True","lastUpdateTime":"<now>","lastTransitionTime":"<created>","reason":"NewReplicaSetAvailable","message":"ReplicaSet \"<app>-<hash>\" has successfully progressed."}]}}"#;
const EVENT: &str = r#"{"kind":"Event","apiVersion":"v1","metadata":{"name":"<app>-<hash>-<suffix>.18<new>","namespace":"<ns>"},"involvedObject":{"kind":"Pod","namespace":"<ns>","name":"<app>-<hash>-<suffix>","uid":"<random>","apiVersion":"v1","resourceVersion":"<former>","fieldPath":"spec.containers{app}"},"reason":"Unhealthy","message":"<message>","source":{"component":"kubelet","host":"<node>"},"firstTimestamp":"<now>","lastTimestamp":"<now>","count":1,"type":"Warning","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"<node>"}"#;
const POD_STATUS: &str = r#"{"metadata":{"uid":"<random>"},"status":{"$setElementOrder/conditions":[{"type":"PodReadyToStartContainers"},{"type":"Initialized"},{"type":"Ready"},{"type":"ContainersReady"},{"type":"PodScheduled"}],"conditions":[{"lastTransitionTime":"<now>","status":"True","type":"Ready"},{"lastTransitionTime":"<now>","status":"True","type":"ContainersReady"}],"containerStatuses":[{"containerID":"containerd://<new><new>","image":"registry.example.com/<ns>/<app>:1.<number>.0","lastState":{},"name":"app","ready":true,"restartCount":<number>,"started":true,"state":{"running":{"startedAt":"<now>"}}}],"hostIP":"10.0.1.17","phase":"Running","podIP":"10.244.1.1<number>","podIPs":[{"ip":"10.244.1.1<number>"}]}}"#;
const LEASE: &str = r#"{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"<node>","namespace":"kube-node-lease","resourceVersion":"<former>","creationTimestamp":"<created>","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"<node>","uid":"<random>"}]},"spec":{"holderIdentity":"<node>","leaseDurationSeconds":40,"renewTime":"<received>"}}"#;
const BINDING: &str = r#"{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"<app>-<new>","namespace":"<ns>"},"subjects":[{"kind":"ServiceAccount","name":"<app>","namespace":"<ns>"},{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"<user>"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}}"#;
const BINDING_MADE: &str = r#"{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"<app>-<new>","namespace":"<ns>","uid":"<random>","resourceVersion":"<version>","creationTimestamp":"<now>","managedFields":[{"manager":"kubectl-create","operation":"Update","apiVersion":"rbac.authorization.k8s.io/v1","time":"<now>","fieldsType":"FieldsV1","fieldsV1":{"f:roleRef":{},"f:subjects":{}}}]},"subjects":[{"kind":"ServiceAccount","name":"<app>","namespace":"<ns>"},{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"<user>"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}}"#;
const ROLE_PATCHED: &str = r#"{"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"<app>-<new>","uid":"<random>","resourceVersion":"<version>","creationTimestamp":"<created>","labels":{"team":"<ns>"},"managedFields":[{"manager":"argocd-controller","operation":"Apply","apiVersion":"rbac.authorization.k8s.io/v1","time":"<now>","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}},"f:rules":{}}}]},"rules":[{"verbs":["get","list","watch"],"apiGroups":[""],"resources":["pods","services","configmaps"]},{"verbs":["get","list","watch","create","update","patch"],"apiGroups":["apps"],"resources":["deployments","statefulsets"]}]}"#;
const ROLE_APPLIED: &str = r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"labels":{"team":"<ns>"},"name":"<app>-<new>"},"rules":[{"apiGroups":[""],"resources":["pods","services","configmaps"],"verbs":["get","list","watch"]},{"apiGroups":["apps"],"resources":["deployments","statefulsets"],"verbs":["get","list","watch","create","update","patch"]}]}"#;
const ACCESS: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"resourceAttributes":{"namespace":"<ns>","verb":"get","resource":"pods","name":"<app>-<hash>-<suffix>"},"user":"system:serviceaccount:<ns>:<app>","groups":["system:serviceaccounts","system:serviceaccounts:<ns>","system:authenticated"]},"status":{"allowed":false}}"#;
const ACCESS_ANSWER: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{"managedFields":[{"manager":"argocd-application-controller","operation":"Update","apiVersion":"authorization.k8s.io/v1","time":"<now>","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:groups":{},"f:resourceAttributes":{".":{},"f:name":{},"f:namespace":{},"f:resource":{},"f:verb":{}},"f:user":{}}}}]},"spec":{"resourceAttributes":{"namespace":"<ns>","verb":"get","resource":"pods","name":"<app>-<hash>-<suffix>"},"user":"system:serviceaccount:<ns>:<app>","groups":["system:serviceaccounts","system:serviceaccounts:<ns>","system:authenticated"]},"status":{"allowed":true,"reason":"RBAC: allowed by RoleBinding \"<app>/<ns>\" of Role \"<app>\" to ServiceAccount \"<app>/<ns>\""}}"#;
const CONFLICT: &str = r#""status":"Failure","message":"Operation cannot be fulfilled on replicasets.apps \"<app>-<hash>\": the object has been modified; please apply your changes to the latest version and try again","reason":"Conflict","details":{"name":"<app>-<hash>","group":"apps","kind":"replicasets"},"#;
const NO_SECRET: &str = r#""status":"Failure","message":"secrets \"<app>-tls\" not found","reason":"NotFound","details":{"name":"<app>-tls","kind":"secrets"},"#;
const FORBIDDEN: &str = r#""status":"Failure","message":"secrets is forbidden: User \"<user>\" cannot list resource \"secrets\" in API group \"\" at the cluster scope","reason":"Forbidden","details":{"kind":"secrets"},"#;
const FORBIDDEN_PATH: &str = r#""status":"Failure","message":"forbidden: User \"system:anonymous\" cannot get path \"/\"","reason":"Forbidden","details":{},"#;
const SUCCESS: &str = r#""status":"Success","details":{"name":"<app>-<new>","group":"rbac.authorization.k8s.io","kind":"rolebindings","uid":"<random>"},"#;
const SUCCESS_BODY: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"<app>-<new>","group":"rbac.authorization.k8s.io","kind":"rolebindings","uid":"<random>"}}"#;
const DELETE: &str = r#"{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/__internal"}"#;

/// All kinds. Weights are parts of ten thousand, about.
pub(crate) const SHAPES: [Shape; 52] = [
    shape(1000, DEPLOYMENT, REQUEST, "update", "/apis/apps/v1/namespaces/<ns>/deployments/<app>/status", r#""resource":"deployments",@app@,"uid":"<uid>","apiGroup":"apps","apiVersion":"v1","resourceVersion":"<former>","subresource":"status""#).sends(DEPLOYED),
    shape(900, REPLICA_SET, REQUEST, "update", "/apis/apps/v1/namespaces/<ns>/replicasets/<app>-<hash>/status", SET_STATUS_REF).sends(SET),
    shape(600, DEPLOYMENT, REQUEST, "update", SET_URI, SET_REF).sends(SET),
    shape(170, DEPLOYMENT, REQUEST, "update", SET_URI, SET_REF).sends(SET).with_status(409, CONFLICT),
    shape(120, DEPLOYMENT, REQUEST, "create", "/apis/apps/v1/namespaces/<ns>/replicasets", r#""resource":"replicasets","namespace":"<ns>","name":"<app>-<new>","apiGroup":"apps","apiVersion":"v1""#).sends(r#"{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{"name":"<app>-<new>","namespace":"<ns>","labels":{"app":"<app>"}},"spec":{"replicas":<number>,"selector":{"matchLabels":{"app":"<app>"}},"template":@pod@},"status":{"replicas":0}}"#),
    shape(700, Who::Kubelet, REQUEST, "create", "/api/v1/namespaces/<ns>/events", r#""resource":"events","namespace":"<ns>","name":"<app>-<hash>-<suffix>.18<new>","apiVersion":"v1""#).sends(EVENT),
    shape(250, Who::Kubelet, REQUEST, "patch", "/api/v1/namespaces/<ns>/events/<app>-<hash>-<suffix>.18<new>", r#""resource":"events","namespace":"<ns>","name":"<app>-<hash>-<suffix>.18<new>","apiVersion":"v1""#).sends(r#"{"count":<number>,"lastTimestamp":"<now>","message":"<message>"}"#),
    shape(250, REPLICA_SET, REQUEST, "create", "/api/v1/namespaces/<ns>/pods", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","apiVersion":"v1""#).sends(r#"{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"<app>-<hash>-","namespace":"<ns>","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"<app>-<hash>","uid":"<setuid>","controller":true,"blockOwnerDeletion":true}]},"spec":{"template":@pod@},"status":{}}"#),
    shape(180, REPLICA_SET, REQUEST, "delete", "/api/v1/namespaces/<ns>/pods/<app>-<hash>-<suffix>", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","apiVersion":"v1""#).sends(DELETE),
    shape(400, Who::Kubelet, REQUEST, "patch", "/api/v1/namespaces/<ns>/pods/<app>-<hash>-<suffix>/status", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","apiVersion":"v1","subresource":"status""#).sends(POD_STATUS),
    shape(110, Who::Kubelet, REQUEST, "patch", "/api/v1/nodes/<node>/status?timeout=10s", r#""resource":"nodes","name":"<node>","apiVersion":"v1","subresource":"status""#).sends(r#"{"status":{"conditions":[{"lastHeartbeatTime":"<now>","type":"MemoryPressure"},{"lastHeartbeatTime":"<now>","type":"Ready"}],"images":[{"names":["<text>"],"sizeBytes":10<number>0000}]}}"#).long(1000, 12_000),
    shape(450, Who::Kubelet, REQUEST, "update", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/<node>?timeout=10s", r#""resource":"leases","namespace":"kube-node-lease","name":"<node>","uid":"<random>","apiGroup":"coordination.k8s.io","apiVersion":"v1","resourceVersion":"<former>""#).sends(LEASE),
    shape(90, Who::Scheduler, REQUEST, "create", "/api/v1/namespaces/<ns>/pods/<app>-<hash>-<suffix>/binding", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","uid":"<random>","apiVersion":"v1","subresource":"binding""#).sends(r#"{"kind":"Binding","apiVersion":"v1","metadata":{"name":"<app>-<hash>-<suffix>","namespace":"<ns>","uid":"<random>"},"target":{"kind":"Node","name":"<node>"}}"#),
    shape(280, Who::Controller("endpointslice-controller"), REQUEST, "update", "/apis/discovery.k8s.io/v1/namespaces/<ns>/endpointslices/<app>-abcde", r#""resource":"endpointslices","namespace":"<ns>","name":"<app>-abcde","apiGroup":"discovery.k8s.io","apiVersion":"v1""#).sends(r#"{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"<app>-abcde","namespace":"<ns>","labels":{"kubernetes.io/service-name":"<app>"},"annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"<now>"}},"addressType":"IPv4","endpoints":[{"addresses":["10.244.1.1<number>"],"conditions":{"ready":true,"serving":true,"terminating":false},"targetRef":{"kind":"Pod","namespace":"<ns>","name":"<app>-<hash>-<suffix>","uid":"<random>"},"nodeName":"<node>","zone":"eu-west-1a"}],"ports":[{"name":"http","protocol":"TCP","port":8080}]}"#),
    shape(90, Who::Delivery, REQUEST, "create", "/apis/apps/v1/namespaces/<ns>/deployments", r#""resource":"deployments","namespace":"<ns>","name":"<app>-<new>","apiGroup":"apps","apiVersion":"v1""#).sends(r#"{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"<app>-<new>","namespace":"<ns>"},"spec":{"replicas":<number>,"selector":{"matchLabels":{"app":"<app>"}},"template":@pod@},"status":{}}"#),
    shape(200, Who::Delivery, REQUEST, "patch", "/apis/apps/v1/namespaces/<ns>/deployments/<app>", r#""resource":"deployments",@app@,"apiGroup":"apps","apiVersion":"v1""#).sends(r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"registry.example.com/<ns>/<app>:1.<number>.0"}]}}}}"#),
    shape(60, Who::Person, REQUEST, "patch", "/apis/apps/v1/namespaces/<ns>/deployments/<app>/scale?fieldManager=kubectl", r#""resource":"deployments",@app@,"apiGroup":"apps","apiVersion":"v1","subresource":"scale""#).sends(r#"{"spec":{"replicas":<number>}}"#),
    shape(25, Who::Delivery, REQUEST, "update", "/apis/argoproj.io/v1alpha1/namespaces/<ns>/applications/<app>", r#""resource":"applications",@app@,"uid":"<uid>","apiGroup":"argoproj.io","apiVersion":"v1alpha1","resourceVersion":"<former>""#).sends(r#"{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"<app>","namespace":"<ns>","resourceVersion":"<former>","uid":"<uid>"},"spec":{"project":"<ns>"},"status":{"operationState":{"message":"<message>","syncResult":{"manifests":"<text>"}}}}"#).long(5000, 60_000),
    shape(20, Who::App, REQUEST, "update", "/apis/reports.example.com/v1/namespaces/<ns>/policyreports/<app>", r#""resource":"policyreports",@app@,"apiGroup":"reports.example.com","apiVersion":"v1","resourceVersion":"<former>""#).sends(r#"{"apiVersion":"reports.example.com/v1","kind":"PolicyReport","metadata":{"name":"<app>","namespace":"<ns>"},"results":[{"message":"<text>","result":"fail"}]}"#).long(4000, 40_000),
    shape(2, Who::Delivery, REQUEST, "patch", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/<new>.example.com?fieldManager=argocd-controller&force=true", r#""resource":"customresourcedefinitions","name":"<new>.example.com","apiGroup":"apiextensions.k8s.io","apiVersion":"v1""#).sends(r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"annotations":{"example.com/manifest":"<text>"},"name":"<new>.example.com"}}"#).long(60_000, 500_000),
    shape(6, Who::Person, REQUEST, "create", "/api/v1/namespaces/<ns>/pods/<app>-<hash>-<suffix>/exec?command=sh&stdin=true&stdout=true&tty=true", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","apiVersion":"v1","subresource":"exec""#).with_status(101, "").lasting(2, 900),
    shape(600, Who::Prometheus, META, "list", "/api/v1/pods?limit=500&resourceVersion=0", r#""resource":"pods","apiVersion":"v1""#),
    shape(250, Who::Prometheus, META, "list", "/api/v1/nodes?limit=500", r#""resource":"nodes","apiVersion":"v1""#),
    shape(330, Who::App, META, "get", "/api/v1/namespaces/<ns>/secrets/<app>-tls", r#""resource":"secrets","namespace":"<ns>","name":"<app>-tls","apiVersion":"v1""#),
    shape(90, Who::App, META, "get", "/api/v1/namespaces/<ns>/secrets/<app>-tls", r#""resource":"secrets","namespace":"<ns>","name":"<app>-tls","apiVersion":"v1""#).with_status(404, NO_SECRET),
    shape(250, Who::App, META, "get", "/api/v1/namespaces/<ns>/configmaps/<app>-config", r#""resource":"configmaps","namespace":"<ns>","name":"<app>-config","apiVersion":"v1""#),
    shape(240, Who::App, META, "get", "/apis/coordination.k8s.io/v1/namespaces/<ns>/leases/<app>", r#""resource":"leases",@app@,"apiGroup":"coordination.k8s.io","apiVersion":"v1""#),
    shape(300, Who::Controller("namespace-controller"), META, "get", "/api/v1/namespaces/<ns>", r#""resource":"namespaces","namespace":"<ns>","name":"<ns>","apiVersion":"v1""#),
    shape(120, Who::Person, META, "list", "/api/v1/namespaces/<ns>/pods?limit=500", r#""resource":"pods","namespace":"<ns>","apiVersion":"v1""#),
    shape(100, Who::Person, META, "get", "/api/v1/namespaces/<ns>/pods/<app>-<hash>-<suffix>/log?container=app&follow=true", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","apiVersion":"v1","subresource":"log""#),
    shape(120, Who::Person, META, "get", "/apis/apps/v1/namespaces/<ns>/deployments/<app>", r#""resource":"deployments",@app@,"apiGroup":"apps","apiVersion":"v1""#),
    shape(120, Who::Root, META, "get", "/apis/rbac.authorization.k8s.io/v1/clusterroles/<app>", r#""resource":"clusterroles","name":"<app>","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1""#),
    shape(120, Who::Person, META, "list", "/apis/rbac.authorization.k8s.io/v1/namespaces/<ns>/rolebindings?limit=500", r#""resource":"rolebindings","namespace":"<ns>","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1""#),
    shape(150, Who::Manager, META, "get", "/api/v1/namespaces/<ns>/serviceaccounts/<app>", r#""resource":"serviceaccounts",@app@,"apiVersion":"v1""#),
    shape(180, Who::Kubelet, META, "create", "/api/v1/namespaces/<ns>/serviceaccounts/<app>/token", r#""resource":"serviceaccounts",@app@,"apiVersion":"v1","subresource":"token""#),
    shape(300, Who::Prometheus, META, "get", "/metrics", ""),
    shape(90, Who::Person, META, "get", "/api?timeout=32s", ""),
    shape(90, Who::Person, META, "get", "/apis?timeout=32s", ""),
    shape(30, Who::Anonymous, META, "get", "/", "").with_status(403, FORBIDDEN_PATH),
    shape(40, Who::Person, META, "list", "/api/v1/secrets?limit=500", r#""resource":"secrets","apiVersion":"v1""#).with_status(403, FORBIDDEN),
    shape(90, Who::ApiServer, META, "watch", "/apis/apps/v1/replicasets?allowWatchBookmarks=true&resourceVersion=<former>&timeout=7m19s&timeoutSeconds=439&watch=true", r#""resource":"replicasets","apiGroup":"apps","apiVersion":"v1""#).lasting(300, 600),
    shape(140, Who::App, META, "watch", "/api/v1/namespaces/<ns>/configmaps?allowWatchBookmarks=true&resourceVersion=<former>&timeoutSeconds=512&watch=true", r#""resource":"configmaps","namespace":"<ns>","apiVersion":"v1""#).lasting(300, 600),
    shape(60, Who::Kubelet, META, "watch", "/api/v1/pods?allowWatchBookmarks=true&fieldSelector=spec.nodeName%3D<node>&timeoutSeconds=391&watch=true", r#""resource":"pods","apiVersion":"v1""#).lasting(300, 600),
    shape(300, Who::Delivery, FULL, "create", "/apis/authorization.k8s.io/v1/subjectaccessreviews", r#""resource":"subjectaccessreviews","apiGroup":"authorization.k8s.io","apiVersion":"v1""#).sends(ACCESS).answers(ACCESS_ANSWER),
    shape(150, Who::Person, FULL, "create", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", r#""resource":"selfsubjectaccessreviews","apiGroup":"authorization.k8s.io","apiVersion":"v1""#).sends(r#"{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"resourceAttributes":{"namespace":"<ns>","verb":"list","resource":"roles"}},"status":{"allowed":false}}"#).answers(r#"{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"resourceAttributes":{"namespace":"<ns>","verb":"list","resource":"roles"}},"status":{"allowed":true,"reason":"<reason>"}}"#),
    shape(110, Who::Person, FULL, "create", "/apis/rbac.authorization.k8s.io/v1/namespaces/<ns>/rolebindings?fieldManager=kubectl-create&fieldValidation=Strict", r#""resource":"rolebindings","namespace":"<ns>","name":"<app>-<new>","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1""#).sends(BINDING).answers(BINDING_MADE),
    shape(70, Who::Delivery, FULL, "patch", "/apis/rbac.authorization.k8s.io/v1/clusterroles/<app>-<new>?fieldManager=argocd-controller&force=true", r#""resource":"clusterroles","name":"<app>-<new>","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1""#).sends(ROLE_APPLIED).answers(ROLE_PATCHED),
    shape(40, Who::Person, FULL, "delete", "/apis/rbac.authorization.k8s.io/v1/namespaces/<ns>/rolebindings/<app>-<new>", r#""resource":"rolebindings","namespace":"<ns>","name":"<app>-<new>","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1""#).with_status(200, SUCCESS).sends(DELETE).answers(SUCCESS_BODY),
    shape(80, Who::Delivery, FULL, "create", "/api/v1/namespaces/<ns>/serviceaccounts", r#""resource":"serviceaccounts","namespace":"<ns>","name":"<app>-<new>","apiVersion":"v1""#).sends(r#"{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"<app>-<new>","namespace":"<ns>"}}"#).answers(r#"{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"<app>-<new>","namespace":"<ns>","uid":"<random>","resourceVersion":"<version>","creationTimestamp":"<now>"}}"#),
    shape(60, Who::Person, FULL, "create", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", r#""resource":"selfsubjectrulesreviews","apiGroup":"authorization.k8s.io","apiVersion":"v1""#).sends(r#"{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"namespace":"<ns>"},"status":{"resourceRules":null,"nonResourceRules":null,"incomplete":false}}"#).answers(r#"{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{},"status":{"resourceRules":[{"verbs":["create"],"apiGroups":["authorization.k8s.io"],"resources":["selfsubjectaccessreviews","selfsubjectrulesreviews"]},{"verbs":["get","list"],"apiGroups":[""],"resources":["configmaps","pods"]}],"nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/healthz","/livez","/readyz","/version"]}],"incomplete":false}}"#),
    shape(150, Who::Kubelet, META, "get", "/api/v1/nodes/<node>?resourceVersion=0&timeout=10s", r#""resource":"nodes","name":"<node>","apiVersion":"v1""#),
    shape(90, Who::Controller("generic-garbage-collector"), META, "get", "/api/v1/namespaces/<ns>/pods/<app>-<hash>-<suffix>", r#""resource":"pods","namespace":"<ns>","name":"<app>-<hash>-<suffix>","apiVersion":"v1""#),
];
