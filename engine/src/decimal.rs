//! xs:decimal: exact, never through a double. Mantissas of 128 bits; what they cannot hold is computed digit by digit.
//!
//! Division keeps 18 digits after the point, or as many as the operands have, and rounds half down, as the official processor does
//! (XPath 2.0 functions and operators, 6.2.4, leaves that open).
//!
//! Limits: a number of more than [`MAXIMUM_DIGITS`] digits is refused, never rounded; so does the Python evaluator.

use std::cmp::Ordering;
use std::fmt;

use crate::big::Natural;
use crate::characters::is_space;

/// Longer numbers are refused: time to multiply grows with the square of the length.
pub const MAXIMUM_DIGITS: usize = 1_000;
const DIVISION_DIGITS: u32 = 18;
const POWERS: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut at = 1;
    while at < 39 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Why a computation has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Division by zero (FOAR0001).
    DivisionByZero,
    /// More than [`MAXIMUM_DIGITS`].
    TooLong,
}

type Outcome<T> = Result<T, Unanswered>;

/// An exact decimal number.
#[derive(Clone, Debug)]
pub enum Decimal {
    /// `mantissa / 10^scale`.
    Small(i128, u32),
    /// The same, with a sign (true: negative) and a mantissa without bound.
    Big(Box<(bool, Natural, u32)>),
}

use Decimal::{Big, Small};

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Small(i128::from(value), 0)
    }
}

