//! Reads the requests out of `events`. Stages are folded and alike requests brought together inside polars,
//! so that only distinct requests, not events, are looked at one by one.

use std::collections::HashMap;
use std::sync::Arc;

use polars::prelude::*;

use super::action::{Recorded, action_of};
use super::impersonation::{Mask, checks};
use super::moments::{Moment, Moments};
use super::{Identity, Outcome, Requests, Uses};
use crate::case::frame::{Frame, IntListColumn, TextListColumn};
use crate::case::{Case, CaseError};
use crate::model::reason;
use crate::model::review::{Action, Target};
use crate::model::time::{Interval, Timestamp};
use crate::tables::events;

/// What alike requests share.
const ALIKE: [&str; 17] = [
    "user",
    "groups",
    "by",
    "by_groups",
    "constraint",
    "as_uid",
    "as_extra",
    "verb",
    "path",
    "object_ref_api_group",
    "object_ref_resource",
    "object_ref_subresource",
    "object_ref_namespace",
    "name",
    "outcome",
    "reason",
    "created",
];

const ALLOWED: &str = "allowed";
const DENIED: &str = "denied";
const UNCLEAR: &str = "unclear";

/// The requests that arrived within a stretch of time.
///
/// # Errors
/// When the table cannot be read.
pub fn read(case: &Case, cluster: &str, within: Interval) -> Result<Uses, CaseError> {
    let lazy = case.table(&events::TABLE, Some(cluster))?.filter(arrived(within)).select(columns());
    let lazy = lazy.filter(col("outcome").is_not_null());
    let frame = Frame::collect(alike(folded(lazy)), "events")?;
    gather(&frame)
}

/// Whether the request arrived in the stretch; where the record does not say when, its stage counts.
fn arrived(within: Interval) -> Expr {
    let time = |t: Timestamp| lit(t.as_micros()).cast(DataType::Datetime(TimeUnit::Microseconds, Some("UTC".into())));
    let at = || col("request_received_timestamp").fill_null(col("stage_timestamp"));
    let mut all = lit(true);
    if within.from != Timestamp::MIN {
        all = all.and(at().gt_eq(time(within.from)));
    }
    if within.to != Timestamp::MAX {
        all = all.and(at().lt(time(within.to)));
    }
    all
}

fn columns() -> Vec<Expr> {
    let masked = || col("impersonated_user_username").is_not_null();
    let either = |yes: &str, no: &str, name: &str| when(masked()).then(col(yes)).otherwise(col(no)).alias(name);
    let only = |column: &str, name: &str| when(masked()).then(col(column)).otherwise(lit(NULL)).alias(name);
    let nameless = col("verb").eq(lit("create")).and(col("object_ref_subresource").is_null());
    // The query makes requests differ that the authorizer takes for the same.
    let path = || col("request_uri").str().replace(lit("(?s)[?#].*"), lit(""), false);
    let own = concat_str([col("source_id"), col("offset").cast(DataType::String)], ":", true);
    let created = col("response_status_code")
        .eq(lit(201))
        .and(col("verb").is_in(lit(Series::new("v".into(), ["update", "patch"]))));
    let mut all = vec![
        either("impersonated_user_username", "user_username", "user"),
        either("impersonated_user_groups", "user_groups", "groups"),
        only("user_username", "by"),
        only("user_groups", "by_groups"),
        only("authentication_metadata_impersonation_constraint", "constraint"),
        only("impersonated_user_uid", "as_uid"),
        only("impersonated_user_extra", "as_extra"),
        when(nameless.fill_null(lit(false))).then(lit(NULL)).otherwise(col("object_ref_name")).alias("name"),
        path().alias("path"),
        outcome().alias("outcome"),
        when(decided("allow")).then(col("authorization_reason")).otherwise(lit(NULL)).alias("reason"),
        created.fill_null(lit(false)).alias("created"),
        when(col("audit_id").is_null()).then(own).otherwise(col("audit_id")).alias("id"),
        col("request_received_timestamp").fill_null(col("stage_timestamp")).alias("received"),
        col("stage_timestamp").fill_null(col("request_received_timestamp")).alias("staged"),
    ];
    let kept = [
        "verb",
        "object_ref_api_group",
        "object_ref_resource",
        "object_ref_subresource",
        "object_ref_namespace",
        "source_id",
        "line",
    ];
    all.extend(kept.map(col));
    all
}

