//! Evidence may be written by the attacker, so no value reaches a terminal, a spreadsheet or a page
//! as it is. What is escaped is everything a reader cannot see or would mistake for something else:
//! control characters, bidi controls, and characters that are invisible or look like a space.
//!
//! The price: the joiners and variation selectors inside emoji are shown as escapes too, because two
//! user names that differ only by one of them must look different. A backslash stays a backslash, so
//! an escape and a text that spells one look alike here; the JSON output tells them apart.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character must not be shown as it is: general categories Cc, Zl, Zp, the spaces other than
/// U+0020, and what Unicode calls default-ignorable or format characters, bidi controls among them (UAX #9).
pub(super) const fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        '\0'..='\u{a0}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{1680}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3000}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Text for a terminal: `\n`, `\r`, `\t`, `\x1b` for control characters, `\u{202e}` for the other hidden
/// ones. Printable text, of any script, stays as it is.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        if is_hidden(c) { push_visible(&mut shown, c) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Text for HTML: safe between tags and inside a quoted attribute, not inside `<script>`, `<style>` or
/// an unquoted attribute. Hidden characters are shown as in [`terminal`], for browsers obey them.
pub fn html(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || is_hidden(c);
    if !text.chars().any(special) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(32));
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            c if is_hidden(c) => push_visible(&mut shown, c),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A cell that no spreadsheet takes for a formula: one that begins with `=`, `+`, `-`, `@` (or their
/// full-width forms), tab, CR or LF gets an apostrophe in front (OWASP, CSV injection).
///
/// A cell that begins with apostrophes before such a character gets one more, so that the change can be
/// undone exactly: where apostrophes stand before such a character, take one away.
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let starts_formula = matches!(
        text.trim_start_matches('\'').chars().next(),
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
    );
    if starts_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Text for a CSV cell: as [`terminal`], but line breaks and tabs stay, since a quoted cell may hold them.
pub fn csv_text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(16));
    let mut rest = text.chars().peekable();
    let mut changed = false;
    while let Some(c) = rest.next() {
        let stays = matches!(c, '\n' | '\t') || c == '\r' && rest.peek() == Some(&'\n');
        if stays || !is_hidden(c) {
            shown.push(c);
        } else {
            push_visible(&mut shown, c);
            changed = true;
        }
    }
    if changed { Cow::Owned(shown) } else { Cow::Borrowed(text) }
}

fn push_visible(shown: &mut String, c: char) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        c if c.is_control() => {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\x{:02x}", u32::from(c));
        }
        c => shown.extend(c.escape_unicode()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::render::testing::{hostile_text, undo_csv_cell};
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_shown() {
        for (evil, shown) in [
            ("a\u{1b}[2Jb", r"a\x1b[2Jb"),
            ("\u{1b}]0;title\u{7}", r"\x1b]0;title\x07"),
            ("line\r\nnext\tcell", r"line\r\nnext\tcell"),
            ("\0\u{8}\u{7f}", r"\x00\x08\x7f"),
            ("\u{85}\u{9b}31m", r"\x85\x9b31m"),
            ("admin\u{202e}nimda", r"admin\u{202e}nimda"),
            ("\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}", r"\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}"),
            ("ad\u{200b}min\u{feff}", r"ad\u{200b}min\u{feff}"),
            ("a\u{2028}b\u{2029}c", r"a\u{2028}b\u{2029}c"),
            ("soft\u{ad}hyphen", r"soft\u{ad}hyphen"),
            ("system:masters\u{a0}", r"system:masters\u{a0}"),
            ("\u{3164}\u{115f}\u{2800}", r"\u{3164}\u{115f}\u{2800}"),
            ("tag\u{e0041}", r"tag\u{e0041}"),
            ("❤\u{fe0f}", r"❤\u{fe0f}"),
        ] {
            assert_eq!(terminal(evil), shown);
        }
    }

    #[test]
    fn printable_text_of_any_script_stays_and_is_not_copied() {
        for text in [
            "",
            "system:serviceaccount:kube-system:default",
            r"back\slash \x1b",
            "Zoë",
            "管理者",
            "مدير",
            "😀",
            "e\u{301}",
            "−½",
        ] {
            assert!(matches!(terminal(text), Cow::Borrowed(t) if t == text), "{text}");
        }
    }

    #[test]
    fn html_cannot_leave_its_element_or_attribute() {
        assert_eq!(
            html("<img src=x onerror='alert(1)'> & \"\u{202e}\n"),
            r"&lt;img src=x onerror=&#39;alert(1)&#39;&gt; &amp; &quot;\u{202e}\n"
        );
        assert!(matches!(html("plain 管理者"), Cow::Borrowed(_)));
    }

    #[test]
    fn cells_that_begin_a_formula_get_an_apostrophe() {
        for start in ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'=", "''@"] {
            let cell = format!("{start}cmd|'/C calc'!A0");
            assert_eq!(csv_cell(&cell), format!("'{cell}"));
        }
        for text in ["", "'", "'quoted'", "a=b", "1+1", "−1", " =1", "user@example.org", "[\"=1\"]"] {
            assert!(matches!(csv_cell(text), Cow::Borrowed(t) if t == text), "{text}");
        }
    }

    #[test]
    fn a_cell_keeps_its_line_breaks_and_shows_the_rest() {
        assert_eq!(csv_text("a\u{1b}[2J\rb\r\nc\n\td\u{9b}\u{202e}"), "a\\x1b[2J\\rb\r\nc\n\td\\x9b\\u{202e}");
        assert!(matches!(csv_text("{\n\t\"a\": 1\r\n}"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_hidden_passes(text in hostile_text()) {
            for shown in [terminal(&text), html(&text)] {
                prop_assert!(!shown.chars().any(|c| c.is_control() || is_hidden(c)));
            }
            prop_assert!(!html(&text).contains(['<', '>', '"', '\'']));
            let once = terminal(&text);
            prop_assert_eq!(terminal(&once), once.as_ref());
        }

        #[test]
        fn printable_ascii_is_left_alone(text in "[ -~]*") {
            prop_assert_eq!(terminal(&text), text.as_str());
        }

        #[test]
        fn a_changed_cell_can_be_changed_back(text in hostile_text()) {
            let cell = csv_cell(&text);
            prop_assert_eq!(undo_csv_cell(&cell), text.as_str());
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']));
        }
    }
}
