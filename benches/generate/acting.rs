//! The actors of the audit logs of any size: control plane, kubelets, people, applications; some with names that
//! trip up careless readers.

use super::cast::{Acting, Cast, NAMESPACES, Who, escaped};
use super::event::Actor;
use super::json::Json;
use super::kinds::{Subject, quoted};
use super::names;
use super::people::{account_groups, account_user, component, root};
use super::rng::Rng;

const PEOPLE: usize = 1500;
/// Controllers that act.
const CONTROLLERS: [&str; 8] = [
    "deployment-controller",
    "replicaset-controller",
    "endpointslice-controller",
    "namespace-controller",
    "generic-garbage-collector",
    "job-controller",
    "node-controller",
    "service-account-controller",
];

impl Cast {
    /// Adds everybody who acts.
    pub(crate) fn act(&mut self, rng: &mut Rng) {
        let api_server = Actor {
            uid: rng.uuid(),
            groups: vec!["system:authenticated".to_owned(), "system:masters".to_owned()],
            ips: vec!["127.0.0.1".to_owned()],
            ..component("system:apiserver", String::new())
        };
        let anonymous = Actor {
            username: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
            ips: vec!["198.51.100.77".to_owned()],
            agent: "Mozilla/5.0 (compatible; \"probe\"; +http://scan.example.net/?a=1&b=<2>)".to_owned(),
            ..Actor::default()
        };
        let by_user = |name: &str| component(name, whole_cluster(name, name, &Subject::user(name)));
        self.join(Who::ApiServer, vec![(api_server, None)]);
        self.join(Who::Root, vec![(root(), None)]);
        self.join(Who::Manager, vec![(by_user("system:kube-controller-manager"), None)]);
        self.join(Who::Scheduler, vec![(by_user("system:kube-scheduler"), None)]);
        self.join(Who::Anonymous, vec![(anonymous, None)]);
        for name in CONTROLLERS {
            let binding = format!("system:controller:{name}");
            let agent = format!(
                "kube-controller-manager/v1.36.1 (linux/amd64) kubernetes/5b0a2f1/system:serviceaccount:kube-system:{name}"
            );
            let actor = account(rng, "kube-system", name, &binding, &agent);
            self.join(Who::Controller(name), vec![(actor, None)]);
        }
        let prometheus = account(rng, "monitoring", "prometheus", "prometheus", "Prometheus/3.5.0");
        let delivery = account(
            rng,
            "argocd",
            "argocd-application-controller",
            "argocd-application-controller",
            "argocd-application-controller/v3.1",
        );
        self.join(Who::Prometheus, vec![(prometheus, None)]);
        self.join(Who::Delivery, vec![(delivery, None)]);
        self.join(Who::Kubelet, self.kubelets(rng));
        self.join(Who::Person, self.people(rng));
        self.join(Who::App, self.apps(rng));
    }

    fn join(&mut self, who: Who, actors: Vec<(Actor, Option<usize>)>) {
        self.groups.push((who, self.actors.len(), actors.len()));
        self.actors.extend(actors.into_iter().map(|(actor, home)| acting(&actor, home)));
    }

    fn kubelets(&self, rng: &mut Rng) -> Vec<(Actor, Option<usize>)> {
        let one = |(number, node): (usize, &Vec<u8>)| Actor {
            username: format!("system:node:{}", String::from_utf8_lossy(node)),
            groups: vec!["system:nodes".to_owned(), "system:authenticated".to_owned()],
            extra: vec![(
                "authentication.kubernetes.io/credential-id",
                format!("X509SHA256={}{}", rng.hex(16), rng.uuid().replace('-', "")),
            )],
            ips: vec![format!("10.{}.{}.10", number / 250, number % 250 + 1)],
            agent: "kubelet/v1.36.1 (linux/amd64) kubernetes/5b0a2f1".to_owned(),
            ..Actor::default()
        };
        self.nodes.iter().enumerate().map(one).map(|a| (a, None)).collect()
    }

