//! From what a person types to a question for the authorizer, and what was understood.

use crate::answer::Value;
use crate::authz::Scope;
use crate::model::resource::{Catalogue, ResolveError, Resolved, split_type_name};
use crate::model::review::{Action, ResourceTarget, Target};

/// Subresources that the API has; `pods/exec` is one, `pods/web-0` is a name.
const SUBRESOURCES: [&str; 24] = [
    "approval",
    "attach",
    "binding",
    "checkpoint",
    "configz",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "finalize",
    "healthz",
    "log",
    "metrics",
    "portforward",
    "proxy",
    "resize",
    "rollback",
    "scale",
    "spec",
    "stats",
    "status",
    "token",
    "nodeclient",
    "selfnodeclient",
    "pods",
];

/// What was typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The verb.
    pub verb: String,
    /// `RESOURCE[/NAME]`, `RESOURCE/SUBRESOURCE` or `/URL`.
    pub target: String,
    /// `--subresource`.
    pub subresource: Option<String>,
    /// `--name`.
    pub name: Option<String>,
    /// `-n`.
    pub namespace: Option<String>,
    /// `-A`.
    pub all_namespaces: bool,
}

/// A question as understood.
#[derive(Clone, Debug)]
pub struct Question {
    /// The verb and its target; the namespace is `""` where none was named.
    pub action: Action,
    /// Where it is asked.
    pub scope: Scope,
    /// Whether the resource is known to be cluster-scoped.
    pub cluster_scoped: bool,
    /// What was chosen on the person's behalf.
    pub notes: Vec<String>,
}

/// Why a question makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The resource.
    #[error(transparent)]
    Resource(#[from] ResolveError),
    /// Both a URL and resource options.
    #[error("`{0}` is a URL path: it has no namespace, name or subresource; leave these options out")]
    UrlWithOptions(String),
    /// Two names or two subresources.
    #[error("`{typed}` already names {what}; give it once")]
    Twice {
        /// What was typed.
        typed: String,
        /// `an object` or `a subresource`.
        what: &'static str,
    },
    /// `-n` and `-A`.
    #[error("-n and -A exclude each other: name one namespace, or ask about all")]
    NamespaceAndAll,
}

/// Understands a question.
///
/// # Errors
/// When options contradict each other, or nothing was named.
pub fn understand(typed: &Typed, catalogue: &Catalogue) -> Result<Question, QuestionError> {
    if typed.all_namespaces && typed.namespace.is_some() {
        return Err(QuestionError::NamespaceAndAll);
    }
    if typed.target.starts_with('/') {
        return url_question(typed);
    }
    let (kind, second) = split_type_name(&typed.target);
    let resolved = catalogue.resolve(kind)?;
    let mut notes: Vec<String> = resolved.note.clone().into_iter().collect();
    let (mut name, mut subresource) = (typed.name.clone(), typed.subresource.clone());
    if let Some(second) = second.filter(|s| !s.is_empty()) {
        let known = SUBRESOURCES.contains(&second)
            || catalogue.subresources(&resolved.group, &resolved.resource).any(|s| s == second);
        if known && subresource.is_none() && resolved.resource != "*" {
            notes.push(format!(
                "`{second}` is taken as the subresource; for an object of that name ask with --name {second}"
            ));
            subresource = Some(second.to_owned());
        } else if name.is_some() {
            return Err(QuestionError::Twice { typed: typed.target.clone(), what: "an object" });
        } else {
            name = Some(second.to_owned());
        }
    }
    let (namespace, scope) = place(typed, &resolved, name.as_deref(), &mut notes);
    let target = ResourceTarget {
        group: resolved.group,
        resource: resolved.resource,
        subresource: subresource.unwrap_or_default(),
        namespace,
        name: name.unwrap_or_default(),
    };
    Ok(Question {
        action: Action { verb: typed.verb.clone(), target: Target::Resource(target) },
        scope,
        cluster_scoped: resolved.namespaced == Some(false),
        notes,
    })
}

