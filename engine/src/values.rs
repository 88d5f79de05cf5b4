//! Values as XPath 2.0 knows them: items, how they are cast, compared, computed and printed. Nothing here reads a tree.
//!
//! Limits: xs:integer is kept as a decimal without a fraction (a decimal without one passes for an integer); a date without a zone is taken as UTC; years are 1 to 9999.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::mem::ManuallyDrop;

use crate::characters::is_space;
use crate::decimal::{Decimal, Unanswered};
use crate::document::NodeId;
use crate::expression::{Operator, Sign, Type};

/// A dynamic error: its code in XPath 2.0 appendix G or functions and operators appendix C, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<(&'static str, String)>);

/// An answer, or the error that stops the rule.
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// An error by its code.
    #[cold]
    pub fn new(code: &'static str, reason: impl Into<String>) -> Fault {
        Fault(Box::new((code, reason.into())))
    }

    /// FORG0001: a value that cannot be cast, shortened to 40 characters.
    #[cold]
    pub fn not_castable(value: &str, wanted: &str) -> Fault {
        let mut shown: String = value.chars().take(40).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Fault::new("FORG0001", format!("'{shown}' is no {wanted}"))
    }

    /// XPTY0004: one item was expected.
    #[cold]
    pub fn too_many(what: &str) -> Fault {
        Fault::new("XPTY0004", format!("{what} has more than one value"))
    }

    /// XPTY0004: types that do not go together.
    #[cold]
    pub fn wrong_type(what: &str) -> Fault {
        Fault::new("XPTY0004", what)
    }

    /// The error's code.
    pub fn code(&self) -> &'static str {
        self.0 .0
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.0 .1
    }
}

impl From<Unanswered> for Fault {
    fn from(unanswered: Unanswered) -> Fault {
        match unanswered {
            Unanswered::DivisionByZero => Fault::new("FOAR0001", "division by zero"),
            Unanswered::TooLong => Fault::new("FOAR0002", "a number is too long to be exact"),
        }
    }
}

/// An item: a node or an atomic value.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// A node of the document.
    Node(NodeId),
    /// xs:untypedAtomic, the typed value of a node.
    Untyped(Cow<'a, str>),
    /// xs:string
    String(Cow<'a, str>),
    /// xs:boolean
    Boolean(bool),
    /// xs:decimal and xs:integer
    Decimal(Decimal),
    /// xs:double
    Double(f64),
    /// xs:date: minutes since the first of January of the year 1, UTC, and the text as written.
    Date(i64, Cow<'a, str>),
}

/// A node as the context of an expression: there is nothing to free, and the compiler need not look whether there is.
#[inline]
pub fn at<'a>(node: NodeId) -> ManuallyDrop<Item<'a>> {
    ManuallyDrop::new(Item::Node(node))
}

use Item::{Boolean, Date, Double, Node, String as Text, Untyped};

/// `text` without white space at either end.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// xs:decimal of a text.
pub fn decimal(text: &str) -> Outcome<Decimal> {
    let number = Decimal::parse(text).ok_or_else(|| Fault::not_castable(trimmed(text), "decimal number"))?;
    Ok(number.bounded()?)
}

/// xs:double of a text (XML Schema part 2, 3.2.5).
pub fn double(text: &str) -> Outcome<f64> {
    let text = trimmed(text);
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    match text {
        "INF" => Ok(f64::INFINITY),
        "-INF" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        _ => match text.parse() {
            Ok(value) if plain => Ok(value),
            _ => Err(Fault::not_castable(text, "number")),
        },
    }
}

/// xs:boolean of a text.
pub fn boolean(text: &str) -> Outcome<bool> {
    match trimmed(text) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(Fault::not_castable(other, "boolean")),
    }
}

/// xs:integer of a text.
fn integer(text: &str) -> Outcome<Decimal> {
    let value = trimmed(text);
    let number = if value.contains('.') { None } else { Decimal::parse(value) };
    Ok(number.ok_or_else(|| Fault::not_castable(text, "integer"))?.bounded()?)
}

/// Minutes of an xs:date's beginning (XML Schema part 2, 3.2.9).
pub fn day(text: &str) -> Outcome<i64> {
    let text = trimmed(text);
    read_day(text).ok_or_else(|| Fault::not_castable(text, "date"))
}

fn read_day(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            digits.parse().ok()
        } else {
            None
        }
    };
    if text.as_bytes().get(4) != Some(&b'-') || text.as_bytes().get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    let before = year - 1;
    let of_year: i64 = lengths[..month as usize - 1].iter().sum();
    let days = before * 365 + before / 4 - before / 100 + before / 400 + of_year + day;
    let zone = match text.get(10..)? {
        "" | "Z" => 0,
        zone if zone.len() == 6 && zone.as_bytes()[3] == b':' => {
            let (hours, minutes) = (number(11, 13)?, number(14, 16)?);
            let sign = match zone.as_bytes()[0] {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            if minutes > 59 || hours * 60 + minutes > 840 {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
        _ => return None,
    };
    Some(days * 1_440 - zone)
}

/// An atomic value of a type (functions and operators, 17): text by its lexical form, numbers and booleans by value.
pub fn cast<'a>(value: Item<'a>, wanted: Type) -> Outcome<Item<'a>> {
    match (value, wanted) {
        (value, Type::Item | Type::Node) => Ok(value),
        (Untyped(text) | Text(text), wanted) => cast_text(text, wanted),
        (value, Type::String) => Ok(Text(string(value))),
        (Boolean(value), Type::Boolean) => Ok(Boolean(value)),
        (Item::Decimal(value), Type::Boolean) => Ok(Boolean(!value.is_zero())),
        (Double(value), Type::Boolean) => Ok(Boolean(value != 0.0 && !value.is_nan())),
        (Date(minutes, text), Type::Date) => Ok(Date(minutes, text)),
        (Date(..), wanted) => Err(Fault::wrong_type(&format!("a date is no {}", name_of(wanted)))),
        (_, Type::Date) => Err(Fault::wrong_type("a number is no date")),
        (value, wanted) => number(value, wanted),
    }
}

