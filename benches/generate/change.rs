//! Creating, changing and deleting objects, in all the forms that clients use for it.

use std::io;

use super::content::Step;
use super::event::{Actor, Request, status_body};
use super::json::{Builder, Json, object};
use super::kinds::Kind;
use super::objects::{Content, LAST_APPLIED, Style, Thing, rules_json, subjects_json};
use super::world::{World, target};

/// How a change is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `kubectl apply`: a strategic merge patch with the configuration in an annotation.
    ClientApply,
    /// Server-side apply.
    ServerApply,
    /// `kubectl patch --type json`.
    JsonPatch,
    /// `kubectl patch --type merge`.
    MergePatch,
    /// `kubectl edit`.
    Edit,
    /// `PUT` of the whole object.
    Put,
}

impl Form {
    fn manager(self, style: Style) -> &'static str {
        match (self, style) {
            (Self::ClientApply, _) => "kubectl-client-side-apply",
            (Self::ServerApply, _) => "argocd-controller",
            (Self::JsonPatch | Self::MergePatch, _) => "kubectl-patch",
            (Self::Edit, _) => "kubectl-edit",
            (Self::Put, Style::Operator) => "tenant-operator",
            (Self::Put, _) => "kubectl-replace",
        }
    }
}

impl World {
    /// Creates it, with a new identity, in the form of its style.
    pub(crate) fn create(&mut self, mut thing: Thing) -> io::Result<()> {
        let (actor, behalf) = self.actor_for(&thing, &thing.content);
        let now = self.journal.now();
        let (manager, applies, applied) = match thing.style {
            Style::Delivery => ("argocd-controller", true, false),
            Style::Operator => ("tenant-operator", false, false),
            _ if thing.kind != Kind::Namespace && self.rng.per_mille(650) => ("kubectl-client-side-apply", false, true),
            _ => ("kubectl-create", false, false),
        };
        if applied {
            thing.note_applied();
        }
        let sent = if applies { sorted(thing.applied()) } else { thing.request() };
        thing.uid = self.rng.uuid();
        thing.created = now;
        thing.version = self.next_version();
        thing.managed(manager, applies, now, true, true);
        let mut at = target(&thing);
        if thing.kind == Kind::Namespace {
            at.namespace.clear();
        }
        let (verb, uri) = match (applies, thing.style) {
            (true, _) => ("patch", format!("{}?fieldManager={manager}&force=true", at.path(true))),
            (_, Style::Operator) => ("create", at.path(false)),
            _ => ("create", format!("{}?fieldManager={manager}&fieldValidation=Strict", at.path(false))),
        };
        let mut request = Request::new(&actor, "RequestResponse", verb, uri, Some(at));
        request.code = 201;
        request.as_actor = behalf.as_ref();
        request.request = Some(sent);
        request.response = Some(thing.json(true));
        self.journal.log(request)?;
        self.count(verb, thing.kind, 1);
        self.cluster.of_mut(thing.kind).put(thing);
        Ok(())
    }

    /// Changes its content, or now and then only a label. False when this try came to nothing.
    pub(crate) fn update(&mut self, thing: &Thing) -> io::Result<bool> {
        if thing.style == Style::Kubectl && self.rng.per_mille(100) {
            return self.label(thing).map(|()| true);
        }
        let Some((content, step)) = self.author().step(thing) else { return Ok(false) };
        let human = thing.style == Style::Kubectl || (thing.style == Style::Delivery && self.rng.per_mille(100));
        let form = match thing.style {
            _ if human => [Form::ClientApply, Form::JsonPatch, Form::MergePatch, Form::Edit, Form::Put]
                .get(self.rng.weighted(&[45, 15, 15, 15, 10]))
                .copied()
                .unwrap_or(Form::Edit),
            Style::Delivery => Form::ServerApply,
            _ => Form::Put,
        };
        // Apply does not remove a list that another manager owns; such a change is left to others.
        let empty = matches!(&content, Content::Binding(_, _, subjects) if subjects.is_empty());
        if form == Form::ServerApply && empty {
            return Ok(false);
        }
        let hand = Thing { style: if human { Style::Kubectl } else { thing.style }, ..thing.clone() };
        let (actor, behalf) = self.actor_for(&hand, &content);
        self.send_update(&hand, content, &step, form, (&actor, behalf.as_ref()))?;
        if let Some(changed) = self.cluster.of(thing.kind).get(&thing.namespace, &thing.name) {
            let changed = Thing { style: thing.style, ..changed.clone() };
            self.cluster.of_mut(thing.kind).put(changed);
        }
        Ok(true)
    }

