//! Draws from what the cluster grants at this moment: a subject, and something one of its bindings lets it do.
//! Reads in the log and questions for the authorizer are made of these.

use super::cluster::Cluster;
use super::kinds::{Kind, Subject};
use super::names;
use super::objects::Thing;
use super::people::{People, account_groups, account_user, reason};
use super::rng::Rng;
use super::rules::{Ask, Rule};

/// Resources that questions are about when rules leave it open.
pub(crate) const RESOURCES: [(&str, &str); 18] = [
    ("", "pods"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "services"),
    ("", "serviceaccounts"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "persistentvolumeclaims"),
    ("", "pods/exec"),
    ("", "pods/log"),
    ("", "serviceaccounts/token"),
    ("apps", "deployments"),
    ("apps", "deployments/scale"),
    ("apps", "statefulsets"),
    ("batch", "jobs"),
    ("networking.k8s.io", "ingresses"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
];
const VERBS: [&str; 10] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate"];

/// Somebody, and something granted to them.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    /// The service account that the user is.
    pub(crate) account: Option<(String, String)>,
    /// What the authorizer says when it uses this binding.
    pub(crate) reason: String,
    pub(crate) ask: Ask,
}

/// A user name, its groups, and the service account that it is.
type Known = (String, Vec<String>, Option<(String, String)>);

/// Draws from the cluster.
pub(crate) struct Drawing<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) cluster: &'a Cluster,
    pub(crate) people: &'a People,
}

impl Drawing<'_> {
    /// Something granted; `None` when the binding drawn grants nothing to anybody known.
    pub(crate) fn granted(&mut self) -> Option<Granted> {
        let kind = if self.rng.per_mille(650) { Kind::RoleBinding } else { Kind::ClusterRoleBinding };
        let binding = self.cluster.of(kind).pick(self.rng)?;
        let subject = self.rng.pick(binding.subjects())?;
        let rule = self.rng.pick(self.cluster.role_of(binding)?.rules())?;
        let (user, groups, account) = self.user(subject, binding)?;
        let ask = self.ask(rule, binding);
        let reason = reason(binding, subject);
        rule.allows(&ask).then_some(Granted { user, groups, account, reason, ask })
    }

    /// Who a subject may be.
    fn user(&mut self, subject: &Subject, binding: &Thing) -> Option<Known> {
        let of_account = |namespace: &str, name: &str| {
            let place = (namespace.to_owned(), name.to_owned());
            (account_user(namespace, name), account_groups(namespace), Some(place))
        };
        match (subject.kind, subject.name.as_str()) {
            ("ServiceAccount", name) => {
                let namespace = if subject.namespace.is_empty() { &binding.namespace } else { &subject.namespace };
                Some(of_account(namespace, name))
            }
            ("Group", "system:masters" | "system:unauthenticated") => None,
            ("Group", group) if group.starts_with("system:serviceaccounts") => {
                let accounts = self.cluster.of(Kind::ServiceAccount);
                let one = match group.strip_prefix("system:serviceaccounts:") {
                    Some(namespace) => accounts.of_namespace(namespace).next(),
                    None => accounts.pick(self.rng),
                };
                one.map(|a| of_account(&a.namespace, &a.name))
            }
            ("Group", group) => self.people.of_group(self.rng, group).map(|p| (p.name.clone(), p.groups.clone(), None)),
            (_, name) => match self.people.named(name) {
                Some(person) => Some((person.name.clone(), person.groups.clone(), None)),
                None => Some((name.to_owned(), vec!["system:authenticated".to_owned()], None)),
            },
        }
    }

    /// Something that the rule is meant to allow.
    fn ask(&mut self, rule: &Rule, binding: &Thing) -> Ask {
        let verb = self.rng.pick(&rule.verbs).cloned().unwrap_or_default();
        let verb = if verb == "*" { self.rng.word(&VERBS).to_owned() } else { verb };
        if let Some(url) = self.rng.pick(&rule.urls) {
            let path = match url.strip_suffix('*') {
                Some(start) => format!("/{}{}", start.trim_start_matches('/'), names::app(self.rng)),
                None => url.clone(),
            };
            return Ask { verb, path, ..Ask::default() };
        }
        let (open_group, open_resource) = self.rng.pick(&RESOURCES).copied().unwrap_or_default();
        let group = self.rng.pick(&rule.groups).cloned().unwrap_or_default();
        let resource = self.rng.pick(&rule.resources).cloned().unwrap_or_default();
        let resource = if resource == "*" { open_resource.to_owned() } else { resource.replace('*', "deployments") };
        let (resource, subresource) = split(&resource);
        Ask {
            verb,
            group: if group == "*" { open_group.to_owned() } else { group },
            resource,
            subresource,
            namespace: self.namespace(binding),
            name: self.rng.pick(&rule.names).cloned().unwrap_or_else(|| self.name()),
            path: String::new(),
        }
    }

    /// The binding's namespace; for a ClusterRoleBinding any, or none.
    fn namespace(&mut self, binding: &Thing) -> String {
        if !binding.namespace.is_empty() {
            return binding.namespace.clone();
        }
        let any = self.cluster.of(Kind::Namespace).pick(self.rng);
        any.filter(|_| self.rng.per_mille(600)).map(|n| n.name.clone()).unwrap_or_default()
    }

    fn name(&mut self) -> String {
        if self.rng.per_mille(500) { names::app(self.rng) } else { String::new() }
    }

    /// The same question with one thing changed: most often no longer granted.
    pub(crate) fn twisted(&mut self, mut granted: Granted) -> Granted {
        let ask = &mut granted.ask;
        match self.rng.below(6) {
            0 => ask.verb = self.rng.word(&VERBS).to_owned(),
            1 if ask.path.is_empty() => {
                (ask.resource, ask.subresource) = split(self.rng.pick(&RESOURCES).map_or("pods", |r| r.1))
            }
            2 if ask.path.is_empty() => {
                ask.subresource = self.rng.word(&["", "status", "exec", "log", "scale", "token"]).to_owned()
            }
            3 => {
                ask.namespace =
                    self.cluster.of(Kind::Namespace).pick(self.rng).map(|n| n.name.clone()).unwrap_or_default()
            }
            4 => ask.name = names::app(self.rng),
            _ => granted = self.somebody(granted),
        }
        granted
    }

    /// Anybody asking about anything.
    pub(crate) fn anything(&mut self) -> Option<Granted> {
        let granted = self.granted()?;
        let (group, resource) = self.rng.pick(&RESOURCES).copied().unwrap_or_default();
        let (resource, subresource) = split(resource);
        let namespace = self.cluster.of(Kind::Namespace).pick(self.rng).map(|n| n.name.clone()).unwrap_or_default();
        let ask = Ask {
            verb: self.rng.word(&VERBS).to_owned(),
            group: group.to_owned(),
            resource,
            subresource,
            namespace,
            name: self.name(),
            path: String::new(),
        };
        Some(self.somebody(Granted { ask, ..granted }))
    }

    fn somebody(&mut self, granted: Granted) -> Granted {
        match self.people.pick(self.rng) {
            Some(person) => {
                Granted { user: person.name.clone(), groups: person.groups.clone(), account: None, ..granted }
            }
            None => granted,
        }
    }
}

fn split(resource: &str) -> (String, String) {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    (resource.to_owned(), subresource.to_owned())
}
