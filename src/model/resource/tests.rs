use proptest::prelude::*;
use serde_json::json;

use super::*;

const WIDE: &str = include_str!("../../../tests/data/discovery/api-resources-wide.txt");
const CORE_LIST: &str = include_str!("../../../tests/data/discovery/api-v1-resourcelist.json");
const AGGREGATED: &str = include_str!("../../../tests/data/discovery/apis-aggregated.json");

fn of_text(text: &str) -> Catalogue {
    let mut catalogue = Catalogue::new();
    catalogue.add(parse_api_resources_text(text).unwrap());
    catalogue
}

fn of_json(documents: &[&str]) -> Catalogue {
    let mut catalogue = Catalogue::new();
    for document in documents {
        let document = serde_json::from_str(document).unwrap();
        assert!(looks_like_discovery(&document));
        let discovery = parse_discovery(&document).unwrap();
        assert_eq!(discovery.skipped, []);
        catalogue.add(discovery);
    }
    catalogue
}

/// `resource.group`, and whether a note came with it.
fn meant(catalogue: &Catalogue, typed: &str) -> (String, bool) {
    let found = catalogue.resolve(typed).unwrap();
    (format!("{}.{}", found.resource, found.group), found.note.is_some())
}

#[test]
fn what_people_type_resolves_as_in_kubectl() {
    for catalogue in [Catalogue::new(), of_text(WIDE)] {
        for (typed, expected) in [
            ("pods", "pods."),
            ("pod", "pods."),
            ("po", "pods."),
            ("Pod", "pods."),
            ("PODS", "pods."),
            ("ep", "endpoints."),
            ("endpoints", "endpoints."),
            ("deploy", "deployments.apps"),
            ("deployments.apps", "deployments.apps"),
            ("Deployment.apps", "deployments.apps"),
            ("deployments.v1.apps", "deployments.apps"),
            ("deploy.app", "deployments.apps"),
            ("storageclass.storage", "storageclasses.storage.k8s.io"),
            ("rolebindings.rbac", "rolebindings.rbac.authorization.k8s.io"),
            ("ClusterRoleBinding", "clusterrolebindings.rbac.authorization.k8s.io"),
            ("NetworkPolicy", "networkpolicies.networking.k8s.io"),
            ("hpa", "horizontalpodautoscalers.autoscaling"),
            ("crds", "customresourcedefinitions.apiextensions.k8s.io"),
            ("csr", "certificatesigningrequests.certificates.k8s.io"),
            ("sa", "serviceaccounts."),
        ] {
            assert_eq!(meant(&catalogue, typed), (expected.to_owned(), false), "{typed}");
        }
    }
}

#[test]
fn kind_and_scope_come_with_the_resource() {
    let catalogue = of_text(WIDE);
    let found = catalogue.resolve("no").unwrap();
    assert_eq!((found.kind.as_deref(), found.namespaced), (Some("Node"), Some(false)));
    assert_eq!(catalogue.kind_of("rbac.authorization.k8s.io", "roles"), Some("Role"));
    assert_eq!(catalogue.resource_of("networking.k8s.io", "Ingress"), Some("ingresses"));
    assert_eq!(catalogue.is_namespaced("", "persistentvolumes"), Some(false));
    assert_eq!(catalogue.is_namespaced("", "Pods"), None);
    assert_eq!(catalogue.kind_of("apps", "pods"), None);
    assert_eq!(catalogue.get("apps", "deployments").unwrap().categories, ["all"]);
    assert_eq!(catalogue.get("", "bindings").unwrap().verbs, ["create"]);
}

#[test]
fn of_several_groups_the_first_is_taken_and_the_others_named() {
    for catalogue in [Catalogue::new(), of_text(WIDE), of_json(&[CORE_LIST, AGGREGATED])] {
        let events = catalogue.resolve("ev").unwrap();
        assert_eq!((events.group.as_str(), events.resource.as_str()), ("", "events"));
        assert!(events.note.unwrap().contains("`events.events.k8s.io`"));
        assert_eq!(meant(&catalogue, "events.events.k8s.io").0, "events.events.k8s.io");
    }
}

