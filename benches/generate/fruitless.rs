//! Requests on RBAC that change nothing: refused, in conflict, about nothing, or dry runs. Readers of the log must
//! not take them for changes.

use std::io;

use super::change::delete_options;
use super::event::{Request, Target, failure, status_body};
use super::json::{Json, object};
use super::kinds::{Kind, RBAC, Subject};
use super::objects::{Content, Style, Thing};
use super::world::{World, target};

impl World {
    /// A request on RBAC that changes nothing: refused, in conflict, for nothing, or a dry run.
    pub(crate) fn fruitless(&mut self, kind: Kind) -> io::Result<()> {
        let Some(thing) = self.cluster.pick_changeable(kind, &mut self.rng).cloned() else { return Ok(()) };
        match self.rng.below(4) {
            0 => self.refused(&thing),
            1 => self.conflict(&thing),
            2 => self.missing(&thing),
            _ => self.dry_run(&thing),
        }
    }

    /// A contractor, who is bound to nothing.
    fn refused(&mut self, thing: &Thing) -> io::Result<()> {
        let Some(actor) = self.people.of_group(&mut self.rng, "contractors").map(|p| p.actor(String::new())) else {
            return Ok(());
        };
        let at = target(thing);
        let place = if thing.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", thing.namespace)
        };
        let (plural, name) = (thing.kind.plural(), thing.name.as_str());
        let message = format!(
            "{plural}.{RBAC} \"{name}\" is forbidden: User \"{}\" cannot delete resource \"{plural}\" in API group \"{RBAC}\" {place}",
            actor.username
        );
        let details = object().with("name", name).with("group", RBAC).with("kind", plural).done();
        let request = Request::new(&actor, "RequestResponse", "delete", at.path(true), Some(at));
        self.fail(Request { forbidden: true, ..request }, 403, message, "Forbidden", details)
    }

    fn conflict(&mut self, thing: &Thing) -> io::Result<()> {
        let actor = self.actors.root.clone();
        let at = target(thing);
        let message = format!("{}.{RBAC} \"{}\" already exists", thing.kind.plural(), thing.name);
        let details =
            object().with("name", thing.name.as_str()).with("group", RBAC).with("kind", thing.kind.plural()).done();
        let uri = format!("{}?fieldManager=kubectl-create&fieldValidation=Strict", at.path(false));
        let mut request = Request::new(&actor, "RequestResponse", "create", uri, Some(at));
        request.request = Some(thing.request());
        self.fail(request, 409, message, "AlreadyExists", details)
    }

    fn missing(&mut self, thing: &Thing) -> io::Result<()> {
        let actor = self.actors.root.clone();
        let at = Target { name: format!("{}-typo", thing.name), ..target(thing) };
        let message = format!("{}.{RBAC} \"{}\" not found", thing.kind.plural(), at.name);
        let details =
            object().with("name", at.name.as_str()).with("group", RBAC).with("kind", thing.kind.plural()).done();
        let mut request = Request::new(&actor, "RequestResponse", "delete", at.path(true), Some(at));
        request.request = Some(delete_options());
        self.fail(request, 404, message, "NotFound", details)
    }

    fn fail(
        &mut self,
        mut request: Request<'_>,
        code: i64,
        message: String,
        reason: &'static str,
        details: Json,
    ) -> io::Result<()> {
        let status = failure(message, reason, details);
        request.response = Some(status_body(&status, Some(code)));
        (request.status, request.code) = (Some(status), code);
        self.journal.log(request)
    }

    /// `kubectl create --dry-run=server` of something dangerous that never came to be.
    fn dry_run(&mut self, thing: &Thing) -> io::Result<()> {
        if thing.kind.is_role() {
            return Ok(());
        }
        let subjects = vec![Subject::user("rehearsal@example.com")];
        let content = Content::Binding(Kind::ClusterRole, "cluster-admin".to_owned(), subjects);
        let mut trial =
            Thing::new(thing.kind, &thing.namespace, &format!("{}-rehearsal", thing.name), content, Style::Kubectl);
        let sent = trial.request();
        (trial.uid, trial.created) = (self.rng.uuid(), self.journal.now());
        trial.managed("kubectl-create", false, trial.created, true, true);
        let actor = self.actors.root.clone();
        let at = target(&trial);
        let uri = format!("{}?dryRun=All&fieldManager=kubectl-create&fieldValidation=Strict", at.path(false));
        let mut request = Request::new(&actor, "RequestResponse", "create", uri, Some(at));
        request.request = Some(sent);
        request.response = Some(trial.json(true));
        self.journal.log(request)
    }
}