    fn send_update(
        &mut self,
        before: &Thing,
        content: Content,
        step: &Step,
        form: Form,
        (actor, behalf): (&Actor, Option<&Actor>),
    ) -> io::Result<()> {
        let mut after = Thing { content, ..before.clone() };
        if form == Form::ClientApply {
            after.note_applied();
        }
        let manager = form.manager(before.style);
        let mut at = target(before);
        let mut uri = format!("{}?fieldManager={manager}", at.path(true));
        let sent = match form {
            Form::ClientApply => merge(&after, Some(&after)),
            Form::MergePatch | Form::Edit => merge(&after, None),
            Form::JsonPatch => json_patch(before, &after, step),
            Form::ServerApply => {
                uri.push_str("&force=true");
                sorted(after.applied())
            }
            Form::Put => {
                (at.uid, at.resource_version) = (before.uid.clone(), before.version.to_string());
                uri = at.path(true);
                after.json(true)
            }
        };
        after.version = self.next_version();
        let metadata = matches!(form, Form::ClientApply | Form::ServerApply);
        after.managed(manager, form == Form::ServerApply, self.journal.now(), metadata, true);
        let verb = if form == Form::Put { "update" } else { "patch" };
        let mut request = Request::new(actor, "RequestResponse", verb, uri, Some(at));
        request.as_actor = behalf;
        request.request = Some(sent);
        request.response = Some(after.json(true));
        self.journal.log(request)?;
        self.count(verb, after.kind, 1);
        self.cluster.of_mut(after.kind).put(after);
        Ok(())
    }

    /// `kubectl label`.
    fn label(&mut self, thing: &Thing) -> io::Result<()> {
        let mut after = thing.clone();
        let key = self.rng.word(&["app.kubernetes.io/part-of", "reviewed", "example.com/owner", "tier"]);
        let value = format!("v{}", self.rng.below(1000));
        after.labels.insert(key.to_owned(), value.clone());
        after.version = self.next_version();
        after.managed("kubectl-label", false, self.journal.now(), true, false);
        let (actor, behalf) = self.actor_for(thing, &thing.content);
        let at = target(thing);
        let uri = format!("{}?fieldManager=kubectl-label", at.path(true));
        let mut request = Request::new(&actor, "RequestResponse", "patch", uri, Some(at));
        let labels = object().with("labels", object().with(key, value).done()).done();
        request.request = Some(object().with("metadata", labels).done());
        request.response = Some(after.json(true));
        request.as_actor = behalf.as_ref();
        self.journal.log(request)?;
        self.count("patch", after.kind, 1);
        self.cluster.of_mut(after.kind).put(after);
        Ok(())
    }

    /// Deletes it.
    pub(crate) fn delete(&mut self, thing: &Thing) -> io::Result<()> {
        let (actor, behalf) = self.actor_for(thing, &thing.content);
        let at = target(thing);
        let uri = at.path(true);
        let details = object().with("name", thing.name.as_str()).text("group", thing.kind.group());
        let details = details.with("kind", thing.kind.plural()).with("uid", thing.uid.as_str()).done();
        let success = object().with("status", "Success").with("details", details);
        let mut request = Request::new(&actor, "RequestResponse", "delete", uri, Some(at));
        request.as_actor = behalf.as_ref();
        request.request = (thing.style != Style::Operator).then(delete_options);
        if thing.kind == Kind::ServiceAccount {
            // The API server answers with the object instead of a status.
            let gone = Thing { version: self.next_version(), ..thing.clone() };
            request.response = Some(gone.json(true));
        } else {
            request.response = Some(status_body(&success, None));
            request.status = Some(success);
            self.next_version();
        }
        self.journal.log(request)?;
        self.count("delete", thing.kind, 1);
        self.cluster.of_mut(thing.kind).take(&thing.namespace, &thing.name);
        Ok(())
    }
}

/// What kubectl sends along with a delete.
pub(crate) fn delete_options() -> Json {
    let options = object().with("kind", "DeleteOptions").with("apiVersion", "meta.k8s.io/__internal");
    options.with("propagationPolicy", "Background").done()
}

/// Keys in order, as tools send what they hold in maps.
pub(crate) fn sorted(json: Json) -> Json {
    match json {
        Json::Object(mut members) => {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(members.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Json::List(items) => Json::List(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The member that holds the content's list, and the list.
fn list(thing: &Thing) -> (&'static str, Json) {
    match &thing.content {
        Content::Rules(rules, _) => ("rules", rules_json(rules)),
        _ if thing.subjects().is_empty() => ("subjects", Json::Null),
        _ => ("subjects", subjects_json(thing.subjects())),
    }
}

/// A merge patch; with the annotation of client-side apply if `applied` is given.
fn merge(after: &Thing, applied: Option<&Thing>) -> Json {
    let annotation = applied.and_then(|t| t.annotations.get(LAST_APPLIED));
    let metadata = annotation.map(|text| {
        let annotations = object().with(LAST_APPLIED, text.as_str()).done();
        object().with("annotations", annotations).done()
    });
    let (key, value) = list(after);
    object().maybe("metadata", metadata).with(key, value).done()
}

fn json_patch(before: &Thing, after: &Thing, step: &Step) -> Json {
    let (key, whole) = list(after);
    let operation = |op: &str, path: String| -> Builder { object().with("op", op).with("path", path) };
    let empty_before = before.rules().is_empty() && before.subjects().is_empty();
    let one = match step {
        // There is no list to add to.
        Step::Added(_) if empty_before => operation("add", format!("/{key}")).with("value", whole),
        Step::Added(item) => operation("add", format!("/{key}/-")).with("value", item.clone()),
        Step::Removed(place) => operation("remove", format!("/{key}/{place}")),
        Step::Replaced(place, member, value) => {
            operation("replace", format!("/{key}/{place}/{member}")).with("value", value.clone())
        }
    };
    Json::List(vec![one.done()])
}
