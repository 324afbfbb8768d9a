//! Extended headers in the pax form: `length key=value` lines (POSIX.1-2001).

/// The records of a pax header, `length key=value\n`; a `None` ends them where they cannot be read.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (record, after) = record(rest).unzip();
        rest = after.unwrap_or_default();
        Some(record)
    })
}

/// The first record, and what follows it.
type Record<'a> = ((&'a [u8], &'a [u8]), &'a [u8]);

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let blank = bytes.iter().position(|b| *b == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let (record, after) = bytes.split_at_checked(length)?;
    let body = record.get(blank.checked_add(1)?..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|b| *b == b'=')?;
    Some(((body.get(..equals)?, body.get(equals.checked_add(1)?..)?), after))
}
