//! The modules of the library stand in the order of the data, and each imports only from those before it.
//! This reads the sources, so that the order of the design cannot rot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Each module with those it may import from besides itself.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("bundle", &["model"]),
    ("collect", &["model", "bundle"]),
    ("formats", &["model"]),
    ("tables", &["model", "formats"]),
    ("case", &["model", "formats", "tables"]),
    ("history", &["model", "formats", "tables", "case"]),
    ("authz", &["model", "formats", "tables", "case", "history"]),
    ("import", &["model", "bundle", "formats", "tables", "case", "history", "authz"]),
    ("answer", &["model", "formats", "tables", "case", "history", "authz", "import"]),
    ("render", &["model", "formats", "tables", "case", "history", "authz", "import", "answer"]),
    ("report", &["model", "formats", "tables", "case", "history", "authz", "import", "answer", "render"]),
    (
        "cli",
        &[
            "model", "bundle", "collect", "formats", "tables", "case", "history", "authz", "import", "answer",
            "render", "report",
        ],
    ),
];

/// One mention of a module of the library.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    line: usize,
    module: String,
}

/// The sources without comments, string contents and items that only tests compile; lines stay where they are.
fn production_code(source: &str) -> String {
    without_test_items(&without_comments_and_texts(source))
}

/// Blanks out comments and what stands between quotes.
fn without_comments_and_texts(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut i = 0;
    while i < bytes.len() {
        let rest = |n: usize| bytes.get(i + n).copied().unwrap_or('\0');
        match (bytes[i], rest(1)) {
            ('/', '/') => {
                while i < bytes.len() && bytes[i] != '\n' {
                    i += 1;
                }
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    let pair = (bytes.get(i).copied(), bytes.get(i + 1).copied());
                    match pair {
                        (Some('/'), Some('*')) => {
                            depth += 1;
                            i += 2;
                        }
                        (Some('*'), Some('/')) => {
                            depth -= 1;
                            i += 2;
                        }
                        (Some(c), _) => {
                            out.push(blank(c));
                            i += 1;
                        }
                        (None, _) => break,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            ('r', '"' | '#') if !previous_is_word(&bytes, i) && is_raw_text(&bytes, i) => {
                let hashes = bytes[i + 1..].iter().take_while(|c| **c == '#').count();
                let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                i += 2 + hashes;
                while i < bytes.len() && !bytes[i..].starts_with(&end) {
                    out.push(blank(bytes[i]));
                    i += 1;
                }
                i += end.len();
                out.push_str("\"\"");
            }
            ('"', _) => {
                i += 1;
                while i < bytes.len() && bytes[i] != '"' {
                    if bytes[i] == '\\' {
                        i += 1;
                    }
                    out.push(blank(bytes.get(i).copied().unwrap_or(' ')));
                    i += 1;
                }
                i += 1;
                out.push_str("\"\"");
            }
            // A character, told from a lifetime by its closing quote.
            ('\'', '\\') => {
                i += 2;
                while i < bytes.len() && bytes[i] != '\'' {
                    i += 1;
                }
                i += 1;
            }
            ('\'', _) if rest(2) == '\'' => i += 3,
            (c, _) => {
                out.push(c);
                i += 1;
            }
        }
    }
    out
}

fn previous_is_word(text: &[char], i: usize) -> bool {
    i > 0 && (text[i - 1].is_alphanumeric() || text[i - 1] == '_')
}

fn is_raw_text(text: &[char], i: usize) -> bool {
    text[i + 1..].iter().find(|c| **c != '#') == Some(&'"')
}

/// Removes every item under `#[cfg(test)]`, to the end of its braces or its semicolon.
fn without_test_items(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        out.push_str(before);
        let mut depth = 0_usize;
        let end = item
            .char_indices()
            .find(|(_, c)| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0 && (*c == '}' || *c == ';')
            })
            .map_or(item.len(), |(i, c)| i + c.len_utf8());
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// The modules of the library that code names, by `crate::` or by climbing up with `super::`. `depth` is the number
/// of modules around the code, its own included.
fn mentions(code: &str, depth: usize) -> Vec<Mention> {
    let mut found = Vec::new();
    for (start, word, climbs) in paths(code) {
        let line = code[..start].matches('\n').count() + 1;
        let at_root = word == "crate" || climbs == depth;
        if climbs > depth {
            panic!("line {line}: more `super` than modules");
        }
        if at_root {
            let names = heads(&code[start..]);
            found.extend(names.into_iter().map(|module| Mention { line, module }));
        }
    }
    found
}

/// Every path that starts with `crate::` or `super::`: where what follows begins, its first word, how many `super`.
fn paths(code: &str) -> Vec<(usize, &'static str, usize)> {
    let mut found = Vec::new();
    for word in ["crate", "super"] {
        for (at, _) in code.match_indices(&format!("{word}::")) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut start = at + word.len() + 2;
            let mut climbs = usize::from(word == "super");
            while word == "super" && code[start..].starts_with("super::") {
                start += "super::".len();
                climbs += 1;
            }
            found.push((start, word, climbs));
        }
    }
    found.sort_unstable();
    found
}

/// The first names of a path or of a group of paths: `a` of `a::b`, `a` and `b` of `{a, b::c}`.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut depth = 1;
    let mut names = Vec::new();
    let mut part = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(name(&part));
            part.clear();
            if depth == 0 {
                break;
            }
        } else {
            part.push(c);
        }
    }
    names.retain(|n| !n.is_empty());
    names
}

