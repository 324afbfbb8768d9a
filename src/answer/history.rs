//! `history`: the versions of an object, or of all objects of a kind: since when, until when, by whom, and what is new.

use polars::prelude::*;

use super::steps::{self, Step};
use super::versions::{self, Presence};
use super::who_can::namespace;
use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use super::{known, load};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::model::basis::Basis;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::resource::{Catalogue, ResolveError, split_type_name};
use crate::model::time::{Interval, Timestamp};
use crate::tables::object_versions;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// API group, where the catalogue or the case knows the kind.
    pub group: Option<String>,
    /// Kind.
    pub kind: String,
    /// Name; all objects of the kind where there is none.
    pub name: Option<String>,
    /// Namespace; all of them where there is none.
    pub namespace: Option<String>,
    /// Only the versions that held at this moment.
    pub at: Option<Timestamp>,
    /// Whether the answer carries the bodies.
    pub bodies: bool,
    /// What was chosen on the person's behalf.
    pub notes: Vec<String>,
}

/// Why a kind cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The type.
    #[error(transparent)]
    Resource(#[from] ResolveError),
    /// A table.
    #[error(transparent)]
    Case(#[from] CaseError),
}

/// Understands `KIND[/NAME]`, typed as people type kinds. A kind that the catalogue does not know is looked for among
/// those that the case has objects of.
///
/// # Errors
/// When no kind was typed, or the table of versions cannot be read.
pub fn understand(typed: &str, catalogue: &Catalogue, case: &Case, cluster: &str) -> Result<Asked, HistoryError> {
    let (kind, name) = split_type_name(typed);
    let resolved = catalogue.resolve(kind)?;
    let name = name.filter(|n| !n.is_empty()).map(str::to_owned);
    if let Some(known) = resolved.kind {
        let notes = resolved.note.into_iter().collect();
        return Ok(Asked { group: Some(resolved.group), kind: known, name, notes, ..Asked::default() });
    }
    let wanted = resolved.resource.to_lowercase();
    let held = kinds(case, cluster)?.into_iter().find(|(group, kind)| {
        let kind = kind.to_lowercase();
        let plural = [
            format!("{kind}s"),
            format!("{kind}es"),
            kind.strip_suffix('y').map_or_else(String::new, |k| format!("{k}ies")),
        ];
        (resolved.group.is_empty() || resolved.group == *group) && (kind == wanted || plural.contains(&wanted))
    });
    Ok(match held {
        Some((group, kind)) => Asked { group: Some(group), kind, name, ..Asked::default() },
        None => {
            let notes = vec![format!("`{kind}` is no kind that the evidence or this program knows")];
            Asked { group: None, kind: kind.to_owned(), name, notes, ..Asked::default() }
        }
    })
}

/// The groups and kinds of which the case has versions, sorted.
fn kinds(case: &Case, cluster: &str) -> Result<Vec<(String, String)>, CaseError> {
    let lazy = case
        .table(&object_versions::TABLE, Some(cluster))?
        .select([col("api_group"), col("kind")])
        .unique(None, UniqueKeepStrategy::Any)
        .sort(["api_group", "kind"], SortMultipleOptions::default());
    let frame = Frame::collect(lazy, "object_versions")?;
    let (group, kind) = (frame.text("api_group")?, frame.text("kind")?);
    Ok(group.into_iter().zip(kind).filter_map(|(g, k)| Some((g?.to_owned(), k?.to_owned()))).collect())
}

/// Answers; `span` is what the evidence covers.
///
/// # Errors
/// When the table cannot be read.
pub fn answer(case: &Case, cluster: &str, asked: &Asked, span: Interval) -> Result<Answer, CaseError> {
    let mut filter = col("kind").eq(lit(asked.kind.as_str()));
    for (column, value) in [("api_group", &asked.group), ("name", &asked.name), ("namespace", &asked.namespace)] {
        if let Some(value) = value {
            filter = filter.and(col(column).eq(lit(value.as_str())));
        }
    }
    let mut steps = steps::steps(versions::load(case, cluster, filter)?);
    if let Some(at) = asked.at {
        let at = at.min(Timestamp::MAX.plus_micros(-1));
        steps.retain(|s| s.version.held.contains(at));
    }
    let within = asked.at.map_or(span, |at| Interval::new(at, at.plus_micros(1)));
    let mut notes = asked.notes.clone();
    notes.extend(coverage(&steps));
    let unknown =
        steps.iter().any(|s| s.version.presence == Presence::Unknown || s.version.presence == Presence::Maybe);
    let told = steps.iter().any(|s| matches!(s.version.presence, Presence::Present | Presence::Partial));
    Ok(Answer {
        question: describe(asked),
        as_of: asked.at.map_or(AsOf::Everything, AsOf::Moment),
        basis: steps.iter().map(|s| s.version.basis(within)).max(),
        notes,
        columns: columns(asked.bodies),
        rows: steps.iter().map(|s| row(s, within, asked.bodies)).collect(),
        verdict: match (told, unknown) {
            (true, _) => Verdict::Yes,
            (false, true) => Verdict::Unknown,
            // That no version is known says nothing of a kind the evidence never lists.
            (false, false) if is_listed(case, cluster, asked, within)? => Verdict::No,
            (false, false) => Verdict::Unknown,
        },
    })
}

/// Whether the evidence knows all objects asked about within a stretch, so that none means none.
fn is_listed(case: &Case, cluster: &str, asked: &Asked, within: Interval) -> Result<bool, CaseError> {
    let kind = RbacKind::from_kind(&asked.kind).filter(|_| asked.group.as_deref() == Some(RBAC_GROUP));
    let Some(kind) = kind else { return Ok(false) };
    let sets = load::known_sets(case, cluster)?;
    Ok(known::holes(&sets, kind, asked.namespace.as_deref(), within).is_empty())
}

fn describe(asked: &Asked) -> Vec<(&'static str, Value)> {
    vec![
        ("api_group", Value::text(asked.group.as_deref())),
        ("kind", asked.kind.as_str().into()),
        ("name", Value::text(asked.name.as_deref())),
        ("namespace", Value::text(asked.namespace.as_deref())),
    ]
}

/// What a reader must know about how whole the list is.
fn coverage(steps: &[Step]) -> Vec<String> {
    let mut notes = Vec::new();
    if steps.is_empty() {
        notes.push(
            "the evidence shows no version; only where a complete list holds does that mean that there was none"
                .to_owned(),
        );
    }
    let unseen = steps.iter().filter(|s| s.version.began_with == "snapshot" && s.version.actor.is_none()).count();
    if unseen > 0 {
        notes.push(format!("{unseen} versions are known from snapshots only: who began them, and when exactly, the evidence does not show"));
    }
    let weak = steps.iter().filter(|s| s.version.presence != Presence::Present).count();
    if weak > 0 {
        notes.push(format!("{weak} versions cannot be told, or not whole: their details say why"));
    }
    notes
}

fn columns(bodies: bool) -> Vec<AnswerColumn> {
    let mut columns = vec![
        column("namespace"),
        column("name"),
        column("valid_from"),
        column("valid_to"),
        column("change"),
        column("details"),
        column("actor"),
        column("began_with"),
        column("audit_id"),
        column("ended"),
        column("ended_by"),
        column("basis"),
        wide("ended_by_audit_id"),
        wide("presence"),
        wide("known_how"),
        wide("uid"),
        wide("resource_version"),
        wide("source"),
    ];
    if bodies {
        columns.push(wide("body"));
    }
    columns
}

fn row(step: &Step, within: Interval, bodies: bool) -> Vec<Value> {
    let v = &step.version;
    let mut cells = vec![
        namespace(&v.namespace),
        v.name.as_str().into(),
        Value::bound(v.held.from),
        Value::bound(v.held.to),
        step.began.as_str().into(),
        if step.details.is_empty() { Value::Null } else { step.details.join("; ").into() },
        Value::text(v.actor.as_deref()),
        v.began_with.as_str().into(),
        Value::text(v.audit_id.as_deref()),
        Value::text(step.ended.as_str()),
        Value::text(v.ended_by.as_deref()),
        v.basis(within).as_str().into(),
        Value::text(v.ended_by_audit_id.as_deref()),
        v.presence.as_str().into(),
        Value::texts(v.pieces.iter().map(|(held, basis)| piece(*held, *basis))),
        Value::text(v.uid.as_deref()),
        Value::text(v.resource_version.as_deref()),
        v.place.as_str().into(),
    ];
    if bodies {
        cells.push(Value::text(v.body.as_deref()));
    }
    cells
}

fn piece(held: Interval, basis: Basis) -> String {
    format!("{basis} {}", super::who_can::spoken(held))
}
