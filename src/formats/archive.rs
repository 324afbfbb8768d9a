//! Members of tar and zip archives, read as streams and never unpacked to disk. What a member is called
//! is a label and nothing more; a name that leads outside, a link or a device is refused and told, since
//! no honest collection holds them in place of a log.

use std::collections::HashMap;
use std::io::{self, Read, Seek};

use super::limits::{Budget, LimitExceeded};
use super::tar_reader::{Next, TarReader};

/// Receives what an archive holds.
pub trait Visitor {
    /// Ends the walk early.
    type Error;

    /// A file. What is not read of it is passed over.
    ///
    /// # Errors
    /// Ends the walk.
    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Self::Error>;

    /// A member that is not read, and why.
    fn refused(&mut self, path: &str, why: &str);

    /// The archive itself is damaged, cut, or too much: where, as well as can be told, and why.
    fn damaged(&mut self, why: &io::Error);
}

/// Walks over a tar stream.
///
/// # Errors
/// Those of the visitor.
pub fn tar<V: Visitor>(reader: impl Read + Send, budget: &Budget, visitor: &mut V) -> Result<(), V::Error> {
    let mut tar = TarReader::new(reader);
    let mut names = Names::default();
    for _ in 0..budget.limits().members {
        let header = match tar.next() {
            Ok(Next::Member(header)) => header,
            Ok(Next::Damaged { blocks }) => {
                let why = format!("{blocks} blocks of the archive are no member");
                visitor.damaged(&io::Error::new(io::ErrorKind::InvalidData, why));
                continue;
            }
            Ok(Next::End) => return Ok(()),
            Err(e) => {
                visitor.damaged(&e);
                return Ok(());
            }
        };
        match (header.kind, label(&header.name)) {
            // Folders carry nothing.
            (b'5', _) => {}
            (b'0', Ok(path)) => visitor.member(&names.unique(path), &mut tar)?,
            (b'0', Err((path, why))) => visitor.refused(&path, why),
            (kind, path) => visitor.refused(&path.unwrap_or_else(|(path, _)| path), kind_name(kind)),
        }
    }
    visitor.damaged(&too_many(budget));
    Ok(())
}

/// Walks over a zip archive.
///
/// # Errors
/// Those of the visitor.
pub fn zip<R: Read + Seek + Send, V: Visitor>(reader: R, budget: &Budget, visitor: &mut V) -> Result<(), V::Error> {
    let mut archive = match zip::ZipArchive::new(reader) {
        Ok(archive) => archive,
        Err(e) => {
            visitor.damaged(&io::Error::new(io::ErrorKind::InvalidData, e));
            return Ok(());
        }
    };
    let mut names = Names::default();
    for number in 0..archive.len() {
        if number as u64 >= budget.limits().members {
            visitor.damaged(&too_many(budget));
            return Ok(());
        }
        let name = archive.name_for_index(number).and_then(Result::ok).unwrap_or_default().into_owned();
        let file = match archive.by_index(number) {
            Ok(file) => file,
            Err(e) => {
                visitor.refused(&name, &format!("the member cannot be read: {e}"));
                continue;
            }
        };
        let link = file.unix_mode().is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000 | 0o040_000));
        match label(file.name_raw()) {
            _ if file.is_dir() => {}
            Ok(path) if link => visitor.refused(&path, "a link or device"),
            Ok(path) => visitor.member(&names.unique(path), &mut budget.bounded(file))?,
            Err((path, why)) => visitor.refused(&path, why),
        }
    }
    Ok(())
}

/// Reads an archive that lies inside another into memory, as zip needs.
///
/// # Errors
/// When it is larger than the limit, or cannot be read.
pub fn buffer(reader: &mut dyn Read, budget: &Budget) -> io::Result<Vec<u8>> {
    let limit = budget.limits().buffered;
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let produced = bytes.len() as u64;
    if produced > limit {
        return Err(io::Error::other(LimitExceeded { produced, consumed: produced, allowed: limit }));
    }
    Ok(bytes)
}

fn too_many(budget: &Budget) -> io::Error {
    let members = budget.limits().members;
    io::Error::other(LimitExceeded { produced: members, consumed: members, allowed: members })
}

/// The name of a member as a path to show; an error for names that lead elsewhere.
fn label(name: &[u8]) -> Result<String, (String, &'static str)> {
    let shown = String::from_utf8_lossy(name).into_owned();
    let slashed = shown.replace('\\', "/");
    if slashed.contains('\0') || slashed.trim().is_empty() {
        return Err((shown, "a name that is empty or holds a zero byte"));
    }
    if slashed.split('/').any(|part| part == "..") {
        return Err((shown, "a path that leads outside"));
    }
    // Nothing is written, so an absolute path is only a name; it is shown as tar would unpack it.
    let parts: Vec<&str> = slashed.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok(parts.join("/"))
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'6' => "a named pipe",
        b'S' => "a sparse file, which is not read",
        _ => "a member of unknown type",
    }
}

/// Names given out; a second member of one name gets a number.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn unique(&mut self, path: String) -> String {
        let count = self.0.entry(path.clone()).or_default();
        *count += 1;
        if *count == 1 { path } else { format!("{path}#{count}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        assert_eq!(label(b"/var/log/./audit.log"), Ok("var/log/audit.log".to_owned()));
        assert_eq!(label(b"a\\b=c/d"), Ok("a/b=c/d".to_owned()));
        assert_eq!(label(b"x\xff"), Ok("x\u{fffd}".to_owned()));
        for bad in [&b"../x"[..], b"a/../../x", b"a\\..\\x", b"", b"a\0b"] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
        let mut names = Names::default();
        assert_eq!([names.unique("a".into()), names.unique("a".into()), names.unique("A".into())], ["a", "a#2", "A"]);
    }
}
