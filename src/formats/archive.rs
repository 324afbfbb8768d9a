//! Members of tar and zip archives, read as streams and never unpacked to disk. What a member is called
//! is a label and nothing more; a name that leads outside, a link or a device is refused and told, since
//! no honest collection holds them in place of a log.

use std::collections::HashMap;
use std::io::{self, Read};

use super::limits::{Bound, Budget, LimitExceeded};
use super::tar_reader::{Next, TarReader};
use super::zip_reader::{self, ZipReader};

/// The name of members whose header is damaged.
const LOST: &str = "#lost";

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
            Ok(Next::Damaged) => {
                // The name is gone, the records may be there.
                let path = names.unique(LOST.to_owned());
                let why =
                    format!("expected the header of a member, found other bytes; what follows was read as `{path}`");
                visitor.damaged(&io::Error::new(io::ErrorKind::InvalidData, why));
                visitor.member(&path, &mut tar)?;
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

/// Walks over a zip stream. Members come as they lie in the file, the directory at its end is held against
/// them: what only one of the two knows is told.
///
/// # Errors
/// Those of the visitor.
pub fn zip<V: Visitor>(reader: impl Read + Send, budget: &Budget, visitor: &mut V) -> Result<(), V::Error> {
    let mut zip = ZipReader::new(reader);
    let (mut names, mut directory) = (Names::default(), Directory::default());
    for _ in 0..budget.limits().members.saturating_mul(2) {
        match zip.next() {
            Ok(zip_reader::Next::Member(header)) => {
                directory.met(&header.name);
                if let Err(e) = zip_member(&mut zip, &header, budget, &mut names, visitor)? {
                    visitor.damaged(&e);
                    return Ok(());
                }
            }
            Ok(zip_reader::Next::Listed(listed)) => {
                directory.listed(&listed.name);
                if listed.special {
                    let (Ok(path) | Err((path, _))) = label(&listed.name);
                    visitor.refused(&path, "a link or device, whose content is no log");
                }
            }
            Ok(zip_reader::Next::Damaged { bytes }) => {
                let why = format!("{bytes} bytes of the archive are no member");
                visitor.damaged(&io::Error::new(io::ErrorKind::InvalidData, why));
            }
            Ok(zip_reader::Next::End) => {
                directory.differences().into_iter().for_each(|why| visitor.damaged(&why));
                return Ok(());
            }
            Err(e) => {
                let cut = e.kind() == io::ErrorKind::UnexpectedEof;
                let why = || {
                    io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the archive is cut off: it ends before its directory does",
                    )
                };
                visitor.damaged(&if cut { why() } else { e });
                return Ok(());
            }
        }
    }
    visitor.damaged(&too_many(budget));
    Ok(())
}

/// Hands one member on, and goes behind it; the inner error is what ends the archive.
fn zip_member<R: Read + Send, V: Visitor>(
    zip: &mut ZipReader<R>,
    header: &zip_reader::Header,
    budget: &Budget,
    names: &mut Names,
    visitor: &mut V,
) -> Result<io::Result<()>, V::Error> {
    let path = match (label(&header.name), header.unreadable()) {
        _ if header.name.ends_with(b"/") => return Ok(zip.behind(header, None).map(drop)),
        (Ok(path), None) => names.unique(path),
        (Ok(path), Some(why)) => {
            visitor.refused(&path, &why);
            return Ok(zip.behind(header, None).map(drop));
        }
        (Err((path, why)), _) => {
            visitor.refused(&path, why);
            String::new()
        }
    };
    let mut content = zip.content(header);
    let mut bounded = budget.bounded(&mut content);
    if !path.is_empty() {
        visitor.member(&path, &mut bounded)?;
    }
    // What the visitor did not want is passed over; its errors are the visitor's own, but for the budget's.
    let passed = io::copy(&mut bounded, &mut io::sink());
    let passed_content = content.finish();
    if let Some(limit) = passed.err().as_ref().and_then(LimitExceeded::behind).copied().or(budget.spent()) {
        return Ok(Err(io::Error::other(limit)));
    }
    Ok(zip.behind(header, Some(passed_content)).map(|matches| {
        if !matches {
            let why = format!("member `{path}` does not match its checksum");
            visitor.damaged(&io::Error::new(io::ErrorKind::InvalidData, why));
        }
    }))
}

/// The members met in the file, against the directory at its end.
#[derive(Default)]
struct Directory {
    /// For each name: how often it was met, less how often it is listed.
    names: HashMap<Vec<u8>, i64>,
}

impl Directory {
    fn met(&mut self, name: &[u8]) {
        *self.names.entry(name.to_owned()).or_default() += 1;
    }

    fn listed(&mut self, name: &[u8]) {
        *self.names.entry(name.to_owned()).or_default() -= 1;
    }

    /// What only one of the two knows, in a sentence each.
    fn differences(&self) -> Vec<io::Error> {
        let told = |wanted: fn(i64) -> bool, what: &str| {
            let mut names: Vec<&Vec<u8>> =
                self.names.iter().filter(|(_, n)| wanted(**n)).map(|(name, _)| name).collect();
            names.sort();
            let first = String::from_utf8_lossy(names.first()?).into_owned();
            let why = format!("{} {what} (first: `{first}`)", names.len());
            Some(io::Error::new(io::ErrorKind::InvalidData, why))
        };
        let hidden = told(|n| n > 0, "members of the archive are not in its directory; they were read");
        let missing = told(|n| n < 0, "members that the archive's directory lists were not met where members lie");
        hidden.into_iter().chain(missing).collect()
    }
}

fn too_many(budget: &Budget) -> io::Error {
    let members = budget.limits().members;
    io::Error::other(LimitExceeded { bound: Bound::Members, produced: members, consumed: members, allowed: members })
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