impl Decimal {
    /// The lexical form of xs:decimal, white space around it allowed; None for anything else.
    pub fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim_matches(is_space);
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mut mantissa, mut scale, mut seen, mut point) = (0i128, 0u32, 0usize, false);
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    seen += 1;
                    scale += u32::from(point);
                    mantissa = mantissa.wrapping_mul(10).wrapping_add(i128::from(byte - b'0'));
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        match seen {
            0 => None,
            1..=38 => Some(Small(if negative { -mantissa } else { mantissa }, scale)),
            _ => Some(Decimal::exact(negative, Natural::from_digits(&digits.replace('.', "")), scale)),
        }
    }

    /// The exact value of a double (every finite double is a decimal).
    pub fn from_double(value: f64) -> Option<Decimal> {
        if !value.is_finite() {
            return None;
        }
        if value == value.trunc() && value.abs() < (1u64 << 53) as f64 {
            return Some(Small(value as i128, 0));
        }
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52 & 0x7FF) as i32, bits & ((1 << 52) - 1));
        let (mantissa, power) = if exponent == 0 { (fraction, -1_074) } else { (fraction | 1 << 52, exponent - 1_075) };
        let zeros = mantissa.trailing_zeros() as i32;
        let (mantissa, power) = (Natural::from(u128::from(mantissa >> zeros)), power + zeros);
        let factor = Natural::power(if power < 0 { 5 } else { 2 }, power.unsigned_abs());
        Some(Decimal::exact(value < 0.0, mantissa.times(&factor), power.min(0).unsigned_abs()))
    }

    fn exact(negative: bool, mantissa: Natural, scale: u32) -> Decimal {
        match mantissa.small().and_then(|value| i128::try_from(value).ok()) {
            Some(value) => Small(if negative { -value } else { value }, scale),
            None => Big(Box::new((negative, mantissa, scale))),
        }
    }

    fn parts(&self) -> (bool, Natural, u32) {
        match self {
            Small(mantissa, scale) => (*mantissa < 0, Natural::from(mantissa.unsigned_abs()), *scale),
            Big(parts) => (**parts).clone(),
        }
    }

    /// The number, unless it has too many digits between the first and the last that is not 0.
    pub fn bounded(self) -> Outcome<Decimal> {
        match &self {
            Big(parts) if parts.1.digits().trim_end_matches('0').len() > MAXIMUM_DIGITS => Err(Unanswered::TooLong),
            _ => Ok(self),
        }
    }

    /// Is it 0?
    pub fn is_zero(&self) -> bool {
        matches!(self, Small(0, _))
    }

    /// Is nothing written after the point?
    pub fn has_no_fraction(&self) -> bool {
        self.scale() == 0
    }

    /// The value with the other sign.
    pub fn negated(&self) -> Decimal {
        match self {
            Small(mantissa, scale) if *mantissa != i128::MIN => Small(-mantissa, *scale),
            _ => {
                let (negative, mantissa, scale) = self.parts();
                Decimal::exact(!negative, mantissa, scale)
            }
        }
    }

    /// The absolute value.
    pub fn abs(&self) -> Decimal {
        if self.is_negative() {
            self.negated()
        } else {
            self.clone()
        }
    }

    fn scale(&self) -> u32 {
        match self {
            Small(_, scale) => *scale,
            Big(parts) => parts.2,
        }
    }

    fn is_negative(&self) -> bool {
        match self {
            Small(mantissa, _) => *mantissa < 0,
            Big(parts) => parts.0,
        }
    }

    /// Both mantissas at one scale, where 128 bits hold them.
    #[inline]
    fn aligned(&self, other: &Decimal) -> Option<(i128, i128, u32)> {
        match (self, other) {
            (Small(a, s), Small(b, t)) if s == t => Some((*a, *b, *s)),
            (Small(a, s), Small(b, t)) if s < t => Some((a.checked_mul(*POWERS.get((t - s) as usize)?)?, *b, *t)),
            (Small(a, s), Small(b, t)) => Some((*a, b.checked_mul(*POWERS.get((s - t) as usize)?)?, *s)),
            _ => None,
        }
    }

    fn aligned_exactly(&self, other: &Decimal) -> ((bool, Natural), (bool, Natural), u32) {
        let ((p, a, s), (q, b, t)) = (self.parts(), other.parts());
        let scale = s.max(t);
        let raise = |mantissa: Natural, from: u32| mantissa.times(&Natural::power_of_ten((scale - from) as usize));
        ((p, raise(a, s)), (q, raise(b, t)), scale)
    }

    /// The sum.
    pub fn plus(&self, other: &Decimal) -> Outcome<Decimal> {
        if let Some((a, b, scale)) = self.aligned(other) {
            if let Some(sum) = a.checked_add(b) {
                return Ok(Small(sum, scale));
            }
        }
        if self.is_zero() || other.is_zero() {
            return Ok(if self.is_zero() { other.clone() } else { self.clone() });
        }
        if self.scale().abs_diff(other.scale()) as usize > 3 * MAXIMUM_DIGITS {
            return Err(Unanswered::TooLong);
        }
        let ((p, a), (q, b), scale) = self.aligned_exactly(other);
        let (negative, mantissa) = match (p == q, a.cmp(&b)) {
            (true, _) => (p, a.plus(&b)),
            (false, Ordering::Less) => (q, b.minus(&a)),
            (false, _) => (p, a.minus(&b)),
        };
        Decimal::exact(negative, mantissa, scale).bounded()
    }

    /// The difference.
    pub fn minus(&self, other: &Decimal) -> Outcome<Decimal> {
        self.plus(&other.negated())
    }

    /// The product.
    pub fn times(&self, other: &Decimal) -> Outcome<Decimal> {
        if let (Small(a, s), Small(b, t)) = (self, other) {
            if let Some(product) = a.checked_mul(*b) {
                return Small(product, s + t).bounded();
            }
        }
        let ((p, a, s), (q, b, t)) = (self.parts(), other.parts());
        Decimal::exact(p != q, a.times(&b), s + t).bounded()
    }

    /// The quotient, rounded half down at 18 digits or the operands' own.
    pub fn divided_by(&self, other: &Decimal) -> Outcome<Decimal> {
        if other.is_zero() {
            return Err(Unanswered::DivisionByZero);
        }
        let (left, right) = (self.shortened(), other.shortened());
        if let (Small(a, s), Small(b, t)) = (&left, &right) {
            let scale = DIVISION_DIGITS.max(*s).max(*t);
            let power = POWERS.get((scale + t - s) as usize);
            if let Some(dividend) = power.and_then(|power| a.checked_mul(*power)) {
                let (quotient, rest) = if b.abs() <= POWERS[18] { by_short(dividend, *b as i64) } else { (dividend / b, dividend % b) };
                let up = rest.unsigned_abs() > b.unsigned_abs() - rest.unsigned_abs();
                let away = if (*a < 0) == (*b < 0) { 1 } else { -1 };
                return Ok(Small(quotient + if up { away } else { 0 }, scale).shortened());
            }
        }
        let ((p, a, s), (q, b, t)) = (left.parts(), right.parts());
        let scale = DIVISION_DIGITS.max(s).max(t);
        let dividend = a.times(&Natural::power_of_ten((scale + t - s) as usize));
        let (quotient, rest) = match (dividend.small(), b.small()) {
            (Some(a), Some(b)) => (Natural::from(a / b), Natural::from(a % b)),
            _ => dividend.divided_by(&b),
        };
        let up = rest.plus(&rest) > b;
        let mantissa = if up { quotient.plus(&Natural::from(1)) } else { quotient };
        Decimal::exact(p != q, mantissa, scale).shortened().bounded()
    }

    /// The quotient without what comes after the point (`idiv`).
    pub fn whole_quotient(&self, other: &Decimal) -> Outcome<Decimal> {
        self.whole_division(other).map(|(quotient, _)| quotient)
    }

    /// The remainder, with the dividend's sign (`mod`).
    pub fn remainder(&self, other: &Decimal) -> Outcome<Decimal> {
        self.whole_division(other).map(|(_, rest)| rest)
    }

    fn whole_division(&self, other: &Decimal) -> Outcome<(Decimal, Decimal)> {
        if other.is_zero() {
            return Err(Unanswered::DivisionByZero);
        }
        if let Some((a, b, scale)) = self.aligned(other) {
            if let (Some(quotient), Some(rest)) = (a.checked_div(b), a.checked_rem(b)) {
                return Ok((Small(quotient, 0), Small(rest, scale)));
            }
        }
        let ((p, a), (q, b), scale) = self.aligned_exactly(other);
        let (quotient, rest) = a.divided_by(&b);
        Ok((Decimal::exact(p != q, quotient, 0), Decimal::exact(p, rest, scale)))
    }

    /// The nearest whole number, halves up (XPath 2.0 functions and operators, 6.4.4).
    pub fn rounded(&self) -> Decimal {
        match self {
            Small(_, 0) => self.clone(),
            _ => self.plus(&Small(5, 1)).map_or_else(|_| self.clone(), |raised| raised.floor()),
        }
    }

    /// The largest whole number not above.
    pub fn floor(&self) -> Decimal {
        match self {
            Small(_, 0) => self.clone(),
            Small(mantissa, scale) if *scale < 19 && i64::try_from(*mantissa).is_ok() => {
                Small(i128::from((*mantissa as i64).div_euclid(POWERS[*scale as usize] as i64)), 0)
            }
            Small(mantissa, scale) if *scale < 39 => Small(mantissa.div_euclid(POWERS[*scale as usize]), 0),
            _ => {
                let (negative, mantissa, scale) = self.parts();
                let (whole, rest) = mantissa.divided_by(&Natural::power_of_ten(scale as usize));
                let up = negative && !rest.is_zero();
                Decimal::exact(negative, if up { whole.plus(&Natural::from(1)) } else { whole }, 0)
            }
        }
    }

    /// The smallest whole number not below.
    pub fn ceiling(&self) -> Decimal {
        self.negated().floor().negated()
    }

    /// What stands before the point (a cast to xs:integer).
    pub fn truncated(&self) -> Decimal {
        if self.is_negative() {
            self.ceiling()
        } else {
            self.floor()
        }
    }

    /// Without trailing zeros after the point.
    fn shortened(&self) -> Decimal {
        match self {
            Small(0, _) => Small(0, 0),
            Small(mantissa, scale) => {
                let (mut mantissa, mut scale) = (*mantissa, *scale);
                while let (true, Ok(short)) = (scale > 0, i64::try_from(mantissa)) {
                    if short % 10 != 0 {
                        return Small(mantissa, scale);
                    }
                    (mantissa, scale) = (i128::from(short / 10), scale - 1);
                }
                while scale > 0 && mantissa % 10 == 0 {
                    (mantissa, scale) = (mantissa / 10, scale - 1);
                }
                Small(mantissa, scale)
            }
            Big(parts) => {
                let (negative, mantissa, scale) = &**parts;
                let digits = mantissa.digits();
                let zeros = digits.bytes().rev().take_while(|&d| d == b'0').count().min(*scale as usize);
                Decimal::exact(*negative, Natural::from_digits(&digits[..digits.len() - zeros]), scale - zeros as u32)
            }
        }
    }

    /// The nearest double.
    pub fn to_double(&self) -> f64 {
        match self {
            Small(mantissa, scale) if mantissa.unsigned_abs() < 1 << 53 && *scale <= 22 => {
                *mantissa as f64 / POWERS[*scale as usize] as f64
            }
            _ => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }
}

