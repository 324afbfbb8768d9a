//! From an HTTP request line to the attributes the API server authorizes and audits by.
//!
//! Written for exactness: a webhook log, a proxy log or an audit event without `objectRef` carries only
//! method and URI, and an answer about permissions is as wrong as the attributes it starts from. So the
//! odd corners are kept (an encoded slash splits, an unparsable selector loses the name, `/watch/` wins
//! over the method); what is traded away is any attempt to guess what a malformed request meant.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go` and Go's `net/url`.

mod selector;
mod uri;

use thiserror::Error;

pub use uri::{flag, query_param, query_values};

/// The method that a recorded verb was asked with; the lower-cased method of a non-resource request as it was.
pub fn method_of(verb: &str) -> String {
    match verb {
        "create" => "POST".to_owned(),
        "get" | "list" | "watch" | "proxy" => "GET".to_owned(),
        "update" => "PUT".to_owned(),
        "patch" => "PATCH".to_owned(),
        "delete" | "deletecollection" => "DELETE".to_owned(),
        other => other.to_uppercase(),
    }
}

/// Path prefixes that may lead to API resources; only `api` has no group segment.
const API_PREFIXES: [&str; 2] = ["api", "apis"];
/// What may follow `namespaces/<name>/` without being a resource of its own.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

/// Why the attributes are incomplete. The API server answers such a request with an error, too.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestInfoError {
    /// The URI is none that an HTTP server takes.
    #[error("request URI {0}; attributes other than verb and path are unknown")]
    Uri(&'static str),
    /// `/watch` or `/proxy` with nothing behind it.
    #[error("unable to tell kind and namespace: nothing follows `{0}` in the path")]
    NothingAfterVerb(String),
}

/// The attributes of one request. Empty strings mean what they mean to the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// Whether the request is for an API resource; otherwise only `verb` and `path` count.
    pub is_resource: bool,
    /// The decoded path.
    pub path: String,
    /// The Kubernetes verb, or the lower-cased method of a non-resource request.
    pub verb: String,
    /// `api` or `apis` once the path is known to start with it.
    pub api_prefix: String,
    /// API group, `""` is core.
    pub group: String,
    /// API version without the group.
    pub version: String,
    /// Namespace, `""` for none.
    pub namespace: String,
    /// Plural resource name as sent.
    pub resource: String,
    /// Subresource, `""` for none; what lies deeper in the path is not part of it.
    pub subresource: String,
    /// Object name, from the path or, on list and watch, from the field selector.
    pub name: String,
    /// Set when the request could not be read to its end; the fields hold what was known by then.
    pub error: Option<RequestInfoError>,
}

impl RequestInfo {
    /// Reads `method` (case-sensitive, as HTTP has it) and `uri` (path with query, or absolute).
    /// Never fails: what cannot be read is told in [`RequestInfo::error`].
    pub fn new(method: &str, uri: &str) -> Self {
        let mut info = Self { verb: method.to_lowercase(), ..Self::default() };
        match uri::split(uri) {
            Ok((path, query)) => {
                info.path = path;
                info.read_path(method, query);
            }
            Err(why) => {
                uri.clone_into(&mut info.path);
                info.error = Some(RequestInfoError::Uri(why));
            }
        }
        info
    }

    /// Walks the path's segments; returns early where the API server takes it for a non-resource request.
    fn read_path(&mut self, method: &str, query: &str) {
        let path = self.path.clone();
        let trimmed = path.trim_matches('/');
        let parts: Vec<&str> = if trimmed.is_empty() { Vec::new() } else { trimmed.split('/').collect() };
        let [prefix, rest @ ..] = parts.as_slice() else { return };
        if parts.len() < 3 || !API_PREFIXES.contains(prefix) {
            return;
        }
        (*prefix).clone_into(&mut self.api_prefix);
        let rest = match rest {
            [group, rest @ ..] if *prefix == "apis" => {
                if rest.len() < 2 {
                    return;
                }
                (*group).clone_into(&mut self.group);
                rest
            }
            rest => rest,
        };
        let [version, rest @ ..] = rest else { return };
        self.is_resource = true;
        (*version).clone_into(&mut self.version);
        let Some(rest) = self.read_verb(method, rest) else { return };
        self.read_object(rest);
        self.settle_verb(query);
    }