#[test]
fn trap_a_group_of_the_past_is_preferred_only_where_discovery_shows_it() {
    assert_eq!(meant(&Catalogue::new(), "ingresses"), ("ingresses.networking.k8s.io".into(), false));
    assert_eq!(meant(&Catalogue::new(), "psp"), ("podsecuritypolicies.policy".into(), true));
    let old = "NAME        SHORTNAMES   APIGROUP            NAMESPACED   KIND\n\
               pods        po                               true         Pod\n\
               ingresses   ing          extensions          true         Ingress\n\
               ingresses   ing          networking.k8s.io   true         Ingress\n";
    let catalogue = of_text(old);
    assert_eq!(meant(&catalogue, "ing"), ("ingresses.extensions".into(), true));
    assert_eq!(meant(&catalogue, "po"), ("pods.".into(), false));
    assert_eq!(meant(&Catalogue::new(), "pods.metrics"), ("pods.metrics.k8s.io".into(), true));
    // known to Kubernetes, but not to this cluster
    let absent = catalogue.resolve("deploy").unwrap();
    assert_eq!(
        (absent.group.as_str(), absent.note.unwrap().contains("not in the cluster's discovery")),
        ("apps", true)
    );
}

#[test]
fn trap_unknown_names_keep_their_case_and_say_so() {
    let catalogue = of_text(WIDE);
    for (typed, resource, group) in [
        ("WidGets", "WidGets", ""),
        ("widgets.Example.com", "widgets", "Example.com"),
        ("widgets.v1.example.com", "widgets", "example.com"),
        ("*.*", "*", "*"),
        ("Pods.wrong.group", "Pods", "wrong.group"),
    ] {
        let found = catalogue.resolve(typed).unwrap();
        assert_eq!((found.resource.as_str(), found.group.as_str()), (resource, group), "{typed}");
        assert!(found.note.unwrap().contains("taken to the letter"), "{typed}");
        assert_eq!((found.kind, found.namespaced), (None, None));
    }
    assert_eq!(meant(&catalogue, "*"), ("*.".into(), false));
}

#[test]
fn slashes_are_the_callers_business() {
    let catalogue = Catalogue::new();
    assert_eq!(split_type_name("deploy.apps/web"), ("deploy.apps", Some("web")));
    assert_eq!(split_type_name("pods"), ("pods", None));
    assert_eq!(catalogue.resolve("pods/exec"), Err(ResolveError::Slash("pods/exec".into())));
    assert_eq!(catalogue.resolve(""), Err(ResolveError::Empty));
    assert_eq!(catalogue.resolve_subresource("/exec"), Err(ResolveError::Empty));
    let (pods, exec) = catalogue.resolve_subresource("po/exec").unwrap();
    assert_eq!((pods.resource.as_str(), exec.as_deref()), ("pods", Some("exec")));
    assert_eq!(catalogue.resolve_subresource("po/").unwrap().1, None);
    assert!(catalogue.resolve_subresource("po/exec/x").is_err());
}

#[test]
fn classic_discovery_brings_subresources_that_resolve_does_not_see() {
    let catalogue = of_json(&[CORE_LIST]);
    let subresources: Vec<&str> = catalogue.subresources("", "pods").collect();
    assert_eq!(
        subresources,
        [
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "proxy",
            "resize",
            "status"
        ]
    );
    assert_eq!(catalogue.get("", "pods/exec"), None);
    assert_eq!(catalogue.subresources("", "secrets").count(), 0);
}

#[test]
fn aggregated_discovery_prefers_the_first_version_and_lists_subresources() {
    let catalogue = of_json(&[AGGREGATED]);
    assert_eq!(catalogue.get("autoscaling", "horizontalpodautoscalers").unwrap().version, "v2");
    assert_eq!(catalogue.subresources("apps", "deployments").collect::<Vec<_>>(), ["scale", "status"]);
    assert_eq!(catalogue.kind_of("apps", "statefulsets"), Some("StatefulSet"));
    // apps is listed in full, so its order is the cluster's: it comes before events.k8s.io
    let groups: Vec<&str> = catalogue.resources().iter().map(|r| r.group.as_str()).collect();
    let first = |group: &str| groups.iter().position(|g| *g == group).unwrap();
    assert!(first("") < first("apps") && first("apps") < first("events.k8s.io"));
    assert!(first("events.k8s.io") < first("rbac.authorization.k8s.io"));
}

#[test]
fn the_builtin_table_holds_what_a_real_server_lists() {
    let builtin = Catalogue::new();
    let real = parse_api_resources_text(WIDE).unwrap().resources;
    assert_eq!(real.len(), WIDE.lines().count() - 1);
    for resource in real {
        let row = builtin.get(&resource.group, &resource.plural).unwrap_or_else(|| panic!("{resource:?}"));
        assert_eq!((row.namespaced, &row.kind), (resource.namespaced, &resource.kind));
        assert_eq!((&row.short_names, &row.version), (&resource.short_names, &resource.version));
    }
}