    fn people(&self, rng: &mut Rng) -> Vec<(Actor, Option<usize>)> {
        let agents = [
            "kubectl/v1.36.1 (linux/amd64) kubernetes/5b0a2f1",
            "kubectl/v1.35.4 (darwin/arm64) kubernetes/9f1c2aa",
            "k9s/0.50.6",
            "Lens/2026.1 \"Nightly\" <stable> & C:\\Users\\müller",
            "python-requests/2.32",
        ];
        let mut all = Vec::new();
        for number in 0..PEOPLE {
            let home = rng.index(self.deployed.len());
            let namespace =
                self.deployed.get(home).map(|d| String::from_utf8_lossy(&d.namespace).into_owned()).unwrap_or_default();
            let group = names::team_group(&names::namespace(home % NAMESPACES).1);
            let odd =
                ["O'Brien \"Bob\"@example.com", "jürgen.müller@example.com", "corp\\svc-backup", "用户@example.com"];
            let name = odd.get(number).map_or_else(|| names::person(number), |n| (*n).to_owned());
            let binding = quoted(&format!("owners/{namespace}"));
            all.push((
                Actor {
                    username: name,
                    groups: vec![group.clone(), "system:authenticated".to_owned()],
                    extra: vec![("authentication.kubernetes.io/credential-id", format!("JTI={}", rng.uuid()))],
                    ips: vec![format!("203.0.113.{}", rng.below(255)), "10.0.0.7".to_owned()],
                    agent: rng.word(&agents).to_owned(),
                    reason: format!(
                        "RBAC: allowed by RoleBinding {binding} of ClusterRole \"admin\" to Group {}",
                        quoted(&group)
                    ),
                    ..Actor::default()
                },
                Some(home),
            ));
        }
        all
    }

    fn apps(&self, rng: &mut Rng) -> Vec<(Actor, Option<usize>)> {
        let mut all = Vec::new();
        for (home, deployed) in self.deployed.iter().enumerate() {
            let (namespace, app) =
                (String::from_utf8_lossy(&deployed.namespace), String::from_utf8_lossy(&deployed.app));
            let binding = quoted(&format!("{app}/{namespace}"));
            let subject = Subject::account(&namespace, &app);
            let agent = format!("{app}/v{} client-go/0.36", rng.below(9));
            let mut actor = account(rng, &namespace, &app, "", &agent);
            actor.reason =
                format!("RBAC: allowed by RoleBinding {binding} of Role {} to {}", quoted(&app), subject.described());
            all.push((actor, Some(home)));
        }
        all
    }
}

fn whole_cluster(binding: &str, role: &str, subject: &Subject) -> String {
    format!(
        "RBAC: allowed by ClusterRoleBinding {} of ClusterRole {} to {}",
        quoted(binding),
        quoted(role),
        subject.described()
    )
}

fn account(rng: &mut Rng, namespace: &str, name: &str, binding: &str, agent: &str) -> Actor {
    let node = rng.range(1, 250);
    Actor {
        username: account_user(namespace, name),
        uid: rng.uuid(),
        groups: account_groups(namespace),
        extra: vec![
            ("authentication.kubernetes.io/credential-id", format!("JTI={}", rng.uuid())),
            ("authentication.kubernetes.io/node-name", format!("ip-10-0-{node}.eu-west-1.compute.internal")),
            ("authentication.kubernetes.io/pod-name", format!("{name}-{}", rng.hex(5))),
            ("authentication.kubernetes.io/pod-uid", rng.uuid()),
        ],
        ips: vec![format!("10.244.{node}.{}", rng.range(2, 250))],
        agent: agent.to_owned(),
        reason: whole_cluster(binding, binding, &Subject::account(namespace, name)),
    }
}

fn acting(actor: &Actor, home: Option<usize>) -> Acting {
    let mut members = b"\"user\":".to_vec();
    actor.json().push_compact(&mut members);
    members.extend_from_slice(b",\"sourceIPs\":");
    Json::from(actor.ips.as_slice()).push_compact(&mut members);
    members.extend_from_slice(b",\"userAgent\":");
    Json::from(actor.agent.as_str()).push_compact(&mut members);
    members.push(b',');
    Acting { members, reason: escaped(&actor.reason), name: escaped(&actor.username), home }
}
