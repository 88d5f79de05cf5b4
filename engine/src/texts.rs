//! What XPath does with texts once it has them: cut, searched, put together. Nothing is evaluated here.
//!
//! Sections are those of XQuery 1.0 and XPath 2.0 Functions and Operators.

use std::borrow::Cow;
use std::ops::Range;

use crate::characters::is_space;

/// 7.4.5: white space is XML's; a no-break space stays.
pub(crate) fn normalize_space(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut after_space = true;
    let is_normal = text.bytes().all(|byte| {
        let is_space = byte == b' ';
        let is_extra = (is_space && after_space) || matches!(byte, b'\t' | b'\n' | b'\r');
        after_space = is_space;
        !is_extra
    });
    if is_normal && (text.is_empty() || !after_space) {
        return text;
    }
    let mut joined = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    Cow::Owned(joined)
}

/// 7.4.7
pub(crate) fn upper_case(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
        return text;
    }
    Cow::Owned(text.to_uppercase())
}

/// The characters at the positions, counted from 1, that are not before `first` and before `after`.
pub(crate) fn from_to(text: Cow<'_, str>, first: f64, after: f64) -> Cow<'_, str> {
    let from = first.max(1.0);
    if first.is_nan() || after.is_nan() || from >= after {
        return Cow::Borrowed("");
    }
    let byte_of = |text: &str, place: usize| match text.is_ascii() {
        true => place.min(text.len()),
        false => text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte),
    };
    let begin = byte_of(&text, (from - 1.0) as usize);
    let length = byte_of(&text[begin..], (after - from) as usize);
    sliced(text, begin..begin + length)
}

/// A part of a text, not copied where the text is not ours.
fn sliced(text: Cow<'_, str>, range: Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// 7.5.4, 7.5.5: what stands before or after a mark; after an empty mark, everything.
pub(crate) fn part<'a>(text: Cow<'a, str>, mark: &str, after: bool) -> Cow<'a, str> {
    let range = match text.find(mark) {
        Some(at) if after => at + mark.len()..text.len(),
        Some(at) => 0..at,
        None => 0..0,
    };
    sliced(text, range)
}

/// 7.4.9: characters without a counterpart are removed; of repeated ones the first counts.
pub(crate) fn translate(text: &str, from: &str, to: &str) -> String {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mapped = |c: char| match from.iter().position(|&known| known == c) {
        None => Some(c),
        Some(at) => to.get(at).copied(),
    };
    text.chars().filter_map(mapped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_in_characters_from_1() {
        let cut = |text: &'static str, first: f64, after: f64| from_to(text.into(), first, after).into_owned();
        assert_eq!(cut("facture", 2.0, 4.0), "ac");
        assert_eq!(cut("créé", 3.0, 4.0), "é");
        assert_eq!(cut("créé", -1.0, 3.0), "cr");
        assert_eq!(cut("créé", 4.0, f64::INFINITY), "é");
        assert_eq!(cut("facture", 9.0, 12.0), "");
        assert_eq!(cut("facture", f64::NEG_INFINITY, f64::NAN) + &cut("facture", f64::NAN, 3.0) + &cut("facture", 3.0, 3.0), "");
    }
}