/// Number of modules around the code of a file, and whether only tests compile it.
fn place(relative: &Path) -> (usize, bool) {
    let parts: Vec<String> = relative.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    let file = parts.last().unwrap();
    let depth = if file == "mod.rs" { parts.len() - 1 } else { parts.len() };
    (depth, parts.iter().any(|p| p == "tests" || p == "tests.rs" || p == "testing.rs"))
}

#[test]
fn modules_import_only_from_those_before_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(m, _)| *m).collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in walkdir::WalkDir::new(&src).sort_by_file_name() {
        let entry = entry.unwrap();
        let relative = entry.path().strip_prefix(&src).unwrap().to_owned();
        if entry.path().extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let module = relative.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let (depth, only_tests) = place(&relative);
        if only_tests || ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let Some((name, allowed)) = MAY_USE.iter().find(|(m, _)| *m == module) else {
            wrong.push(format!("src/{}: module `{module}` has no place in the order", relative.display()));
            continue;
        };
        seen.insert(*name);
        let code = production_code(&fs::read_to_string(entry.path()).unwrap());
        for m in mentions(&code, depth) {
            if m.module != *name && !allowed.contains(&m.module.as_str()) {
                let what =
                    if known.contains(m.module.as_str()) { "stands after it" } else { "is no module of the order" };
                wrong.push(format!(
                    "src/{}:{}: `{name}` imports `{}`, which {what}",
                    relative.display(),
                    m.line,
                    m.module
                ));
            }
        }
    }
    assert!(seen.len() >= 12, "the sources were not found: {seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_itself_has_no_cycle() {
    for (i, (module, allowed)) in MAY_USE.iter().enumerate() {
        for other in *allowed {
            let place = MAY_USE.iter().position(|(m, _)| m == other).unwrap();
            assert!(place < i, "{module} may use {other}, which stands after it");
        }
    }
}

#[test]
fn the_reader_of_sources_sees_every_way_to_name_a_module() {
    let code = r##"
use crate::model::time;
use crate::{bundle::{self, Bundle}, case};
use super::super::render::escape;
use super::own;
fn f() { let x = crate::answer::load(); let c = 'c'; let life: &'static str = "crate::cli::x"; }
// crate::report::x
/* crate::collect::y */
const R: &str = r#"crate::tables::z "crate::history" "#;
macro_rules! m { () => { $crate::formats::go() } }
#[cfg(test)]
mod tests { use crate::import::x; fn g() { if true { } } }
#[cfg(test)]
use crate::authz::Authorizer;
fn after() { crate::cli::run() }
"##;
    let found: Vec<String> =
        mentions(&production_code(code), 2).into_iter().map(|m| format!("{}:{}", m.line, m.module)).collect();
    assert_eq!(found, ["2:model", "3:bundle", "3:case", "4:render", "6:answer", "10:formats", "15:cli"]);
}
