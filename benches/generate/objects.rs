//! The objects of the generated cluster, and how they look in audit bodies and snapshots.

use std::collections::BTreeMap;

use super::clock::seconds;
use super::json::{Builder, Json, object};
use super::kinds::{Kind, RBAC, Subject};
use super::rules::Rule;

/// The annotation of client-side apply.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What an object is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Rules, and the label whose ClusterRoles they are gathered from (empty: they are its own).
    Rules(Vec<Rule>, String),
    /// The kind and name of the role, and the subjects.
    Binding(Kind, String, Vec<Subject>),
    /// Nothing: a service account.
    Account,
    /// A namespace, and whether it is being deleted, since when.
    Namespace(Option<i64>),
}

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) name: &'static str,
    /// Server-side apply.
    pub(crate) applies: bool,
    pub(crate) time: i64,
    /// It owns labels and annotations.
    pub(crate) metadata: bool,
    /// It owns the content.
    pub(crate) content: bool,
}

/// How an object is kept up to date, which decides the form of its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Part of Kubernetes or of the platform: nobody changes it.
    Fixed,
    /// `kubectl apply`, and `kubectl patch`, `edit`, `label`.
    Kubectl,
    /// Server-side apply by a delivery tool.
    Delivery,
    /// An operator's create and update calls.
    Operator,
}

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) created: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) managers: Vec<Manager>,
    pub(crate) content: Content,
    pub(crate) style: Style,
}

