//! Times as the API server writes them. All times are microseconds since 1970, UTC.

/// One second.
pub(crate) const SECOND: i64 = 1_000_000;
/// One minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// One hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// One day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-06-01T00:00:00Z, a Monday: when every generated log begins.
pub(crate) const START: i64 = 20_605 * DAY;

/// The hour of the day and the day of the week (0 is Monday).
pub(crate) fn hour_and_weekday(time: i64) -> (usize, usize) {
    let days = time.div_euclid(DAY);
    // 1970-01-01 was a Thursday.
    ((time.rem_euclid(DAY) / HOUR) as usize, days.saturating_add(3).rem_euclid(7) as usize)
}

/// `2026-06-01T00:00:00.000000Z`, as `metav1.MicroTime` is written.
pub(crate) fn micros(time: i64) -> String {
    format!("{}.{:06}Z", date_and_time(time, ':'), time.rem_euclid(SECOND))
}

/// `2026-06-01T00:00:00Z`, as `metav1.Time` is written.
pub(crate) fn seconds(time: i64) -> String {
    format!("{}Z", date_and_time(time, ':'))
}

/// `2026-06-01T00-00-00.000`, as rotated log files are named.
pub(crate) fn file_stamp(time: i64) -> String {
    format!("{}.{:03}", date_and_time(time, '-'), time.rem_euclid(SECOND) / 1000)
}

fn date_and_time(time: i64, between: char) -> String {
    let (year, month, day) = civil(time.div_euclid(DAY));
    let second = time.rem_euclid(DAY) / SECOND;
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}{between}{m:02}{between}{s:02}")
}

/// The calendar date of a day counted from 1970, by the well-known 400-year cycle.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, date)
}

/// Reads what [`micros`] and [`seconds`] write.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let time = number(11, 13)? * HOUR + number(14, 16)? * MINUTE + number(17, 19)? * SECOND;
    let fraction = match text.get(19..)? {
        "Z" => 0,
        _ => number(20, 26).filter(|_| text.len() == 27)?,
    };
    let guess = (year - 1970) * 365 + (month - 1) * 28 + day;
    let days = (guess..guess + 400).find(|d| civil(*d) == (year, month, day))?;
    Some(days * DAY + time + fraction)
}

/// Writes times with microseconds fast: the text of the current second is kept.
#[derive(Debug, Default)]
pub(crate) struct Stamper {
    second: i64,
    text: String,
}

impl Stamper {
    /// Writes what [`micros`] gives.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, time: i64) {
        out.extend_from_slice(self.second_of(time));
        out.push(b'.');
        push_digits(out, time.rem_euclid(SECOND) as u64, 6);
        out.push(b'Z');
    }

    /// Writes what [`seconds`] gives.
    pub(crate) fn push_second(&mut self, out: &mut Vec<u8>, time: i64) {
        out.extend_from_slice(self.second_of(time));
        out.push(b'Z');
    }

    fn second_of(&mut self, time: i64) -> &[u8] {
        let second = time.div_euclid(SECOND);
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = date_and_time(time, ':');
        }
        self.text.as_bytes()
    }
}

/// Writes the lowest `digits` decimal digits of a number.
pub(crate) fn push_digits(out: &mut Vec<u8>, number: u64, digits: u32) {
    let mut power = 10_u64.pow(digits.saturating_sub(1));
    while power > 0 {
        out.push(b'0' + (number / power % 10) as u8);
        power /= 10;
    }
}