fn decided(word: &str) -> Expr {
    col("authorization_decision").eq(lit(word)).fill_null(lit(false))
}

/// The outcome in one word; missing where the stage was logged before any decision. Without the annotation a
/// status that only comes from behind the authorizer shows that it let the request through.
fn outcome() -> Expr {
    let code = || col("response_status_code");
    let behind = code().lt(lit(400)).or(code().is_in(lit(Series::new("c".into(), [404_i32, 409, 410, 422]))));
    let early = col("stage").eq(lit("RequestReceived")).fill_null(lit(false));
    when(decided("allow"))
        .then(lit(ALLOWED))
        .when(decided("forbid"))
        .then(lit(DENIED))
        .when(early)
        .then(lit(NULL))
        .when(behind.fill_null(lit(false)))
        .then(lit(ALLOWED))
        .otherwise(lit(UNCLEAR))
}

/// One row for each request, however many of its stages were logged.
fn folded(lazy: LazyFrame) -> LazyFrame {
    let mut key: Vec<Expr> = ALIKE.iter().filter(|c| **c != "created").map(|c| col(*c)).collect();
    key.extend([col("id"), col("received")]);
    lazy.sort(["staged", "source_id", "line"], SortMultipleOptions::default()).group_by(key).agg([
        col("created").max(),
        col("staged").first(),
        col("source_id").first(),
        col("line").first(),
    ])
}

/// One row for all alike requests.
fn alike(lazy: LazyFrame) -> LazyFrame {
    lazy.group_by(ALIKE.map(col)).agg([col("received"), col("staged"), col("source_id"), col("line")])
}

/// The columns that hold the moments.
struct Times<'f> {
    received: IntListColumn<'f>,
    staged: IntListColumn<'f>,
    source: TextListColumn<'f>,
    line: IntListColumn<'f>,
}

impl Times<'_> {
    fn get(&self, row: usize, sources: &mut HashMap<String, Arc<str>>) -> Moments {
        let lines = self.line.get(row);
        let stages = self.staged.get(row);
        let places = self.source.get(row).unwrap_or_default();
        let all = self.received.get(row).into_iter().zip(stages).zip(places.into_iter().zip(lines));
        Moments::new(
            all.filter_map(|((received, staged), (source, line))| {
                let kept = sources.entry(source).or_insert_with_key(|s| Arc::from(s.as_str()));
                Some(Moment {
                    received: Timestamp::from_micros(received?),
                    staged: Timestamp::from_micros(staged?),
                    source: Arc::clone(kept),
                    line: line.unwrap_or(0),
                })
            })
            .collect(),
        )
    }
}

/// The texts that say who, as whom, and what.
struct Rows<'f> {
    frame: &'f Frame,
    groups: TextListColumn<'f>,
    by_groups: TextListColumn<'f>,
    times: Times<'f>,
}

fn gather(frame: &Frame) -> Result<Uses, CaseError> {
    let times = Times {
        received: frame.int_list("received")?,
        staged: frame.int_list("staged")?,
        source: frame.list("source_id")?,
        line: frame.int_list("line")?,
    };
    let rows = Rows { frame, groups: frame.list("groups")?, by_groups: frame.list("by_groups")?, times };
    let mut gathered = Gathered::default();
    for row in 0..frame.height() {
        rows.take(row, &mut gathered)?;
    }
    Ok(gathered.finish())
}

#[derive(Default)]
struct Gathered {
    places: HashMap<Identity, usize>,
    identities: Vec<Identity>,
    requests: Vec<Requests>,
    sources: HashMap<String, Arc<str>>,
    unreadable: u64,
}

