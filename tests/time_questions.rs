//! Questions about time on recorded evidence: who could do something ever, the history of an object, what changed between
//! two moments, whether the log's own witness agrees, and what the evidence covers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support_time;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use support_time::{Case, Evidence, changes_rbac, intrusion, resource, user};

/// The intruder's service account and binding; neither snapshot shows them.
const BACKDOOR: &str = "system:serviceaccount:kube-system:metrics-sync";
const BINDING: &str = "system:node-proxier-sync";

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn who(row: &Value) -> (String, String, String) {
    (text(row, "subject_kind").to_owned(), text(row, "subject_name").to_owned(), text(row, "binding").to_owned())
}

mod who_can {
    use super::*;

    const FROM: &str = "2026-11-24T00:41:40.000000Z";
    const TO: &str = "2026-11-24T00:41:58.000000Z";

    #[test]
    fn a_stretch_lists_whom_its_instants_list_and_nobody_else() {
        let case = intrusion();
        let ask =
            |when: &[&str]| case.json(&[&["who-can", "get", "secrets", "-n", "payments"], when].concat()).expect(0);
        let whole: BTreeSet<_> = ask(&["--from", FROM, "--to", TO]).rows().iter().map(who).collect();
        // Every moment at which RBAC changed, and the first of the stretch.
        let turns = "select distinct valid_from as t from binding_subjects union select distinct valid_from as t from role_rules";
        let turns = case.sql(turns);
        let mut moments: Vec<&str> = turns.iter().map(|r| text(r, "t")).filter(|t| FROM <= *t && *t < TO).collect();
        moments.push(FROM);
        assert!(moments.len() > 8, "{moments:?}");
        let each: BTreeSet<_> = moments.iter().flat_map(|t| ask(&["--at", t]).rows()).map(|row| who(&row)).collect();
        assert_eq!(whole, each);
        let named = |name: &str| whole.iter().any(|(_, subject, _)| subject == name);
        assert!(named("metrics-sync"), "held from :41 to :57");
        assert!(named("deployer"), "held for a fifteenth of a second");
    }

    #[test]
    fn rows_tell_how_long_a_grant_held_also_beyond_the_stretch() {
        let asked = ["who-can", "get", "secrets", "-A", "--from", "2026-11-24 00:41:45", "--to", "2026-11-24 00:41:46"];
        let answer = intrusion().json(&asked).expect(0);
        let json = answer.json();
        assert_eq!(json["as_of"], json!({"from": "2026-11-24T00:41:45Z", "to": "2026-11-24T00:41:46Z"}));
        let rows = answer.rows();
        let backdoor = rows.iter().find(|r| text(r, "binding") == BINDING).expect("the intruder's binding");
        assert_eq!(text(backdoor, "valid_from"), "2026-11-24T00:41:41.201117Z");
        assert_eq!(text(backdoor, "valid_to"), "2026-11-24T00:41:57.110936Z");
        let alice =
            rows.iter().find(|r| text(r, "subject_name") == "alice@example.com").expect("an admin of a namespace");
        assert_eq!(alice["valid_to"], Value::Null, "a grant does not end where the log does");
        assert_eq!(text(alice, "basis"), "observed");
    }

    #[test]
    fn ever_is_all_that_the_evidence_covers() {
        let ever = intrusion().json(&["who-can", "get", "secrets", "-A", "--ever"]).expect(0);
        let span = intrusion().json(&[
            "who-can",
            "get",
            "secrets",
            "-A",
            "--from",
            "2026-11-24T00:41:02.025568Z",
            "--to",
            "2026-11-24T00:44:18.528068Z",
        ]);
        assert_eq!(ever.rows(), span.rows());
        assert!(ever.rows().iter().any(|r| text(r, "binding") == BINDING));
        let later = intrusion().json(&["who-can", "get", "secrets", "-A", "--from", "2026-11-24T00:42:00Z"]).expect(0);
        assert!(!later.rows().iter().any(|r| text(r, "binding") == BINDING));
    }

