//! `--at`, `--from`, `--to`: the moment or stretch of time a question is about.

use anyhow::{bail, ensure};
use clap::Args;

use super::Settings;
use crate::answer::{AsOf, load};
use crate::authz::When;
use crate::case::Case;
use crate::model::time::{Interval, Timestamp};

/// The moment asked about.
#[derive(Debug, Args)]
pub struct AtArg {
    /// The moment asked about, RFC 3339 or `YYYY-MM-DD[ HH:MM[:SS]]` UTC; default: the end of the evidence
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
}

/// A stretch of time.
#[derive(Debug, Args)]
pub struct StretchArgs {
    /// From this moment on
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Up to, not including, this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
}

impl StretchArgs {
    /// The ends as they were named; `None` when neither was.
    ///
    /// # Errors
    /// When the stretch holds no instant.
    pub fn named(&self) -> anyhow::Result<Option<Interval>> {
        if self.from.is_none() && self.to.is_none() {
            return Ok(None);
        }
        let stretch = Interval::new(self.from.unwrap_or(Timestamp::MIN), self.to.unwrap_or(Timestamp::MAX));
        ensure!(!stretch.is_empty(), "--to ({}) must lie after --from ({})", stretch.to, stretch.from);
        Ok(Some(stretch))
    }

    /// The stretch, an open end being that of the evidence.
    ///
    /// # Errors
    /// When it holds no instant, or an end is not named and no source has a time.
    pub fn within(&self, case: &Case, cluster: &str) -> anyhow::Result<Interval> {
        self.ended_by(|| Ok(load::span_of_evidence(case, cluster)?))
    }

    /// The stretch, an open end being that of the audit log; where there is no log, that of the evidence.
    ///
    /// # Errors
    /// As [`StretchArgs::within`].
    pub fn within_log(&self, case: &Case, cluster: &str) -> anyhow::Result<Interval> {
        self.ended_by(|| match load::span_of_log(case, cluster)? {
            Some(span) => Ok(span),
            None => Ok(load::span_of_evidence(case, cluster)?),
        })
    }

    fn ended_by(&self, span: impl FnOnce() -> anyhow::Result<Interval>) -> anyhow::Result<Interval> {
        let stretch = match (self.from, self.to) {
            (Some(from), Some(to)) => Interval::new(from, to),
            (from, to) => {
                let span = span()?;
                let (from, to) = (from.unwrap_or(span.from), to.unwrap_or(span.to));
                let named = if self.from.is_some() { "--from" } else { "--to" };
                if from >= to {
                    bail!(
                        "{named} lies outside the evidence, which speaks of {} to {}: name both --from and --to to ask beyond it",
                        span.from,
                        span.to
                    );
                }
                Interval::new(from, to)
            }
        };
        ensure!(!stretch.is_empty(), "--to ({}) must lie after --from ({})", stretch.to, stretch.from);
        Ok(stretch)
    }
}

/// A moment, or a stretch of time.
#[derive(Debug, Args)]
pub struct WhenArgs {
    /// The moment asked about, RFC 3339 or `YYYY-MM-DD[ HH:MM[:SS]]` UTC; default: the end of the evidence
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to", "ever"])]
    at: Option<Timestamp>,
    /// At any moment from this one on; default with --to: from the start of the evidence
    #[arg(long, value_name = "TIME", conflicts_with = "ever")]
    from: Option<Timestamp>,
    /// At any moment before this one; default with --from: to the end of the evidence
    #[arg(long, value_name = "TIME", conflicts_with = "ever")]
    to: Option<Timestamp>,
    /// At any moment that the evidence covers
    #[arg(long)]
    ever: bool,
}

impl WhenArgs {
    /// The time asked about, for the authorizer and for the answer.
    ///
    /// # Errors
    /// When a stretch holds no instant, or a time is not named and no source has one.
    pub fn resolve(&self, settings: &Settings, case: &Case, cluster: &str) -> anyhow::Result<(When, AsOf)> {
        if !self.ever && self.from.is_none() && self.to.is_none() {
            let at = settings.moment(case, cluster, self.at)?;
            return Ok((When::At(at), AsOf::Moment(at)));
        }
        let stretch = StretchArgs { from: self.from, to: self.to }.within(case, cluster)?;
        Ok((When::During(stretch), AsOf::Stretch(stretch)))
    }
}
