//! Sizes as typed: `1024`, `64GiB`, `1.5 GB` would be too clever and is refused.

/// Units, the longest suffix first.
const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

/// A size in bytes: whole digits, then nothing, `B`, `KiB` to `TiB` (powers of 1024) or `KB` to `TB` (of 1000).
///
/// # Errors
/// What was expected, for text that is no size, is zero, or does not fit 64 bits.
pub fn parse(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, *unit))).unwrap_or((&lower, 1));
    let digits = digits.trim_end();
    let number = Some(digits).filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    match number.and_then(|d| d.parse::<u64>().ok()?.checked_mul(unit)) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("expected a size above 0 such as 1048576, 500MiB or 64GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        for (text, bytes) in
            [("1", 1), ("10b", 10), ("1KiB", 1024), ("64GiB", 64 << 30), ("4tib", 4 << 40), (" 2 MB ", 2_000_000)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "B", "-1", "1.5GiB", "x", "99999999999TiB", "1 0", "+1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
