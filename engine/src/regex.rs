//! Regular expressions of XPath, as far as rules use them; what is not known is refused by name when a pack is loaded.
//!
//! Known: literals, `.`, classes (ranges, negated, `\d \s` inside and outside), `^ $`, groups, alternatives and the quantifiers
//! `? * + {n} {n,} {n,m}`, all greedy. Source: XPath 2.0 functions and operators, 7.6.1.
//!
//! Limits: no flags, no back-references, no reluctant quantifiers, no categories (`\p`, `\w`, `\i`, `\c`), no class subtraction.
//! A match tries at most [`EFFORT`] steps.

use crate::characters::{is_digit, is_space};

/// Steps one match may take; more is an error, never an answer.
pub const EFFORT: usize = 5_000_000;
const REPEATS: usize = 10_000;
/// Times a group may be repeated in one match: each is a level of recursion.
const GROUPS: usize = 1_000;

/// A compiled expression.
#[derive(Debug)]
pub struct Regex {
    alternatives: Vec<Vec<Piece>>,
}

/// The match took too many steps.
#[derive(Debug, PartialEq, Eq)]
pub struct TooHard;

#[derive(Debug)]
struct Piece {
    atom: Atom,
    least: usize,
    most: usize,
}

#[derive(Debug)]
enum Atom {
    Character(char),
    NotNewline,
    Class(Class),
    Group(Vec<Vec<Piece>>),
    Start,
    End,
}

#[derive(Debug, Default)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
    sets: Vec<(Set, bool)>,
}

/// `\d`, `\s`; their negations carry a `false`.
#[derive(Debug, Clone, Copy)]
enum Set {
    Digits,
    Spaces,
}

impl Set {
    fn holds(self, c: char) -> bool {
        match self {
            Set::Digits => is_digit(c),
            Set::Spaces => is_space(c),
        }
    }
}

impl Class {
    fn holds(&self, c: char) -> bool {
        let found = self.ranges.iter().any(|&(low, high)| (low..=high).contains(&c))
            || self.sets.iter().any(|&(set, wanted)| set.holds(c) == wanted);
        found != self.negated
    }
}

impl Regex {
    /// Compiles `pattern`; the error says what is not known or not allowed in it.
    pub fn new(pattern: &str) -> Result<Regex, String> {
        let mut parser = Parser { rest: pattern.chars().collect(), at: 0 };
        let alternatives = parser.alternatives()?;
        match parser.peek() {
            None => Ok(Regex { alternatives }),
            Some(c) => Err(format!("`{c}` out of place")),
        }
    }

    /// Is there a match anywhere in `text`?
    pub fn is_match(&self, text: &str) -> Result<bool, TooHard> {
        let text: Vec<char> = text.chars().collect();
        Ok(self.find(&text, 0)?.is_some())
    }

    /// The first match at or after `from`: where it begins and ends.
    pub fn find(&self, text: &[char], from: usize) -> Result<Option<(usize, usize)>, TooHard> {
        let mut search = Search { text, effort: EFFORT };
        for start in from..=text.len() {
            if let Some(end) = search.one_of(&self.alternatives, start, &mut |_, at| Ok(Some(at)))? {
                return Ok(Some((start, end)));
            }
        }
        Ok(None)
    }
}

type Found = Result<Option<usize>, TooHard>;
type Next<'n, 't> = dyn FnMut(&mut Search<'t>, usize) -> Found + 'n;

/// Backtracking: every part is told what comes after it.
struct Search<'t> {
    text: &'t [char],
    effort: usize,
}

