use super::*;

fn body(json: &str, kind: &str) -> Arc<Body> {
    match read(&Arc::from(json), kind) {
        Read::Object(body) => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_of_a_wrong_type_count_as_missing() {
    let odd =
        body(r#"{"kind":"Role","metadata":{"uid":7,"resourceVersion":[],"finalizers":"x","labels":[1]}}"#, "Role");
    assert_eq!((&odd.uid, &odd.resource_version, odd.held_back, odd.labels()), (&None, &None, false, None));
    assert!(matches!(read(&Arc::from("{\"kind\":\"Role\",\"kind\":\"Role\"}"), "Role"), Read::Other));
    assert!(matches!(read(&Arc::from("[]"), "Role"), Read::Other));
    assert!(matches!(read(&Arc::from(r#"{"kind":"Status"}"#), "Role"), Read::Other));
}

#[test]
fn only_owners_of_what_rbac_reads_tell_when_it_was_written() {
    let role = |managers: &str, rules: &str| {
        let json = format!(r#"{{"metadata":{{"managedFields":[{managers}]}},"rules":{rules}}}"#);
        body(&json, "Role").written_by(RbacKind::Role).map(|t| t.to_string())
    };
    let owner = r#"{"time":"2026-11-24T00:41:02Z","fieldsV1":{"f:rules":{}}}"#;
    let other = r#"{"time":"2026-11-24T09:00:00Z","fieldsV1":{"f:metadata":{}}}"#;
    let silent = r#"{"fieldsV1":{"f:rules":{}}}"#;
    let some = r#"[{"verbs":["get"]}]"#;
    assert_eq!(role(&format!("{owner},{other}"), some).as_deref(), Some("2026-11-24T00:41:03Z"));
    assert_eq!(role(other, some), None, "nobody owns the rules");
    assert_eq!(role(owner, "[]"), None, "emptying leaves no owner");
    assert_eq!(role(&format!("{owner},{silent}"), some), None, "an owner without a time may be the last");
}

#[test]
fn bookkeeping_is_no_difference() {
    let one = body(r#"{"kind":"Pod","metadata":{"resourceVersion":"1"},"spec":{"a":1},"status":{}}"#, "Pod");
    let two = body(r#"{"metadata":{"resourceVersion":"2"},"spec":{"a":1}}"#, "Pod");
    let three = body(r#"{"metadata":{},"spec":{"a":2}}"#, "Pod");
    assert!(one.agrees(&two, None) && !one.agrees(&three, None));
}

#[test]
fn the_group_of_a_subject_is_not_read() {
    let with = r#"{"roleRef":{"kind":"Role","name":"r","apiGroup":"x"},"subjects":[{"kind":"User","name":"u","apiGroup":"y"}]}"#;
    let without = r#"{"metadata":{},"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"}]}"#;
    let with = body(&with.replacen('{', r#"{"metadata":{},"#, 1), "RoleBinding");
    assert!(with.agrees(&body(without, "RoleBinding"), Some(RbacKind::RoleBinding)));
}
