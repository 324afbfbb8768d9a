//! CSV exports: told by the names of their columns, opened row by row.

use std::borrow::Cow;

use super::cloudwatch::insights;
use super::csv_rows::{Row, Rows};
use super::format::Format;
use super::open::{Around, Opener};
use super::recognise::BOM;
use super::sink::Span;
use super::spot::Spot;
use super::{Reject, log_analytics, splunk, warnings};

/// Which export a header belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Insights,
    Splunk,
    LogAnalytics,
    /// `AzureDiagnostics`, whose column `log_s` holds the event as text.
    AzureDiagnostics,
}

fn kind(header: &[String]) -> Option<Kind> {
    let has = |name: &str| header.iter().any(|h| h == name);
    if has("@message") {
        Some(Kind::Insights)
    } else if has("_raw") {
        Some(Kind::Splunk)
    } else if log_analytics::is_header(&has) {
        Some(Kind::LogAnalytics)
    } else if has("log_s") {
        Some(Kind::AzureDiagnostics)
    } else {
        None
    }
}

fn header(bytes: &[u8]) -> Option<Vec<String>> {
    Some(names(&Rows::new(bytes).next()?))
}

fn names(header: &Row<'_>) -> Vec<String> {
    header.cells.iter().map(|c| String::from_utf8_lossy(c).trim().to_owned()).collect()
}

/// What a CSV export's header says.
#[derive(Debug)]
pub(super) struct Table {
    kind: Kind,
    header: Vec<String>,
}

impl Table {
    /// The header that `bytes` begin with, and its length with its line end.
    pub(super) fn of(bytes: &[u8]) -> Option<(Self, usize)> {
        let row = Rows::new(bytes).next()?;
        let header = names(&row);
        let kind = kind(&header)?;
        let behind = bytes.get(row.range.end..)?;
        let end = memchr::memchr(b'\n', behind).map(|i| row.range.end + i + 1)?;
        Some((Self { kind, header }, end))
    }

    /// Whether the number of rows says something of the whole file.
    pub(super) fn is_counted(&self) -> bool {
        self.kind == Kind::Insights
    }

    /// Where rows may be cut: behind the first that ends at `least` or later. `bytes` start with a row; `all` says that
    /// nothing more can be read. `None` where that has to be read first.
    pub(super) fn rows_end(&self, bytes: &[u8], least: usize, all: bool) -> Option<usize> {
        for (row, damaged) in Walk::new(bytes, self.kind, &self.header) {
            if row.range.end == bytes.len() && !all {
                return None;
            }
            if !damaged && row.range.end >= least {
                let behind = bytes.get(row.range.end..).unwrap_or_default();
                return Some(memchr::memchr(b'\n', behind).map_or(bytes.len(), |i| row.range.end + i + 1));
            }
        }
        all.then_some(bytes.len())
    }
}

/// Whether a file that starts so is a known CSV export.
pub(super) fn recognises(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    header(line).is_some_and(|h| kind(&h).is_some())
}

/// Walks over rows, and says of each whether it is one by damage: then only its first line is lost.
struct Walk<'b, 'h> {
    rows: Rows<'b>,
    bytes: &'b [u8],
    kind: Kind,
    header: &'h [String],
    /// Every restart reads again what a row swallowed; evidence does not need that often.
    budget: usize,
}

impl<'b, 'h> Walk<'b, 'h> {
    fn new(bytes: &'b [u8], kind: Kind, header: &'h [String]) -> Self {
        Self { rows: Rows::new(bytes), bytes, kind, header, budget: bytes.len().saturating_mul(8) }
    }
}

impl<'b> Iterator for Walk<'b, '_> {
    type Item = (Row<'b>, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        let raw = self.bytes.get(row.range.clone()).unwrap_or_default();
        let swallowed = memchr::memchr(b'\n', raw).is_some();
        let damaged = swallowed && is_damaged(self.kind, self.header, &row) && self.budget > raw.len();
        if damaged {
            self.budget -= raw.len();
            self.rows.restart(&row);
        }
        Some((row, damaged))
    }
}