fn cast_text(text: Cow<'_, str>, wanted: Type) -> Outcome<Item<'_>> {
    Ok(match wanted {
        Type::Boolean => Boolean(boolean(&text)?),
        Type::Integer => Item::Decimal(integer(&text)?),
        Type::Decimal => Item::Decimal(decimal(&text)?),
        Type::Double => Double(double(&text)?),
        Type::Date => Date(day(&text)?, Cow::Owned(trimmed(&text).to_owned())),
        Type::String | Type::Item | Type::Node => Text(text),
    })
}

fn number<'a>(value: Item<'a>, wanted: Type) -> Outcome<Item<'a>> {
    let exact = match value {
        Boolean(value) => Decimal::from(i64::from(value)),
        Item::Decimal(value) => value,
        Double(value) if wanted == Type::Double => return Ok(Double(value)),
        Double(value) => {
            Decimal::from_double(value).ok_or_else(|| Fault::new("FOCA0002", format!("{} has no exact value", double_text(value))))?
        }
        _ => return Err(Fault::wrong_type("a number was expected")),
    };
    Ok(match wanted {
        Type::Double => Double(exact.to_double()),
        Type::Integer => Item::Decimal(exact.truncated()),
        _ => Item::Decimal(exact),
    })
}

/// A type as people call it.
pub fn name_of(wanted: Type) -> &'static str {
    match wanted {
        Type::String => "string",
        Type::Boolean => "boolean",
        Type::Integer => "integer",
        Type::Decimal => "decimal",
        Type::Double => "double",
        Type::Date => "date",
        Type::Item => "item",
        Type::Node => "node",
    }
}

