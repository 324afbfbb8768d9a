//! Verifies generated audit logs of any size: every line is an audit event, identities and times make sense, and the
//! totals are those of the record.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::check::{agree, each_line, ensure, text};
use super::clock::{MINUTE, parse};

#[derive(Default)]
struct Totals {
    ids: HashSet<u128>,
    /// Long-running requests that have begun, by ID, with what they ask for.
    begun: HashMap<u128, (String, i64)>,
    by_level: BTreeMap<String, u64>,
    ended: u64,
    latest: i64,
    late: u64,
    longest: usize,
}

/// Verifies a directory that `audit` generated.
pub(crate) fn check(dir: &Path, record: &Value) -> Result<String, String> {
    let mut totals = Totals::default();
    let [files, lines, bytes] = each_line(&dir.join("audit"), |line| {
        totals.longest = totals.longest.max(line.len());
        let event: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        totals.event(&event)
    })?;
    let begun = totals.begun.len() as u64;
    let all = [
        ("files", files),
        ("lines", lines),
        ("bytes", bytes),
        ("long_running_ended", totals.ended),
        ("long_running_unfinished", begun),
    ];
    all.iter().try_for_each(|(key, found)| agree(record, key, *found))?;
    ensure(totals.late * 20 < lines, || format!("{} of {lines} lines are out of order", totals.late))?;
    let share = |n: &u64| (*n * 100).checked_div(lines).unwrap_or_default();
    let levels: Vec<String> = totals.by_level.iter().map(|(level, n)| format!("{} % {level}", share(n))).collect();
    Ok(format!(
        "{lines} events ({bytes} bytes, {files} files): {}; {} bytes a line, {} at most; {} lines late; {} long-running requests ended",
        levels.join(", "),
        bytes.checked_div(lines).unwrap_or_default(),
        totals.longest,
        totals.late,
        totals.ended
    ))
}

impl Totals {
    fn event(&mut self, event: &Value) -> Result<(), String> {
        let known = text(event, "/kind") == "Event" && text(event, "/apiVersion") == "audit.k8s.io/v1";
        ensure(known && !text(event, "/user/username").is_empty(), || "no audit event".to_owned())?;
        let id = uuid(text(event, "/auditID")).ok_or("the audit ID is no random UUID")?;
        let time = |field: &str| parse(text(event, field)).ok_or_else(|| format!("{field} is no time"));
        let (received, staged) = (time("/requestReceivedTimestamp")?, time("/stageTimestamp")?);
        ensure(received < staged, || "it ended before it began".to_owned())?;
        ensure(staged > self.latest - MINUTE, || "it stands far out of order".to_owned())?;
        self.late += u64::from(staged < self.latest);
        self.latest = self.latest.max(staged);
        *self.by_level.entry(text(event, "/level").to_owned()).or_default() += 1;
        self.stage(event, id, received)
    }

    fn stage(&mut self, event: &Value, id: u128, received: i64) -> Result<(), String> {
        let what = (text(event, "/requestURI").to_owned(), received);
        match text(event, "/stage") {
            "ResponseComplete" if self.begun.contains_key(&id) => {
                ensure(self.begun.remove(&id) == Some(what), || "it differs from its beginning".to_owned())?;
                self.ended += 1;
                return Ok(());
            }
            "ResponseComplete" => {
                let whole = text(event, "/verb") != "watch" && text(event, "/objectRef/subresource") != "exec";
                ensure(whole, || "a long-running request has no beginning".to_owned())?;
            }
            "ResponseStarted" => {
                self.begun.insert(id, what);
            }
            stage => return Err(format!("odd stage `{stage}`")),
        }
        ensure(self.ids.insert(id), || "the audit ID came before".to_owned())
    }
}

/// The number behind a UUID of version 4.
fn uuid(id: &str) -> Option<u128> {
    let form = |(place, c): (usize, char)| match place {
        8 | 13 | 18 | 23 => c == '-',
        14 => c == '4',
        19 => matches!(c, '8' | '9' | 'a' | 'b'),
        _ => c.is_ascii_digit() || matches!(c, 'a'..='f'),
    };
    let whole = id.len() == 36 && id.chars().enumerate().all(form);
    u128::from_str_radix(&id.replace('-', ""), 16).ok().filter(|_| whole)
}