impl Rows<'_> {
    fn text(&self, column: &str, row: usize) -> Result<Option<&str>, CaseError> {
        Ok(self.frame.text(column)?.get(row))
    }

    fn take(&self, row: usize, out: &mut Gathered) -> Result<(), CaseError> {
        let moments = Arc::new(self.times.get(row, &mut out.sources));
        let (user, verb) = (self.text("user", row)?, self.text("verb", row)?);
        let recorded = Recorded {
            verb: verb.unwrap_or_default(),
            path: self.text("path", row)?,
            group: self.text("object_ref_api_group", row)?,
            resource: self.text("object_ref_resource", row)?,
            subresource: self.text("object_ref_subresource", row)?,
            namespace: self.text("object_ref_namespace", row)?,
            name: self.text("name", row)?,
        };
        let (Some(user), Some(action)) = (user, verb.and_then(|_| action_of(&recorded))) else {
            out.unreadable = out.unreadable.saturating_add(u64::try_from(moments.len()).unwrap_or(u64::MAX));
            return Ok(());
        };
        let groups = self.groups.get(row);
        self.take_impersonation(row, user, groups.as_deref().unwrap_or_default(), &action, &moments, out)?;
        let outcome = match self.text("outcome", row)? {
            Some(ALLOWED) => Outcome::Allowed,
            Some(DENIED) => Outcome::Denied,
            _ => Outcome::Unclear,
        };
        let identity = out.identity(Identity { user: user.to_owned(), groups });
        if self.frame.flag("created")?.get(row) == Some(true) && outcome == Outcome::Allowed {
            out.push(identity, creation(&action), Outcome::Allowed, &moments);
        }
        let named = self.text("reason", row)?.and_then(reason::parse);
        out.requests.push(Requests { identity, action, outcome, named, besides: false, moments });
        Ok(())
    }

    /// Notes what the one who made the request must have been allowed to make it as another.
    fn take_impersonation(
        &self,
        row: usize,
        user: &str,
        groups: &[String],
        action: &Action,
        moments: &Arc<Moments>,
        out: &mut Gathered,
    ) -> Result<(), CaseError> {
        let Some(by) = self.text("by", row)? else { return Ok(()) };
        let mask = Mask {
            user,
            groups,
            uid: self.text("as_uid", row)?,
            extra: self.text("as_extra", row)?,
            constraint: self.text("constraint", row)?,
        };
        let identity = out.identity(Identity { user: by.to_owned(), groups: self.by_groups.get(row) });
        for check in checks(&mask, action) {
            out.push(identity, check, Outcome::Allowed, moments);
        }
        Ok(())
    }
}

/// An update or patch that made the object was authorized a second time, as a create with the name.
/// Source: `createAuthorizerAttributes` in `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/`.
fn creation(action: &Action) -> Action {
    Action { verb: "create".to_owned(), target: action.target.clone() }
}

impl Gathered {
    fn identity(&mut self, identity: Identity) -> usize {
        let next = self.identities.len();
        if let Some(place) = self.places.get(&identity) {
            return *place;
        }
        self.places.insert(identity.clone(), next);
        self.identities.push(identity);
        next
    }

    fn push(&mut self, identity: usize, action: Action, outcome: Outcome, moments: &Arc<Moments>) {
        let moments = Arc::clone(moments);
        self.requests.push(Requests { identity, action, outcome, named: None, besides: true, moments });
    }

    /// Puts everything into an order that does not hang on how the rows came.
    fn finish(mut self) -> Uses {
        let mut order: Vec<usize> = (0..self.identities.len()).collect();
        order.sort_by(|a, b| self.identities.get(*a).cmp(&self.identities.get(*b)));
        let mut new_place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            if let Some(place) = new_place.get_mut(*old) {
                *place = new;
            }
        }
        self.identities.sort();
        for requests in &mut self.requests {
            requests.identity = new_place.get(requests.identity).copied().unwrap_or(0);
        }
        self.requests
            .sort_by_cached_key(|r| (r.identity, spelled(&r.action), r.outcome, r.besides, r.moments.first().cloned()));
        Uses { identities: self.identities, requests: self.requests, unreadable: self.unreadable }
    }
}

/// An action as something that can be ordered.
fn spelled(action: &Action) -> [String; 6] {
    let verb = action.verb.clone();
    match &action.target {
        Target::NonResource { path } => {
            ["path".to_owned(), path.clone(), verb, String::new(), String::new(), String::new()]
        }
        Target::Resource(t) => {
            [String::new(), t.namespace.clone(), t.group.clone(), t.combined(), t.name.clone(), verb]
        }
    }
}
