//! Server-side apply: who owned what decides what goes.

use super::*;

fn owned(mut object: Value, entries: &[(&str, &str, Value)]) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(manager, operation, fields)| {
            json!({"manager": manager, "operation": operation, "apiVersion": object["apiVersion"], "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": fields})
        })
        .collect();
    object["metadata"]["managedFields"] = Value::Array(entries);
    object
}

fn config(metadata: Value, rules: Option<Value>) -> Value {
    let mut config = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata});
    if let Some(rules) = rules {
        config["rules"] = rules;
    }
    config
}

fn labelled(labels: Value) -> Value {
    let mut object = role(json!([{"verbs": ["get"]}]));
    object["metadata"]["labels"] = labels;
    object
}

/// Entries by manager, without their times.
fn sets(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    entries
        .iter()
        .map(|e| {
            (format!("{} {}", e["manager"].as_str().unwrap(), e["operation"].as_str().unwrap()), e["fieldsV1"].clone())
        })
        .collect()
}

#[test]
fn what_the_manager_leaves_out_goes_unless_another_owns_it() {
    let prior = owned(
        labelled(json!({"mine": "1", "both": "1", "theirs": "1"})),
        &[
            ("ci", "Apply", json!({"f:metadata": {"f:labels": {"f:mine": {}, "f:both": {}}}, "f:rules": {}})),
            ("ops", "Update", json!({"f:metadata": {"f:labels": {".": {}, "f:both": {}, "f:theirs": {}}}})),
        ],
    );
    let patched =
        on_role(&prior, &config(json!({"name": "r"}), Some(json!([{"verbs": ["*"]}]))), "?fieldManager=ci&force=true")
            .unwrap();
    assert_eq!((patched.patch_kind, patched.certain), (PatchKind::Apply, true));
    assert_eq!(patched.object["metadata"]["labels"], json!({"both": "1", "theirs": "1"}));
    assert_eq!(patched.object["rules"], json!([{"verbs": ["*"]}]));
    assert_eq!(
        sets(&patched.object),
        json!({"ci Apply": {"f:rules": {}}, "ops Update": {"f:metadata": {"f:labels": {".": {}, "f:both": {}, "f:theirs": {}}}}})
    );
    // leaving the rules out gives them up altogether
    let without =
        on_role(&patched.object, &config(json!({"name": "r"}), None), "?fieldManager=ci&force=false").unwrap();
    assert_eq!((without.object.get("rules"), without.certain), (None, true));
}

#[test]
fn trap_a_field_overwritten_by_another_is_no_longer_the_appliers() {
    let prior =
        owned(labelled(json!({"a": "1"})), &[("ci", "Apply", json!({"f:metadata": {"f:labels": {"f:a": {}}}}))]);
    let patched = on_role(&prior, &json!({"metadata": {"labels": {"a": "2"}}}), "").unwrap();
    assert_eq!(sets(&patched.object), json!({"curl Update": {"f:metadata": {"f:labels": {"f:a": {}}}}}));
    let applied = on_role(&patched.object, &config(json!({"name": "r"}), None), "?fieldManager=ci&force=true").unwrap();
    assert_eq!(applied.object["metadata"]["labels"], json!({"a": "2"}));
}

#[test]
fn without_known_owners_both_ends_are_given() {
    let patch = config(json!({"name": "r", "labels": {"a": "1"}}), Some(json!([{"verbs": ["*"]}])));
    let patched = on_role(&labelled(json!({"a": "1", "b": "1"})), &patch, "?fieldManager=ci&force=true").unwrap();
    assert!(!patched.certain);
    let possible: Vec<&Value> =
        std::iter::once(&patched.object).chain(patched.alternatives.iter().map(|(_, o)| o)).collect();
    assert_eq!(
        possible.iter().map(|o| &o["metadata"]["labels"]).collect::<Vec<_>>(),
        [&json!({"a": "1", "b": "1"}), &json!({"a": "1"})]
    );
    assert!(possible.iter().all(|o| o["rules"] == json!([{"verbs": ["*"]}])), "the rules are sure all the same");
    // nothing but what is applied was there: nothing can have gone
    assert!(on_role(&labelled(json!({"a": "1"})), &patch, "?fieldManager=ci&force=true").unwrap().certain);
}

#[test]
fn a_whole_object_without_force_may_be_either() {
    let prior =
        owned(labelled(json!({"a": "1"})), &[("ci", "Apply", json!({"f:metadata": {"f:labels": {"f:a": {}}}}))]);
    let patch = config(json!({"name": "r"}), Some(json!([{"verbs": ["get"]}])));
    let patched = on_role(&prior, &patch, "?fieldManager=ci").unwrap();
    assert_eq!((patched.patch_kind, patched.certain), (PatchKind::Apply, false));
    assert_eq!(patched.object["metadata"].get("labels"), None);
    assert_eq!(patched.alternatives[0].1["metadata"]["labels"], json!({"a": "1"}));
    // kubectl's own names for other patches make apply the less likely reading
    let labelling = on_role(&prior, &patch, "?fieldManager=kubectl-label").unwrap();
    assert_eq!(labelling.patch_kind, PatchKind::Strategic);
    // apply needs a field manager
    assert!(on_role(&prior, &patch, "").unwrap().certain);
}

#[test]
fn readings_that_agree_but_for_owners_drop_the_owners() {
    let prior = owned(labelled(json!({})), &[("x", "Update", json!({"f:rules": {}}))]);
    let patched =
        on_role(&prior, &config(json!({"name": "r"}), Some(json!([{"verbs": ["*"]}]))), "?fieldManager=ci").unwrap();
    assert!(patched.certain);
    assert_eq!(patched.object["metadata"].get("managedFields"), None);
}