#[test]
fn custom_resource_definitions_of_both_versions() {
    let list = json!({"kind": "List", "items": [
        {"kind": "ConfigMap", "metadata": {"name": "x"}},
        {"kind": "CustomResourceDefinition", "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "podlets", "singular": "podlet", "kind": "PodLet", "shortNames": ["po", "pl"], "categories": ["all"]},
            "versions": [{"name": "v1beta1", "served": true}, {"name": "v1", "served": true}, {"name": "v2", "served": false}]}},
        {"kind": "CustomResourceDefinition", "spec": {
            "group": "old.example.com", "scope": "Cluster", "version": "v1alpha1",
            "names": {"plural": "things", "kind": "Thing"}}},
        {"kind": "CustomResourceDefinition", "spec": {"group": "broken.example.com"}},
        {"kind": "CustomResourceDefinition"},
    ]});
    assert!(looks_like_discovery(&list));
    let discovery = parse_discovery(&list).unwrap();
    assert_eq!(discovery.skipped.iter().map(|s| s.place).collect::<Vec<_>>(), [3, 4]);
    let mut catalogue = Catalogue::new();
    catalogue.add(discovery);
    assert_eq!(catalogue.get("example.com", "podlets").unwrap().version, "v1");
    assert_eq!(catalogue.is_namespaced("old.example.com", "things"), Some(false));
    assert_eq!(meant(&catalogue, "pl"), ("podlets.example.com".into(), false));
    assert_eq!(meant(&catalogue, "podLET"), ("podlets.example.com".into(), false));
    assert_eq!(meant(&catalogue, "things.old"), ("things.old.example.com".into(), false));
    // a short name that core has, too: core wins, and the other is named
    assert_eq!(meant(&catalogue, "po"), ("pods.".into(), true));
}

#[test]
fn trap_a_custom_resource_called_like_a_builtin_kind_does_not_take_its_place() {
    let definition = json!({"kind": "CustomResourceDefinition", "spec": {
        "group": "aaa.example.com", "scope": "Namespaced", "versions": [{"name": "v1"}],
        "names": {"plural": "secrets", "singular": "secret", "kind": "Secret", "shortNames": ["deploy"]}}});
    let mut catalogue = Catalogue::new();
    catalogue.add(parse_discovery(&definition).unwrap());
    assert_eq!(meant(&catalogue, "secrets"), ("secrets.".into(), true));
    assert_eq!(meant(&catalogue, "deploy"), ("deployments.apps".into(), true));
    assert_eq!(meant(&catalogue, "deploy.aaa"), ("secrets.aaa.example.com".into(), false));
}

#[test]
fn tables_of_every_kubectl_read_alike() {
    let bare = "NAME SHORTNAMES APIVERSION NAMESPACED KIND\r\npods po v1 true Pod\r\nroles rbac.authorization.k8s.io/v1 true Role\r\n";
    let headless = "pods    po   v1                             true   Pod\nroles        rbac.authorization.k8s.io/v1   true   Role\n";
    let brackets = "NAME   SHORTNAMES   APIGROUP                    NAMESPACED   KIND   VERBS\n\
                    pods   po                                       true         Pod    [create get list]\n\
                    roles               rbac.authorization.k8s.io   true         Role   [get list]\n";
    let comma = "\u{feff}NAME    SHORTNAMES   APIVERSION                     NAMESPACED   KIND   VERBS        CATEGORIES\n\
                 pods    po           v1                             true         Pod    create,get,list   all,x\n\
                 roles                rbac.authorization.k8s.io/v1   true         Role   get,list\n";
    for text in [bare, headless, brackets, comma] {
        assert_eq!(looks_like_api_resources_text(text), text != headless, "{text}");
        let found = parse_api_resources_text(text).unwrap();
        assert_eq!(found.skipped, [], "{text}");
        let rows: Vec<_> =
            found.resources.iter().map(|r| (&*r.plural, &*r.group, &*r.kind, r.short_names.len())).collect();
        assert_eq!(rows, [("pods", "", "Pod", 1), ("roles", "rbac.authorization.k8s.io", "Role", 0)], "{text}");
    }
    let verbs = |text| parse_api_resources_text(text).unwrap().resources[0].verbs.clone();
    assert_eq!(verbs(brackets), ["create", "get", "list"]);
    assert_eq!(verbs(comma), ["create", "get", "list"]);
}

