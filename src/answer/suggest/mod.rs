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

use std::collections::BTreeSet;

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
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The subject, an identity or a group.
    pub wanted: &'a Wanted,
    /// In which stretch.
    pub within: Interval,
    /// Objects are named where at most so many names were used; 0 is never.
    pub names: usize,
    /// Name of the roles and bindings; made from the subject where not given.
    pub role_name: Option<&'a str>,
    /// Leave out what the groups that come with the name are given anyway.
    pub leave_to_groups: bool,
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
pub fn suggest(
    authorizer: &Authorizer,
    question: &Question<'_>,
    uses: &Uses,
    log: &LogView,
) -> Result<Suggestion, SuggestError> {
    let subject = bound_subject(question.wanted).ok_or(SuggestError::NotOne)?;
    let name = objects::role_name(question.role_name, &subject)?;
    let mut needs = Needs::gather(uses, question.wanted);
    let mut notes = remarks::about(&subject, &needs, question.within);
    if question.leave_to_groups {
        let left = needs.leave_out(|need| given_to_groups(authorizer, question, need));
        notes.push(format!("{left} distinct requests are left to the groups that come with the name"));
    }
    let mut plan = Plan::new(&needs, question.names);
    plan.tighten(&needs);
    let conflicts: Vec<(&Need, &Seen)> = needs.denied.iter().filter(|(need, _)| plan.allows(need)).collect();
    if !conflicts.is_empty() {
        match question.on_conflict {
            OnConflict::Fail => return Err(conflict(&conflicts, &needs)),
            OnConflict::Cover => notes.extend(
                conflicts
                    .iter()
                    .map(|c| format!("covered although it was also denied: {}", remarks::clash(*c, &needs))),
            ),
            OnConflict::LeaveOut => {
                notes.extend(
                    conflicts
                        .iter()
                        .map(|c| format!("left out because it was also denied: {}", remarks::clash(*c, &needs))),
                );
                let denied: BTreeSet<Need> = conflicts.iter().map(|(need, _)| (*need).clone()).collect();
                needs.leave_out(|need| denied.iter().any(|d| plan::reaches(need, d)));
                plan = Plan::new(&needs, question.names);
                plan.tighten(&needs);
            }
        }
    }
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

fn conflict(conflicts: &[(&Need, &Seen)], needs: &Needs) -> SuggestError {
    let spelled: Vec<String> = conflicts.iter().take(SPELLED_OUT).map(|c| remarks::clash(*c, needs)).collect();
    SuggestError::Conflict { left: conflicts.len() - spelled.len(), spelled }
}

/// Whether the outcome of a request is one that a suggestion is made of.
fn counts(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Allowed | Outcome::Denied)
}
