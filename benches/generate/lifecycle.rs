//! Larger happenings: what the aggregation controller follows up with, namespaces that come and go with all they
//! hold, objects deleted and made anew, service accounts.

use std::collections::BTreeMap;
use std::io;

use super::bootstrap::{AGGREGATE, NAMESPACES};
use super::change::delete_options;
use super::content::GATHER_MONITORING;
use super::event::{Request, Target};
use super::json::{Json, object};
use super::kinds::{Kind, Subject};
use super::names;
use super::objects::{Content, Style, Thing, rules_json};
use super::rng::Rng;
use super::world::{OWNERS, World, target};

/// How likely a new object is kept in each style: kubectl, a delivery tool, an operator.
const STYLES: [u64; 3] = [50, 35, 15];

/// A style for a new object.
pub(crate) fn style(rng: &mut Rng) -> Style {
    [Style::Kubectl, Style::Delivery, Style::Operator].get(rng.weighted(&STYLES)).copied().unwrap_or(Style::Kubectl)
}

/// Labels for a new object: some ClusterRoles are gathered by aggregated ones.
pub(crate) fn labels(rng: &mut Rng, kind: Kind) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    if kind == Kind::ClusterRole && rng.per_mille(60) {
        let to = rng.word(&["view", "edit", "monitoring"]);
        let key = if to == "monitoring" { GATHER_MONITORING.to_owned() } else { format!("{AGGREGATE}{to}") };
        labels.insert(key, "true".to_owned());
    }
    if rng.per_mille(300) {
        labels.insert("app.kubernetes.io/managed-by".to_owned(), rng.word(&["Helm", "argocd", "terraform"]).to_owned());
    }
    labels
}

impl World {
    /// A new object of an RBAC kind, not yet created; `None` when the name drawn is taken.
    pub(crate) fn draft(&mut self, kind: Kind) -> Option<Thing> {
        let namespace = match kind.namespaced() {
            true => self.cluster.of(Kind::Namespace).pick(&mut self.rng)?.name.clone(),
            false => String::new(),
        };
        let name = names::duty(&mut self.rng, !kind.namespaced());
        if self.cluster.has(kind, &namespace, &name) {
            return None;
        }
        let labels = labels(&mut self.rng, kind);
        let content = self.author().content(kind, &namespace, &labels);
        Some(Thing { labels, ..Thing::new(kind, &namespace, &name, content, style(&mut self.rng)) })
    }

    /// Deletes an object and makes it anew under its name, as is needed to change a roleRef.
    pub(crate) fn recreate(&mut self, thing: &Thing) -> io::Result<()> {
        self.delete(thing)?;
        self.aggregate()?;
        self.moment();
        let content = self.author().content(thing.kind, &thing.namespace, &thing.labels);
        let new = Thing {
            labels: thing.labels.clone(),
            ..Thing::new(thing.kind, &thing.namespace, &thing.name, content, thing.style)
        };
        self.create(new)
    }

    /// Lets the aggregation controller bring all aggregated ClusterRoles up to date.
    pub(crate) fn aggregate(&mut self) -> io::Result<()> {
        while let Some((name, rules)) = self.cluster.stale() {
            let Some(role) = self.cluster.of(Kind::ClusterRole).get("", &name).cloned() else { return Ok(()) };
            self.moment();
            let Content::Rules(_, gathers) = &role.content else { return Ok(()) };
            let sent = object()
                .with("kind", role.kind.name())
                .with("apiVersion", role.kind.api_version())
                .with("metadata", object().with("name", name.as_str()).done())
                .with("rules", rules_json(&rules));
            let mut after = Thing { content: Content::Rules(rules, gathers.clone()), ..role.clone() };
            after.version = self.next_version();
            after.managed("clusterrole-aggregation-controller", true, self.journal.now(), false, true);
            let at = target(&role);
            let uri = format!("{}?fieldManager=clusterrole-aggregation-controller&force=true", at.path(true));
            let actor = self.actors.aggregation.clone();
            let mut request = Request::new(&actor, "RequestResponse", "patch", uri, Some(at));
            request.request = Some(sent.done());
            request.response = Some(after.json(true));
            self.journal.log(request)?;
            self.count("patch", Kind::ClusterRole, 1);
            self.cluster.of_mut(Kind::ClusterRole).put(after);
        }
        Ok(())
    }

    /// A new namespace with its first service account and its owners.
    pub(crate) fn begin_namespace(&mut self, number: usize) -> io::Result<()> {
        let (name, team) = names::namespace(number);
        if self.cluster.has(Kind::Namespace, "", &name) {
            return Ok(());
        }
        let mut namespace = Thing::new(Kind::Namespace, "", &name, Content::Namespace(None), Style::Kubectl);
        namespace.labels.insert("kubernetes.io/metadata.name".to_owned(), name.clone());
        self.create(namespace)?;
        self.moment();
        self.first_account(&name)?;
        self.owners.insert(name.clone(), team.clone());
        self.moment();
        let content = owners(&team);
        self.create(Thing::new(Kind::RoleBinding, &name, OWNERS, content, Style::Delivery))?;
        if let Some(binding) = self.cluster.of_mut(Kind::RoleBinding).take(&name, OWNERS) {
            self.cluster.of_mut(Kind::RoleBinding).put(Thing { style: Style::Fixed, ..binding });
        }
        Ok(())
    }