/// Quotient and remainder by a short divisor: most are 100, and a division of 128 bits by 128 takes much longer.
fn by_short(dividend: i128, divisor: i64) -> (i128, i128) {
    match i64::try_from(dividend) {
        Ok(dividend) => (i128::from(dividend / divisor), i128::from(dividend % divisor)),
        Err(_) => (dividend / i128::from(divisor), dividend % i128::from(divisor)),
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some((a, b, _)) = self.aligned(other) {
            return a.cmp(&b);
        }
        let ((p, a), (q, b), _) = self.aligned_exactly(other);
        match (p && !a.is_zero(), q && !b.is_zero()) {
            (false, false) => a.cmp(&b),
            (true, true) => b.cmp(&a),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

/// The canonical form: no exponent, no trailing zero, no point in a whole number (functions and operators, 17.1.2).
impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, mantissa, scale) = self.shortened().parts();
        let scale = scale as usize;
        let digits = format!("{:0>width$}", mantissa.digits(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let (sign, point) = (if negative { "-" } else { "" }, if scale > 0 { "." } else { "" });
        write!(out, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect("a decimal")
    }

    fn quotient(a: &str, b: &str) -> String {
        decimal(a).divided_by(&decimal(b)).expect("a quotient").to_string()
    }

    const LONG: &str = "123456789012345678901234567890123456789012345.678";

    #[test]
    fn the_lexical_form() {
        for (written, shown) in [("1", "1"), (" -1.50 ", "-1.5"), ("+.5", "0.5"), ("7.", "7"), ("-0.0", "0"), ("007", "7")] {
            assert_eq!(decimal(written).to_string(), shown);
        }
        for other in ["", ".", "-", "1e3", "1,5", "1.2.3", "1 2", "NaN", "\u{A0}1"] {
            assert!(Decimal::parse(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn sums_are_exact() {
        assert_eq!(decimal("0.1").plus(&decimal("0.2")), Ok(decimal("0.3")));
        assert_eq!(decimal("1").minus(&decimal("1.000")), Ok(decimal("0")));
    }

    #[test]
    fn nothing_is_lost_beyond_128_bits() {
        let long = decimal(LONG);
        assert_eq!(long.to_string(), LONG);
        assert_eq!(long.plus(&decimal("0.322")).unwrap().to_string(), "123456789012345678901234567890123456789012346");
        assert_eq!(long.minus(&long), Ok(decimal("0")));
        assert_eq!(long.times(&decimal("0")), Ok(decimal("0")));
        assert_eq!(long.times(&long).unwrap().divided_by(&long), Ok(long.clone()));
        assert!(long > decimal("1") && long.negated() < decimal("-1") && decimal("1") < long);
        assert_eq!(long.negated().floor().to_string(), "-123456789012345678901234567890123456789012346");
        assert_eq!(long.rounded().to_string(), "123456789012345678901234567890123456789012346");
        assert_eq!(long.remainder(&decimal("10")).unwrap().to_string(), "5.678");
        let edge = decimal("170141183460469231731687303715884105727");
        assert_eq!(edge.plus(&decimal("1")).unwrap().to_string(), "170141183460469231731687303715884105728");
        assert_eq!(edge.plus(&decimal("1")).unwrap().minus(&decimal("1")), Ok(edge));
    }

    #[test]
    fn division_keeps_eighteen_digits_and_rounds_half_down() {
        assert_eq!(quotient("1", "3"), "0.333333333333333333");
        assert_eq!(quotient("2", "3"), "0.666666666666666667");
        assert_eq!(quotient("1", "2000000000000000000"), "0");
        assert_eq!(quotient("3", "2000000000000000000"), "0.000000000000000001");
        assert_eq!(quotient("-1", "8"), "-0.125");
        assert_eq!(decimal("1").divided_by(&decimal("0.00")), Err(Unanswered::DivisionByZero));
    }

    #[test]
    fn whole_division_cuts_towards_zero() {
        assert_eq!(decimal("-7").whole_quotient(&decimal("2")), Ok(decimal("-3")));
        assert_eq!(decimal("-7").remainder(&decimal("2")), Ok(decimal("-1")));
        assert_eq!(decimal("5.5").remainder(&decimal("-2")), Ok(decimal("1.5")));
    }

    #[test]
    fn halves_round_up() {
        for (written, rounded) in [("2.5", "3"), ("-2.5", "-2"), ("2.4999", "2"), ("-2.51", "-3"), ("7", "7")] {
            assert_eq!(decimal(written).rounded().to_string(), rounded);
        }
        assert_eq!(decimal("-1.2").truncated().to_string(), "-1");
        assert_eq!(decimal("1.2").ceiling().to_string(), "2");
    }

    #[test]
    fn doubles_become_their_exact_value() {
        let tenth = Decimal::from_double(0.1).unwrap();
        assert_eq!(tenth.to_string(), "0.1000000000000000055511151231257827021181583404541015625");
        assert_eq!(tenth.to_double(), 0.1);
        assert!(Decimal::from_double(f64::NAN).is_none());
        assert_eq!(Decimal::from_double(-0.0).unwrap().to_string(), "0");
        for value in [1e300, -2.5e-320, 123_456_789.125, f64::MAX, f64::MIN_POSITIVE, 3e15, -1e22] {
            let written = format!("{value:.1074}");
            assert_eq!(Decimal::from_double(value).unwrap().to_string(), written.trim_end_matches('0').trim_end_matches('.'));
        }
    }

    #[test]
    fn numbers_without_end_are_refused() {
        let huge = decimal(&"9".repeat(900));
        assert_eq!(huge.times(&huge), Err(Unanswered::TooLong));
        assert!(decimal(&"9".repeat(1_000)).times(&decimal("100")).is_ok());
        assert_eq!(decimal(&"9".repeat(1_001)).bounded(), Err(Unanswered::TooLong));
        let tiny = decimal(&format!("0.{}1", "0".repeat(100_000)));
        assert_eq!(tiny.plus(&decimal("1")), Err(Unanswered::TooLong));
        assert!(tiny < decimal("1") && tiny > decimal("0") && tiny.plus(&decimal("0")) == Ok(tiny.clone()));
    }
}