#[test]
fn forgetting_owners_is_followed() {
    let prior =
        owned(labelled(json!({"a": "1"})), &[("ci", "Apply", json!({"f:metadata": {"f:labels": {"f:a": {}}}}))]);
    let reset = on_role(&prior, &json!({"metadata": {"managedFields": [{}]}}), "").unwrap();
    assert_eq!(reset.object["metadata"]["managedFields"], json!([]));
    let applied = on_role(&reset.object, &config(json!({"name": "r"}), None), "?fieldManager=ci&force=true").unwrap();
    assert_eq!(applied.object["metadata"]["labels"], json!({"a": "1"}));
    // an empty list, in contrast, is passed over
    let passed = on_role(&prior, &json!({"metadata": {"managedFields": []}}), "").unwrap();
    assert_eq!(sets(&passed.object), sets(&prior));
}

#[test]
fn an_applied_object_that_no_server_takes_is_refused() {
    let prior = role(json!([]));
    let mut with_fields = config(json!({"name": "r"}), None);
    with_fields["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    assert!(on_role(&prior, &with_fields, "?fieldManager=ci&force=true").is_err());
    let twice = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}, {"name": "a"}]}});
    assert!(on_pod(&pod(json!({})), &twice, "?fieldManager=ci&force=true").is_err());
}

#[test]
fn keyed_lists_merge_by_all_their_keys_with_defaults() {
    let prior = owned(
        pod(
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]}]}),
        ),
        &[("x", "Update", json!({"f:spec": {"f:containers": {}}}))],
    );
    let patch = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "ports": [{"containerPort": 53, "name": "dns"}]}]}});
    let patched = on_pod(&prior, &patch, "?fieldManager=ci&force=true").unwrap();
    assert_eq!(
        patched.object["spec"]["containers"][0]["ports"],
        json!([{"containerPort": 53, "protocol": "TCP", "name": "dns"}, {"containerPort": 53, "protocol": "UDP"}])
    );
}

#[test]
fn lists_of_custom_resources_are_sure_only_where_owners_show_them_whole() {
    let uri = "/apis/example.com/v1/widgets/w?fieldManager=ci&force=true";
    let object =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"x": [1, 2]}});
    let patch =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"x": [3]}});
    let at = |fields: Value| {
        apply(&owned(object.clone(), &[("a", "Update", fields)]), &patch, &context("example.com", "Widget", uri))
            .unwrap()
    };
    let whole = at(json!({"f:spec": {"f:x": {}}}));
    assert_eq!((&whole.object["spec"]["x"], whole.certain), (&json!([3]), true));
    let items = at(json!({"f:spec": {"f:x": {"v:1": {}, "v:2": {}}}}));
    assert_eq!((items.certain, &items.alternatives[0].1["spec"]["x"]), (false, &json!([1, 2, 3])));
}

#[test]
fn field_sets_read_and_write_back() {
    let text = json!({"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:l": {"k:{\"b\":1,\"a\":\"x\"}": {".": {}, "f:z": {}}, "v:\"s\"": {}}});
    let set = FieldSet::parse(&text);
    let written = set.to_json();
    assert_eq!(written["f:l"].as_object().unwrap().keys().next().unwrap(), "k:{\"a\":\"x\",\"b\":1}");
    assert_eq!(FieldSet::parse(&written), set);
    assert!(set.has("f:a") && set.has("f:b") && !set.has("f:l"));
    for odd in [json!(null), json!([1]), json!({"f:a": 7}), json!({"k:{": {}, "": {}})] {
        FieldSet::parse(&odd).to_json();
    }
}

#[test]
fn the_annotation_of_kubectl_is_kept_in_step() {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let mut prior = role(json!([]));
    prior["metadata"]["annotations"] = json!({annotation: "{}\n"});
    let prior = owned(prior, &[("kubectl-client-side-apply", "Update", json!({"f:rules": {}}))]);
    let patch = config(json!({"name": "r", "labels": {"a": "<b>"}}), Some(json!([{"verbs": ["get"]}])));
    let patched = on_role(&prior, &patch, "?fieldManager=kubectl&force=true").unwrap();
    assert_eq!(
        patched.object["metadata"]["annotations"][annotation],
        "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{\"labels\":{\"a\":\"\\u003cb\\u003e\"},\
         \"name\":\"r\"},\"rules\":[{\"verbs\":[\"get\"]}]}\n"
    );
    let other = on_role(&prior, &patch, "?fieldManager=ci&force=true").unwrap();
    assert_eq!(other.object["metadata"]["annotations"][annotation], "{}\n");
}

#[test]
fn the_order_of_merged_lists() {
    let merged = |live: &[&str], wanted: &[&str]| {
        let mut prior = role(json!([]));
        prior["metadata"]["finalizers"] = json!(live);
        prior["metadata"]["managedFields"] =
            json!([{"manager": "x", "operation": "Update", "fieldsV1": {"f:rules": {}}}]);
        let patch = config(json!({"name": "r", "finalizers": wanted}), None);
        on_role(&prior, &patch, "?fieldManager=ci&force=true").unwrap().object["metadata"]["finalizers"].clone()
    };
    assert_eq!(merged(&["a", "b", "c"], &["c", "a"]), json!(["b", "c", "a"]));
    assert_eq!(merged(&["a", "x", "b"], &["a", "y", "b"]), json!(["a", "x", "y", "b"]));
    assert_eq!(merged(&["a", "b"], &["z"]), json!(["a", "b", "z"]));
    assert_eq!(merged(&["b", "a"], &["a", "b"]), json!(["a", "b"]));
    assert_eq!(merged(&[], &["b", "a"]), json!(["b", "a"]));
}
