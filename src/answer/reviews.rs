//! `can --reviews`: access reviews in bulk, user and groups to the letter, one JSON answer a line.

use std::io::{self, BufRead, Write};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::can::decide;
use crate::authz::Authorizer;
use crate::model::review::{AccessReview, Action, ResourceTarget, Target};
use crate::model::time::Timestamp;

/// Lines answered in parallel at a time.
const BATCH: usize = 16_384;

/// What a run of reviews came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reviews answered yes or no.
    pub told: u64,
    /// Reviews the evidence cannot tell.
    pub unknown: u64,
    /// Lines that are no reviews.
    pub broken: u64,
}

#[derive(Deserialize)]
struct LineIn<'a> {
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
    #[serde(default)]
    at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    groups: Option<Vec<String>>,
    #[serde(default)]
    resource_attributes: Option<ResourceAttributes>,
    #[serde(default)]
    non_resource_attributes: Option<NonResourceAttributes>,
}

#[derive(Deserialize)]
struct ResourceAttributes {
    #[serde(default)]
    verb: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    subresource: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct NonResourceAttributes {
    #[serde(default)]
    verb: Option<String>,
    #[serde(default)]
    path: Option<String>,
}

#[derive(Serialize)]
struct LineOut<'a> {
    spec: Option<&'a RawValue>,
    /// As it was asked, to the letter: answers are matched with questions by it.
    at: &'a str,
    allowed: Option<bool>,
    basis: &'static str,
    reason: &'a str,
    via: Vec<String>,
}

/// Answers every line of `input`; `default_at` is the moment for lines that name none.
///
/// # Errors
/// When reading or writing fails. A broken line is answered with `null` and counted.
pub fn run(
    authorizer: &Authorizer,
    input: &mut dyn BufRead,
    default_at: Timestamp,
    out: &mut dyn Write,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut number = 0_u64;
    loop {
        let mut lines = Vec::new();
        while lines.len() < BATCH {
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            if !line.trim_ascii().is_empty() {
                lines.push((number, line));
            }
        }
        if lines.is_empty() {
            return Ok(tally);
        }
        let answered: Vec<(Vec<u8>, Outcome)> =
            lines.par_iter().map(|(n, line)| answer_line(authorizer, *n, line.trim_ascii(), default_at)).collect();
        for (text, outcome) in answered {
            out.write_all(&text)?;
            match outcome {
                Outcome::Told => tally.told += 1,
                Outcome::Unknown => tally.unknown += 1,
                Outcome::Broken => tally.broken += 1,
            }
        }
    }
}

enum Outcome {
    Told,
    Unknown,
    Broken,
}

fn answer_line(authorizer: &Authorizer, number: u64, line: &[u8], default_at: Timestamp) -> (Vec<u8>, Outcome) {
    match read_line(line, default_at) {
        Ok(Asked { spec, review, at, at_text }) => {
            let decision = decide(authorizer, &review, at);
            let via = decision.via.iter().map(ToString::to_string).collect();
            let (allowed, basis) = (decision.allowed, decision.basis.as_str());
            let out = LineOut { spec: Some(spec), at: &at_text, allowed, basis, reason: &decision.reason, via };
            (to_line(&out), if allowed.is_some() { Outcome::Told } else { Outcome::Unknown })
        }
        Err(why) => {
            let reason = format!("line {number} is no access review: {why}");
            let at = default_at.to_string();
            let out =
                LineOut { spec: None, at: &at, allowed: None, basis: "unknown", reason: &reason, via: Vec::new() };
            (to_line(&out), Outcome::Broken)
        }
    }
}

fn to_line(out: &LineOut<'_>) -> Vec<u8> {
    let mut text = serde_json::to_vec(out).unwrap_or_default();
    text.push(b'\n');
    text
}

/// One question.
struct Asked<'a> {
    spec: &'a RawValue,
    review: AccessReview,
    at: Timestamp,
    at_text: String,
}

/// A line is `{"spec": …, "at": …}`, a whole SubjectAccessReview, or the bare spec.
fn read_line(line: &[u8], default_at: Timestamp) -> Result<Asked<'_>, String> {
    let whole: &RawValue = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let outer: LineIn<'_> = serde_json::from_str(whole.get()).map_err(|e| e.to_string())?;
    let spec = outer.spec.unwrap_or(whole);
    let (at, at_text) = match outer.at {
        Some(text) => (text.parse::<Timestamp>().map_err(|e| e.to_string())?, text),
        None => (default_at, default_at.to_string()),
    };
    let parsed: Spec = serde_json::from_str(spec.get()).map_err(|e| e.to_string())?;
    let action = match (parsed.resource_attributes, parsed.non_resource_attributes) {
        (Some(r), None) => Action {
            verb: r.verb.unwrap_or_default(),
            target: Target::Resource(ResourceTarget {
                group: r.group.unwrap_or_default(),
                resource: r.resource.unwrap_or_default(),
                subresource: r.subresource.unwrap_or_default(),
                namespace: r.namespace.unwrap_or_default(),
                name: r.name.unwrap_or_default(),
            }),
        },
        (None, Some(n)) => Action {
            verb: n.verb.unwrap_or_default(),
            target: Target::NonResource { path: n.path.unwrap_or_default() },
        },
        _ => return Err("expected exactly one of resourceAttributes and nonResourceAttributes".to_owned()),
    };
    let review =
        AccessReview { user: parsed.user.unwrap_or_default(), groups: parsed.groups.unwrap_or_default(), action };
    Ok(Asked { spec, review, at, at_text })
}
