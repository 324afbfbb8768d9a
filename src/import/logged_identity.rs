//! Records of aws-iam-authenticator's log as rows of `identities`: copies told apart, and the two lines
//! of one call joined. The log names no call, so lines are joined by the address that asked, the second,
//! and the identity itself; a row says which line it was joined with.

use std::collections::HashMap;

use crate::formats::authenticator::AuthenticatorRecord;
use crate::formats::sink::Span;
use crate::model::aws;
use crate::model::time::Timestamp;

/// Lines of one call lie within this many microseconds.
const ONE_CALL: i64 = 5_000_000;

/// One record of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedIdentity {
    /// When.
    pub at: Option<Timestamp>,
    /// `granted`, `denied`, `identified`, `mapping`, `reloaded`, `other`.
    pub outcome: &'static str,
    /// The message.
    pub message: String,
    /// What a loaded entry maps.
    pub mapped: Option<&'static str>,
    /// ARN as written.
    pub arn: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Principal id.
    pub principal_id: Option<String>,
    /// Access key id.
    pub access_key_id: Option<String>,
    /// Session name.
    pub session_name: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// UID.
    pub uid: Option<String>,
    /// Error.
    pub reason: Option<String>,
    /// Who asked.
    pub client: Option<String>,
    /// Log stream.
    pub log_stream: Option<String>,
    /// Place of the `identified` line of the same call.
    pub joined_with: Option<String>,
    /// Where it lies.
    pub span: Span,
}

/// What tells copies of a line: all it says, but where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineKey(Vec<Option<String>>);

impl LineKey {
    /// From the columns of a row.
    pub fn new(at: Option<Timestamp>, outcome: &str, groups: &[String], texts: [Option<&str>; 6]) -> Self {
        let mut parts = vec![at.map(|t| t.to_string()), Some(outcome.to_owned()), Some(groups.join(" "))];
        parts.extend(texts.map(|t| t.map(str::to_owned)));
        Self(parts)
    }

