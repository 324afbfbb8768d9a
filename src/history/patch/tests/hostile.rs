//! Damaged and hostile input ends early, and properties hold for any input.

use super::*;

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"a": inner}))
}

#[test]
fn nesting_is_bounded_on_both_sides() {
    let mut prior = role(json!([]));
    prior["x"] = deep(400);
    let patched = on_role(&prior, &json!({"x": deep(400)}), "").unwrap();
    assert_eq!(patched.object["x"], deep(400));
    let mut applied = prior.clone();
    applied["metadata"] = json!({"name": "r"});
    assert!(on_role(&prior, &applied, "?fieldManager=x&force=true").is_ok());
    let error = on_role(&prior, &json!({"x": deep(600)}), "").unwrap_err();
    assert_eq!(error, PatchError::TooDeep { what: "patch", limit: 512 });
    prior["x"] = deep(600);
    assert!(matches!(on_role(&prior, &json!({}), ""), Err(PatchError::TooDeep { what: "known state", .. })));
    // deeper still by moving one branch below another
    let mut prior = role(json!([]));
    prior["x"] = deep(400);
    prior["y"] = deep(400);
    let path = format!("/x{}", "/a".repeat(400));
    let moved = json!([{"op": "move", "from": "/y", "path": path}]);
    assert!(matches!(on_role(&prior, &moved, ""), Err(PatchError::TooDeep { what: "patched object", .. })));
}

#[test]
fn copies_of_copies_end_at_the_budget() {
    let mut operations = vec![json!({"op": "add", "path": "/x", "value": ["aaaaaaaaaaaaaaaa"]})];
    operations.extend((0..64).map(|_| json!({"op": "copy", "from": "/x", "path": "/x/-"})));
    let error = on_role(&role(json!([])), &Value::Array(operations), "").unwrap_err();
    assert!(matches!(error, PatchError::TooMuch(_)), "{error}");
    let many = vec![json!({"op": "test", "path": "/kind", "value": "ClusterRole"}); 10_001];
    assert!(matches!(on_role(&role(json!([])), &Value::Array(many), ""), Err(PatchError::TooMuch(_))));
}

#[test]
fn shuffling_a_long_list_ends_at_the_budget() {
    let mut prior = role(json!([]));
    prior["x"] = Value::Array(vec![json!(1); 1_000_000]);
    let shuffle = vec![json!({"op": "move", "from": "/x/0", "path": "/x/0"}); 10_000];
    assert!(matches!(on_role(&prior, &Value::Array(shuffle), ""), Err(PatchError::TooMuch(_))));
}

#[test]
fn long_lists_do_not_cost_their_square() {
    let containers =
        |tag: &str| -> Value { (0..10_000).map(|i| json!({"name": format!("c{i}"), "image": tag})).collect() };
    let prior = pod(json!({"containers": containers("1")}));
    let patch = json!({"spec": {"containers": containers("2")}});
    assert_eq!(on_pod(&prior, &patch, "").unwrap().object["spec"]["containers"], containers("2"));
    let finalizers: Value = (0..30_000).map(|i| json!(i.to_string())).collect();
    let patch = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": finalizers}});
    assert!(on_pod(&prior, &patch, "?fieldManager=x&force=true").is_ok());
}

#[test]
fn bodies_and_states_that_are_no_objects_are_told() {
    let prior = role(json!([]));
    for body in [json!(null), json!("x"), json!(7), json!(true)] {
        assert_eq!(on_role(&prior, &body, ""), Err(PatchError::NoPatch));
    }
    assert_eq!(on_role(&json!([]), &json!({}), ""), Err(PatchError::NoPrior));
    assert!(on_role(&json!({}), &json!({"a": 1}), "").is_ok());
    // damaged owners are owners not known
    let mut odd = role(json!([]));
    odd["metadata"]["managedFields"] = json!([{"operation": 7}, "x"]);
    let patched = on_role(&odd, &json!({"metadata": {"labels": {"a": "b"}}}), "").unwrap();
    assert_eq!(patched.object["metadata"].get("managedFields"), None);
    // a URI that does not read still says nothing of the kind of patch
    assert!(apply(&prior, &json!({"rules": []}), &context("rbac.authorization.k8s.io", "ClusterRole", "%%%")).is_ok());
}