    #[test]
    fn a_moment_and_a_stretch_exclude_each_other_and_a_stretch_needs_an_instant() {
        let ask = |when: &[&str]| intrusion().ask(&[&["who-can", "get", "pods"], when].concat()).expect(2).err;
        assert!(ask(&["--at", FROM, "--ever"]).contains("cannot be used with"));
        assert!(ask(&["--at", FROM, "--from", FROM]).contains("cannot be used with"));
        assert!(ask(&["--ever", "--to", TO]).contains("cannot be used with"));
        assert!(ask(&["--from", TO, "--to", FROM]).contains("must lie after --from"));
        assert!(ask(&["--from", "2027-01-01"]).contains("lies outside the evidence"));
    }
}

mod history {
    use super::*;

    #[test]
    fn each_version_tells_who_began_it_what_is_new_and_who_ended_it() {
        let rows = intrusion().json(&["history", "clusterrole/ci-deployer"]).expect(0).rows();
        let told: Vec<_> = rows.iter().map(|r| (text(r, "change"), text(r, "began_with"), text(r, "actor"))).collect();
        let controller = "system:serviceaccount:kube-system:clusterrole-aggregation-controller";
        assert_eq!(
            told,
            [
                ("created", "create", "kubernetes-admin"),
                ("changed", "patch", controller),
                ("changed", "patch", controller)
            ]
        );
        assert_eq!(text(&rows[1], "details"), "rule added: any verb on any resource");
        assert_eq!(text(&rows[2], "details"), "rule removed: any verb on any resource");
        assert_eq!(text(&rows[0], "valid_to"), text(&rows[1], "valid_from"));
        assert_eq!(text(&rows[1], "ended_by_audit_id"), text(&rows[2], "audit_id"));
        assert_eq!((&rows[2]["valid_to"], &rows[2]["ended"]), (&Value::Null, &Value::Null));
        // The body is the object as it was.
        let body: Value = serde_json::from_str(text(&rows[1], "body")).unwrap();
        assert_eq!(
            body["rules"].as_array().unwrap().last().unwrap(),
            &json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        );
    }

