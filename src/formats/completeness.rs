//! What sources say of their own completeness, put together. Some signs need more than one record: a
//! page with a token is complete when another page continues it, a total counts over all pages, and a
//! category without reads says nothing where the full one was collected too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::format::Format;
use super::refusals::Refusal;
use super::sink::{Fact, Page};
use super::warnings;
use crate::model::time::Timestamp;

/// Entries of `logcli` output that mean its limit was reached: its default, and those in common use.
const LOGCLI_LIMITS: [u64; 4] = [30, 100, 1000, 5000];

/// Different refusals of one source that are kept.
const REFUSALS: usize = 10_000;

/// Facts of one source; parts of it read side by side are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Formats met.
    pub formats: BTreeSet<Format>,
    /// Clusters it names.
    pub clusters: BTreeSet<String>,
    /// Cloud accounts, projects, subscriptions it names.
    pub accounts: BTreeSet<String>,
    /// Log categories met.
    pub categories: BTreeSet<String>,
    /// Signs of incompleteness met in its records.
    pub warnings: BTreeSet<&'static str>,
    /// What its collector was refused.
    pub refused: BTreeSet<Refusal>,
    /// Files that a must-gather listing names and that are not there: its lines.
    pub listed: BTreeSet<String>,
    /// Pages of results, but those of one row.
    pages: Vec<Page>,
    /// Splunk: rows, and whether the last one is among them.
    splunk: (u64, bool),
    /// Loki: rows of `logcli`.
    logcli: u64,
}

impl SourceFacts {
    /// Adds a fact.
    pub fn fact(&mut self, fact: Fact<'_>) {
        let add = |set: &mut BTreeSet<String>, text: &str| {
            if !set.contains(text) {
                set.insert(text.to_owned());
            }
        };
        match fact {
            Fact::Format(format) => {
                self.formats.insert(format);
            }
            Fact::Cluster(name) => add(&mut self.clusters, name),
            Fact::Account(name) => add(&mut self.accounts, name),
            Fact::Category(name) => add(&mut self.categories, name),
            Fact::Refused(refusal) => {
                if self.refused.len() < REFUSALS {
                    self.refused.insert(refusal.clone());
                }
            }
            Fact::Page(page) => match page.format {
                Format::Splunk => self.splunk = (self.splunk.0 + 1, self.splunk.1 || !page.more),
                Format::Loki => self.logcli += page.rows,
                _ => self.page(page),
            },
        }
    }

    /// Adds a page, or the next stretch of the last one.
    fn page(&mut self, page: Page) {
        match self.pages.last_mut().filter(|last| last.goes_on && last.format == page.format) {
            Some(last) => *last = last.and(page),
            None => self.pages.push(page),
        }
    }

    /// Adds a warning.
    pub fn warn(&mut self, code: &'static str) {
        self.warnings.insert(code);
    }

    /// Adds what another part of the source said. Parts are merged in their order.
    pub fn merge(&mut self, other: Self) {
        self.formats.extend(other.formats);
        self.clusters.extend(other.clusters);
        self.accounts.extend(other.accounts);
        self.categories.extend(other.categories);
        self.warnings.extend(other.warnings);
        self.refused.extend(other.refused);
        self.listed.extend(other.listed);
        other.pages.into_iter().for_each(|page| self.page(page));
        self.splunk = (self.splunk.0 + other.splunk.0, self.splunk.1 || other.splunk.1);
        self.logcli += other.logcli;
    }

    /// The name of the format: several are joined by `+`.
    pub fn format_name(&self) -> Option<String> {
        let names: BTreeSet<&str> = self.formats.iter().map(|f| f.name()).collect();
        (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join("+"))
    }

    /// Columns that no format of the source carries.
    pub fn absent_fields(&self) -> Vec<String> {
        let mut formats = self.formats.iter().filter(|f| !f.is_without_events()).map(|f| f.absent_fields());
        let Some(first) = formats.next() else { return Vec::new() };
        let rest: Vec<_> = formats.collect();
        let absent = first.iter().filter(|name| rest.iter().all(|f| f.contains(name)));
        let mut absent: Vec<String> = absent.map(|s| (*s).to_owned()).collect();
        absent.sort();
        absent
    }

