//! Pattern lists as in ssh_config(5), PATTERNS: `*` stands for any characters, `?` for one, `!` before a pattern
//! takes back, a comma stands between patterns. Upper and lower case differ.

/// Whether a text matches a list: at least one pattern does, and none with `!`.
pub(super) fn matches_list(text: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(text.as_bytes(), pattern.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(text.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// One pattern. Goes back to the last `*` only, so that no pattern takes more than |text| x |pattern| steps.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0_usize, 0_usize);
    // Behind the last `*`, and where in the text it was tried.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                p = p.saturating_add(1);
                star = Some((p, t));
            }
            (Some(c), _) if *c == b'?' || c == byte => (t, p) = (t.saturating_add(1), p.saturating_add(1)),
            (_, Some((behind, tried))) => {
                let next = tried.saturating_add(1);
                (t, p, star) = (next, behind, Some((behind, next)));
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_match_as_in_ssh_config() {
        for (text, list, expected) in [
            ("alice@example.com", "alice@example.com", true),
            ("alice@example.com", "*@example.com", true),
            ("alice@example.com", "bob,*@example.com", true),
            ("alice@example.com", "*,!alice@*", false),
            ("alice@example.com", "!alice@*,*", false),
            ("alice", "!bob", false),
            ("Alice", "alice", false),
            ("alice", "al?ce", true),
            ("alice", "alice?", false),
            ("alice", "a*c*e", true),
            ("alice", "a*c*x", false),
            ("", "*", true),
            ("", "", true),
            ("alice", "", false),
            ("a,b", "a,b", false),
        ] {
            assert_eq!(matches_list(text, list), expected, "{text} against {list}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let (text, pattern) = ("a".repeat(2000), "*a".repeat(500) + "b");
        assert!(!matches_list(&text, &pattern));
    }
}
