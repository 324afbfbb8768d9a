//! The command line: one file for each subcommand, with its arguments, run and exit code.
//!
//! Raw flags are resolved once, here, into [`Settings`]; subcommands never look at the environment.

pub mod can;
pub mod case;
pub mod case_merge;
pub mod check;
pub mod collect;
pub mod copy;
pub mod coverage;
pub mod custody;
pub mod demo;
pub mod diff;
pub mod findings;
pub mod history;
pub mod import;
pub mod matrix;
mod open_files;
pub mod progress;
pub mod query;
pub mod rights;
pub mod settings;
pub mod show;
pub mod sign;
pub mod sign_args;
pub mod size;
pub mod sources;
pub mod sql;
pub mod subject_args;
pub mod suggest_role;
pub mod tables;
pub mod threads_args;
pub mod time_args;
pub mod unused;
pub mod verify;
pub mod who_can;
pub mod who_did;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use settings::{GlobalArgs, Settings};

/// Exit code for an answer found, or yes.
pub const YES: u8 = 0;
/// Exit code for none found, or no.
pub const NO: u8 = 1;
/// Exit code for wrong usage or damaged input.
pub const USAGE: u8 = 2;
/// Exit code for what the evidence cannot tell.
pub const UNKNOWN: u8 = 3;

/// Offline forensics for Kubernetes: who did what, and who could do what, at any moment the evidence covers.
///
/// Evidence is collected into a sealed bundle, imported into a case, and the case is asked.
/// Exit codes: 0 found or yes, 1 none or no, 2 usage or damaged input, 3 the evidence cannot tell.
#[derive(Debug, Parser)]
#[command(name = "kubesleuth", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Collect evidence into a sealed bundle
    Collect(collect::Args),
    /// Check that a bundle is whole, file by file
    Verify(verify::Args),
    /// Sign a sealed bundle, as a further signer or later
    Sign(sign::Args),
    /// Copy a bundle, verified before and after, with its custody log
    Copy(copy::Args),
    /// Who held a bundle, or fed a case: its custody log, checked entry by entry
    Custody(custody::Args),
    /// Import bundles, files and folders into the case
    Import(import::Args),
    /// Work on cases as a whole: merge those of an import in parts
    Case(case::Args),
    /// List the evidence files of the case, with counts that add up
    Sources(sources::Args),
    /// What the evidence can and cannot show: log gaps, audit levels, known sets, listings
    Coverage(coverage::Args),
    /// What a person should look at: damage, gaps, contradictions
    Findings(findings::Args),
    /// List the tables of the case
    Tables(tables::Args),
    /// Who could do this, at a moment or ever in a stretch of time
    WhoCan(who_can::Args),
    /// Could this user do this, at a moment
    Can(can::Args),
    /// What a user, group or service account was given, at a moment
    Rights(rights::Args),
    /// What a subject could do to each resource, verb by verb, at a moment
    Matrix(matrix::Args),
    /// What was held in a stretch of time, but not used
    Unused(unused::Args),
    /// The least roles that cover what a subject did
    SuggestRole(suggest_role::Args),
    /// Who did this
    WhoDid(who_did::Args),
    /// The versions of an object: who changed what, and when
    History(history::Args),
    /// What changed in RBAC between two moments, by whom, and what subjects gained and lost by it
    Diff(diff::Args),
    /// Hold every decision in the audit log against the rebuilt RBAC; exit code 1 when some contradict it
    Check(check::Args),
    /// Show an original record, byte for byte
    Show(show::Args),
    /// Ask a question that comes with the program, or one in a file of SQL
    Query(query::Args),
    /// Ask the tables in SQL
    Sql(sql::Args),
    /// Run the main job on the sample that comes with the source
    Demo(demo::Args),
}

impl Cli {
    /// Runs the command; the exit code says how it was answered.
    ///
    /// # Errors
    /// When the command is wrong or its input is damaged: exit code 2.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.answer().map(ExitCode::from)
    }

    fn answer(self) -> anyhow::Result<u8> {
        open_files::raise_limit();
        let settings = self.global.resolve();
        match self.command {
            Command::Collect(args) => args.run(&settings),
            Command::Verify(args) => args.run(&settings),
            Command::Sign(args) => args.run(&settings),
            Command::Copy(args) => args.run(&settings),
            Command::Custody(args) => args.run(&settings),
            Command::Import(args) => args.run(&settings),
            Command::Case(args) => args.run(&settings),
            Command::Sources(args) => args.run(&settings),
            Command::Coverage(args) => args.run(&settings),
            Command::Findings(args) => args.run(&settings),
            Command::Tables(args) => args.run(&settings),
            Command::WhoCan(args) => args.run(&settings),
            Command::Can(args) => args.run(&settings),
            Command::Rights(args) => args.run(&settings),
            Command::Matrix(args) => args.run(&settings),
            Command::Unused(args) => args.run(&settings),
            Command::SuggestRole(args) => args.run(&settings),
            Command::WhoDid(args) => args.run(&settings),
            Command::History(args) => args.run(&settings),
            Command::Diff(args) => args.run(&settings),
            Command::Check(args) => args.run(&settings),
            Command::Show(args) => args.run(&settings),
            Command::Query(args) => args.run(&settings),
            Command::Sql(args) => args.run(&settings),
            Command::Demo(args) => args.run(&settings),
        }
    }
}