    /// Sets the verb, from the path's own verb segment if there is one, and gives what follows it.
    fn read_verb<'p>(&mut self, method: &str, parts: &'p [&'p str]) -> Option<&'p [&'p str]> {
        if let [verb @ ("watch" | "proxy"), rest @ ..] = parts {
            if rest.is_empty() {
                self.error = Some(RequestInfoError::NothingAfterVerb((*verb).to_owned()));
                return None;
            }
            (*verb).clone_into(&mut self.verb);
            return Some(rest);
        }
        let verb = match method {
            "POST" => "create",
            "GET" | "HEAD" => "get",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "",
        };
        verb.clone_into(&mut self.verb);
        Some(parts)
    }

    /// `[namespaces/<ns>/]<resource>[/<name>[/<subresource>…]]`.
    fn read_object(&mut self, mut parts: &[&str]) {
        if let ["namespaces", namespace, rest @ ..] = parts {
            (*namespace).clone_into(&mut self.namespace);
            if rest.first().is_some_and(|next| !NAMESPACE_SUBRESOURCES.contains(next)) {
                parts = rest;
            }
        }
        let mut parts = parts.iter().map(|p| (*p).to_owned());
        self.resource = parts.next().unwrap_or_default();
        self.name = parts.next().unwrap_or_default();
        if self.verb != "proxy" {
            self.subresource = parts.next().unwrap_or_default();
        }
    }

    /// Without a name, a get is a list or a watch, and a delete is a deletecollection.
    fn settle_verb(&mut self, query: &str) {
        if !self.name.is_empty() {
            return;
        }
        match self.verb.as_str() {
            "get" => {
                let options = selector::list_options(query);
                let verb = if options.watch { "watch" } else { "list" };
                verb.clone_into(&mut self.verb);
                self.name = options.name.unwrap_or_default();
            }
            "delete" => "deletecollection".clone_into(&mut self.verb),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name_of(query: &str) -> (String, String) {
        let info = RequestInfo::new("GET", &format!("/api/v1/namespaces/dev/pods?{query}"));
        (info.verb, info.name)
    }

    fn told(verb: &str, name: &str) -> (String, String) {
        (verb.to_owned(), name.to_owned())
    }

    #[test]
    fn field_selector_names_the_object() {
        for query in [
            "fieldSelector=metadata.name=web",
            "fieldSelector=metadata.name%3D%3Dweb",
            "fieldSelector=status.phase!=Failed,metadata.name=web",
            "fieldSelector=metadata.name=web,&limit=500",
            "limit=5&fieldSelector=metadata.name=web&labelSelector=app+in+(a,b),!old,x%3E3",
        ] {
            assert_eq!(name_of(query), told("list", "web"), "{query}");
        }
        // terms are sorted before they are read, and the first equality wins
        assert_eq!(name_of("fieldSelector=metadata.name=b,metadata.name=a").1, "a");
        assert_eq!(name_of(r"fieldSelector=metadata.name=a\,b").1, "a,b");
    }

    #[test]
    fn trap_a_parameter_that_does_not_parse_loses_the_name() {
        for broken in [
            "limit=",
            "limit=many",
            "timeoutSeconds=1s",
            "labelSelector=a=b=c",
            "labelSelector=%3D",
            "labelSelector=a+in+()",
            "labelSelector=a%3Ex",
            "labelSelector=-a",
        ] {
            let query = format!("{broken}&fieldSelector=metadata.name=web");
            assert_eq!(name_of(&query), told("list", ""), "{query}");
            assert_eq!(name_of(&format!("watch=1&{query}")), told("watch", ""), "{query}");
        }
        assert_eq!(name_of(r"fieldSelector=metadata.name=a\b"), told("list", ""));
        assert_eq!(name_of("fieldSelector=metadata.name=a=b"), told("list", ""));
    }

    #[test]
    fn selectors_that_exclude_or_name_impossible_paths_give_no_name() {
        for query in
            ["metadata.name!=web", "metadata.name=.", "metadata.name=..", "metadata.name=a/b", "metadata.name="]
        {
            assert_eq!(name_of(&format!("fieldSelector={query}")).1, "", "{query}");
        }
    }

    #[test]
    fn damaged_uris_are_told_and_give_no_resource() {
        for uri in ["", "api/v1/pods", "/api/v1/pods/%zz", "/api/v1/pods/%4", "/api/v1/po\nds", ":/api/v1/pods"] {
            let info = RequestInfo::new("GET", uri);
            assert!(!info.is_resource && info.error.is_some(), "{uri:?}");
        }
    }

    #[test]
    fn absolute_form_and_bytes_that_are_no_text() {
        let info = RequestInfo::new("GET", "https://10.0.0.1:6443/api/v1/secrets?watch=0");
        assert_eq!((info.verb.as_str(), info.resource.as_str()), ("list", "secrets"));
        // the audit log shows one U+FFFD for each byte that is no UTF-8
        assert_eq!(RequestInfo::new("GET", "/api/v1/nodes/%ff%c3x").name, "\u{fffd}\u{fffd}x");
    }

    #[test]
    fn query_helpers_decode_and_keep_order() {
        let uri = "/apis/apps/v1/deployments?a=1&dryRun=All&a=2%203&fieldManager=kubectl+x&bad=%zz&force&c;d=1";
        assert_eq!(query_values(uri, "a"), ["1", "2 3"]);
        assert_eq!(query_param(uri, "fieldManager").as_deref(), Some("kubectl x"));
        assert_eq!(query_param(uri, "force").as_deref(), Some(""));
        assert_eq!(query_param(uri, "bad"), None);
        assert_eq!(query_param(uri, "c"), None);
        assert_eq!(flag(uri, "force"), Some(true));
        assert_eq!(flag("/x?force=FALSE", "force"), Some(false));
        assert_eq!(flag("/x", "force"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(method in ".*", uri in ".*") {
            let info = RequestInfo::new(&method, &uri);
            prop_assert!(!(info.is_resource && info.path.is_empty()));
        }

        #[test]
        fn any_api_like_uri_is_read_without_panic(uri in "/apis?(/[a-z%2F.*:]{0,6}){0,7}(\\?[a-zA-Z=&%,!()0-9+\\\\]{0,40})?") {
            RequestInfo::new("GET", &uri);
        }

        /// What a client would build from plain segments reads back to the same segments.
        #[test]
        fn plain_paths_read_back(ns in "[a-z]{1,8}", res in "[a-z]{2,8}s", name in "[a-z0-9.-]{1,12}", sub in "[a-z]{0,8}") {
            prop_assume!(!NAMESPACE_SUBRESOURCES.contains(&res.as_str()));
            let mut uri = format!("/apis/example.com/v1/namespaces/{ns}/{res}/{name}");
            if !sub.is_empty() {
                uri = format!("{uri}/{sub}");
            }
            let info = RequestInfo::new("PUT", &uri);
            prop_assert_eq!((info.verb, info.group, info.namespace), ("update".to_owned(), "example.com".to_owned(), ns));
            prop_assert_eq!((info.resource, info.name, info.subresource), (res, name, sub));
        }
    }
}
