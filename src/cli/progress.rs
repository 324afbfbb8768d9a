//! Progress bars on stderr, the binary's side of [`Progress`]. One bar for all steps of a task: a step takes the
//! bar over, and the end clears it, so that what stays on the terminal is the answer alone.
//!
//! Counting is atomic adds; drawing happens on indicatif's ticker thread, four times a second, so a step that
//! counts nothing still shows life and a hot loop never waits for the terminal.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::model::progress::Progress;
use crate::render::escape;

/// A step of known size. Two lines, for file names are long and the counts must still fit in 80 columns.
const SIZED: &str = "{spinner} {wide_msg}\n  [{wide_bar}]  {binary_bytes}/{binary_total_bytes}  \
                     {binary_bytes_per_sec}{rows}  eta {eta}";

/// A step of unknown size.
const UNSIZED: &str = "{spinner} {wide_msg}\n  {binary_bytes}  {binary_bytes_per_sec}{rows}  {elapsed}";

/// How often a bar is drawn.
const TICK: Duration = Duration::from_millis(250);

/// Progress bars on stderr.
#[derive(Debug)]
pub struct Bars {
    bar: ProgressBar,
    rows: Arc<AtomicU64>,
}

impl Bars {
    /// Bars on stderr, if `enabled` (no `-q`) and stderr is a terminal; else nothing is ever written.
    pub fn new(enabled: bool) -> Self {
        let seen = enabled && std::io::stderr().is_terminal();
        Self::on(if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() })
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, rows: Arc::new(AtomicU64::new(0)) }
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let rows = Arc::clone(&self.rows);
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ")
            .with_key("rows", move |_: &ProgressState, out: &mut dyn fmt::Write| {
                let made = rows.load(Ordering::Relaxed);
                if made > 0 {
                    // A failed write leaves the line shorter, nothing else.
                    let _ = write!(out, "  {} rows", HumanCount(made));
                }
            })
    }
}

impl Progress for Bars {
    fn begin(&self, step: &str, total_bytes: Option<u64>) {
        if self.bar.is_hidden() {
            return;
        }
        // A finished bar draws nothing, so no mixture of the two steps is ever seen.
        self.finish();
        self.rows.store(0, Ordering::Relaxed);
        match total_bytes {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_style(self.style(if total_bytes.is_some() { SIZED } else { UNSIZED }));
        // A step may name a file, and file names are evidence.
        self.bar.set_message(escape::terminal(step).into_owned());
        self.bar.reset();
        self.bar.enable_steady_tick(TICK);
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    fn finish(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

impl Drop for Bars {
    /// An error may leave a task without its end; the bar goes all the same.
    fn drop(&mut self) {
        if !self.bar.is_hidden() && !self.bar.is_finished() {
            self.finish();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::io;
    use std::sync::Mutex;

    /// A terminal of 120 columns: what was written, and what is on it now.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<(String, String)>>);

    impl Screen {
        fn all(&self) -> String {
            self.0.lock().unwrap().0.clone()
        }

        fn now(&self) -> String {
            self.0.lock().unwrap().1.clone()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            let mut screen = self.0.lock().unwrap();
            screen.0.push_str(text);
            screen.1.push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().1.clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn bars() -> (Bars, Screen) {
        let screen = Screen::default();
        (Bars::on(ProgressDrawTarget::term_like(Box::new(screen.clone()))), screen)
    }

    #[test]
    fn a_step_shows_its_counts_and_its_end_clears_the_line() {
        let (bars, screen) = bars();
        assert_eq!(screen.all(), "");
        bars.begin("reading audit.log", Some(4096));
        bars.advance(1024);
        bars.advance(1024);
        bars.rows(1200);
        bars.rows(34);
        bars.bar.force_draw();
        let line = screen.now();
        for part in ["reading audit.log", "  [=", "=>  ", "2.00 KiB/4.00 KiB", "/s  1,234 rows  eta "] {
            assert!(line.contains(part), "`{part}` is not in `{line}`");
        }
        bars.finish();
        assert_eq!(screen.now(), "");
    }

    #[test]
    fn the_next_step_begins_at_zero_and_may_have_no_size() {
        let (bars, screen) = bars();
        bars.begin("one", Some(10));
        bars.advance(10);
        bars.rows(10);
        bars.begin("two", None);
        bars.bar.force_draw();
        let line = screen.now();
        assert!(line.contains("two") && line.contains("  0 B  "), "{line}");
        assert!(!line.contains("one") && !line.contains("rows") && !line.contains("eta"), "{line}");
        drop(bars);
        assert_eq!(screen.now(), "");
    }

    #[test]
    fn a_file_name_cannot_command_the_terminal() {
        let (bars, screen) = bars();
        bars.begin("a\u{1b}[2J\n\u{202e}b", None);
        bars.bar.force_draw();
        assert!(screen.now().contains(r"a\x1b[2J\n\u{202e}b"));
        assert!(!screen.all().contains("\u{1b}[2J"));
    }

    #[test]
    fn disabled_bars_stay_hidden() {
        let bars = Bars::new(false);
        bars.begin("step", Some(1));
        bars.advance(1);
        bars.rows(1);
        assert!(bars.bar.is_hidden());
        bars.finish();
    }

    #[test]
    fn both_templates_are_valid() {
        for template in [SIZED, UNSIZED] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