    /// As one text.
    pub fn text(&self) -> String {
        // Texts and nulls: serialising them cannot fail.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl LoggedIdentity {
    /// From a record.
    pub fn of(record: &AuthenticatorRecord<'_>, span: Span, log_stream: Option<&str>) -> Self {
        let get = |key: &str| record.get(key).map(str::to_owned);
        let (outcome, mapped) = match record.msg.as_str() {
            "access granted" => ("granted", None),
            "access denied" => ("denied", None),
            "STS response" => ("identified", None),
            "reconfigured access" => ("reloaded", None),
            m if m.starts_with("mapping IAM role") => ("mapping", Some("role")),
            m if m.starts_with("mapping IAM user") => ("mapping", Some("user")),
            m if m.starts_with("mapping IAM") => {
                ("mapping", record.get("account").or(record.get("accountID")).map(|_| "account"))
            }
            _ => ("other", None),
        };
        let arn = get("arn").or_else(|| if outcome == "mapping" { get("role").or_else(|| get("user")) } else { None });
        let uid = get("uid");
        let of_uid = uid.as_deref().and_then(uid_parts);
        let account = get("accountid").or_else(|| of_uid.map(|(a, _)| a.to_owned()));
        let account = account.or_else(|| arn.as_deref().and_then(aws::account_of).map(str::to_owned));
        Self {
            at: record.time,
            outcome,
            message: record.msg.clone(),
            mapped,
            account: account
                .or_else(|| if outcome == "mapping" { get("account").or_else(|| get("accountID")) } else { None }),
            principal_id: get("userid").or_else(|| of_uid.map(|(_, p)| p.to_owned())),
            access_key_id: get("accesskeyid"),
            session_name: get("session"),
            username: get("username"),
            groups: record.groups().into_iter().map(str::to_owned).collect(),
            reason: get("error"),
            client: get("client"),
            log_stream: log_stream.map(str::to_owned),
            joined_with: None,
            uid,
            arn,
            span,
        }
    }

    /// What tells copies. Values that joining may add are not part of it.
    pub fn key(&self) -> LineKey {
        let key_id = self.access_key_id.as_deref().filter(|_| self.outcome == "identified");
        let texts = [
            self.arn.as_deref(),
            self.client.as_deref(),
            self.username.as_deref(),
            self.uid.as_deref(),
            self.reason.as_deref(),
            key_id,
        ];
        LineKey::new(self.at, self.outcome, &self.groups, texts)
    }

    /// Whether `sts` may be of the same call.
    fn may_join(&self, sts: &Self) -> bool {
        let near = match (self.at, sts.at) {
            (Some(a), Some(b)) => {
                let later = a.as_micros().saturating_sub(b.as_micros());
                (0..=ONE_CALL).contains(&later)
            }
            _ => false,
        };
        let same = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
        let canonical = |r: &Self| r.arn.as_deref().and_then(aws::canonical);
        let (mine, theirs) = (canonical(self), canonical(sts));
        // An identity must agree; a mere neighbour in time is none.
        let proven =
            mine.is_some() && mine == theirs || self.principal_id.is_some() && self.principal_id == sts.principal_id;
        near && proven
            && same(self.account.as_deref(), sts.account.as_deref())
            && same(self.principal_id.as_deref(), sts.principal_id.as_deref())
    }

    fn join(&mut self, sts: &Self, place: String) {
        let fill = |own: &mut Option<String>, other: &Option<String>| {
            if own.is_none() {
                own.clone_from(other);
            }
        };
        fill(&mut self.account, &sts.account);
        fill(&mut self.principal_id, &sts.principal_id);
        fill(&mut self.access_key_id, &sts.access_key_id);
        fill(&mut self.session_name, &sts.session_name);
        self.joined_with = Some(place);
    }

    /// Takes back what joining with `sts` may have filled in. What the line says of its own stays.
    pub(super) fn separate(&mut self, sts: &Self) {
        let of_uid = self.uid.as_deref().and_then(uid_parts);
        let account = of_uid.map(|(account, _)| account.to_owned());
        let account = account.or_else(|| self.arn.as_deref().and_then(aws::account_of).map(str::to_owned));
        let principal_id = of_uid.map(|(_, id)| id.to_owned());
        let take = |own: &mut Option<String>, other: &Option<String>, said: Option<String>| {
            if own == other {
                *own = said;
            }
        };
        take(&mut self.account, &sts.account, account);
        take(&mut self.principal_id, &sts.principal_id, principal_id);
        take(&mut self.access_key_id, &sts.access_key_id, None);
        take(&mut self.session_name, &sts.session_name, None);
    }
}

/// `aws-iam-authenticator:<account>:<principal id>`, or with the older name in front.
fn uid_parts(uid: &str) -> Option<(&str, &str)> {
    let rest = uid.strip_prefix("aws-iam-authenticator:").or_else(|| uid.strip_prefix("heptio-authenticator-aws:"))?;
    rest.split_once(':').filter(|(account, id)| !id.is_empty() && account.bytes().all(|b| b.is_ascii_digit()))
}

/// Counts of lines, to tell copies: the second time one source says a line is another line, the second
/// source to say it is a copy.
#[derive(Debug, Default)]
pub struct Lines {
    kept: HashMap<LineKey, (u64, usize)>,
    here: HashMap<LineKey, u64>,
    source: Option<usize>,
}

impl Lines {
    /// Registers a row of an earlier import.
    pub fn earlier(&mut self, key: LineKey, source: usize) {
        let kept = self.kept.entry(key).or_insert((0, source));
        kept.0 += 1;
    }

