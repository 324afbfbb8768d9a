//! The options of a line of allowed signers: `namespaces="..."`, `valid-after="..."`, `valid-before="..."`.

use chrono::{NaiveDate, NaiveDateTime};

use crate::model::time::Timestamp;

use super::{LocalTime, patterns};

/// What restricts a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Patterns of what it may sign for.
    namespaces: Option<String>,
    /// It signs at or after this second.
    valid_after: Option<Timestamp>,
    /// It signs at or before this second.
    valid_before: Option<Timestamp>,
}

/// Splits a line behind its options: at the first blank that is not between quotes.
pub(super) fn split(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    let end = text.find(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' => return !quoted,
            _ => {}
        }
        false
    });
    text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""))
}

impl Options {
    /// Reads options that commas part.
    ///
    /// # Errors
    /// What is wrong, for the list's reader: an option that is not understood may be one that restricts.
    pub(super) fn parse(text: &str, local: LocalTime<'_>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = text;
        loop {
            let end = rest.find(['=', ',']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let after = match after.strip_prefix('=') {
                Some(value) => {
                    let (value, after) = dequote(value).ok_or_else(|| format!("`{name}` needs a value in quotes"))?;
                    options.set(name, &value, local)?;
                    after
                }
                None if name.eq_ignore_ascii_case("cert-authority") => {
                    return Err("certificate authorities are not supported: list the keys themselves".to_owned());
                }
                None => return Err(format!("expected an option or a key, found `{name}`")),
            };
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None if after.is_empty() => break,
                None => return Err(format!("expected a comma behind `{name}`")),
            }
        }
        match (options.valid_after, options.valid_before) {
            (Some(after), Some(before)) if before <= after => {
                Err(format!("`valid-before` ({before}) is not later than `valid-after` ({after})"))
            }
            _ => Ok(options),
        }
    }

    fn set(&mut self, name: &str, value: &str, local: LocalTime<'_>) -> Result<(), String> {
        let again = || format!("`{name}` is there twice");
        let time = || parse_time(value, local).ok_or_else(|| format!("`{value}` of `{name}` is not a time"));
        match name.to_ascii_lowercase().as_str() {
            "namespaces" if self.namespaces.is_some() => return Err(again()),
            "namespaces" => self.namespaces = Some(value.to_owned()),
            "valid-after" if self.valid_after.is_some() => return Err(again()),
            "valid-after" => self.valid_after = Some(time()?),
            "valid-before" if self.valid_before.is_some() => return Err(again()),
            "valid-before" => self.valid_before = Some(time()?),
            _ => return Err(format!("the option `{name}` is not known")),
        }
        Ok(())
    }

    /// Why a key with these options may not sign for `namespace` at a moment: code and words. `None`: it may. Where
    /// a moment matters and is not known, it may not.
    pub(super) fn refuse(&self, namespace: &str, at: Option<Timestamp>) -> Option<(&'static str, String)> {
        if let Some(list) = self.namespaces.as_ref().filter(|list| !patterns::matches_list(namespace, list)) {
            let why = format!("lets it sign for `{list}` only, not for `{namespace}`");
            return Some(("signer-namespace-not-allowed", why));
        }
        let bounded = self.valid_after.is_some() || self.valid_before.is_some();
        let code = "signer-key-not-valid";
        let Some(at) = at else {
            let why = "lets it sign for some time only, and the bag does not say when it was sealed".to_owned();
            return bounded.then_some((code, why));
        };
        // In whole seconds, as ssh-keygen counts.
        let second = Timestamp::from_micros(at.as_micros().div_euclid(1_000_000).saturating_mul(1_000_000));
        let early = self.valid_after.filter(|after| second < *after).map(|t| format!("lets it sign from {t} on"));
        let late = self.valid_before.filter(|before| second > *before).map(|t| format!("let it sign until {t}"));
        early.or(late).map(|why| (code, format!("{why}; the moment is {at}")))
    }
}

/// A value in quotes, `\"` inside standing for a quote; and what follows.
fn dequote(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inside.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, inside.get(at.checked_add(1)?..)?)),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                chars.next();
            }
            _ => value.push(c),
        }
    }
    None
}

/// `YYYYMMDD` or `YYYYMMDDHHMM[SS]`; UTC with `Z` or `UTC` behind it, else in the system's own zone.
fn parse_time(text: &str, local: LocalTime<'_>) -> Option<Timestamp> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let zone = text.strip_prefix(digits)?;
    let utc = match zone {
        "" => false,
        _ if zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") => true,
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let time = match digits.len() {
        8 => NaiveDate::parse_from_str(digits, "%Y%m%d").ok()?.and_hms_opt(0, 0, 0)?,
        12 => NaiveDateTime::parse_from_str(&format!("{digits}00"), "%Y%m%d%H%M%S").ok()?,
        14 => NaiveDateTime::parse_from_str(digits, "%Y%m%d%H%M%S").ok()?,
        _ => return None,
    };
    if utc { Some(Timestamp::from_micros(time.and_utc().timestamp_micros())) } else { local(time) }
}
