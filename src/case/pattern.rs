//! Patterns of texts in which `*` stands for any text; everything else is itself.

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What lies between the stars; never empty.
    pieces: Vec<String>,
}

impl Pattern {
    /// Takes a pattern apart.
    pub fn new(pattern: &str) -> Self {
        Self { pieces: pattern.split('*').map(str::to_owned).collect() }
    }

    /// One text, in which a star is a star.
    pub fn exactly(text: &str) -> Self {
        Self { pieces: vec![text.to_owned()] }
    }

    /// Whether a text fits.
    pub fn matches(&self, text: &str) -> bool {
        match self.pieces.as_slice() {
            [] => false,
            [all] => text == all,
            [first, middle @ .., last] => {
                let mut rest = text.strip_prefix(first.as_str());
                for piece in middle {
                    rest = rest.and_then(|rest| rest.split_once(piece.as_str())).map(|(_, after)| after);
                }
                rest.is_some_and(|rest| rest.ends_with(last.as_str()))
            }
        }
    }

    /// Whether a text that fits can lie between two others, in the order of bytes; both may be texts that are cut short,
    /// the second made larger for it.
    pub(super) fn may_lie(&self, least: &[u8], most: &[u8]) -> bool {
        let first = self.pieces.first().map(String::as_bytes).unwrap_or_default();
        first <= most && (least <= first || (self.pieces.len() > 1 && least.starts_with(first)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn stars_stand_for_any_text_and_nothing_else_does() {
        for (pattern, fits, does_not) in [
            ("a", vec!["a"], vec!["", "ab", "ba", "*"]),
            ("a*", vec!["a", "ab", "a*", "a\nb"], vec!["", "ba"]),
            ("*a", vec!["a", "ba", "aa"], vec!["ab"]),
            ("*", vec!["", "a", "\n"], vec![]),
            ("a*b*a", vec!["aba", "abba", "a-b-a"], vec!["aa", "ab", "aab"]),
            ("a*a", vec!["aa"], vec!["a"]),
            (".+[", vec![".+["], vec!["a["]),
            ("**x", vec!["x", "yx"], vec!["xy"]),
        ] {
            fits.iter().for_each(|text| assert!(Pattern::new(pattern).matches(text), "{pattern} {text}"));
            does_not.iter().for_each(|text| assert!(!Pattern::new(pattern).matches(text), "{pattern} {text}"));
        }
        assert!(Pattern::exactly("a*").matches("a*") && !Pattern::exactly("a*").matches("ab"));
    }

    proptest! {
        #[test]
        fn it_says_what_a_regular_expression_says(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let parts: Vec<String> = pattern.split('*').map(regex::escape).collect();
            let expression = Regex::new(&format!("(?s)^{}$", parts.join(".*"))).unwrap();
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), expression.is_match(&text));
        }

        #[test]
        fn what_fits_is_never_ruled_out(pattern in "[ab*]{0,4}", texts in prop::collection::vec("[abc]{0,4}", 1..6), cut in 0_usize..5) {
            let pattern = Pattern::new(&pattern);
            let least = texts.iter().min().unwrap().as_bytes();
            let most = texts.iter().max().unwrap().as_bytes();
            let mut above = most[..cut.min(most.len())].to_vec();
            if above.len() < most.len() && let Some(last) = above.last_mut() { *last += 1 } else { above = most.to_vec() }
            if texts.iter().any(|text| pattern.matches(text)) {
                prop_assert!(pattern.may_lie(&least[..cut.min(least.len())], &above));
            }
        }
    }
}
