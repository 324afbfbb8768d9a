//! Known answers for each form of patch, and for telling them apart.

use super::*;

#[test]
fn a_list_is_a_json_patch() {
    let prior = role(json!([{"verbs": ["get"]}]));
    let patch = json!([{"op": "add", "path": "/rules/-", "value": {"verbs": ["*"]}}]);
    let patched = on_role(&prior, &patch, "").unwrap();
    assert_eq!((patched.patch_kind, patched.certain), (PatchKind::Json, true));
    assert_eq!(patched.object["rules"], json!([{"verbs": ["get"]}, {"verbs": ["*"]}]));
    assert_eq!(patched.object["metadata"].get("resourceVersion"), None, "the new one is not known");
    assert_eq!(patched.object["metadata"]["uid"], "u");
}

#[test]
fn examples_of_rfc_6902() {
    for (prior, patch, after) in [
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"baz": "qux", "foo": "bar"}),
        ),
        (json!({"foo": [1, 2]}), json!([{"op": "add", "path": "/foo/1", "value": 3}]), json!({"foo": [1, 3, 2]})),
        (json!({"a": 1, "b": 2}), json!([{"op": "remove", "path": "/a"}]), json!({"b": 2})),
        (json!({"foo": [1, 2, 3]}), json!([{"op": "remove", "path": "/foo/1"}]), json!({"foo": [1, 3]})),
        (
            json!({"foo": {"bar": 1, "waldo": 2}, "qux": {"c": 3}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            json!({"foo": {"bar": 1}, "qux": {"c": 3, "thud": 2}}),
        ),
        (
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            json!({"foo": ["all", "cows", "eat", "grass"]}),
        ),
        (json!({"/": 9, "~1": 10}), json!([{"op": "test", "path": "/~01", "value": 10}]), json!({"/": 9, "~1": 10})),
        (json!({"foo": null}), json!([{"op": "test", "path": "/foo", "value": null}]), json!({"foo": null})),
    ] {
        let mut object = prior.clone();
        json_patch::apply(&mut object, patch.as_array().unwrap()).unwrap();
        assert_eq!(object, after, "{prior} {patch}");
    }
}

#[test]
fn a_json_patch_that_does_not_fit_tells_which_operation() {
    let prior = role(json!([]));
    let patch = json!([{"op": "test", "path": "/kind", "value": "ClusterRole"}, {"op": "remove", "path": "/rules/0"}]);
    let error = on_role(&prior, &patch, "").unwrap_err();
    assert!(matches!(error, PatchError::Operation { index: 1, .. }), "{error}");
    for bad in [
        json!([{"op": "add"}]),
        json!([{"op": "test", "path": "/kind"}]),
        json!([7]),
        json!([{"op": "x", "path": "/a"}]),
    ] {
        assert!(on_role(&prior, &bad, "").is_err(), "{bad}");
    }
}

#[test]
fn examples_of_rfc_7386() {
    for (prior, patch, after) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        (json!({"a": "b"}), json!(null), json!(null)),
    ] {
        let mut object = prior.clone();
        merge::apply(&mut object, &patch);
        assert_eq!(object, after, "{prior} {patch}");
    }
}

#[test]
fn rbac_lists_are_replaced_whole_whatever_the_kind_of_patch() {
    let prior = role(json!([{"verbs": ["get"], "resources": ["pods"]}, {"verbs": ["list"]}]));
    let patched = on_role(&prior, &json!({"rules": [{"verbs": ["*"]}]}), "").unwrap();
    assert!(patched.certain && patched.alternatives.is_empty());
    assert_eq!(patched.object["rules"], json!([{"verbs": ["*"]}]));

    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "b", "namespace": "n"}, "subjects": [{"kind": "User", "name": "a"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}});
    let uri = "/apis/rbac.authorization.k8s.io/v1/namespaces/n/rolebindings/b";
    let grant = json!({"subjects": [{"kind": "User", "name": "b"}], "$setElementOrder/x": []});
    let patched = apply(&binding, &grant, &context("rbac.authorization.k8s.io", "RoleBinding", uri)).unwrap();
    assert!(patched.certain, "directives change nothing here");
    assert_eq!(patched.object["subjects"], json!([{"kind": "User", "name": "b"}]));
    assert_eq!(patched.object["roleRef"], binding["roleRef"]);
}

#[test]
fn where_strategic_and_merge_differ_both_are_given() {
    let prior = pod(json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}));
    let patch = json!({"spec": {"containers": [{"name": "b", "image": "3"}]}});
    let patched = on_pod(&prior, &patch, "").unwrap();
    assert_eq!((patched.patch_kind, patched.certain), (PatchKind::Strategic, false));
    assert_eq!(patched.object["spec"]["containers"], json!([{"name": "a", "image": "1"}, {"name": "b", "image": "3"}]));
    let [(PatchKind::Merge, merged)] = patched.alternatives.as_slice() else { panic!("{:?}", patched.alternatives) };
    assert_eq!(merged["spec"]["containers"], json!([{"name": "b", "image": "3"}]));
    // more than metadata changed, so the generation did, too
    assert_eq!(patched.object["metadata"].get("generation"), None);
}

