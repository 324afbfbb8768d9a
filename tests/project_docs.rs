//! What the documents say is what the program does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::process::Command;

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn kubesleuth(args: &[&str]) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_kubesleuth")).args(args).output().unwrap();
    (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap())
}

/// The subcommands that `help` lists.
fn subcommands() -> Vec<String> {
    let (_, help) = kubesleuth(&["--help"]);
    let list = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap().to_owned();
    let named = list.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    named.map(|l| l.split_whitespace().next().unwrap().to_owned()).filter(|c| c != "help").collect()
}

#[test]
fn the_reference_of_the_tables_is_made_from_their_schemas() {
    assert!(
        read("docs/tables.md") == kubesleuth::tables::reference(),
        "docs/tables.md is out of date: `cargo run --release -- tables --reference > docs/tables.md`"
    );
}

#[test]
fn every_subcommand_explains_itself_and_its_flags() {
    let commands = subcommands();
    assert!(commands.len() >= 12, "{commands:?}");
    for command in commands {
        let (code, help) = kubesleuth(&[&command, "--help"]);
        assert_eq!(code, 0, "{command}");
        assert!(help.contains("Usage: kubesleuth"), "{command}");
        // Every flag of the subcommand has a sentence beside or below it.
        let lines: Vec<&str> = help.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, l)| l.trim_start().starts_with("--")) {
            let beside = line.trim_start().split_once("  ").is_some_and(|(_, d)| !d.trim().is_empty());
            let below = lines.get(i + 1).is_some_and(|l| l.starts_with("          ") && !l.trim().is_empty());
            assert!(beside || below, "{command}: {line}");
        }
    }
}

#[test]
fn the_readme_names_only_subcommands_that_exist() {
    let commands = subcommands();
    let readme = read("README.md");
    let mut named = 0;
    for line in readme.lines().filter_map(|l| l.strip_prefix("$ kubesleuth ")) {
        let command = line.split_whitespace().next().unwrap();
        assert!(commands.iter().any(|c| c == command), "`{command}` in README.md");
        named += 1;
    }
    assert!(named >= 5, "the tour shows {named} commands");
    for command in ["cargo run --release -- demo", "cargo test --release"] {
        assert!(readme.contains(&format!("\n    {command}\n")), "{command}");
    }
}
