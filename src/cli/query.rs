//! `query`: the questions that come with the program, and files of SQL of one's own.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use super::{Settings, YES};
use crate::answer::query::{self, Query, bind, header, reference, shipped};
use crate::case::Case;
use crate::render::escape::terminal;

/// No file of SQL is longer.
const LONGEST: u64 = 1 << 20;

/// Arguments of `query`. Without a name, the queries are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A query that comes with the program, or a file of SQL that ends in `.sql`
    #[arg(value_name = "NAME|FILE.sql")]
    name: Option<String>,
    /// The value of a parameter; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "name")]
    params: Vec<String>,
    /// Tell what the query shows and cannot show, its parameters and columns; needs no case
    #[arg(long, requires = "name", conflicts_with_all = ["params", "show_sql"])]
    describe: bool,
    /// Print the SQL with the parameters put in, to run it elsewhere; needs no case
    #[arg(long, requires = "name")]
    show_sql: bool,
    /// Print the reference of all queries, as Markdown; needs no case
    #[arg(long, conflicts_with = "name")]
    reference: bool,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        if self.reference {
            io::stdout().lock().write_all(reference::reference()?.as_bytes())?;
            return Ok(YES);
        }
        let Some(name) = &self.name else {
            return settings.show(&query::list()?);
        };
        let query = find(name)?;
        let values = self.params.iter().map(|p| value(p)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut out = io::stdout().lock();
        if self.describe {
            out.write_all(terminal_lines(&description(&query)).as_bytes())?;
            return Ok(YES);
        }
        if self.show_sql {
            let sql = bind::bound(&query, &values)?;
            writeln!(out, "{}", sql.trim_end())?;
            return Ok(YES);
        }
        drop(out);
        let case = Case::open(&settings.case_dir)?;
        let cluster = settings.cluster.as_deref().map(|c| case.cluster(Some(c))).transpose()?;
        settings.show(&query::answer(&case, cluster.as_deref(), &query, &values)?)
    }
}

fn value(typed: &str) -> anyhow::Result<(String, String)> {
    match typed.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => bail!("--param: expected NAME=VALUE, found `{typed}`"),
    }
}

fn find(name: &str) -> anyhow::Result<Query> {
    let path = Path::new(name);
    if path.extension().is_none_or(|e| e != "sql") {
        return Ok(shipped::by_name(name)?);
    }
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("`{name}`"))?;
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("`{name}`: expected SQL as UTF-8 text"))?;
    ensure!(text.len() as u64 <= LONGEST, "`{name}` is longer than {LONGEST} bytes: expected one SELECT");
    Ok(header::parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)?)
}

/// What the header says, for people.
fn description(query: &Query) -> String {
    let mut text = format!("{}: {}\n", query.name, if query.title.is_empty() { "no title" } else { &query.title });
    let techniques = query.attack.join(", ");
    for (key, said) in [("shows", &query.shows), ("limits", &query.limits), ("ATT&CK", &techniques)] {
        if !said.is_empty() {
            text.push_str(&format!("\n{key}\n  {said}\n"));
        }
    }
    if !query.parameters.is_empty() {
        text.push_str("\nparameters\n");
        for p in &query.parameters {
            let default = if p.required { "required".to_owned() } else { format!("default `{}`", p.default) };
            text.push_str(&format!(
                "  --param {}={}  {default}\n      {}\n",
                p.name,
                p.kind.word().to_uppercase(),
                p.doc
            ));
        }
    }
    if !query.columns.is_empty() {
        text.push_str("\ncolumns\n");
        let width = query.columns.iter().map(|c| c.name.len()).max().unwrap_or_default();
        for c in &query.columns {
            text.push_str(&format!("  {:width$}  {}\n", c.name, c.doc));
        }
    }
    text
}

/// A file of somebody else may hold anything; its lines must not steer a terminal.
fn terminal_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", terminal(line))).collect()
}