    /// What later imports need of it to tell whether something is missing, as JSON objects: pages,
    /// totals, categories, refusals, and the signs its own records gave.
    pub fn to_items(&self) -> Vec<String> {
        let item = |i: &Item| serde_json::to_string(i).unwrap_or_default();
        let mut items: Vec<String> = self.categories.iter().map(|c| item(&Item::Category(c.clone()))).collect();
        items.extend(self.pages.iter().map(|p| item(&Item::Page(*p))));
        if self.splunk.0 > 0 {
            items.push(item(&Item::SplunkRows { rows: self.splunk.0, last: self.splunk.1 }));
        }
        if self.logcli > 0 {
            items.push(item(&Item::LogcliRows(self.logcli)));
        }
        items.extend(CROSS.iter().filter(|c| self.warnings.contains(**c)).map(|c| item(&Item::Sign((*c).to_owned()))));
        items.extend(self.listed.iter().map(|l| item(&Item::Listed(l.clone()))));
        items.extend(self.refused.iter().map(|r| item(&Item::Refused(r.clone()))));
        items
    }

    /// Facts of a source of an earlier import: what [`SourceFacts::to_items`] kept, and its format's name.
    pub fn of_items(items: &[String], format: &str) -> Self {
        let mut facts = Self::default();
        for known in [Format::AksDiagnostics, Format::GkeCloudLogging] {
            if format.split('+').any(|name| name == known.name()) {
                facts.formats.insert(known);
            }
        }
        for item in items.iter().filter_map(|i| serde_json::from_str::<Item>(i).ok()) {
            match item {
                Item::Category(name) => {
                    facts.categories.insert(name);
                }
                Item::Page(page) => facts.pages.push(page),
                Item::SplunkRows { rows, last } => facts.splunk = (rows, last),
                Item::LogcliRows(rows) => facts.logcli = rows,
                Item::Sign(code) => facts.warnings.extend(CROSS.iter().filter(|c| **c == code)),
                Item::Listed(line) => {
                    facts.listed.insert(line);
                }
                Item::Refused(refusal) => {
                    facts.refused.insert(refusal);
                }
            }
        }
        facts
    }

    fn has_reads(&self) -> bool {
        self.categories.iter().any(|c| matches!(c.as_str(), "kube-audit" | "data_access"))
    }

    fn lacks_reads(&self) -> bool {
        !self.has_reads() && self.categories.iter().any(|c| matches!(c.as_str(), "kube-audit-admin" | "activity"))
    }
}

/// Warnings that other sources may answer.
pub const CROSS: [&str; 4] = [
    warnings::NEXT_TOKEN_LEFT,
    warnings::RESULT_LIMIT,
    warnings::CATEGORY_WITHOUT_READS,
    warnings::LISTED_FILE_MISSING,
];

/// One of the facts that are kept between imports.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Item {
    /// A log category was met.
    Category(String),
    /// A page of a result.
    Page(Page),
    /// Rows of Splunk, and whether the last one is among them.
    SplunkRows { rows: u64, last: bool },
    /// Rows of `logcli`.
    LogcliRows(u64),
    /// A sign its own records gave.
    Sign(String),
    /// A file that a listing names and that is not there.
    Listed(String),
    /// A collector's request gave no objects.
    Refused(Refusal),
}

