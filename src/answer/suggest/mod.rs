//! `suggest-role`: the least roles that cover what a subject was allowed and did in a stretch of time.
//!
//! Least means: no namespace, verb, resource or URL beyond what was asked for, and single objects by name where
//! few were used. Before it is shown, the suggestion is put to the authorizer: it must allow every request that
//! it is made for and none that was denied. What RBAC cannot say exactly is left out and named, not widened.

mod check;
mod needs;
mod objects;
mod plan;
mod remarks;

use serde_json::Value;

use super::Verdict;
use super::subject::Wanted;
use super::uses::{LogView, Outcome, Uses};
use crate::authz::Authorizer;
use crate::model::identity::{self, split_service_account};
use crate::model::rbac::{RBAC_GROUP, Subject};
use crate::model::review::AccessReview;
use crate::model::time::Interval;

use needs::{Need, Needs, Seen};
use plan::Plan;

/// Conflicts spelled out in an error.
const SPELLED_OUT: usize = 10;

/// What to do about a request that was denied at one time and allowed at another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnConflict {
    /// Suggest nothing
    #[default]
    Fail,
    /// Cover it
    Cover,
    /// Leave it out
    LeaveOut,
}

/// A question for a role.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The subject, an identity or a group.
    pub wanted: &'a Wanted,
    /// In which stretch.
    pub within: Interval,
    /// Objects are named where at most so many names were used; 0 is never.
    pub names: usize,
    /// Name of the roles and bindings; made from the subject where not given.
    pub role_name: Option<&'a str>,
    /// Leave out what the groups that come with the name are given anyway, at the end of the stretch.
    pub leave_to_groups: Option<&'a Authorizer>,
    /// About requests both denied and allowed.
    pub on_conflict: OnConflict,
}

/// Why there is no suggestion.
#[derive(Debug, thiserror::Error)]
pub enum SuggestError {
    /// Neither an identity nor a group.
    #[error("expected one subject: a user, `NAMESPACE:NAME` of a service account, or `group/NAME`")]
    NotOne,
    /// No object can have the name.
    #[error("`{0}` is no name for a role: expected text without `/` and `%` that is not empty, `.` or `..`")]
    RoleName(String),
    /// Something was denied and allowed.
    #[error(
        "no role covers everything allowed and nothing denied: {}{}; choose a stretch with --from and --to, or say --on-conflict cover or leave-out",
        .spelled.join("; "), more(*.left)
    )]
    Conflict {
        /// The first of them, in words.
        spelled: Vec<String>,
        /// How many more.
        left: usize,
    },
    /// The suggestion did not stand up to the authorizer.
    #[error("the suggestion does not hold: {0}; please report this")]
    Unsound(String),
}

fn more(left: usize) -> String {
    if left == 0 { String::new() } else { format!("; and {left} more") }
}

/// Roles and bindings.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The objects, in the order to be applied.
    pub objects: Vec<Value>,
    /// What a reader must know.
    pub notes: Vec<String>,
    /// Whether anything was suggested.
    pub verdict: Verdict,
}

/// Makes the suggestion.
///
/// # Errors
/// When the subject or the name will not do, or the log contradicts itself.
pub fn suggest(question: &Question<'_>, uses: &Uses, log: &LogView) -> Result<Suggestion, SuggestError> {
    let subject = bound_subject(question.wanted).ok_or(SuggestError::NotOne)?;
    let name = objects::role_name(question.role_name, &subject)?;
    let mut needs = Needs::gather(uses, question.wanted);
    let mut notes = remarks::about(&subject, &needs, question.within);
    if let Some(authorizer) = question.leave_to_groups {
        let left = needs.leave_out(|need| given_to_groups(authorizer, question, need));
        notes.push(format!("{left} distinct requests are left to the groups that come with the name"));
    }
    let plan = settle(question, &mut needs, &mut notes)?;
    let roles = objects::roles(&plan, &name);
    check::check(&roles, &subject, &needs, question.on_conflict == OnConflict::Cover).map_err(SuggestError::Unsound)?;
    notes.extend(remarks::widened(&plan, &needs));
    notes.extend(remarks::further_checks(&needs));
    notes.extend(log.notes(uses));
    let verdict = match (roles.is_empty(), log.spans.is_some()) {
        (false, _) => Verdict::Yes,
        (true, true) => Verdict::No,
        (true, false) => Verdict::Unknown,
    };
    Ok(Suggestion { objects: objects::objects(&roles, &subject), notes, verdict })
}

/// Plans, and settles what was both denied and allowed as the question says.
fn settle(question: &Question<'_>, needs: &mut Needs, notes: &mut Vec<String>) -> Result<Plan, SuggestError> {
    let plan = tight(needs, question.names);
    let conflicts: Vec<(Need, Seen)> =
        needs.denied.iter().filter(|(need, _)| plan.allows(need)).map(|(need, seen)| (need.clone(), *seen)).collect();
    if conflicts.is_empty() {
        return Ok(plan);
    }
    let spelled: Vec<String> = conflicts.iter().map(|(need, seen)| remarks::clash(need, seen, needs)).collect();
    match question.on_conflict {
        OnConflict::Fail => {
            let left = spelled.len().saturating_sub(SPELLED_OUT);
            Err(SuggestError::Conflict { left, spelled: spelled.into_iter().take(SPELLED_OUT).collect() })
        }
        OnConflict::Cover => {
            notes.extend(spelled.iter().map(|clash| format!("covered although it was also denied: {clash}")));
            Ok(plan)
        }
        OnConflict::LeaveOut => {
            notes.extend(spelled.iter().map(|clash| format!("left out because it was also denied: {clash}")));
            needs.leave_out(|need| conflicts.iter().any(|(denied, _)| plan::reaches(need, denied)));
            Ok(tight(needs, question.names))
        }
    }
}

/// The plan that grants as little as it can.
fn tight(needs: &Needs, names: usize) -> Plan {
    let mut plan = Plan::new(needs, names);
    plan.tighten(needs);
    plan
}

/// The subject as a binding names it.
fn bound_subject(wanted: &Wanted) -> Option<Subject> {
    let plain = |kind: &str, name: &str| Subject {
        kind: kind.to_owned(),
        api_group: RBAC_GROUP.to_owned(),
        name: name.to_owned(),
        namespace: String::new(),
    };
    match wanted {
        Wanted::Group(name) => Some(plain("Group", name)),
        Wanted::Identity { user, .. } => Some(match split_service_account(user) {
            Some((namespace, name)) => Subject {
                kind: "ServiceAccount".to_owned(),
                api_group: String::new(),
                name: name.to_owned(),
                namespace: namespace.to_owned(),
            },
            None => plain("User", user),
        }),
        _ => None,
    }
}

/// Whether the groups that come with the user name were given it, at the end of the stretch.
fn given_to_groups(authorizer: &Authorizer, question: &Question<'_>, need: &Need) -> bool {
    let Wanted::Identity { user, .. } = question.wanted else { return false };
    // No user is named so, and none can be.
    let review =
        AccessReview { user: "\0".to_owned(), groups: identity::implied_groups(user, &[]), action: need.action() };
    authorizer.review(&review, question.within.to.plus_micros(-1)).allowed == Some(true)
}

/// Whether the outcome of a request is one that a suggestion is made of.
fn counts(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Allowed | Outcome::Denied)
}