#[test]
fn strict_validation_proves_directives_strategic() {
    let prior = pod(json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}));
    let patch = json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}], "$setElementOrder/containers": [{"name": "b"}]}});
    let strict = on_pod(&prior, &patch, "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict").unwrap();
    assert!(strict.certain);
    assert_eq!(strict.object["spec"]["containers"], json!([{"name": "b", "image": "2"}]));
    assert!(!on_pod(&prior, &patch, "").unwrap().certain);
}

#[test]
fn directives_of_the_documentation() {
    let root = Spot::root("apps", "v1", "Deployment");
    let with = |strategy: Value| {
        json!({"spec": {"strategy": strategy, "template": {"metadata": {"finalizers": ["a", "b", "c"]},
            "spec": {"containers": [{"name": "x", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}}}})
    };
    let run = |mut object: Value, patch: Value| strategic::apply(&mut object, &patch, root).map(|()| object);
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});

    let retained =
        run(with(rolling.clone()), json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}));
    assert_eq!(retained.unwrap()["spec"]["strategy"], json!({"type": "Recreate"}));
    let replaced = run(with(rolling.clone()), json!({"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}));
    assert_eq!(replaced.unwrap()["spec"]["strategy"], json!({"type": "Recreate"}));
    let emptied = run(with(rolling.clone()), json!({"spec": {"strategy": {"$patch": "delete"}}}));
    assert_eq!(emptied.unwrap()["spec"]["strategy"], json!({}));
    let scalars = json!({"spec": {"template": {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}}}});
    assert_eq!(run(with(json!({})), scalars).unwrap()["spec"]["template"]["metadata"]["finalizers"], json!(["a", "c"]));
    let env = |list: Value| json!({"spec": {"template": {"spec": {"containers": [{"name": "x", "env": list}]}}}});
    let nested =
        run(with(json!({})), env(json!([{"name": "A", "$patch": "delete"}, {"name": "C", "value": "3"}]))).unwrap();
    let env_after = &nested["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(*env_after, json!([{"name": "C", "value": "3"}, {"name": "B", "value": "2"}]));
    let whole = run(with(json!({})), env(json!([{"$patch": "replace"}, {"name": "Z"}]))).unwrap();
    assert_eq!(whole["spec"]["template"]["spec"]["containers"][0]["env"], json!([{"name": "Z"}]));
    let refused = [
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}}),
        json!({"spec": {"strategy": {"$patch": "merge"}}}),
        env(json!([{"value": "no name"}])),
        env(json!([{"name": "A", "$patch": "merge"}])),
        env(json!([1])),
    ];
    for patch in refused {
        assert!(run(with(rolling.clone()), patch.clone()).is_err(), "{patch}");
    }
}

#[test]
fn a_service_account_merges_its_secrets_and_replaces_its_pull_secrets() {
    let prior = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s", "namespace": "n"},
        "secrets": [{"name": "a"}], "imagePullSecrets": [{"name": "a"}]});
    let patch = json!({"secrets": [{"name": "b"}], "imagePullSecrets": [{"name": "b"}]});
    let uri = "/api/v1/namespaces/n/serviceaccounts/s";
    let patched = apply(&prior, &patch, &context("", "ServiceAccount", uri)).unwrap();
    assert_eq!(patched.object["secrets"], json!([{"name": "b"}, {"name": "a"}]));
    assert_eq!(patched.object["imagePullSecrets"], json!([{"name": "b"}]));
}

#[test]
fn custom_resources_know_no_strategic_merge_patch() {
    let prior = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "finalizers": ["a"]}, "spec": {"x": [1]}});
    let uri = "/apis/example.com/v1/widgets/w";
    let patch = json!({"metadata": {"finalizers": ["b"]}, "spec": {"x": [2], "y": null}});
    let patched = apply(&prior, &patch, &context("example.com", "Widget", uri)).unwrap();
    assert_eq!((patched.patch_kind, patched.certain), (PatchKind::Merge, true));
    assert_eq!(patched.object["metadata"]["finalizers"], json!(["b"]));
    // whether their status is apart is not known
    let status = apply(&prior, &json!({"status": {"z": 1}}), &context("example.com", "Widget", uri)).unwrap();
    assert_eq!((status.certain, status.object.get("status"), status.alternatives.len()), (false, None, 1));
    // an aggregated API server may know strategic merge patch
    let shift =
        json!({"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": "w", "finalizers": ["a"]}});
    let uri = "/apis/route.openshift.io/v1/namespaces/n/routes/w";
    let both = apply(&shift, &json!({"metadata": {"finalizers": ["b"]}}), &context("route.openshift.io", "Route", uri))
        .unwrap();
    assert!(!both.certain);
}