/// The warnings of each source, given all that were collected. `set` tells sources that belong together:
/// those of one folder, or of one export.
pub fn warnings_of(sources: &[(&str, &SourceFacts)]) -> Vec<BTreeSet<&'static str>> {
    let mut found: Vec<BTreeSet<&'static str>> = sources.iter().map(|(_, s)| s.warnings.clone()).collect();
    for ((_, source), found) in sources.iter().zip(&mut found) {
        if source.splunk.0 > 0 && !source.splunk.1 || LOGCLI_LIMITS.contains(&source.logcli) {
            found.insert(warnings::RESULT_LIMIT);
        }
    }
    let reads = |provider: fn(&SourceFacts) -> bool| sources.iter().any(|(_, s)| s.has_reads() && provider(s));
    let (aks, gke) = (reads(is_aks), reads(is_gke));
    for ((_, source), found) in sources.iter().zip(&mut found) {
        if source.lacks_reads() && !(is_aks(source) && aks || is_gke(source) && gke) {
            found.insert(warnings::CATEGORY_WITHOUT_READS);
        }
    }
    let mut sets: BTreeMap<&str, Vec<(usize, Page)>> = BTreeMap::new();
    for (n, (set, source)) in sources.iter().enumerate() {
        sets.entry(set).or_default().extend(source.pages.iter().map(|p| (n, *p)));
    }
    for pages in sets.values() {
        for (n, code) in unanswered(pages).into_iter().map(|n| (n, warnings::NEXT_TOKEN_LEFT)).chain(cut_totals(pages))
        {
            found.get_mut(n).map(|f| f.insert(code));
        }
    }
    found
}

fn is_aks(source: &SourceFacts) -> bool {
    source.formats.contains(&Format::AksDiagnostics)
}

fn is_gke(source: &SourceFacts) -> bool {
    source.formats.contains(&Format::GkeCloudLogging)
}

/// Sources with a page whose token no other page answers. A page answers one that ended where it begins
/// or before; each answers one.
fn unanswered(pages: &[(usize, Page)]) -> BTreeSet<usize> {
    let mut open: Vec<&(usize, Page)> = pages.iter().filter(|(_, p)| p.more).collect();
    let mut next: Vec<&(usize, Page)> = pages.iter().filter(|(_, p)| p.format == Format::CloudwatchFilter).collect();
    // Earliest end first, each taking the earliest page behind it: no other choice answers more.
    open.sort_by_key(|(_, p)| p.last);
    // A page without events (they exist) may go on from anywhere, so it is used last.
    next.sort_by_key(|(_, p)| (p.first.is_none(), p.first));
    let mut left = BTreeSet::new();
    for page in open {
        let own = |other: &(usize, Page)| std::ptr::eq(other, page);
        let begins =
            |other: &(usize, Page)| other.1.first.is_none_or(|first| first >= page.1.last.unwrap_or(Timestamp::MIN));
        match next.iter().position(|other| !own(other) && begins(other)) {
            Some(i) => {
                next.remove(i);
            }
            None => {
                left.insert(page.0);
            }
        }
    }
    left
}