#[test]
fn errors_say_what_to_make_of_them() {
    let error = on_role(&role(json!([])), &json!([{"op": "remove", "path": "/nope"}]), "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "operation 0 of the JSON patch does not apply: its path leads nowhere in the known state; \
         the known state is not the one it was sent for"
    );
}

/// RFC 7386, section 2, word for word.
fn merge_patch_of_the_rfc(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = if let Value::Object(target) = target { target } else { serde_json::Map::new() };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let old = target.get(name).cloned().unwrap_or(Value::Null);
            target.insert(name.clone(), merge_patch_of_the_rfc(old, value));
        }
    }
    Value::Object(target)
}

/// JSON without objects inside lists, where the API server goes further than the RFC.
fn json_value(list_items: bool) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        "[ab]".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let items: BoxedStrategy<Value> =
            if list_items { inner.clone().boxed() } else { (0..3_i64).prop_map(Value::from).boxed() };
        prop_oneof![
            proptest::collection::vec(items, 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[abc$/~]{1,2}|\\$patch|name|metadata|rules", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn merge_patch_is_the_definition_of_the_rfc(target in json_value(true), patch in json_value(false)) {
        let mut object = target.clone();
        merge::apply(&mut object, &patch);
        prop_assert_eq!(object, merge_patch_of_the_rfc(target, &patch));
    }

    /// A merge patch applied twice is the patch applied once.
    #[test]
    fn merge_patch_is_idempotent(target in json_value(true), patch in json_value(true)) {
        let mut once = target;
        merge::apply(&mut once, &patch);
        let mut twice = once.clone();
        merge::apply(&mut twice, &patch);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_bodies_are_worked_on_without_panic(prior in json_value(true), patch in json_value(true), query in "(\\?fieldManager=x)?(&force=true)?") {
        for (group, kind) in [("", "Pod"), ("rbac.authorization.k8s.io", "RoleBinding"), ("example.com", "X")] {
            let uri = format!("/x{query}");
            let mut prior = prior.clone();
            if let Value::Object(fields) = &mut prior {
                fields.insert("spec".into(), json!({"containers": [patch.clone()]}));
            }
            let patch = json!({"apiVersion": "v1", "kind": kind, "spec": {"containers": [patch.clone(), {"name": patch.clone()}]}, "metadata": patch.clone()});
            if let Ok(patched) = apply(&prior, &patch, &context(group, kind, &uri)) {
                prop_assert_eq!(patched.certain, patched.alternatives.is_empty());
                prop_assert!(patched.alternatives.iter().all(|(_, other)| *other != patched.object));
            }
        }
    }

    #[test]
    fn any_operations_are_worked_on_without_panic(
        target in json_value(true),
        operations in proptest::collection::vec(
            ("add|remove|replace|move|copy|test", "(/[abc0-3~-]{0,2}){0,3}", "(/[abc0-3]{0,2}){0,3}", json_value(true)), 0..6)
    ) {
        let operations: Vec<Value> = operations.iter().map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value})).collect();
        let mut object = target;
        let _ = json_patch::apply(&mut object, &operations);
    }

    /// What is added can be taken away again.
    #[test]
    fn add_then_remove_restores(fields in proptest::collection::btree_map("[a-c]", 0..9_i64, 0..3), name in "[d-f~/]{1,3}", value in json_value(true)) {
        let before = json!(fields);
        let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut object = before.clone();
        let operations = [json!({"op": "add", "path": path, "value": value}), json!({"op": "remove", "path": path})];
        json_patch::apply(&mut object, &operations).unwrap();
        prop_assert_eq!(object, before);
    }

    /// Applying a configuration twice is applying it once, owners included.
    #[test]
    fn apply_is_idempotent(a in "[ab]", b in "[ab]", verbs in proptest::collection::vec("[a-c]", 0..3)) {
        let prior = role(json!([{"verbs": ["get"]}]));
        let patch = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "r", "labels": {a: "1", b: "2"}}, "rules": [{"verbs": verbs}]});
        let mut prior = prior;
        prior["metadata"]["managedFields"] = json!([]);
        let once = on_role(&prior, &patch, "?fieldManager=x&force=true").unwrap();
        let twice = on_role(&once.object, &patch, "?fieldManager=x&force=true").unwrap();
        prop_assert_eq!(&once.object, &twice.object);
        prop_assert!(once.certain && twice.certain);
    }
}