    fn first_account(&mut self, namespace: &str) -> io::Result<()> {
        let mut account = Thing::new(Kind::ServiceAccount, namespace, "default", Content::Account, Style::Fixed);
        let sent = account.request();
        (account.uid, account.created, account.version) = (self.rng.uuid(), self.journal.now(), self.next_version());
        let actor = self.actors.accounts.clone();
        let at = target(&account);
        let mut request = Request::new(&actor, "RequestResponse", "create", at.path(false), Some(at));
        request.request = Some(sent);
        request.response = Some(account.json(true));
        self.journal.log(request)?;
        self.count("create", Kind::ServiceAccount, 1);
        self.cluster.of_mut(Kind::ServiceAccount).put(account);
        Ok(())
    }

    /// Deletes a namespace; the namespace controller then deletes what it holds, and lets it go.
    pub(crate) fn end_namespace(&mut self) -> io::Result<()> {
        let Some(namespace) = self.cluster.of(Kind::Namespace).pick(&mut self.rng).cloned() else { return Ok(()) };
        if NAMESPACES.contains(&namespace.name.as_str()) {
            return Ok(());
        }
        let actor = self.platform_admin().unwrap_or_default();
        let deleted = Content::Namespace(Some(self.journal.now()));
        let dying = Thing { content: deleted, version: self.next_version(), ..namespace.clone() };
        let at = target(&namespace);
        let mut request = Request::new(&actor, "RequestResponse", "delete", at.path(true), Some(at));
        request.request = Some(delete_options());
        request.response = Some(dying.json(true));
        self.journal.log(request)?;
        for kind in [Kind::ServiceAccount, Kind::RoleBinding, Kind::Role] {
            self.moment();
            self.empty(&namespace.name, kind)?;
        }
        self.moment();
        self.finalize(&dying)?;
        self.owners.remove(&namespace.name);
        self.cluster.of_mut(Kind::Namespace).take("", &namespace.name);
        self.count("delete", Kind::Namespace, 1);
        Ok(())
    }

    fn empty(&mut self, namespace: &str, kind: Kind) -> io::Result<()> {
        let all: Vec<Thing> = self.cluster.of(kind).of_namespace(namespace).cloned().collect();
        let items = all.iter().map(|thing| match thing.json(true) {
            // Items of a typed list carry no kind of their own.
            Json::Object(members) => {
                Json::Object(members.into_iter().filter(|(k, _)| k != "kind" && k != "apiVersion").collect())
            }
            other => other,
        });
        let version = object().with("resourceVersion", self.version.to_string()).done();
        let list = object().with("kind", format!("{}List", kind.name())).with("apiVersion", kind.api_version());
        let list = list.with("metadata", version).with("items", Json::List(items.collect()));
        let at = Target {
            resource: kind.plural().to_owned(),
            namespace: namespace.to_owned(),
            group: kind.group().to_owned(),
            version: "v1",
            ..Target::default()
        };
        let actor = self.actors.namespaces.clone();
        let mut request = Request::new(&actor, "RequestResponse", "deletecollection", at.path(false), Some(at));
        request.request = Some(delete_options());
        request.response = Some(list.done());
        self.journal.log(request)?;
        self.count("deletecollection", kind, all.len() as u64);
        for thing in &all {
            self.next_version();
            self.cluster.of_mut(kind).take(namespace, &thing.name);
        }
        Ok(())
    }

    fn finalize(&mut self, dying: &Thing) -> io::Result<()> {
        let mut at = target(dying);
        (at.uid, at.resource_version) = (dying.uid.clone(), dying.version.to_string());
        at.subresource = "finalize".to_owned();
        let Json::Object(mut members) = dying.json(true) else { return Ok(()) };
        for (key, value) in &mut members {
            if key == "spec" {
                *value = object().done();
            }
        }
        let actor = self.actors.namespaces.clone();
        // The policy names `namespaces`, which does not take in its subresources.
        let mut request = Request::new(&actor, "Request", "update", at.path(true), Some(at));
        request.request = Some(Json::Object(members));
        self.next_version();
        self.journal.log(request)
    }

    /// A service account comes or goes.
    pub(crate) fn churn_account(&mut self, grow: bool) -> io::Result<()> {
        if !grow {
            let Some(account) = self.cluster.pick_changeable(Kind::ServiceAccount, &mut self.rng).cloned() else {
                return Ok(());
            };
            return self.delete(&account);
        }
        let Some(namespace) = self.cluster.of(Kind::Namespace).pick(&mut self.rng).map(|n| n.name.clone()) else {
            return Ok(());
        };
        let name = names::app(&mut self.rng);
        if self.cluster.has(Kind::ServiceAccount, &namespace, &name) {
            return Ok(());
        }
        let style = if self.rng.per_mille(500) { Style::Kubectl } else { Style::Delivery };
        self.create(Thing::new(Kind::ServiceAccount, &namespace, &name, Content::Account, style))
    }
}

/// The binding that makes a team the owner of a namespace.
pub(crate) fn owners(team: &str) -> Content {
    Content::Binding(Kind::ClusterRole, "admin".to_owned(), vec![Subject::group(&names::team_group(team))])
}