    #[test]
    fn an_object_that_no_snapshot_shows_has_a_history() {
        let rows = intrusion().json(&["history", &format!("ClusterRoleBinding/{BINDING}")]).expect(0).rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            text(&rows[0], "details"),
            "gives ClusterRole cluster-admin to ServiceAccount kube-system/metrics-sync"
        );
        assert_eq!(text(&rows[0], "actor"), "system:serviceaccount:ci:deployer");
        assert_eq!((text(&rows[0], "ended"), text(&rows[0], "ended_by")), ("deleted", BACKDOOR));
        let record = intrusion().ask(&["-q", "show", text(&rows[0], "audit_id")]).expect(0).out;
        assert!(record.contains("\"verb\":\"create\"") && record.contains(BINDING));
    }

    #[test]
    fn a_name_used_again_is_another_object() {
        let rows = intrusion().json(&["history", "rolebinding/temp-0", "-n", "payments"]).expect(0).rows();
        let told: Vec<_> = rows.iter().map(|r| (text(r, "change"), text(r, "ended"))).collect();
        assert_eq!(told, [("created", "deleted"), ("created again", "deleted"), ("created again", "deleted")]);
        let uids: BTreeSet<&str> = rows.iter().map(|r| text(r, "uid")).collect();
        assert_eq!(uids.len(), 3);
    }

    #[test]
    fn kinds_are_typed_as_people_type_them() {
        let ask = |kind: &str| intrusion().json(&["history", kind, "-n", "payments"]).expect(0).rows();
        let rows = ask("rolebindings");
        assert!(rows.len() > 10);
        for kind in ["rolebinding", "RoleBinding", "RoleBindings", "rolebindings.rbac.authorization.k8s.io"] {
            assert_eq!(ask(kind), rows, "{kind}");
        }
    }

    #[test]
    fn a_moment_selects_the_version_that_held() {
        let ask = |at: &str| intrusion().json(&["history", "clusterrole/ci-deployer", "--at", at]);
        let rows = ask("2026-11-24T00:41:41.2Z").expect(0).rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            text(&rows[0], "details"),
            "rule added: any verb on any resource",
            "told against the version before it"
        );
        ask("2026-11-24T00:41:05Z").expect(1);
    }

    #[test]
    fn none_is_told_from_cannot_tell() {
        // The log begins with an empty cluster: an RBAC object that is not seen never was.
        intrusion().json(&["history", "clusterrole/never-made"]).expect(1);
        // Nobody ever listed these.
        let unknown = intrusion().json(&["history", "ingress/web"]).expect(3);
        assert!(unknown.notes().contains("the evidence shows no version"));
        intrusion().json(&["history", "frobnicators"]).expect(3);
        intrusion().ask(&["history", ""]).expect(2);
    }

    #[test]
    fn a_text_of_several_lines_tells_its_lines_and_a_secret_tells_none() {
        let rows = intrusion().json(&["history", "cm/aws-auth"]).expect(0).rows();
        let details = text(rows.last().unwrap(), "details");
        assert!(details.contains("lines added") && details.contains("ops-user-backup"), "{details}");
        assert_eq!(text(rows.last().unwrap(), "actor"), BACKDOOR);
        // Secrets are logged at Metadata: that they changed is known, not to what.
        let secrets = intrusion().json(&["history", "secrets"]).expect(3);
        assert!(secrets.rows().iter().all(|r| text(r, "change") == "cannot be told" && r["body"].is_null()));
    }

    #[test]
    fn a_table_of_text_leaves_the_bodies_out() {
        let table = intrusion().ask(&["history", "clusterrole/ci-deployer"]).expect(0).out;
        assert!(table.contains("rule added: any verb on any resource") && !table.contains("managedFields"));
    }
}

mod diff {
    use super::*;

    const FROM: &str = "2026-11-24T00:41:40.500000Z";
    const TO: &str = "2026-11-24T00:42:01.000000Z";

    fn asked() -> Vec<Value> {
        intrusion().json(&["diff", "--from", FROM, "--to", TO]).expect(0).rows()
    }

    #[test]
    fn what_neither_end_shows_is_told_with_who_did_it() {
        let rows = asked();
        let backdoor: Vec<&Value> = rows.iter().filter(|r| text(r, "subject_name") == "metrics-sync").collect();
        assert_eq!(backdoor.len(), 1);
        let row = backdoor[0];
        assert_eq!((text(row, "about"), text(row, "change")), ("grant", "held for a while"));
        assert_eq!(
            (text(row, "time"), text(row, "until")),
            ("2026-11-24T00:41:41.201117Z", "2026-11-24T00:41:57.110936Z")
        );
        assert_eq!((text(row, "by"), text(row, "ended_by")), ("system:serviceaccount:ci:deployer", BACKDOOR));
        assert_eq!(row["could_not_otherwise"], json!(true));
        assert!(text(row, "details").contains("any verb on any resource"), "{row}");
        let deployer: Vec<&Value> = rows.iter().filter(|r| text(r, "subject_name") == "deployer").collect();
        assert_eq!((deployer.len(), text(deployer[0], "change")), (1, "held for a while"));
        assert_eq!(text(deployer[0], "cause"), "ClusterRole ci-deployer changed, then ClusterRole ci-deployer changed");
    }