/// The string of an atomic value (functions and operators, 17.1.2). Nodes have theirs from the tree.
pub fn string(value: Item<'_>) -> Cow<'_, str> {
    match value {
        Untyped(text) | Text(text) | Date(_, text) => text,
        Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Item::Decimal(value) => Cow::Owned(value.to_string()),
        Double(value) => Cow::Owned(double_text(value)),
        Node(_) => Cow::Borrowed(""),
    }
}

/// Plain between a millionth and a million, else with an exponent.
pub fn double_text(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 {
            "INF".to_owned()
        } else {
            "-INF".to_owned()
        }
    } else if value == 0.0 || (1e-6..1e6).contains(&size) {
        value.to_string()
    } else {
        let written = format!("{value:E}");
        let (digits, exponent) = written.split_once('E').unwrap_or((&written, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        format!("{digits}{point}E{exponent}")
    }
}

impl Sign {
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Sign::Equal => order == Some(Ordering::Equal),
            Sign::Unequal => order != Some(Ordering::Equal),
            Sign::Less => order == Some(Ordering::Less),
            Sign::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Sign::Greater => order == Some(Ordering::Greater),
            Sign::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// Two texts, by code points.
    #[inline]
    pub fn holds_for_text(self, left: &str, right: &str) -> bool {
        match self {
            Sign::Equal => left == right,
            Sign::Unequal => left != right,
            _ => self.holds(Some(left.cmp(right))),
        }
    }
}

/// A general comparison of two atomic values (XPath 2.0, 3.5.2): an untyped one takes the other's type, a number makes it a double.
pub fn compare(sign: Sign, left: &Item<'_>, right: &Item<'_>) -> Outcome<bool> {
    match (left, right) {
        (Untyped(a) | Text(a), Untyped(b) | Text(b)) => Ok(sign.holds_for_text(a, b)),
        (Untyped(a), Item::Decimal(_) | Double(_)) => typed(sign, &Double(double(a)?), right),
        (Item::Decimal(_) | Double(_), Untyped(b)) => typed(sign, left, &Double(double(b)?)),
        (Untyped(a), Boolean(_)) => typed(sign, &Boolean(boolean(a)?), right),
        (Boolean(_), Untyped(b)) => typed(sign, left, &Boolean(boolean(b)?)),
        (Untyped(a), Date(..)) => typed(sign, &Date(day(a)?, Cow::Borrowed("")), right),
        (Date(..), Untyped(b)) => typed(sign, left, &Date(day(b)?, Cow::Borrowed(""))),
        _ => typed(sign, left, right),
    }
}

/// A value comparison (XPath 2.0, 3.5.1): an untyped value is a string.
pub fn compare_values(sign: Sign, left: &Item<'_>, right: &Item<'_>) -> Outcome<bool> {
    typed(sign, left, right)
}

fn typed(sign: Sign, left: &Item<'_>, right: &Item<'_>) -> Outcome<bool> {
    Ok(sign.holds(match (left, right) {
        (Untyped(a) | Text(a), Untyped(b) | Text(b)) => return Ok(sign.holds_for_text(a, b)),
        (Item::Decimal(a), Item::Decimal(b)) => Some(a.cmp(b)),
        (Double(a), Double(b)) => a.partial_cmp(b),
        (Item::Decimal(a), Double(b)) => a.to_double().partial_cmp(b),
        (Double(a), Item::Decimal(b)) => a.partial_cmp(&b.to_double()),
        (Boolean(a), Boolean(b)) => Some(a.cmp(b)),
        (Date(a, _), Date(b, _)) => Some(a.cmp(b)),
        _ => {
            let (left, right) = (string(left.clone()), string(right.clone()));
            return Err(Fault::wrong_type(&format!("'{left}' and '{right}' are of types that do not compare")));
        }
    }))
}

/// Arithmetic (XPath 2.0, 3.4): untyped values become doubles, decimals stay exact.
pub fn compute<'a>(operator: Operator, left: Item<'a>, right: Item<'a>) -> Outcome<Item<'a>> {
    match (operand(left)?, operand(right)?) {
        (Item::Decimal(a), Item::Decimal(b)) => Ok(Item::Decimal(match operator {
            Operator::Plus => a.plus(&b)?,
            Operator::Minus => a.minus(&b)?,
            Operator::Times => a.times(&b)?,
            Operator::Divided => a.divided_by(&b)?,
            Operator::WholeDivided => a.whole_quotient(&b)?,
            Operator::Modulo => a.remainder(&b)?,
        })),
        (a, b) => compute_doubles(operator, as_double(&a), as_double(&b)),
    }
}

fn compute_doubles<'a>(operator: Operator, a: f64, b: f64) -> Outcome<Item<'a>> {
    Ok(Double(match operator {
        Operator::Plus => a + b,
        Operator::Minus => a - b,
        Operator::Times => a * b,
        Operator::Divided => a / b,
        Operator::Modulo => a % b,
        Operator::WholeDivided if b == 0.0 => return Err(Fault::new("FOAR0001", "division by zero")),
        Operator::WholeDivided => {
            let whole = Decimal::from_double((a / b).trunc());
            return whole
                .map(Item::Decimal)
                .ok_or_else(|| Fault::new("FOAR0002", format!("{} idiv {} has no value", double_text(a), double_text(b))));
        }
    }))
}

/// A value as an operand of arithmetic.
pub fn operand<'a>(value: Item<'a>) -> Outcome<Item<'a>> {
    match value {
        Untyped(text) => Ok(Double(double(&text)?)),
        value @ (Item::Decimal(_) | Double(_)) => Ok(value),
        other => Err(Fault::wrong_type(&format!("'{}' is no number", string(other)))),
    }
}

/// The double nearest to a number.
pub fn as_double(value: &Item<'_>) -> f64 {
    match value {
        Item::Decimal(value) => value.to_double(),
        Double(value) => *value,
        _ => f64::NAN,
    }
}

