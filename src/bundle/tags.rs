//! The two small tag files: `bagit.txt` (RFC 8493 section 2.1.1) and `bag-info.txt` (section 2.2.2).

use std::fmt;

/// The version of BagIt a bag says it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BagVersion {
    /// Before the dot.
    pub(super) major: u16,
    /// After the dot.
    pub(super) minor: u16,
}

impl BagVersion {
    /// RFC 8493.
    pub(super) const V1: Self = Self { major: 1, minor: 0 };

    /// The versions in use: the drafts 0.93 to 0.97 and RFC 8493.
    pub(super) fn is_known(self) -> bool {
        self == Self::V1 || (self.major == 0 && (93..=97).contains(&self.minor))
    }
}

impl fmt::Display for BagVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The bag declaration we write.
pub(super) const BAGIT_TXT: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// Reads a bag declaration: exactly these two lines, in this order, without a byte order mark.
///
/// # Errors
/// What was expected and what was found.
pub(super) fn parse_bagit(bytes: &[u8]) -> Result<BagVersion, String> {
    let mut rows = lines(bytes).map(|(_, line)| String::from_utf8_lossy(line).into_owned());
    let first = rows.next().unwrap_or_default();
    let version = first
        .strip_prefix("BagIt-Version: ")
        .and_then(|v| v.split_once('.'))
        .and_then(|(major, minor)| Some(BagVersion { major: number(major)?, minor: number(minor)? }))
        .ok_or_else(|| format!("expected `BagIt-Version: 1.0` on line 1, found `{first}`"))?;
    if !version.is_known() {
        return Err(format!("BagIt version {version} is not known: expected 1.0, or a draft from 0.93 to 0.97"));
    }
    let second = rows.next().unwrap_or_default();
    let encoding = second.strip_prefix("Tag-File-Character-Encoding: ");
    if !encoding.is_some_and(|e| e.eq_ignore_ascii_case("UTF-8")) {
        return Err(format!("expected `Tag-File-Character-Encoding: UTF-8` on line 2, found `{second}`"));
    }
    match rows.next() {
        None => Ok(version),
        Some(third) => Err(format!("expected two lines, found more: `{third}`")),
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Non-empty lines with their numbers from 1; LF, CR and CRLF end a line.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut after_cr = false;
    let mut number = 0_usize;
    bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')).filter_map(move |piece| {
        let tail_of_crlf = after_cr && piece == b"\n";
        after_cr = piece.ends_with(b"\r");
        if tail_of_crlf {
            return None;
        }
        number = number.saturating_add(1);
        let line = piece.strip_suffix(b"\n").or_else(|| piece.strip_suffix(b"\r")).unwrap_or(piece);
        (!line.is_empty()).then_some((number, line))
    })
}

/// `bag-info.txt`: a label and a value a line. A value of several lines is continued on indented lines.
pub(super) fn render_bag_info(fields: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (label, value) in fields {
        let rows: Vec<&str> = value.split(['\r', '\n']).map(str::trim).filter(|row| !row.is_empty()).collect();
        out.push_str(label);
        out.push_str(": ");
        out.push_str(&rows.join("\n  "));
        out.push('\n');
    }
    out
}

/// Reads `bag-info.txt`: labels with values in their order, and the numbers of lines that are neither.
pub(super) fn parse_bag_info(bytes: &[u8]) -> (Vec<(String, String)>, Vec<usize>) {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut bad = Vec::new();
    for (number, line) in lines(bytes) {
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) {
            match fields.last_mut() {
                Some((_, value)) => *value = format!("{value} {}", text.trim()),
                None => bad.push(number),
            }
        } else if let Some((label, value)) = text.split_once(':') {
            fields.push((label.trim().to_owned(), value.trim().to_owned()));
        } else {
            bad.push(number);
        }
    }
    (fields, bad)
}

/// Reads a `Payload-Oxum`: bytes and files of the payload.
pub(super) fn parse_oxum(text: &str) -> Option<(u64, u64)> {
    let (bytes, files) = text.split_once('.')?;
    Some((bytes.parse().ok()?, files.parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn our_own_declaration_is_a_valid_one() {
        assert_eq!(parse_bagit(BAGIT_TXT.as_bytes()), Ok(BagVersion::V1));
        let draft = b"BagIt-Version: 0.97\r\nTag-File-Character-Encoding: utf-8";
        assert_eq!(parse_bagit(draft), Ok(BagVersion { major: 0, minor: 97 }));
    }

    #[test]
    fn other_declarations_are_refused() {
        for text in [
            "",
            "BagIt-Version: 1.0\n",
            "\u{feff}BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n",
            "BagIt-Version:  1.0\nTag-File-Character-Encoding: UTF-8\n",
            "BagIt-Version : 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "BagIt-Version: 1.0 \nTag-File-Character-Encoding: UTF-8\n",
            "BagIt-Version: 1.+0\nTag-File-Character-Encoding: UTF-8\n",
            "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-16\n",
            "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nMore: 1\n",
        ] {
            assert!(parse_bagit(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn lines_are_counted_the_same_however_they_end() {
        for text in ["a\n\nb\n", "a\r\n\r\nb", "a\r\rb\r"] {
            let read: Vec<_> = lines(text.as_bytes()).collect();
            assert_eq!(read, [(1, b"a".as_slice()), (3, b"b".as_slice())], "{text:?}");
        }
    }

    #[test]
    fn a_note_cannot_forge_a_label() {
        let text = render_bag_info(&[("Note", "a\nPayload-Oxum: 0.0\r\n\r\nb".into()), ("Payload-Oxum", "3.1".into())]);
        let (fields, bad) = parse_bag_info(text.as_bytes());
        assert_eq!(bad, [0_usize; 0]);
        assert_eq!(fields.len(), 2);
        assert_eq!(fields.first().unwrap().1, "a Payload-Oxum: 0.0 b");
        assert_eq!(fields.last().unwrap(), &("Payload-Oxum".to_owned(), "3.1".to_owned()));
        assert_eq!(parse_bag_info(b"no label\n"), (vec![], vec![1]));
    }

    #[test]
    fn an_oxum_is_two_numbers() {
        assert_eq!(parse_oxum("279164409832.1198"), Some((279_164_409_832, 1198)));
        for text in ["", "1", "1.", ".1", "-1.1", "1.1.1"] {
            assert_eq!(parse_oxum(text), None, "{text}");
        }
    }
}