    #[test]
    fn every_change_leads_to_the_request_that_made_it() {
        let events: BTreeMap<String, Value> =
            Evidence::recorded().events.into_iter().map(|e| (text(&e, "auditID").to_owned(), e)).collect();
        let rows = asked();
        let objects: Vec<&Value> = rows.iter().filter(|r| text(r, "about") == "object").collect();
        // Counted from the log itself.
        let changed =
            events.values().filter(|e| changes_rbac(e) && e["responseStatus"]["code"].as_i64().unwrap() < 300);
        let inside = changed.filter(|e| FROM < text(e, "stageTimestamp") && text(e, "stageTimestamp") <= TO);
        assert_eq!(objects.len(), inside.count());
        for row in objects {
            let event = &events[text(row, "audit_id")];
            assert_eq!(user(event), text(row, "by"), "{row}");
            assert!(
                changes_rbac(event) && text(row, "what").ends_with(event["objectRef"]["name"].as_str().unwrap_or(""))
            );
            assert_eq!(text(event, "stageTimestamp"), text(row, "time"));
        }
        for row in rows.iter().filter(|r| text(r, "about") == "grant") {
            let event = &events[text(row, "audit_id")];
            assert_eq!((user(event), text(event, "stageTimestamp")), (text(row, "by"), text(row, "time")));
        }
    }

    #[test]
    fn gained_and_lost_are_the_difference_of_the_two_states() {
        let chains = |at: &str| -> BTreeSet<Vec<String>> {
            let keys = "subject_kind, subject_namespace, subject_name, binding_kind, binding_namespace, binding_name, role_kind, role_namespace, role_name";
            let rows = intrusion().sql(&format!("select {keys}, valid_from, valid_to from grants"));
            let holds = |r: &Value| {
                r["valid_from"].as_str().is_none_or(|f| f <= at) && r["valid_to"].as_str().is_none_or(|t| t > at)
            };
            let key = |r: &Value| keys.split(", ").map(|k| text(r, k).to_owned()).collect();
            rows.iter().filter(|r| holds(r)).map(key).collect()
        };
        let (before, after) = (chains(FROM), chains(TO));
        let named = |change: &str| -> BTreeSet<String> {
            let rows = asked();
            rows.iter()
                .filter(|r| text(r, "change") == change)
                .map(|r| format!("{} by {}", text(r, "subject_name"), text(r, "binding")))
                .collect()
        };
        let short = |c: &Vec<String>| {
            let space = if c[4].is_empty() { String::new() } else { format!("{}/", c[4]) };
            format!("{} by {} {space}{}", c[2], c[3], c[5])
        };
        assert_eq!(named("gained"), after.difference(&before).map(short).collect());
        assert_eq!(named("lost"), before.difference(&after).map(short).collect());
    }

    #[test]
    fn between_two_moments_without_a_change_nothing_is_told() {
        let ran =
            intrusion().json(&["diff", "--from", "2026-11-24T00:42:10Z", "--to", "2026-11-24T00:42:20Z"]).expect(1);
        assert!(ran.rows().is_empty());
        assert_eq!(ran.json()["basis"], "observed");
        intrusion().ask(&["diff", "--from", TO, "--to", FROM]).expect(2);
    }

    #[test]
    fn what_the_log_does_not_tell_is_called_unknown() {
        let mut evidence = Evidence::recorded();
        let bare = evidence.change(changes_rbac, |e| {
            let event = e.as_object_mut().unwrap();
            event.remove("requestObject");
            event.remove("responseObject");
            event.insert("level".to_owned(), "Metadata".into());
        });
        assert!(bare > 100);
        let ran = evidence.case().json(&["diff", "--from", FROM, "--to", TO]).expect(0);
        assert_eq!(ran.json()["basis"], "unknown");
        let rows = ran.rows();
        let binding: Vec<_> = rows.iter().filter(|r| text(r, "what").ends_with(BINDING)).collect();
        assert!(
            binding
                .iter()
                .any(|r| text(r, "change") == "cannot be told" && text(r, "by") == "system:serviceaccount:ci:deployer"),
            "{binding:?}"
        );
        assert!(!rows.iter().any(|r| text(r, "subject_name") == "metrics-sync"), "whom it was given to is not known");
    }
}

