//! Who acts in the generated cluster: people in groups, service accounts, controllers.

use std::collections::BTreeMap;

use super::event::Actor;
use super::kinds::{Kind, Subject, quoted};
use super::names;
use super::objects::{Content, Thing};
use super::rng::Rng;

/// Groups that exist besides the teams.
pub(crate) const GROUPS: [&str; 4] = ["sre", "oncall", "auditors", "security"];
/// The user agent of kubectl.
const KUBECTL: &str = "kubectl/v1.36.1 (linux/amd64) kubernetes/5b0a2f1";

/// A person, whose groups never change.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    credential: String,
    ip: String,
}

/// All people, and who is in which group.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    all: Vec<Person>,
    members: BTreeMap<String, Vec<usize>>,
}

impl People {
    /// `count` people in the teams given; the first of them in the platform team.
    pub(crate) fn new(rng: &mut Rng, count: usize, teams: &[String]) -> Self {
        let mut people = Self::default();
        for number in 0..count {
            let first = teams.get(number % teams.len().max(1)).map(|t| names::team_group(t));
            let mut groups: Vec<String> = first.into_iter().collect();
            if rng.per_mille(300) {
                groups.extend(rng.pick(teams).map(|t| names::team_group(t)).filter(|g| !groups.contains(g)));
            }
            if rng.per_mille(150) {
                groups.push(rng.word(&GROUPS).to_owned());
            }
            if number < 6 {
                groups.push("platform-admins".to_owned());
            }
            people.add(rng, names::person(number), groups);
        }
        // Contractors are bound to nothing: what they try is refused.
        for number in 0..3 {
            people.add(rng, format!("ext-{number}@contractor.example.net"), vec!["contractors".to_owned()]);
        }
        people
    }

    fn add(&mut self, rng: &mut Rng, name: String, mut groups: Vec<String>) {
        groups.push("system:authenticated".to_owned());
        for group in &groups {
            self.members.entry(group.clone()).or_default().push(self.all.len());
        }
        let ip = format!("{}.{}", rng.word(&["198.51.100", "203.0.113", "192.0.2"]), rng.range(1, 254));
        self.all.push(Person { name, groups, credential: format!("JTI={}", rng.uuid()), ip });
    }

    /// Anybody but contractors.
    pub(crate) fn pick(&self, rng: &mut Rng) -> Option<&Person> {
        self.all.get(rng.index(self.all.len().saturating_sub(3)))
    }

    /// The person of this user name.
    pub(crate) fn named(&self, name: &str) -> Option<&Person> {
        self.all.iter().find(|p| p.name == name)
    }

    /// Somebody of a group.
    pub(crate) fn of_group(&self, rng: &mut Rng, group: &str) -> Option<&Person> {
        self.all.get(*rng.pick(self.members.get(group)?)?)
    }

    /// The groups that people are in, without the broad one.
    pub(crate) fn groups(&self) -> Vec<String> {
        let open = |g: &&String| !g.starts_with("system:") && *g != "contractors" && *g != "platform-admins";
        self.members.keys().filter(open).cloned().collect()
    }
}

impl Person {
    /// The person at a terminal, let through for this reason.
    pub(crate) fn actor(&self, reason: String) -> Actor {
        Actor {
            username: self.name.clone(),
            uid: String::new(),
            groups: self.groups.clone(),
            extra: vec![("authentication.kubernetes.io/credential-id", self.credential.clone())],
            ips: vec![self.ip.clone(), "10.0.0.7".to_owned()],
            agent: KUBECTL.to_owned(),
            reason,
        }
    }
}

/// The certificate of the first day, in the group for which RBAC is not asked.
pub(crate) fn root() -> Actor {
    let digest = "007e5ce7ca1498078e4954f47a0b85a6ef7daad1338b8028cabfeaebd1a093db";
    Actor {
        username: "kubernetes-admin".to_owned(),
        groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()],
        extra: vec![("authentication.kubernetes.io/credential-id", format!("X509SHA256={digest}"))],
        ips: vec!["10.0.0.9".to_owned()],
        agent: KUBECTL.to_owned(),
        ..Actor::default()
    }
}

/// A component that uses a certificate.
pub(crate) fn component(name: &str, reason: String) -> Actor {
    Actor {
        username: name.to_owned(),
        groups: vec!["system:authenticated".to_owned()],
        ips: vec!["10.0.0.11".to_owned()],
        agent: format!("{}/v1.36.1 (linux/amd64) kubernetes/5b0a2f1", name.trim_start_matches("system:")),
        reason,
        ..Actor::default()
    }
}

/// A service account's user name.
pub(crate) fn account_user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// A service account's groups.
pub(crate) fn account_groups(namespace: &str) -> Vec<String> {
    vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ]
}

/// A service account with a token that is bound to a pod.
pub(crate) fn account(rng: &mut Rng, account: &Thing, agent: &str, reason: String) -> Actor {
    let node = rng.range(1, 120);
    let pod = format!("{}-{}", account.name, rng.hex(5));
    let key = |name, value| (name, value);
    Actor {
        username: account_user(&account.namespace, &account.name),
        uid: account.uid.clone(),
        groups: account_groups(&account.namespace),
        extra: vec![
            key("authentication.kubernetes.io/credential-id", format!("JTI={}", rng.uuid())),
            key("authentication.kubernetes.io/node-name", format!("node-{node:03}.example.internal")),
            key("authentication.kubernetes.io/pod-name", pod),
            key("authentication.kubernetes.io/pod-uid", rng.uuid()),
        ],
        ips: vec![format!("10.1.{node}.{}", rng.range(2, 250))],
        agent: agent.to_owned(),
        reason,
    }
}

/// What the authorizer says when a subject of a binding is let through.
pub(crate) fn reason(binding: &Thing, subject: &Subject) -> String {
    let Content::Binding(kind, role, _) = &binding.content else { return String::new() };
    let named = match binding.kind {
        Kind::RoleBinding => quoted(&format!("{}/{}", binding.name, binding.namespace)),
        _ => quoted(&binding.name),
    };
    let kinds = (binding.kind.name(), kind.name());
    format!("RBAC: allowed by {} {named} of {} {} to {}", kinds.0, kinds.1, quoted(role), subject.described())
}
