//! `can`: may this user do this? Groups that come with the user name are added, as the API server would.

use super::question::{Question, describe};
use super::{Answer, AsOf, Value, Verdict, column, wide};
use crate::authz::{Authorizer, Decision, Via};
use crate::model::identity;
use crate::model::review::AccessReview;
use crate::model::time::Timestamp;

/// Answers for one user; `groups` are those given, the implied ones are added and said.
pub fn answer(authorizer: &Authorizer, question: &Question, user: &str, groups: &[String], at: Timestamp) -> Answer {
    let added = identity::implied_groups(user, groups);
    let groups: Vec<String> = groups.iter().chain(&added).cloned().collect();
    let mut notes = question.notes.clone();
    if !added.is_empty() {
        notes.push(format!("groups added as the API server does: {}", added.join(", ")));
    }
    let review = AccessReview { user: user.to_owned(), groups: groups.clone(), action: question.action.clone() };
    let decision = authorizer.review_api_server(&review, at);
    if is_node(user, &groups) && decision.allowed != Some(true) {
        notes.push("RBAC alone: the Node authorizer may allow kubelets more than RBAC objects show".to_owned());
    }
    let mut asked = vec![("user", Value::from(user)), ("groups", Value::texts(&groups))];
    asked.extend(describe(question));
    Answer {
        question: asked,
        as_of: AsOf::Moment(at),
        basis: Some(decision.basis),
        notes,
        columns: vec![column("allowed"), column("basis"), column("reason"), wide("via")],
        rows: vec![row(&decision)],
        verdict: match decision.allowed {
            Some(true) => Verdict::Yes,
            Some(false) => Verdict::No,
            None => Verdict::Unknown,
        },
    }
}

fn row(decision: &Decision) -> Vec<Value> {
    vec![
        decision.allowed.map_or(Value::Null, Value::Bool),
        decision.basis.as_str().into(),
        decision.reason.as_str().into(),
        Value::texts(decision.via.iter().map(Via::to_string)),
    ]
}

/// Whether the Node authorizer would be asked as well.
pub(super) fn is_node(user: &str, groups: &[String]) -> bool {
    user.starts_with("system:node:") && groups.iter().any(|g| g == "system:nodes")
}