#[test]
fn damaged_text_gives_what_can_be_read_and_tells_the_rest() {
    let text = "NAME   SHORTNAMES   APIVERSION   NAMESPACED   KIND\n\
                pods   po           v1           true         Pod\n\
                error: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: the server is busy\n\
                secre";
    let found = parse_api_resources_text(text).unwrap();
    assert_eq!((found.resources.len(), found.lists_all_groups), (1, false));
    assert_eq!(found.skipped.iter().map(|s| s.place).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(parse_api_resources_text("NAME SHORTNAMES\nhello"), Err(DiscoveryError::NoTable));
    assert!(!looks_like_api_resources_text("NAME   READY   STATUS\nweb    1/1     Running"));
}

#[test]
fn damaged_json_is_told() {
    assert!(!looks_like_discovery(&json!({"kind": "Pod"})));
    assert!(!looks_like_discovery(&json!([1, 2])));
    assert_eq!(parse_discovery(&json!({"kind": "PodList"})), Err(DiscoveryError::OtherKind("PodList".into())));
    let cut = parse_discovery(&json!({"kind": "APIResourceList", "groupVersion": "v1"}));
    assert_eq!(cut, Err(DiscoveryError::NoList { kind: "APIResourceList".into(), field: "resources" }));
    let odd = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [7, {"name": "x", "namespaced": true},
        {"name": "pods", "namespaced": true, "kind": "Pod"}]});
    let found = parse_discovery(&odd).unwrap();
    assert_eq!((found.resources.len(), found.skipped.len()), (1, 2));
}

#[test]
fn kubectl_json_output_carries_groups_per_entry() {
    let document = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "", "resources": [
        {"name": "pods", "namespaced": true, "kind": "Pod", "version": "v1"},
        {"name": "widgets", "namespaced": false, "kind": "Widget", "group": "example.com", "version": "v1"}]});
    let found = parse_discovery(&document).unwrap();
    assert!(found.lists_all_groups);
    assert_eq!(found.resources[1].group, "example.com");
}

#[test]
fn versions_order_as_kubernetes_orders_them() {
    let sorted = ["v10", "v2", "v1", "v11beta2", "v3beta1", "v12alpha1", "v1alpha1"];
    assert!(sorted.is_sorted_by(|a, b| version_rank(a) > version_rank(b)));
    for odd in ["", "v", "v1gamma1", "v1beta", "1", "v99999999999", "v1beta1x"] {
        assert_eq!(version_rank(odd), (0, 0, 0), "{odd}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "(NAME  SHORTNAMES  APIVERSION  NAMESPACED  KIND\n)?(.{0,40}(true|false)?.{0,20}\n){0,4}", typed in ".*") {
        let mut catalogue = Catalogue::new();
        if let Ok(found) = parse_api_resources_text(&text) {
            catalogue.add(found);
        }
        if let Ok(found) = catalogue.resolve(&typed) {
            prop_assert!(found.kind.is_some() || typed.starts_with(&found.resource));
        }
    }

    /// A table printed with any column widths reads back whole, in both layouts.
    #[test]
    fn a_printed_table_reads_back(
        rows in proptest::collection::vec(("[a-z]{1,9}", "([a-z]{1,3}(,[a-z]{1,3})?)?", "([a-z]{1,5}\\.io/)?v1", any::<bool>(), "[A-Z][a-z]{0,8}"), 1..8)
    ) {
        let header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];
        let cells: Vec<[String; 5]> = rows.iter().cloned().map(|(n, s, v, ns, k)| [n, s, v, ns.to_string(), k]).collect();
        let width = |i: usize| cells.iter().map(|r| r[i].len()).chain([header[i].len()]).max().unwrap() + 3;
        let line = |r: [&str; 5]| (0..5).map(|i| format!("{:<w$}", r[i], w = width(i))).collect::<String>();
        let mut text = line(header) + "\n";
        for row in &cells {
            text += &(line([&row[0], &row[1], &row[2], &row[3], &row[4]]) + "\r\n");
        }
        let found = parse_api_resources_text(&text).unwrap();
        prop_assert!(found.skipped.is_empty());
        for (resource, (name, short, version, namespaced, kind)) in found.resources.iter().zip(&rows) {
            prop_assert_eq!((&resource.plural, resource.short_names.join(","), resource.namespaced), (name, short.clone(), *namespaced));
            let group = version.split_once('/').map_or("", |(g, _)| g);
            prop_assert_eq!((resource.group.as_str(), &resource.kind), (group, kind));
        }
    }
}
