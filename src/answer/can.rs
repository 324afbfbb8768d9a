//! `can`: may this user do this? Groups that come with the user name are added, as the API server would.

use super::question::{Question, describe};
use super::{Answer, AsOf, Value, Verdict, column, wide};
use crate::authz::{Authorizer, Decision, Via};
use crate::model::basis::Basis;
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
    let decision = decide(authorizer, &review, at);
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

/// The API server's decision, as far as RBAC objects tell it: `system:masters` first, then RBAC. A kubelet
/// that RBAC does not allow may still be allowed by the Node authorizer, which looks at pods, not at
/// RBAC objects; that "no" is not ours to give.
///
/// Source: `plugin/pkg/auth/authorizer/node/node_authorizer.go`.
pub(super) fn decide(authorizer: &Authorizer, review: &AccessReview, at: Timestamp) -> Decision {
    let decision = authorizer.review_api_server(review, at);
    let node = review.user.starts_with("system:node:") && review.groups.iter().any(|g| g == "system:nodes");
    if !node || decision.allowed != Some(false) {
        return decision;
    }
    Decision {
        allowed: None,
        basis: Basis::Unknown,
        reason: "RBAC does not allow it, but the Node authorizer, which decides by the pods of the node, may have"
            .to_owned(),
        via: Vec::new(),
    }
}
