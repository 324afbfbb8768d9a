//! One question to the authorizer.
//!
//! Source: `SubjectAccessReviewSpec` of `authorization.k8s.io/v1` and
//! `staging/src/k8s.io/apiserver/pkg/authorization/authorizer/interfaces.go`.

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A request on an API resource.
    Resource(ResourceTarget),
    /// A request on a path that is no API resource.
    NonResource {
        /// The URL path, with its leading slash.
        path: String,
    },
}

/// The resource half of a question. Empty strings mean what they mean to the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceTarget {
    /// API group, `""` is core.
    pub group: String,
    /// Plural resource name.
    pub resource: String,
    /// Subresource, `""` for none.
    pub subresource: String,
    /// Namespace, `""` for cluster scope or all namespaces.
    pub namespace: String,
    /// Object name, `""` for none.
    pub name: String,
}

impl ResourceTarget {
    /// `resource` or `resource/subresource`, as rules spell it.
    pub fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// A verb on a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// The verb: `get`, `list`, ... for resources, the lower-cased method for paths.
    pub verb: String,
    /// What the verb is done to.
    pub target: Target,
}

impl Action {
    /// The namespace asked about; `""` for non-resource requests and cluster scope.
    pub fn namespace(&self) -> &str {
        match &self.target {
            Target::Resource(r) => &r.namespace,
            Target::NonResource { .. } => "",
        }
    }
}

/// An access review: may this user, in these groups, do this? User and groups are taken to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessReview {
    /// The user name.
    pub user: String,
    /// All groups; nothing is added.
    pub groups: Vec<String>,
    /// What is asked.
    pub action: Action,
}
