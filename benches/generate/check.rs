//! Reads back what was generated, as JSON, with code that shares nothing with the generation but its record.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// Verifies a directory; gives a line that says what was found.
pub(crate) fn check(dir: &Path) -> Result<String, String> {
    let record = json_file(&dir.join("generated.json"))?;
    match record.get("mode").and_then(Value::as_str) {
        Some("rbac") => super::check_rbac::check(dir, &record),
        Some("audit") => super::check_audit::check(dir, &record),
        _ => Err(format!("`{}` was not generated here: no mode in generated.json", dir.display())),
    }
}

/// Reads a JSON file.
pub(crate) fn json_file(path: &Path) -> Result<Value, String> {
    let text = fs::read(path).map_err(|e| format!("`{}`: {e}", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("`{}`: {e}", path.display()))
}

/// The log files, oldest first: rotated ones by name, `audit.log` last.
pub(crate) fn log_files(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("`{}`: {e}", dir.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.sort_by_key(|f| (f.file_name().is_some_and(|n| n == "audit.log"), f.clone()));
    Ok(files)
}

/// Calls `each` with every line of the logs; gives files, lines and bytes.
pub(crate) fn each_line(dir: &Path, mut each: impl FnMut(&str) -> Result<(), String>) -> Result<[u64; 3], String> {
    let mut totals = [0_u64; 3];
    for path in log_files(dir)? {
        let fail = |e: std::io::Error| format!("`{}`: {e}", path.display());
        let file = File::open(&path).map_err(fail)?;
        let reader: Box<dyn Read> = match path.extension().is_some_and(|e| e == "gz") {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        let mut reader = BufReader::with_capacity(1 << 20, reader);
        let mut line = String::new();
        let mut number = 0_u64;
        while reader.read_line(&mut line).map_err(fail)? > 0 {
            number += 1;
            let [_, lines, bytes] = &mut totals;
            (*lines, *bytes) = (*lines + 1, *bytes + line.len() as u64);
            let text =
                line.strip_suffix('\n').ok_or_else(|| format!("`{}` ends without a line feed", path.display()))?;
            each(text).map_err(|e| format!("`{}` line {number}: {e}", path.display()))?;
            line.clear();
        }
        let [files, ..] = &mut totals;
        *files += 1;
    }
    Ok(totals)
}

/// Fails unless a number of the record is this.
pub(crate) fn agree(record: &Value, key: &str, found: u64) -> Result<(), String> {
    let said = record.get(key).and_then(Value::as_u64);
    if said == Some(found) { Ok(()) } else { Err(format!("generated.json says {key} is {said:?}, found {found}")) }
}

/// The string at a JSON pointer, or an empty one.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Fails with the message unless the condition holds.
pub(crate) fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message()) }
}