    /// Whether a line of source number `source` is new; otherwise the source that has it.
    pub fn judge(&mut self, key: LineKey, source: usize) -> Result<(), usize> {
        if self.source != Some(source) {
            self.source = Some(source);
            self.here.clear();
        }
        let here = self.here.entry(key.clone()).or_default();
        *here += 1;
        let kept = self.kept.entry(key).or_insert((0, source));
        if *here <= kept.0 {
            return Err(kept.1);
        }
        kept.0 += 1;
        Ok(())
    }
}

/// Joins the lines of calls. `rows` are in the order of their sources; `id` gives a source's id.
pub fn join_calls(rows: &mut [(usize, LoggedIdentity)], id: &dyn Fn(usize) -> String) {
    let mut open: HashMap<(Option<String>, String), Vec<usize>> = HashMap::new();
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // Exports may be newest first; within a second, who the caller is comes first.
    order.sort_by_key(|i| rows.get(*i).map(|(_, r)| (r.at, r.outcome != "identified")));
    for i in order {
        let Some((_, row)) = rows.get(i) else { continue };
        let Some(client) = &row.client else { continue };
        let waiting = open.entry((row.log_stream.clone(), client.clone())).or_default();
        match row.outcome {
            "identified" => waiting.push(i),
            "granted" | "denied" => {
                let fits = |j: &usize| rows.get(*j).is_some_and(|(_, sts)| row.may_join(sts));
                if let Some(at) = waiting.iter().rposition(fits) {
                    found.push((i, waiting.remove(at)));
                }
            }
            _ => {}
        }
    }
    for (i, j) in found {
        let Some((source, sts)) = rows.get(j).cloned() else { continue };
        if let Some((_, row)) = rows.get_mut(i) {
            row.join(&sts, format!("{}:{}", id(source), sts.span.line));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::formats::authenticator::parse;

    fn row(line: &str, number: u64) -> (usize, LoggedIdentity) {
        let span = Span { line: number, ..Span::default() };
        (0, LoggedIdentity::of(&parse(line).unwrap(), span, None))
    }

    const STS: &str = r#"time="2026-01-02T03:04:05Z" level=info msg="STS response" accesskeyid=ASIAX accountid=111122223333 arn="arn:aws:sts::111122223333:assumed-role/Dev/eve" client="127.0.0.1:4" session=eve userid=AROAX"#;
    const GRANT: &str = r#"time="2026-01-02T03:04:05Z" level=info msg="access granted" arn="arn:aws:iam::111122223333:role/Dev" client="127.0.0.1:4" groups="[a b]" uid="aws-iam-authenticator:111122223333:AROAX" username=eve"#;

    #[test]
    fn two_lines_of_one_call_are_joined_whatever_their_order() {
        for lines in [[STS, GRANT], [GRANT, STS]] {
            let mut rows: Vec<_> = lines.iter().enumerate().map(|(i, l)| row(l, i as u64 + 1)).collect();
            join_calls(&mut rows, &|_| "s1".to_owned());
            let granted = &rows.iter().find(|r| r.1.outcome == "granted").unwrap().1;
            assert_eq!(
                (granted.access_key_id.as_deref(), granted.session_name.as_deref()),
                (Some("ASIAX"), Some("eve"))
            );
            assert!(granted.joined_with.as_deref().unwrap().starts_with("s1:"));
            assert_eq!(granted.groups, ["a", "b"]);
        }
    }

    #[test]
    fn lines_of_another_identity_client_or_time_are_not_joined() {
        for other in [
            GRANT.replace("role/Dev", "role/Ops").replace("AROAX", "AROAY"),
            GRANT.replace("127.0.0.1:4", "127.0.0.1:5"),
            GRANT.replace("03:04:05", "03:05:05"),
            GRANT.replace("03:04:05", "03:04:04"),
        ] {
            let mut rows = vec![row(STS, 1), row(&other, 2)];
            join_calls(&mut rows, &|_| "s1".to_owned());
            assert_eq!(rows[1].1.access_key_id, None, "{other}");
        }
    }

    #[test]
    fn a_line_twice_in_one_file_is_two_and_in_a_second_file_a_copy() {
        let mut lines = Lines::default();
        let key = || row(STS, 1).1.key();
        assert_eq!([lines.judge(key(), 0), lines.judge(key(), 0)], [Ok(()), Ok(())]);
        assert_eq!([lines.judge(key(), 1), lines.judge(key(), 1)], [Err(0), Err(0)]);
        assert_eq!(lines.judge(key(), 1), Ok(()));
        let mut lines = Lines::default();
        lines.earlier(key(), 3);
        assert_eq!([lines.judge(key(), 4), lines.judge(key(), 4)], [Err(3), Ok(())]);
    }
}