/// Sources with pages of a result of which not all rows are there.
fn cut_totals(pages: &[(usize, Page)]) -> Vec<(usize, &'static str)> {
    let mut rows: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, page) in pages {
        if let Some(total) = page.total {
            let sum = rows.entry(total).or_default();
            *sum = sum.saturating_add(page.rows);
        }
    }
    let cut = |p: &Page| p.total.is_some_and(|t| rows.get(&t).is_some_and(|sum| *sum < t));
    pages.iter().filter(|(_, p)| cut(p)).map(|(n, _)| (*n, warnings::RESULT_LIMIT)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Option<Timestamp> {
        Some(Timestamp::from_micros(s))
    }

    fn page(more: bool, first: i64, last: i64) -> SourceFacts {
        let mut f = SourceFacts::default();
        f.fact(Fact::Page(Page {
            more,
            first: at(first),
            last: at(last),
            rows: 1,
            ..Page::of(Format::CloudwatchFilter)
        }));
        f
    }

    fn left(sources: &[(&str, &SourceFacts)]) -> Vec<bool> {
        warnings_of(sources).iter().map(|w| w.contains(warnings::NEXT_TOKEN_LEFT)).collect()
    }

    #[test]
    fn stretches_of_one_page_are_one_page() {
        let mut all = SourceFacts::default();
        for (goes_on, rows, seconds) in [(true, 3, 5), (true, 4, 2), (false, 5, 9), (false, 6, 1)] {
            let mut f = SourceFacts::default();
            let time = at(seconds);
            let page =
                Page { rows, first: time, last: time, total: Some(20), goes_on, ..Page::of(Format::Elasticsearch) };
            f.fact(Fact::Page(page));
            all.merge(f);
        }
        let told: Vec<_> = all.pages.iter().map(|p| (p.rows, p.first, p.last, p.goes_on)).collect();
        assert_eq!(told, [(12, at(2), at(9), false), (6, at(1), at(1), false)]);
    }

    #[test]
    fn a_token_is_answered_by_the_page_that_goes_on() {
        let (a, b, c) = (page(true, 0, 10), page(true, 10, 20), page(false, 20, 30));
        assert_eq!(left(&[("x", &a), ("x", &b), ("x", &c)]), [false, false, false]);
        assert_eq!(left(&[("x", &c), ("x", &a)]), [false, false]);
        assert_eq!(left(&[("x", &a), ("y", &c)]), [true, false]);
        assert_eq!(left(&[("x", &a), ("x", &b)]), [false, true]);
        assert_eq!(left(&[("x", &b), ("x", &a)]), [true, false]);
        // One page cannot answer two.
        let also = page(true, 0, 10);
        assert_eq!(left(&[("x", &a), ("x", &also), ("x", &c)]).iter().filter(|l| **l).count(), 1);
    }

    #[test]
    fn what_later_imports_need_survives_in_words() {
        let mut all = page(true, 0, 10);
        all.merge(page(false, 10, 20));
        all.fact(Fact::Category("kube-audit-admin"));
        all.fact(Fact::Format(Format::AksDiagnostics));
        all.fact(Fact::Page(Page { more: true, ..Page::of(Format::Splunk) }));
        all.fact(Fact::Page(Page { rows: 30, ..Page::of(Format::Loki) }));
        all.listed.insert("m0 audit.log".to_owned());
        all.warn(warnings::RESULT_LIMIT);
        all.warn(warnings::REJECTED_LINE);
        let again = SourceFacts::of_items(&all.to_items(), "aks-diagnostics+native-jsonl");
        // Warnings that nothing can answer stand in `sources` already.
        all.warnings.remove(warnings::REJECTED_LINE);
        assert_eq!(again, all);
        assert_eq!(SourceFacts::of_items(&["x".to_owned(), "{}".to_owned()], ""), SourceFacts::default());
    }

    #[test]
    fn a_total_counts_over_all_pages() {
        let hits = |rows| {
            let mut f = SourceFacts::default();
            f.fact(Fact::Page(Page { rows, total: Some(10), ..Page::of(Format::Elasticsearch) }));
            f
        };
        let limited = |s: &[(&str, &SourceFacts)]| warnings_of(s).iter().any(|w| w.contains(warnings::RESULT_LIMIT));
        let (a, b) = (hits(6), hits(4));
        assert!(limited(&[("x", &a)]) && !limited(&[("x", &a), ("x", &b)]));
    }

    #[test]
    fn reads_are_missing_only_where_no_source_has_them() {
        let source = |format, category| {
            let mut f = SourceFacts::default();
            f.fact(Fact::Format(format));
            f.fact(Fact::Category(category));
            f
        };
        let (admin, full) =
            (source(Format::AksDiagnostics, "kube-audit-admin"), source(Format::AksDiagnostics, "kube-audit"));
        let (activity, access) =
            (source(Format::GkeCloudLogging, "activity"), source(Format::GkeCloudLogging, "data_access"));
        let lacking =
            |s: &[(&str, &SourceFacts)]| warnings_of(s).iter().any(|w| w.contains(warnings::CATEGORY_WITHOUT_READS));
        assert!(lacking(&[("a", &admin)]) && lacking(&[("a", &activity)]) && lacking(&[("a", &admin), ("b", &access)]));
        assert!(!lacking(&[("a", &admin), ("b", &full)]) && !lacking(&[("a", &activity), ("a", &access)]));
    }
}