mod check {
    use super::*;

    fn counts(rows: &[Value]) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for row in rows {
            *counts.entry(text(row, "outcome").to_owned()).or_default() += row["events"].as_i64().unwrap();
        }
        counts
    }

    fn contradicts(outcome: &str) -> bool {
        ["allowed-against-rbac", "forbidden-against-rbac", "named-grant-differs", "named-grant-absent"]
            .contains(&outcome)
    }

    fn is_allowed_by_rbac(event: &Value) -> bool {
        event["annotations"]["authorization.k8s.io/reason"].as_str().is_some_and(|r| r.starts_with("RBAC: allowed by"))
    }

    fn set(event: &mut Value, annotation: &str, value: &str) {
        event["annotations"][format!("authorization.k8s.io/{annotation}")] = value.into();
    }

    #[test]
    fn every_comparable_event_of_the_recorded_log_agrees_and_the_counts_add_up() {
        let evidence = Evidence::recorded();
        let counts = counts(&intrusion().json(&["check"]).expect(0).rows());
        let forbidden =
            evidence.events.iter().filter(|e| e["annotations"]["authorization.k8s.io/decision"] == "forbid").count();
        let by_rbac = evidence.events.iter().filter(|e| is_allowed_by_rbac(e)).count();
        let comparable = i64::try_from(forbidden + by_rbac).unwrap();
        assert_eq!(
            counts.get("agree").copied().unwrap_or(0) + counts.get("agree-near-a-change").copied().unwrap_or(0),
            comparable
        );
        assert_eq!(counts.values().sum::<i64>(), i64::try_from(evidence.events.len()).unwrap());
        assert!(counts.keys().all(|outcome| !contradicts(outcome)), "{counts:?}");
    }

    #[test]
    fn a_stretch_checks_the_requests_received_in_it() {
        let rows = intrusion()
            .json(&["check", "--from", "2026-11-24T00:41:41.000000Z", "--to", "2026-11-24T00:41:42.000000Z"])
            .expect(0)
            .rows();
        let inside = |e: &&Value| {
            let at = text(e, "requestReceivedTimestamp");
            ("2026-11-24T00:41:41.000000Z".."2026-11-24T00:41:42.000000Z").contains(&at)
        };
        let evidence = Evidence::recorded();
        assert_eq!(
            counts(&rows).values().sum::<i64>(),
            i64::try_from(evidence.events.iter().filter(inside).count()).unwrap()
        );
    }

    /// One altered event; gives the row that tells it.
    fn altered(pick: impl Fn(&Value) -> bool, alter: impl Fn(&mut Value)) -> Value {
        let mut evidence = Evidence::recorded();
        let place = evidence.events.iter().position(pick).expect("an event to alter");
        alter(&mut evidence.events[place]);
        let id = text(&evidence.events[place], "auditID").to_owned();
        let rows = evidence.case().json(&["check"]).expect(1).rows();
        let told: Vec<Value> = rows.into_iter().filter(|r| contradicts(text(r, "outcome"))).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((text(&told[0], "audit_id"), told[0]["events"].as_i64()), (id.as_str(), Some(1)));
        told.into_iter().next().unwrap()
    }

    #[test]
    fn a_reason_that_names_another_binding_is_found() {
        let reads_secrets = |e: &Value| user(e) == BACKDOOR && resource(e) == "secrets";
        let absent = r#"RBAC: allowed by ClusterRoleBinding "helpful-binding" of ClusterRole "cluster-admin" to ServiceAccount "metrics-sync/kube-system""#;
        let row = altered(reads_secrets, |e| set(e, "reason", absent));
        assert_eq!((text(&row, "outcome"), text(&row, "severity")), ("named-grant-absent", "medium"));
        assert!(
            text(&row, "likely_causes")
                .starts_with("missing object: no snapshot and no event shows ClusterRoleBinding `helpful-binding`")
        );
        let other = r#"RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated""#;
        let row = altered(reads_secrets, |e| set(e, "reason", other));
        assert_eq!(text(&row, "outcome"), "named-grant-differs");
        assert!(text(&row, "rebuilt_rbac").contains(BINDING));
    }

    #[test]
    fn a_refusal_turned_into_a_permission_is_found() {
        let refused =
            |e: &Value| e["annotations"]["authorization.k8s.io/decision"] == "forbid" && user(e) == "system:anonymous";
        let row = altered(refused, |e| {
            set(e, "decision", "allow");
            set(
                e,
                "reason",
                r#"RBAC: allowed by RoleBinding "alice-admin/payments" of ClusterRole "admin" to User "alice@example.com""#,
            );
        });
        assert_eq!((text(&row, "outcome"), text(&row, "severity")), ("allowed-against-rbac", "high"));
        assert!(text(&row, "likely_causes").starts_with("impossible reason"), "{row}");
        assert!(text(&row, "likely_causes").contains("tampered log"));
    }

    #[test]
    fn a_permission_turned_into_a_refusal_is_found() {
        // Long after the grant began: closer to it, a refusal may be right.
        let by_alice = |e: &Value| {
            user(e) == "alice@example.com" && is_allowed_by_rbac(e) && text(e, "stageTimestamp") > "2026-11-24T00:41:50"
        };
        let row = altered(by_alice, |e| {
            set(e, "decision", "forbid");
            set(e, "reason", "");
        });
        assert_eq!(text(&row, "outcome"), "forbidden-against-rbac");
        assert!(text(&row, "rebuilt_rbac").contains("alice-admin/payments"));
        assert!(text(&row, "likely_causes").contains("another authorizer"));
        assert!(text(&row, "likely_causes").contains("began only"), "the grant was less than a minute old: {row}");
    }

    #[test]
    fn a_creation_cut_out_of_the_log_leaves_its_witnesses() {
        let mut evidence = Evidence::recorded();
        let names_it = |e: &Value| e.to_string().contains(BINDING);
        let before = evidence.events.len();
        evidence.events.retain(|e| !(changes_rbac(e) && names_it(e)));
        assert_eq!(before - evidence.events.len(), 2, "its creation and its deletion");
        let rows = evidence.case().json(&["check"]).expect(1).rows();
        let used = evidence.events.iter().filter(|e| is_allowed_by_rbac(e) && names_it(e)).count();
        let told: Vec<&Value> = rows.iter().filter(|r| contradicts(text(r, "outcome"))).collect();
        assert!(used > 0);
        assert_eq!(told.iter().map(|r| r["events"].as_u64().unwrap()).sum::<u64>(), u64::try_from(used).unwrap());
        for row in told {
            assert_eq!(text(row, "outcome"), "allowed-against-rbac");
            assert!(
                text(row, "likely_causes").starts_with(&format!(
                    "missing object: no snapshot and no event shows ClusterRoleBinding `{BINDING}`"
                )),
                "{row}"
            );
        }
    }

    #[test]
    fn less_evidence_never_makes_a_contradiction() {
        let no_responses = |e: &mut Value| drop(e.as_object_mut().unwrap().remove("responseObject"));
        let no_bodies = |e: &mut Value| {
            let event = e.as_object_mut().unwrap();
            event.remove("requestObject");
            event.remove("responseObject");
            event.insert("level".to_owned(), "Metadata".into());
        };
        let mut request_level = Evidence::recorded();
        request_level.change(|_| true, no_responses);
        let mut metadata_level = Evidence::recorded();
        metadata_level.change(changes_rbac, no_bodies);
        let mut log_alone = Evidence::recorded();
        log_alone.snapshots.clear();
        let mut later = Evidence::recorded();
        later.snapshots.retain(|(tag, ..)| tag == "T2-after");
        later.events.retain(|e| text(e, "stageTimestamp") > "2026-11-24T00:41:20.2Z");
        for (what, evidence) in [
            ("request level", request_level),
            ("metadata level", metadata_level),
            ("log alone", log_alone),
            ("the later half", later),
        ] {
            let counts = counts(&evidence.case().json(&["check"]).rows());
            assert!(counts.keys().all(|outcome| !contradicts(outcome)), "{what}: {counts:?}");
            assert_eq!(counts.values().sum::<i64>(), i64::try_from(evidence.events.len()).unwrap(), "{what}");
        }
    }

    #[test]
    fn a_log_without_decisions_cannot_be_checked() {
        let mut evidence = Evidence::recorded();
        evidence.change(|_| true, |e| drop(e.as_object_mut().unwrap().remove("annotations")));
        let rows = evidence.case().json(&["check"]).expect(3).rows();
        assert_eq!(counts(&rows).keys().collect::<Vec<_>>(), ["not-comparable"]);
        assert_eq!(text(&rows[0], "reason"), "no decision recorded");
    }

    /// What formats other than the API server's own do to a record.
    #[test]
    fn a_record_that_lacks_what_the_authorizer_saw_contradicts_nothing() {
        for field in ["/user/groups", "/requestURI", "/objectRef"] {
            let mut evidence = Evidence::recorded();
            let (parent, name) = field.rsplit_once('/').unwrap();
            let holds = |e: &Value| e.pointer(field).is_some() && !changes_rbac(e);
            evidence.change(holds, |e| drop(e.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name)));
            let told = counts(&evidence.case().json(&["check"]).expect(0).rows());
            assert!(told.keys().all(|outcome| !contradicts(outcome)), "{field}: {told:?}");
            assert!(told["agree"] > 1000, "{field}: {told:?}");
        }
    }

    #[test]
    fn an_event_at_the_edge_of_a_change_agrees_near_it() {
        // The intruder's first use, moved to half a second before its binding was made.
        let mut evidence = Evidence::recorded();
        let first = evidence.events.iter().position(|e| user(e) == BACKDOOR && is_allowed_by_rbac(e)).unwrap();
        evidence.events[first]["requestReceivedTimestamp"] = "2026-11-24T00:41:40.700000Z".into();
        let counts = counts(&evidence.case().json(&["check"]).expect(0).rows());
        assert_eq!(counts.get("agree-near-a-change"), Some(&1));
    }

    #[test]
    fn the_answer_does_not_depend_on_threads() {
        let ask = |case: &Case, question: &[&str], threads: &str| {
            case.ask_with(
                &[question, &["-o", "json"]].concat(),
                &[("RAYON_NUM_THREADS", threads), ("POLARS_MAX_THREADS", threads)],
            )
            .out
        };
        for question in [
            &["check"][..],
            &["diff"],
            &["history", "rolebindings"],
            &["coverage"],
            &["who-can", "get", "pods", "--ever"],
        ] {
            assert_eq!(ask(intrusion(), question, "1"), ask(intrusion(), question, "3"), "{question:?}");
        }
    }
}

