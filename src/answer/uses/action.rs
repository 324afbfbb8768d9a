//! From a record to what the authorizer was asked. The URI's path is preferred to `objectRef`, because the
//! API server completes `objectRef` from the request body after it has authorized: a create carries the new
//! object's name there, but no name when it is authorized.

use crate::model::request_info::{RequestInfo, method_of};
use crate::model::review::{Action, ResourceTarget, Target};

/// The fields of a record that say what was asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded<'a> {
    /// The verb.
    pub verb: &'a str,
    /// The URI without its query.
    pub path: Option<&'a str>,
    /// `objectRef.apiGroup`.
    pub group: Option<&'a str>,
    /// `objectRef.resource`.
    pub resource: Option<&'a str>,
    /// `objectRef.subresource`.
    pub subresource: Option<&'a str>,
    /// `objectRef.namespace`.
    pub namespace: Option<&'a str>,
    /// `objectRef.name`.
    pub name: Option<&'a str>,
}

/// What the authorizer was asked; `None` when the record tells neither a resource nor a path.
pub fn action_of(recorded: &Recorded<'_>) -> Option<Action> {
    let info = recorded.path.map(|path| RequestInfo::new(&method_of(recorded.verb), path));
    let target = match (&info, recorded.resource) {
        (Some(info), referred) if fits(info, referred) => from_path(info, recorded),
        (_, Some(resource)) => from_reference(resource, recorded),
        (Some(info), None) => Target::NonResource { path: info.path.clone() },
        (None, None) => return None,
    };
    Some(Action { verb: recorded.verb.to_owned(), target })
}

/// Whether the path was read to its end as the resource that the record names, if it names one.
fn fits(info: &RequestInfo, referred: Option<&str>) -> bool {
    info.error.is_none() && info.is_resource && referred.is_none_or(|r| r == info.resource)
}

fn from_path(info: &RequestInfo, recorded: &Recorded<'_>) -> Target {
    // A list or watch has its name, if any, in the query's field selector.
    let selected = matches!(recorded.verb, "list" | "watch").then_some(recorded.name).flatten();
    Target::Resource(ResourceTarget {
        group: info.group.clone(),
        resource: info.resource.clone(),
        subresource: info.subresource.clone(),
        namespace: info.namespace.clone(),
        name: selected.map_or_else(|| info.name.clone(), str::to_owned),
    })
}

fn from_reference(resource: &str, recorded: &Recorded<'_>) -> Target {
    let text = |field: Option<&str>| field.unwrap_or_default().to_owned();
    let nameless = recorded.verb == "deletecollection" || recorded.verb == "create" && recorded.subresource.is_none();
    Target::Resource(ResourceTarget {
        group: text(recorded.group),
        resource: resource.to_owned(),
        subresource: text(recorded.subresource),
        namespace: text(recorded.namespace),
        name: text(recorded.name.filter(|_| !nameless)),
    })
}

/// A verb on a kind of thing, wherever it lies and whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    verb: String,
    group: String,
    resource: String,
    subresource: String,
    path: Option<String>,
}

impl Shape {
    /// The shape of an action.
    pub fn of(action: &Action) -> Self {
        let verb = action.verb.clone();
        match &action.target {
            Target::Resource(t) => Self {
                verb,
                group: t.group.clone(),
                resource: t.resource.clone(),
                subresource: t.subresource.clone(),
                path: None,
            },
            Target::NonResource { path } => Self {
                verb,
                group: String::new(),
                resource: String::new(),
                subresource: String::new(),
                path: Some(path.clone()),
            },
        }
    }

    /// The verb.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// Whether it is on a resource.
    pub fn on_resource(&self) -> bool {
        self.path.is_none()
    }

    /// The shape as an action without place and name.
    pub fn action(&self) -> Action {
        let target = match &self.path {
            Some(path) => Target::NonResource { path: path.clone() },
            None => Target::Resource(ResourceTarget {
                group: self.group.clone(),
                resource: self.resource.clone(),
                subresource: self.subresource.clone(),
                ..ResourceTarget::default()
            }),
        };
        Action { verb: self.verb.clone(), target }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn resource(recorded: &Recorded<'_>) -> ResourceTarget {
        match action_of(recorded).unwrap().target {
            Target::Resource(target) => target,
            Target::NonResource { path } => panic!("taken as path {path}"),
        }
    }

    #[test]
    fn a_create_is_authorized_without_the_name_that_the_record_shows() {
        let recorded = Recorded {
            verb: "create",
            path: Some("/api/v1/namespaces/web/pods"),
            resource: Some("pods"),
            namespace: Some("web"),
            name: Some("from-body"),
            ..Recorded::default()
        };
        assert_eq!(resource(&recorded).name, "");
        assert_eq!(resource(&Recorded { path: None, ..recorded }).name, "");
    }

    #[test]
    fn a_create_on_a_subresource_keeps_its_name() {
        let recorded = Recorded {
            verb: "create",
            path: Some("/api/v1/namespaces/ci/serviceaccounts/deployer/token"),
            resource: Some("serviceaccounts"),
            subresource: Some("token"),
            namespace: Some("ci"),
            name: Some("deployer"),
            ..Recorded::default()
        };
        for path in [recorded.path, None] {
            let target = resource(&Recorded { path, ..recorded });
            assert_eq!((target.name.as_str(), target.subresource.as_str()), ("deployer", "token"));
        }
    }

    #[test]
    fn a_list_by_field_selector_keeps_its_name() {
        let recorded = Recorded {
            verb: "watch",
            path: Some("/api/v1/namespaces/web/secrets"),
            resource: Some("secrets"),
            namespace: Some("web"),
            name: Some("db"),
            ..Recorded::default()
        };
        assert_eq!(resource(&recorded).name, "db");
    }

    #[test]
    fn a_namespace_object_is_authorized_inside_itself() {
        let recorded = Recorded {
            verb: "get",
            path: Some("/api/v1/namespaces/web"),
            resource: Some("namespaces"),
            ..Recorded::default()
        };
        let target = resource(&recorded);
        assert_eq!((target.namespace.as_str(), target.name.as_str()), ("web", "web"));
    }

    #[test]
    fn a_path_that_is_no_resource_is_a_path_and_nothing_at_all_is_nothing() {
        let recorded = Recorded { verb: "get", path: Some("/apis/apps/v1"), ..Recorded::default() };
        assert_eq!(action_of(&recorded).unwrap().target, Target::NonResource { path: "/apis/apps/v1".into() });
        assert_eq!(action_of(&Recorded { verb: "get", ..Recorded::default() }), None);
    }
}