#[test]
fn what_a_patch_cannot_change_stays_or_refuses_it() {
    let prior = role(json!([]));
    let kept = json!({"metadata": {"creationTimestamp": null, "uid": null, "labels": {"a": "b"}}});
    let patched = on_role(&prior, &kept, "").unwrap();
    assert_eq!(patched.object["metadata"]["creationTimestamp"], prior["metadata"]["creationTimestamp"]);
    assert_eq!(
        (&patched.object["metadata"]["uid"], &patched.object["metadata"]["labels"]["a"]),
        (&json!("u"), &json!("b"))
    );
    for refused in [
        json!({"metadata": {"name": "other"}}),
        json!({"metadata": {"uid": "other"}}),
        json!({"metadata": {"resourceVersion": "8"}}),
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        json!({"kind": "Role"}),
        json!({"metadata": 7}),
    ] {
        let error = on_role(&prior, &refused, "").unwrap_err();
        assert!(matches!(error, PatchError::Refused { .. }), "{refused} {error}");
    }
    assert!(on_role(&prior, &json!({"metadata": {"resourceVersion": "7"}}), "").is_ok());
}

#[test]
fn a_patch_that_changes_nothing_keeps_the_version() {
    let prior = role(json!([{"verbs": ["get"]}]));
    let patched = on_role(&prior, &json!({"rules": [{"verbs": ["get"]}]}), "").unwrap();
    assert_eq!(patched.object, prior);
}

#[test]
fn trap_an_empty_list_printed_as_null_is_not_lost() {
    let prior = role(Value::Null);
    let patched = on_role(&prior, &json!({"metadata": {"labels": {"a": "b"}}}), "").unwrap();
    assert_eq!(patched.object.get("rules"), Some(&Value::Null));
}

#[test]
fn subresources_write_only_their_part() {
    let prior = pod(json!({"containers": [{"name": "a"}]}));
    let main = on_pod(&prior, &json!({"status": {"phase": "Failed"}, "spec": {"hostname": "h"}}), "").unwrap();
    assert_eq!((&main.object["status"]["phase"], &main.object["spec"]["hostname"]), (&json!("Running"), &json!("h")));
    let at = |subresource: &str, patch: Value| {
        apply(&prior, &patch, &context("", "Pod", &format!("{POD_URI}/{subresource}")))
    };
    let status = at("status", json!({"status": {"phase": "Failed"}, "spec": {"hostname": "h"}})).unwrap();
    assert!(status.certain);
    assert_eq!((&status.object["status"]["phase"], status.object["spec"].get("hostname")), (&json!("Failed"), None));
    assert_eq!(status.object["metadata"]["generation"], 3);
    assert!(!at("status", json!({"metadata": {"labels": {"a": "b"}}})).unwrap().certain, "kinds differ in this");
    let debug =
        at("ephemeralcontainers", json!({"spec": {"ephemeralContainers": [{"name": "d"}], "hostname": "h"}})).unwrap();
    assert_eq!(debug.object["spec"], json!({"containers": [{"name": "a"}], "ephemeralContainers": [{"name": "d"}]}));
    assert_eq!(at("resize", json!({})), Err(PatchError::Subresource("resize".into())));
}

#[test]
fn scaling_sets_the_replicas_of_the_parent() {
    let prior = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "resourceVersion": "3"}, "spec": {"replicas": 2}});
    let uri = "/apis/apps/v1/namespaces/n/deployments/d/scale";
    let patched = apply(&prior, &json!({"spec": {"replicas": 9}}), &context("apps", "Deployment", uri)).unwrap();
    assert_eq!((&patched.object["spec"], patched.certain), (&json!({"replicas": 9}), true));
    assert_eq!(patched.object["kind"], "Deployment");
    assert!(apply(&prior, &json!({}), &context("example.com", "Widget", uri)).is_err());
}

#[test]
fn dry_runs_and_other_versions_are_told() {
    let prior = role(json!([]));
    assert_eq!(on_role(&prior, &json!({}), "?dryRun=All"), Err(PatchError::DryRun("All".into())));
    let old = "/apis/rbac.authorization.k8s.io/v1beta1/clusterroles/r";
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1beta1", "rules": [{"verbs": ["x"]}]});
    let patched = apply(&prior, &body, &context("rbac.authorization.k8s.io", "ClusterRole", old)).unwrap();
    assert_eq!(
        (&patched.object["apiVersion"], &patched.object["rules"]),
        (&prior["apiVersion"], &json!([{"verbs": ["x"]}]))
    );
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}});
    let uri = "/apis/autoscaling/v1/namespaces/n/horizontalpodautoscalers/h";
    let error = apply(&hpa, &json!({}), &context("autoscaling", "HorizontalPodAutoscaler", uri)).unwrap_err();
    assert!(matches!(error, PatchError::OtherVersion { .. }));
}
