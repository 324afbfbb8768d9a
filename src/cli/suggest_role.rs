//! `suggest-role`: which roles would have been enough?

use std::io::{self, Write};

use anyhow::bail;
use serde_json::json;

use super::Settings;
use super::settings::code;
use super::time_args::StretchArgs;
use crate::answer::suggest::{self, OnConflict, Question, Suggestion};
use crate::answer::uses::{self, LogView};
use crate::answer::{load, subject};
use crate::render::{Format, escape, json as json_text, yaml};

/// Arguments of `suggest-role`. The answer is YAML for `kubectl apply`, or with `-o json` a List.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A user name, `NS:NAME` of a service account, or `user/NAME`, `group/NAME`, `serviceaccount/NS:NAME`
    subject: String,
    #[command(flatten)]
    stretch: StretchArgs,
    /// Name objects where at most so many names were used; 0 names none
    #[arg(long, value_name = "N", default_value_t = 5)]
    names: usize,
    /// Name of the roles and bindings; default: made from the subject
    #[arg(long, value_name = "NAME")]
    role_name: Option<String>,
    /// Leave out what the groups that come with the user name are given anyway, such as API discovery
    #[arg(long)]
    leave_to_groups: bool,
    /// About requests that were denied at one time and allowed at another
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    on_conflict: OnConflict,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        if matches!(settings.format, Format::Csv | Format::Parquet) {
            bail!("roles are no rows: use -o json or jsonl, or none for YAML");
        }
        let (case, cluster) = settings.open()?;
        let within = self.stretch.within_log(&case, &cluster)?;
        let given = match self.leave_to_groups {
            true => Some(load::moment(&case, &cluster, within.to.plus_micros(-1))?.authorizer),
            false => None,
        };
        let uses = uses::read(&case, &cluster, within)?;
        let log = LogView::of(&case, &cluster, within, &uses)?;
        let question = Question {
            wanted: &subject::one(&self.subject, &[])?,
            within,
            names: self.names,
            role_name: self.role_name.as_deref(),
            leave_to_groups: given.as_ref(),
            on_conflict: self.on_conflict,
        };
        let suggestion = suggest::suggest(&question, &uses, &log)?;
        write(&suggestion, settings)?;
        Ok(code(suggestion.verdict))
    }
}

fn write(suggestion: &Suggestion, settings: &Settings) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match settings.format {
        Format::Json => {
            let list = json!({"apiVersion": "v1", "items": suggestion.objects, "kind": "List"});
            writeln!(out, "{}", json_text::document(&list, true))?;
        }
        Format::Jsonl => {
            for object in &suggestion.objects {
                writeln!(out, "{}", json_text::document(object, false))?;
            }
        }
        _ => return out.write_all(commented(suggestion).as_bytes()),
    }
    if !settings.quiet {
        let mut err = io::stderr().lock();
        for note in &suggestion.notes {
            writeln!(err, "note: {}", escape::terminal(note))?;
        }
    }
    Ok(())
}

/// The notes as comments, then one document for each object.
fn commented(suggestion: &Suggestion) -> String {
    let mut text = String::new();
    for note in &suggestion.notes {
        text.push_str("# ");
        text.push_str(&escape::terminal(note));
        text.push('\n');
    }
    for object in &suggestion.objects {
        text.push_str("---\n");
        text.push_str(&yaml::document(object));
    }
    text
}