/// Whether a row over several lines is one by damage: its event cannot be read.
fn is_damaged(kind: Kind, header: &[String], row: &Row<'_>) -> bool {
    let column = match kind {
        Kind::Insights => "@message",
        Kind::Splunk => "_raw",
        Kind::LogAnalytics => "User",
        Kind::AzureDiagnostics => "log_s",
    };
    let cell = header
        .iter()
        .position(|h| h == column)
        .and_then(|i| row.cells.get(i))
        .map(|c| c.trim_ascii())
        .unwrap_or_default();
    let text = kind != Kind::LogAnalytics && !cell.starts_with(b"{") && !row.open;
    row.open
        || row.cells.len() != header.len()
        || (!text && !cell.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(cell).is_err())
}

impl Opener<'_> {
    /// Opens a whole CSV file.
    pub(super) fn csv(&mut self, bytes: &[u8]) {
        let (bytes, base) = match bytes.strip_prefix(BOM) {
            Some(rest) => (rest, BOM.len()),
            None => (bytes, 0),
        };
        let Some(header) = header(bytes) else { return };
        let Some(kind) = kind(&header) else { return };
        let mut walk = Walk::new(bytes, kind, &header);
        walk.rows.next();
        let mut count = 0_u64;
        for (row, damaged) in walk {
            count += 1;
            let raw = bytes.get(row.range.clone()).unwrap_or_default();
            let spot = Spot::verbatim((base + row.range.start) as u64, row.line + 1, raw.len());
            if damaged {
                let line = raw.split(|b| *b == b'\n').next().unwrap_or_default();
                self.reject_row(line, "expected a row, found a cell without its closing quote", spot.span, true);
                continue;
            }
            self.row(kind, &header, &row, raw, spot);
        }
        if kind == Kind::Insights {
            insights::check_limit(self, count);
        }
    }

    fn row(&mut self, kind: Kind, header: &[String], row: &Row<'_>, raw: &[u8], spot: Spot) {
        let cells: Result<Vec<&str>, _> = row.cells.iter().map(|c| std::str::from_utf8(c)).collect();
        let (Ok(cells), Ok(text)) = (cells, std::str::from_utf8(raw)) else {
            return self.reject_row(raw, "invalid UTF-8", spot.span, row.ended);
        };
        let cut = !row.ended && (row.open || cells.len() < header.len());
        if cut {
            return self.reject_row(raw, "expected a row of as many cells as the header", spot.span, false);
        }
        let get = |name: &str| {
            header.iter().position(|h| h == name).and_then(|i| cells.get(i)).copied().filter(|c| !c.is_empty())
        };
        let around = Around::source(self.ctx, spot, raw, row.ended);
        match kind {
            Kind::Insights => {
                self.met(Format::CloudwatchInsights);
                insights::message(self, text, &get, around.of(Format::CloudwatchInsights));
            }
            Kind::Splunk => {
                self.met(Format::Splunk);
                splunk::message(self, text, get("_raw"), get("_time"), get("host"), around);
            }
            Kind::LogAnalytics => log_analytics::row(self, text, &get, around),
            Kind::AzureDiagnostics => self.azure_diagnostics(text, &get, around),
        }
    }

    fn azure_diagnostics<'v>(&mut self, text: &str, get: &dyn Fn(&str) -> Option<&'v str>, around: Around<'_>) {
        self.met(Format::AksDiagnostics);
        let category = get("Category").unwrap_or("kube-audit");
        self.sink.fact(super::sink::Fact::Category(category));
        let mut around = around.of(Format::AksDiagnostics);
        if !matches!(category, "kube-audit" | "kube-audit-admin") {
            return self.sink.skip(super::sink::Skipped::OtherLog, around.span());
        }
        around.expect_event = true;
        match get("log_s") {
            Some(log) => self.inner(log, around),
            None => self.reject(text, "expected a text in `log_s`", around, warnings::REJECTED_LINE),
        }
    }

    fn reject_row(&mut self, bytes: &[u8], why: &str, span: Span, ended: bool) {
        let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
        let salvaged = text.find('{').and_then(|i| text.get(i..)).map(|t| t.replace("\"\"", "\""));
        let why = match salvaged.as_deref().and_then(super::salvage::of) {
            Some(found) => format!("{why}; salvaged {found}"),
            None => why.to_owned(),
        };
        self.sink.reject(Reject::new(span.offset, span.line, bytes, why));
        self.sink.warn(if ended { warnings::REJECTED_LINE } else { warnings::PARTIAL_LAST_LINE });
    }
}