fn url_question(typed: &Typed) -> Result<Question, QuestionError> {
    if typed.namespace.is_some() || typed.name.is_some() || typed.subresource.is_some() {
        return Err(QuestionError::UrlWithOptions(typed.target.clone()));
    }
    let target = Target::NonResource { path: typed.target.clone() };
    let action = Action { verb: typed.verb.clone(), target };
    Ok(Question { action, scope: Scope::Cluster, cluster_scoped: true, notes: Vec::new() })
}

/// The namespace of the request, and where grants are looked for.
fn place(typed: &Typed, resolved: &Resolved, name: Option<&str>, notes: &mut Vec<String>) -> (String, Scope) {
    let cluster_scoped = resolved.namespaced == Some(false);
    if cluster_scoped {
        if let Some(ns) = &typed.namespace {
            notes
                .push(format!("{} are cluster-scoped: namespace `{ns}` is not part of the request", resolved.resource));
        }
        // A request for one Namespace object carries its name as its namespace.
        if resolved.group.is_empty()
            && resolved.resource == "namespaces"
            && let Some(name) = name
        {
            return (name.to_owned(), Scope::Namespace(name.to_owned()));
        }
        return (String::new(), Scope::Cluster);
    }
    match &typed.namespace {
        Some(ns) if !ns.is_empty() => (ns.clone(), Scope::Namespace(ns.clone())),
        _ if typed.all_namespaces => (String::new(), Scope::All),
        _ => (String::new(), Scope::Cluster),
    }
}

/// The question, key by key.
pub fn describe(question: &Question) -> Vec<(&'static str, Value)> {
    let mut keys = vec![("verb", Value::from(question.action.verb.as_str()))];
    match &question.action.target {
        Target::NonResource { path } => keys.push(("path", path.as_str().into())),
        Target::Resource(r) => {
            keys.push(("api_group", r.group.as_str().into()));
            keys.push(("resource", r.resource.as_str().into()));
            keys.push(("subresource", r.subresource.as_str().into()));
            keys.push(("name", r.name.as_str().into()));
            let scope = match &question.scope {
                Scope::Namespace(ns) => ns.clone(),
                Scope::Cluster => "cluster-wide".to_owned(),
                Scope::All => "all namespaces".to_owned(),
            };
            keys.push(("scope", scope.into()));
        }
    }
    keys
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn ask(target: &str, namespace: Option<&str>) -> (ResourceTarget, Scope, bool) {
        let typed = Typed {
            verb: "get".into(),
            target: target.into(),
            namespace: namespace.map(str::to_owned),
            ..Default::default()
        };
        let q = understand(&typed, &Catalogue::new()).unwrap();
        match q.action.target {
            Target::Resource(r) => (r, q.scope, q.cluster_scoped),
            Target::NonResource { .. } => panic!("a URL"),
        }
    }

    #[test]
    fn people_type_resources_in_many_ways() {
        for typed in ["deploy", "deployment", "deployments", "Deployment", "deployments.apps", "deploy.apps"] {
            let (r, _, _) = ask(typed, Some("web"));
            assert_eq!(
                (r.group.as_str(), r.resource.as_str(), r.namespace.as_str()),
                ("apps", "deployments", "web"),
                "{typed}"
            );
        }
        assert_eq!(ask("crb", None).0.resource, "clusterrolebindings");
        assert_eq!(ask("po/exec", None).0.subresource, "exec");
        assert_eq!(ask("po/web-0", None).0.name, "web-0");
    }

    #[test]
    fn a_namespace_is_no_part_of_a_request_for_a_cluster_scoped_resource() {
        let (r, scope, cluster) = ask("nodes", Some("web"));
        assert_eq!((r.namespace.as_str(), scope, cluster), ("", Scope::Cluster, true));
    }

    #[test]
    fn a_single_namespace_object_is_asked_for_in_itself() {
        let (r, scope, _) = ask("ns/web", None);
        assert_eq!((r.namespace.as_str(), r.name.as_str(), scope), ("web", "web", Scope::Namespace("web".into())));
    }
}
