//! Texts of the JSON form as values: `None` where they are not of the form that `schemas/` takes (decimals.py, instants.py).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;

const DIGITS: i64 = 38; // of a decimal, fraction included
const MICROS: i64 = 1_000_000;
const LATEST: i64 = 253_402_300_800 * MICROS; // behind the year 9999
const EARLIEST: i64 = -62_135_596_800 * MICROS; // where the year 1 begins

/// Units of ten to the minus `scale`, of `[+-]digits[.digits][e[+-]digits]`: exact, and of at most 38 digits.
pub fn decimal(text: &str, scale: i32) -> Option<i128> {
    let (negative, rest) = signed(text);
    let (number, power) = match rest.split_once(['e', 'E']) {
        Some((number, power)) => {
            let (minus, digits) = signed(power);
            let size: i64 = format!("0{}", all_digits(digits)?.trim_start_matches('0')).parse().ok()?;
            (number, if minus { -size } else { size })
        }
        None => (rest, 0),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (all_digits(whole)?, all_digits(fraction)?),
        None => (all_digits(number)?, ""),
    };
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = (digits.len() - digits.trim_end_matches('0').len()) as i64;
    let shift = power.checked_sub(fraction.len() as i64)?.checked_add(zeros)?.checked_add(i64::from(scale))?;
    if shift < 0 || shift.checked_add(significant.len() as i64)? > DIGITS {
        return None;
    }
    let units = significant.parse::<i128>().ok()? * 10_i128.pow(shift as u32);
    Some(if negative { -units } else { units })
}

fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn all_digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Microseconds UTC of an RFC 3339 time with Z or a numeric offset, in the years 0001 to 9999.
pub fn instant(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (time.get(..8)?, time.get(8..)?);
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("000000", rest),
    };
    if fraction.is_empty() || fraction.len() > 9 || fraction.bytes().skip(6).any(|digit| digit != b'0') {
        return None;
    }
    let micros = format!("{fraction:0<6}")[..6].parse::<i64>().ok()?;
    let days = day(date)?;
    let at = days * 86_400 + hours(clock.get(..5)?)? + two(clock.strip_prefix(&clock[..5])?.strip_prefix(':')?, 59)?;
    let whole = (at - offset(zone)?) * MICROS + micros;
    (EARLIEST..LATEST).contains(&whole).then_some(whole)
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let seconds = hours(zone.strip_prefix(['+', '-'])?)?;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

/// Seconds of `HH:MM`.
fn hours(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    Some(two(hour, 23)? * 3_600 + two(minute, 59)? * 60)
}

fn two(text: &str, most: i64) -> Option<i64> {
    let value = (text.len() == 2).then(|| all_digits(text))??.parse().ok()?;
    (value <= most).then_some(value)
}

/// Days since 1970-01-01 of a date `YYYY-MM-DD`.
pub fn day(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || [year.len(), month.len(), day.len()] != [4, 2, 2] {
        return None;
    }
    let year = all_digits(year)?.parse().ok().filter(|year| *year > 0)?;
    let date = NaiveDate::from_ymd_opt(year, two(month, 12)? as u32, two(day, 31)? as u32)?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

/// What base64 stands for.
pub fn payload(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