mod coverage {
    use super::*;

    #[test]
    fn levels_tell_every_event_once() {
        let rows = intrusion().json(&["coverage"]).expect(0).rows();
        let levels: Vec<&Value> = rows.iter().filter(|r| text(r, "about") == "audit level").collect();
        let evidence = Evidence::recorded();
        let sum = |key: &str| levels.iter().map(|r| r[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("events"), evidence.events.len() as u64);
        assert_eq!(
            sum("refused"),
            evidence.events.iter().filter(|e| e["responseStatus"]["code"] == 403).count() as u64
        );
        let secrets: Vec<&&Value> = levels.iter().filter(|r| text(r, "what") == "secrets").collect();
        assert_eq!(secrets.len(), 1, "one level");
        assert_eq!(text(secrets[0], "level"), "Metadata");
        assert_eq!(text(secrets[0], "details"), "only at Metadata: that it changed is known, not to what");
    }

    #[test]
    fn known_sets_and_listings_are_told() {
        let answer = intrusion().json(&["coverage"]).expect(0);
        let rows = answer.rows();
        let of = |about: &str| rows.iter().filter(|r| text(r, "about") == about).count();
        assert_eq!(of("log"), 1);
        assert_eq!(of("log gap"), 0);
        assert_eq!(of("listed"), 16, "eight kinds in two snapshots");
        let sets: Vec<_> = rows
            .iter()
            .filter(|r| text(r, "about") == "known set")
            .map(|r| (text(r, "what"), text(r, "basis"), r["to"].is_null()))
            .collect();
        for kind in ["Roles", "ClusterRoles", "RoleBindings", "ClusterRoleBindings"] {
            assert!(sets.contains(&(kind, "observed", false)) && sets.contains(&(kind, "assumed", true)), "{sets:?}");
        }
        assert!(answer.notes().contains("changed, but only logged at Metadata: configmaps, secrets"));
    }

    #[test]
    fn a_part_of_the_log_that_is_missing_is_a_gap() {
        // A quiet hour in a log that speaks every second.
        let mut evidence = Evidence::recorded();
        let late = |e: &Value| text(e, "stageTimestamp") > "2026-11-24T00:41:50Z";
        let shift = |e: &mut Value| {
            for key in ["requestReceivedTimestamp", "stageTimestamp"] {
                let moved = text(e, key).replace("T00:", "T02:");
                e[key] = moved.into();
            }
        };
        assert!(evidence.change(late, shift) > 500);
        evidence.snapshots.clear();
        let case = evidence.case();
        let rows = case.json(&["coverage"]).expect(0).rows();
        let gaps: Vec<&Value> = rows.iter().filter(|r| text(r, "about") == "log gap").collect();
        assert_eq!(gaps.len(), 1);
        assert!(
            text(gaps[0], "from").starts_with("2026-11-24T00:41:")
                && text(gaps[0], "to").starts_with("2026-11-24T02:41:")
        );
        // What holds across the gap is only assumed.
        let diff = case.json(&["diff", "--from", "2026-11-24T01:00:00Z", "--to", "2026-11-24T01:10:00Z"]);
        assert_ne!(diff.json()["basis"], "observed");
    }
}

mod findings {
    use super::*;