/// `fn:round` of a double: halves go up (functions and operators, 6.4.4).
pub fn rounded(value: f64) -> f64 {
    if !value.is_finite() || value == value.trunc() || value.abs() >= (1u64 << 52) as f64 {
        return value;
    }
    (value + 0.5).floor().copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untyped(text: &str) -> Item<'_> {
        Untyped(Cow::Borrowed(text))
    }

    fn number(text: &str) -> Item<'_> {
        Item::Decimal(decimal(text).unwrap())
    }

    fn shown(value: Outcome<Item<'_>>) -> String {
        value.map_or_else(|fault| fault.code().to_owned(), |value| string(value).into_owned())
    }

    #[test]
    fn doubles_are_printed_as_the_standard_says() {
        for (value, text) in [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (100.0, "100"),
            (1e6, "1.0E6"),
            (1234567.5, "1.2345675E6"),
            (1e-7, "1.0E-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-INF"),
            (999999.5, "999999.5"),
            (0.000001, "0.000001"),
        ] {
            assert_eq!(double_text(value), text);
        }
    }

    #[test]
    fn texts_are_cast_by_their_lexical_form() {
        assert_eq!(double(" 1e3 ").unwrap(), 1000.0);
        assert!(double("inf").is_err() && double("0x1").is_err() && double("").is_err() && double("1_0").is_err());
        assert_eq!(boolean(" 1\n"), Ok(true));
        assert_eq!(boolean("TRUE").unwrap_err().reason(), "'TRUE' is no boolean");
        assert_eq!(shown(cast(untyped("1.0"), Type::Integer)), "FORG0001");
        assert_eq!(shown(cast(untyped("x"), Type::Decimal)), "FORG0001");
    }

    #[test]
    fn numbers_are_cast_by_value() {
        assert_eq!(shown(cast(number("-1.9"), Type::Integer)), "-1");
        assert_eq!(shown(cast(Double(f64::NAN), Type::Decimal)), "FOCA0002");
        assert_eq!(shown(cast(Double(0.5), Type::Decimal)), "0.5");
        assert_eq!(shown(cast(Double(f64::NAN), Type::Boolean)), "false");
        assert_eq!(shown(cast(Boolean(true), Type::Decimal)), "1");
        assert_eq!(shown(cast(number("2"), Type::Date)), "XPTY0004");
    }

    #[test]
    fn dates_know_their_calendar_and_zone() {
        assert_eq!(day("2026-03-01").unwrap() - day("2026-02-28").unwrap(), 1_440);
        assert_eq!(day("2024-02-29+01:00").unwrap(), day("2024-02-29").unwrap() - 60);
        assert_eq!(day("0001-01-01Z").unwrap(), 1_440);
        for wrong in ["2026-02-29", "2026-13-01", "26-01-01", "2026-01-01+15:00", "2026-1-1", "0000-01-01", "2026-01-01T00:00"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_untyped_value_takes_the_others_type() {
        assert_eq!(compare(Sign::Equal, &untyped("1.0"), &number("1")), Ok(true));
        assert_eq!(compare(Sign::Less, &untyped("9"), &untyped("10")), Ok(false));
        assert_eq!(compare(Sign::Equal, &untyped("true"), &Boolean(true)), Ok(true));
        assert_eq!(compare(Sign::Equal, &untyped("x"), &number("1")).unwrap_err().code(), "FORG0001");
        assert_eq!(compare_values(Sign::Equal, &untyped("1"), &number("1")).unwrap_err().code(), "XPTY0004");
        assert_eq!(compare(Sign::Unequal, &Double(f64::NAN), &Double(f64::NAN)), Ok(true));
        assert_eq!(compare(Sign::LessOrEqual, &Double(f64::NAN), &Double(1.0)), Ok(false));
    }

    #[test]
    fn decimals_stay_exact_and_untyped_values_become_doubles() {
        assert_eq!(shown(compute(Operator::Plus, number("0.1"), number("0.2"))), "0.3");
        assert_eq!(shown(compute(Operator::Plus, untyped("0.1"), number("0.2"))), "0.30000000000000004");
        assert_eq!(shown(compute(Operator::Divided, number("1"), number("0"))), "FOAR0001");
        assert_eq!(shown(compute(Operator::Divided, Double(1.0), number("0"))), "INF");
        assert_eq!(shown(compute(Operator::WholeDivided, Double(7.5), number("2"))), "3");
        assert_eq!(shown(compute(Operator::Plus, Text("1".into()), number("2"))), "XPTY0004");
    }

    #[test]
    fn halves_of_doubles_round_up() {
        assert_eq!((rounded(2.5), rounded(-2.5), rounded(-0.4), rounded(1e300)), (3.0, -2.0, -0.0, 1e300));
        assert!(rounded(-0.4).is_sign_negative());
    }
}