impl Thing {
    /// An object that does not exist yet.
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str, content: Content, style: Style) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: String::new(),
            version: 0,
            created: 0,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            managers: Vec::new(),
            content,
            style,
        }
    }

    /// Its rules; none when it is no role.
    pub(crate) fn rules(&self) -> &[Rule] {
        if let Content::Rules(rules, _) = &self.content { rules } else { &[] }
    }

    /// Its subjects; none when it is no binding.
    pub(crate) fn subjects(&self) -> &[Subject] {
        if let Content::Binding(_, _, subjects) = &self.content { subjects } else { &[] }
    }

    /// Notes who wrote it last, and what of it.
    pub(crate) fn managed(&mut self, name: &'static str, applies: bool, time: i64, metadata: bool, content: bool) {
        for other in &mut self.managers {
            other.metadata &= !metadata;
            other.content &= !content;
        }
        let own = self.managers.iter().position(|m| m.name == name && m.applies == applies);
        let mut entry = own.map_or(Manager { name, applies, time, metadata: false, content: false }, |place| {
            self.managers.remove(place)
        });
        entry.time = time;
        entry.metadata |= metadata;
        entry.content |= content;
        self.managers.retain(|m| m.metadata || m.content);
        self.managers.push(entry);
    }

    /// The whole object, as the API server answers.
    pub(crate) fn json(&self, with_managers: bool) -> Json {
        let start = object().with("kind", self.kind.name()).with("apiVersion", self.kind.api_version());
        self.content_json(start.with("metadata", self.metadata(with_managers))).done()
    }

    /// The object as a client sends it to create it.
    pub(crate) fn request(&self) -> Json {
        let mut bare = self.clone();
        bare.uid.clear();
        if bare.kind == Kind::Namespace {
            bare.labels.clear();
        }
        let start = object().with("kind", bare.kind.name()).with("apiVersion", bare.kind.api_version());
        let start = start.with("metadata", bare.metadata(false));
        match bare.kind {
            Kind::Namespace => start.with("spec", object().done()).with("status", object().done()).done(),
            _ => bare.content_json(start).done(),
        }
    }

    /// The configuration that apply sends; sorted, it is what `last-applied-configuration` holds.
    pub(crate) fn applied(&self) -> Json {
        let mut annotations = self.annotations.clone();
        annotations.remove(LAST_APPLIED);
        let metadata = object()
            .with("annotations", strings(&annotations))
            .maybe("labels", (!self.labels.is_empty()).then(|| strings(&self.labels)))
            .with("name", self.name.as_str())
            .text("namespace", &self.namespace);
        let start = object().with("apiVersion", self.kind.api_version()).with("kind", self.kind.name());
        self.content_json(start.with("metadata", metadata.done())).done()
    }

    /// Writes the configuration into the annotation that client-side apply keeps.
    pub(crate) fn note_applied(&mut self) {
        let applied = format!("{}\n", self.applied().sorted());
        self.annotations.insert(LAST_APPLIED.to_owned(), applied);
    }

    /// Content members, in the order of the Go fields.
    pub(crate) fn content_json(&self, start: Builder) -> Builder {
        match &self.content {
            Content::Rules(rules, gathers) => {
                let start = start.with("rules", rules_json(rules));
                if gathers.is_empty() { start } else { start.with("aggregationRule", aggregation(gathers)) }
            }
            Content::Binding(kind, role, subjects) => {
                let list = (!subjects.is_empty()).then(|| subjects_json(subjects));
                let role = object().with("apiGroup", RBAC).with("kind", kind.name()).with("name", role.as_str());
                start.maybe("subjects", list).with("roleRef", role.done())
            }
            Content::Account => start,
            Content::Namespace(deleted) => {
                let phase = if deleted.is_some() { "Terminating" } else { "Active" };
                let spec = object().with("finalizers", Json::List(vec![Json::from("kubernetes")])).done();
                start.with("spec", spec).with("status", object().with("phase", phase).done())
            }
        }
    }

    /// `metadata`; what the server sets is left out while there is no uid.
    fn metadata(&self, with_managers: bool) -> Json {
        let mut builder = object().with("name", self.name.as_str()).text("namespace", &self.namespace);
        if !self.uid.is_empty() {
            // Without a version it is the answer to a dry run.
            let version = (self.version > 0).then(|| Json::from(self.version.to_string()));
            builder = builder.with("uid", self.uid.as_str()).maybe("resourceVersion", version);
            builder = builder.with("creationTimestamp", seconds(self.created));
        }
        if let Content::Namespace(Some(time)) = self.content {
            builder = builder.with("deletionTimestamp", seconds(time));
        }
        for (key, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            builder = builder.maybe(key, (!map.is_empty()).then(|| strings(map)));
        }
        let managers = with_managers && !self.managers.is_empty();
        builder
            .maybe(
                "managedFields",
                managers.then(|| Json::List(self.managers.iter().map(|m| self.manager(m)).collect())),
            )
            .done()
    }

    fn manager(&self, manager: &Manager) -> Json {
        let mut fields = object();
        if manager.metadata && !(self.labels.is_empty() && self.annotations.is_empty()) {
            let metadata =
                object().maybe("f:annotations", owned(&self.annotations)).maybe("f:labels", owned(&self.labels));
            fields = fields.with("f:metadata", metadata.done());
        }
        if manager.metadata && matches!(&self.content, Content::Rules(_, gathers) if !gathers.is_empty()) {
            let rule = object().with(".", object().done()).with("f:clusterRoleSelectors", object().done());
            fields = fields.with("f:aggregationRule", rule.done());
        }
        if manager.content {
            let names: &[&'static str] = match &self.content {
                Content::Rules(..) => &["f:rules"],
                Content::Binding(..) => &["f:roleRef", "f:subjects"],
                _ => &[],
            };
            fields = names.iter().fold(fields, |f, name| f.with(*name, object().done()));
        }
        object()
            .with("manager", manager.name)
            .with("operation", if manager.applies { "Apply" } else { "Update" })
            .with("apiVersion", self.kind.api_version())
            .with("time", seconds(manager.time))
            .with("fieldsType", "FieldsV1")
            .with("fieldsV1", fields.done())
            .done()
    }
}

fn strings(map: &BTreeMap<String, String>) -> Json {
    Json::Object(map.iter().map(|(k, v)| (k.clone().into(), Json::from(v.as_str()))).collect())
}

fn owned(map: &BTreeMap<String, String>) -> Option<Json> {
    let start = object().with(".", object().done());
    let all = map.keys().fold(start, |f, key| f.with(format!("f:{key}"), object().done()));
    (!map.is_empty()).then(|| all.done())
}

fn aggregation(label: &str) -> Json {
    let labels = object().with(label.to_owned(), "true").done();
    let selector = object().with("matchLabels", labels).done();
    object().with("clusterRoleSelectors", Json::List(vec![selector])).done()
}

/// `rules` as the API server writes them: null when there are none.
pub(crate) fn rules_json(rules: &[Rule]) -> Json {
    if rules.is_empty() { Json::Null } else { Json::List(rules.iter().map(Rule::json).collect()) }
}

/// `subjects`.
pub(crate) fn subjects_json(subjects: &[Subject]) -> Json {
    Json::List(subjects.iter().map(Subject::json).collect())
}