    #[test]
    fn the_gravest_come_first_and_none_is_an_answer() {
        let ran = intrusion().json(&["findings"]);
        let rank =
            |r: &Value| ["high", "medium", "low", "info"].iter().position(|s| *s == text(r, "severity")).unwrap();
        let rows = ran.rows();
        assert!(rows.windows(2).all(|w| rank(&w[0]) <= rank(&w[1])));
        assert_eq!(ran.code, i32::from(rows.is_empty()));
        let stored = intrusion().sql("select code from findings order by code");
        assert_eq!(rows.len(), stored.len());
        assert!(intrusion().json(&["findings", "--code", "no-such-code"]).expect(1).rows().is_empty());
        intrusion().ask(&["findings", "--severity", "dreadful"]).expect(2);
    }

    #[test]
    fn two_events_with_one_id_that_say_different_things_are_found() {
        let mut evidence = Evidence::recorded();
        let mut forged = evidence.events[200].clone();
        forged["user"]["username"] = "somebody-else".into();
        evidence.events.push(forged);
        let rows = evidence.case().json(&["findings", "--severity", "medium"]).expect(0).rows();
        assert!(
            rows.iter()
                .any(|r| text(r, "code") == "audit-id-collision" && !r["witnesses"].as_array().unwrap().is_empty()),
            "{rows:?}"
        );
    }
}