impl<'t> Search<'t> {
    fn one_of(&mut self, alternatives: &[Vec<Piece>], at: usize, next: &mut Next<'_, 't>) -> Found {
        for pieces in alternatives {
            let found = self.sequence(pieces, at, next)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn sequence(&mut self, pieces: &[Piece], at: usize, next: &mut Next<'_, 't>) -> Found {
        match pieces.split_first() {
            None => next(self, at),
            Some((piece, rest)) => match &piece.atom {
                Atom::Group(_) => self.repeat(piece, 0, at, &mut |search, at| search.sequence(rest, at, next)),
                _ => self.run(piece, rest, at, next),
            },
        }
    }

    /// As many single characters as fit, then ever fewer.
    fn run(&mut self, piece: &Piece, rest: &[Piece], at: usize, next: &mut Next<'_, 't>) -> Found {
        if matches!(piece.atom, Atom::Start | Atom::End) {
            let holds = if matches!(piece.atom, Atom::Start) { at == 0 } else { at == self.text.len() };
            return if holds || piece.least == 0 { self.sequence(rest, at, next) } else { Ok(None) };
        }
        let room = &self.text[at..];
        let most = room.iter().take(piece.most).take_while(|&&c| piece.atom.holds(c)).count();
        for count in (piece.least..=most).rev() {
            self.effort = self.effort.checked_sub(1).ok_or(TooHard)?;
            let found = self.sequence(rest, at + count, next)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn repeat(&mut self, piece: &Piece, done: usize, at: usize, next: &mut Next<'_, 't>) -> Found {
        self.effort = self.effort.checked_sub(1).ok_or(TooHard)?;
        if done >= GROUPS {
            return Err(TooHard);
        }
        if done < piece.most {
            let Atom::Group(alternatives) = &piece.atom else { return Ok(None) };
            let found = self.one_of(alternatives, at, &mut |search, after| match after == at && done >= piece.least {
                true => Ok(None),
                false => search.repeat(piece, done + 1, after, next),
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        if done >= piece.least {
            next(self, at)
        } else {
            Ok(None)
        }
    }
}

impl Atom {
    fn holds(&self, c: char) -> bool {
        match self {
            Atom::Character(own) => *own == c,
            Atom::NotNewline => c != '\n' && c != '\r',
            Atom::Class(class) => class.holds(c),
            Atom::Group(_) | Atom::Start | Atom::End => false,
        }
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn skip(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn take(&mut self) -> Result<char, String> {
        let c = self.peek().ok_or("it ends too early")?;
        self.at += 1;
        Ok(c)
    }

    fn alternatives(&mut self) -> Result<Vec<Vec<Piece>>, String> {
        let mut alternatives = vec![self.pieces()?];
        while self.skip('|') {
            alternatives.push(self.pieces()?);
        }
        Ok(alternatives)
    }

    fn pieces(&mut self) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ')')) {
            let atom = self.atom()?;
            let (least, most) = self.quantifier()?;
            pieces.push(Piece { atom, least, most });
        }
        Ok(pieces)
    }

    fn atom(&mut self) -> Result<Atom, String> {
        match self.take()? {
            '^' => Ok(Atom::Start),
            '$' => Ok(Atom::End),
            '.' => Ok(Atom::NotNewline),
            '[' => self.class().map(Atom::Class),
            '(' if self.peek() == Some('?') => Err("`(?` is not known".into()),
            '(' => {
                let group = self.alternatives()?;
                if self.skip(')') {
                    Ok(Atom::Group(group))
                } else {
                    Err("a group that does not end".into())
                }
            }
            '\\' => Ok(match self.escape()? {
                Escaped::Character(c) => Atom::Character(c),
                Escaped::Set(set, wanted) => Atom::Class(Class { negated: false, ranges: vec![], sets: vec![(set, wanted)] }),
            }),
            c @ ('?' | '*' | '+' | '{' | '}' | ']') => Err(format!("`{c}` out of place")),
            c => Ok(Atom::Character(c)),
        }
    }

    fn quantifier(&mut self) -> Result<(usize, usize), String> {
        let found = match self.peek() {
            Some('?') => (0, 1),
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('{') => return self.counted(),
            _ => return Ok((1, 1)),
        };
        self.at += 1;
        self.greedy(found)
    }

    /// `{n}`, `{n,}`, `{n,m}`.
    fn counted(&mut self) -> Result<(usize, usize), String> {
        self.at += 1;
        let least = self.number().ok_or("a quantifier without a number")?;
        let most = if self.skip(',') { self.number().unwrap_or(usize::MAX) } else { least };
        if !self.skip('}') || least > most {
            return Err("a quantifier that is none".into());
        }
        self.greedy((least, most))
    }

    fn greedy(&mut self, found: (usize, usize)) -> Result<(usize, usize), String> {
        match self.peek() {
            Some(c @ ('?' | '*' | '+' | '{')) => Err(format!("`{c}` after a quantifier is not known")),
            _ => Ok(found),
        }
    }

    fn number(&mut self) -> Option<usize> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.rest[from..self.at].iter().collect::<String>().parse().ok().filter(|n| *n <= REPEATS)
    }

    fn class(&mut self) -> Result<Class, String> {
        let mut class = Class { negated: self.skip('^'), ..Class::default() };
        loop {
            match self.take()? {
                ']' if !(class.ranges.is_empty() && class.sets.is_empty()) => return Ok(class),
                c @ ('[' | ']') => return Err(format!("`{c}` in a class is not known")),
                '\\' => match self.escape()? {
                    Escaped::Set(set, wanted) => class.sets.push((set, wanted)),
                    Escaped::Character(low) => class.ranges.push(self.range(low)?),
                },
                low => class.ranges.push(self.range(low)?),
            }
        }
    }

    /// `low`, or `low-high`.
    fn range(&mut self, low: char) -> Result<(char, char), String> {
        if low == '-' && self.peek() == Some('[') {
            return Err("class subtraction is not known".into());
        }
        if self.peek() != Some('-') || self.rest.get(self.at + 1) == Some(&']') {
            return Ok((low, low));
        }
        self.at += 1;
        let high = match self.take()? {
            '\\' => match self.escape()? {
                Escaped::Character(c) => c,
                Escaped::Set(..) => return Err("a range that ends in a class".into()),
            },
            c => c,
        };
        if low <= high {
            Ok((low, high))
        } else {
            Err(format!("`{low}-{high}` is no range"))
        }
    }

    fn escape(&mut self) -> Result<Escaped, String> {
        match self.take()? {
            'd' => Ok(Escaped::Set(Set::Digits, true)),
            'D' => Ok(Escaped::Set(Set::Digits, false)),
            's' => Ok(Escaped::Set(Set::Spaces, true)),
            'S' => Ok(Escaped::Set(Set::Spaces, false)),
            'n' => Ok(Escaped::Character('\n')),
            'r' => Ok(Escaped::Character('\r')),
            't' => Ok(Escaped::Character('\t')),
            c if "\\|.?*+(){}-[]^$".contains(c) => Ok(Escaped::Character(c)),
            c => Err(format!("`\\{c}` is not known")),
        }
    }
}

enum Escaped {
    Character(char),
    Set(Set, bool),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Regex::new(pattern).expect(pattern).is_match(text).expect("an answer")
    }

    #[test]
    fn a_match_may_begin_anywhere_unless_anchored() {
        assert!(matches("b", "abc") && matches("", "") && !matches("^b", "abc") && !matches("b$", "abc"));
        assert!(matches("^abc$", "abc") && !matches("^abc$", "abc\n"));
    }

    #[test]
    fn classes_and_escapes() {
        assert!(matches(r"^[A-Za-z0-9+\-_/]+$", "A-b_9+/") && !matches(r"^[A-Za-z0-9+\-_/]+$", "a b"));
        assert!(matches(r"^[^\d ]+$", "abc") && !matches(r"^[^\d ]+$", "ab1"));
        assert!(matches("^[-]?x$", "-x") && matches("^[a-]$", "-") && matches(r"^\.$", ".") && !matches(r"^\.$", "x"));
        assert!(matches(r"^\s\S\D$", "\u{9}\u{A0}x") && !matches(".", "\n") && matches(r"^\d$", "\u{663}"));
    }

    #[test]
    fn counts_are_greedy_and_give_back() {
        assert!(matches(r"^\d{14}$", "12345678901234") && !matches(r"^\d{14}$", "1234567890123"));
        assert!(matches(r"^\d{9,10}$", "1234567890") && !matches(r"^\d{9,10}$", "12345678901"));
        assert!(matches(r"^a*ab?a{2,}$", "aaaa") && !matches(r"^a*ab?a{2,}$", "aa"));
    }

    #[test]
    fn groups_and_alternatives() {
        let amount = r"^[-]?\d{1,19}(\.\d{1,2})?$";
        assert!(matches(amount, "-12.5") && matches(amount, "12") && !matches(amount, "12.") && !matches(amount, "1.234"));
        let date = r"^20\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$";
        assert!(matches(date, "2026-12-31") && !matches(date, "2026-13-01"));
        assert!(matches("^(ab|a)(c|bcd)$", "abcd") && matches("^(a*)*$", "aaa") && matches("^(a|){3}b$", "ab"));
    }

    #[test]
    fn finding_one_after_the_other() {
        let text: Vec<char> = "a 1  b".chars().collect();
        let spaces = Regex::new(r"\s+").unwrap();
        assert_eq!(spaces.find(&text, 0), Ok(Some((1, 2))));
        assert_eq!(spaces.find(&text, 2), Ok(Some((3, 5))));
        assert_eq!(spaces.find(&text, 5), Ok(None));
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (pattern, said) in
            [(r"\p{L}", r"`\p`"), (r"\w", r"`\w`"), ("a*?", "`?`"), ("(?:a)", "`(?`"), (r"(a)\1", r"`\1`"), ("[a-z-[b]]", "sub")]
        {
            assert!(Regex::new(pattern).unwrap_err().contains(said), "{pattern}");
        }
        for pattern in ["(", ")", "[", "[]", "a{2,1}", "a{x}", "*", "[z-a]", "a**", "\\"] {
            assert!(Regex::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_match_that_would_never_end_is_an_error() {
        let regex = Regex::new("^(a+)+$").unwrap();
        assert_eq!(regex.is_match(&format!("{}b", "a".repeat(60))), Err(TooHard));
    }
}
