//! What else is in the log: reads by those who may, and a controller's lease, renewed often enough that the log
//! has no long gaps.

use std::io;

use super::clock::micros;
use super::event::{Actor, Request, Target};
use super::grants::{Drawing, Granted};
use super::json::{Json, object};
use super::kinds::{Kind, RBAC};
use super::people::{account, component};
use super::rules::Ask;
use super::world::{World, target};

impl World {
    /// The controller manager renews its lease.
    pub(crate) fn renew_lease(&mut self) -> io::Result<()> {
        let version = self.next_version();
        let at = Target {
            resource: "leases".to_owned(),
            namespace: "kube-system".to_owned(),
            name: "kube-controller-manager".to_owned(),
            uid: "5f0e2c9a-3b1d-4c55-9d0e-0b7d7f1e8a21".to_owned(),
            group: "coordination.k8s.io".to_owned(),
            version: "v1",
            resource_version: version.saturating_sub(1).to_string(),
            ..Target::default()
        };
        let metadata = object()
            .with("name", at.name.as_str())
            .with("namespace", at.namespace.as_str())
            .with("uid", at.uid.as_str())
            .with("resourceVersion", at.resource_version.as_str());
        let spec = object()
            .with("holderIdentity", "control-plane-1_8d5ab2b4-6c0e-4e0f-9a53-fd1c1f0e5b77")
            .with("leaseDurationSeconds", Json::Number(15))
            .with("renewTime", micros(self.journal.now()));
        let lease = object().with("kind", "Lease").with("apiVersion", "coordination.k8s.io/v1");
        let lease = lease.with("metadata", metadata.done()).with("spec", spec.done()).done();
        let actor = self.actors.manager.clone();
        let mut request = Request::new(&actor, "Request", "update", at.path(true), Some(at));
        request.request = Some(lease);
        self.journal.log(request)
    }

    /// Somebody reads something.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        match self.rng.below(10) {
            0..2 => self.scrape(),
            2..4 => self.inspect(),
            _ => self.read_by_grant(),
        }
    }

    fn scrape(&mut self) -> io::Result<()> {
        let actor = self.actors.prometheus.clone();
        if self.rng.per_mille(500) {
            return self.journal.log(Request::new(&actor, "Metadata", "get", "/metrics".to_owned(), None));
        }
        let resource = self.rng.word(&["pods", "nodes", "services", "endpoints"]).to_owned();
        let at = Target { resource, version: "v1", ..Target::default() };
        let uri = format!("{}?limit=500&resourceVersion=0", at.path(false));
        self.journal.log(Request::new(&actor, "Metadata", "list", uri, Some(at)))
    }

    /// The administrator looks at roles and bindings.
    fn inspect(&mut self) -> io::Result<()> {
        let actor = self.actors.root.clone();
        let kind = self.rng.pick(&Kind::RBAC).copied().unwrap_or(Kind::Role);
        match self.cluster.of(kind).pick(&mut self.rng).filter(|_| actor.uid.is_empty()) {
            Some(thing) if self.journal.now() % 2 == 0 => {
                let at = target(thing);
                self.journal.log(Request::new(&actor, "Metadata", "get", at.path(true), Some(at)))
            }
            _ => {
                let at = Target {
                    resource: kind.plural().to_owned(),
                    group: RBAC.to_owned(),
                    version: "v1",
                    ..Target::default()
                };
                let uri = format!("{}?limit=500", at.path(false));
                self.journal.log(Request::new(&actor, "Metadata", "list", uri, Some(at)))
            }
        }
    }

    /// A read that some binding allows, by somebody it names.
    fn read_by_grant(&mut self) -> io::Result<()> {
        for _ in 0..20 {
            let granted = Drawing { rng: &mut self.rng, cluster: &self.cluster, people: &self.people }.granted();
            let Some(granted) = granted.filter(|g| reads(&g.ask)) else { continue };
            let Some(actor) = self.reader(&granted) else { continue };
            let (verb, uri, at) = read_request(&granted.ask);
            return self.journal.log(Request::new(&actor, "Metadata", verb, uri, at));
        }
        self.inspect()
    }

    fn reader(&mut self, granted: &Granted) -> Option<Actor> {
        let reason = granted.reason.clone();
        match &granted.account {
            Some((namespace, name)) => {
                let thing = self.cluster.of(Kind::ServiceAccount).get(namespace, name)?;
                Some(account(&mut self.rng, thing, &format!("{name}/v1.4 client-go/0.36"), reason))
            }
            None => Some(match self.people.named(&granted.user) {
                Some(person) => person.actor(reason),
                None => component(&granted.user, reason),
            }),
        }
    }
}

/// Whether it is a read of one object, or of a collection.
fn reads(ask: &Ask) -> bool {
    match ask.verb.as_str() {
        "get" => !ask.path.is_empty() || !ask.name.is_empty(),
        "list" => ask.path.is_empty() && ask.name.is_empty() && ask.subresource.is_empty(),
        _ => false,
    }
}

fn read_request(ask: &Ask) -> (&'static str, String, Option<Target>) {
    if !ask.path.is_empty() {
        return ("get", ask.path.clone(), None);
    }
    let at = Target {
        resource: ask.resource.clone(),
        namespace: ask.namespace.clone(),
        name: ask.name.clone(),
        group: ask.group.clone(),
        version: "v1",
        subresource: ask.subresource.clone(),
        ..Target::default()
    };
    match ask.verb.as_str() {
        "list" => ("list", format!("{}?limit=500", at.path(false)), Some(at)),
        _ => ("get", at.path(true), Some(at)),
    }
}
