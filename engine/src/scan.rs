//! Goes through the bytes of a document: names, references, characters, and what is checked and dropped. It knows no tree.

use crate::characters::{is_name, is_name_start, is_xml};

/// Why there is no document, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A limit of ours, as against a fault of the document.
    pub is_limit: bool,
    /// Byte of the source.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

pub(crate) type Outcome<T> = Result<T, Refusal>;

pub(crate) fn fault(at: usize, what: &'static str) -> Refusal {
    Refusal { is_limit: false, at, what }
}

/// Bytes of a name that need no second look.
const PLAIN_NAME: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        plain[byte] = b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        byte += 1;
    }
    plain
};

/// A place in a text.
pub(crate) struct Scanner<'s> {
    pub source: &'s str,
    pub bytes: &'s [u8],
    pub at: usize,
}

impl<'s> Scanner<'s> {
    pub fn new(source: &'s str) -> Self {
        Scanner { source, bytes: source.as_bytes(), at: 0 }
    }

    /// XMLDecl, when there is one (XML 1.0, 2.8).
    pub fn declaration(&mut self) -> Outcome<()> {
        let at = self.at;
        if !(self.starts_with("<?xml") && self.bytes.get(at + 5).is_some_and(|&b| is_space(b))) {
            return Ok(());
        }
        self.at += 5;
        let mut expected = ["version", "encoding", "standalone"].as_slice();
        while self.space() && !self.starts_with("?>") {
            let name = self.name()?;
            let Some(place) = expected.iter().position(|&known| known == name) else {
                return Err(fault(at, "not an XML declaration"));
            };
            if expected.len() == 3 && place > 0 {
                return Err(fault(at, "an XML declaration without a version"));
            }
            expected = &expected[place + 1..];
            let value = self.declared()?;
            let right = match name {
                "version" => value.strip_prefix("1.").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())),
                "encoding" => value.starts_with(|c: char| c.is_ascii_alphabetic()) && value.bytes().all(is_encoding),
                _ => value == "yes" || value == "no",
            };
            if !right {
                return Err(fault(at, "an XML declaration of something else than XML 1.0"));
            }
        }
        if expected.len() == 3 || !self.skip("?>") {
            return Err(fault(at, "not an XML declaration"));
        }
        Ok(())
    }

    fn declared(&mut self) -> Outcome<&'s str> {
        self.space();
        let equals = self.skip("=");
        self.space();
        let quote = self.peek(0);
        let length = self.bytes[self.at..].iter().skip(1).position(|&b| b == quote);
        match length {
            Some(length) if equals && matches!(quote, b'"' | b'\'') => {
                let value = &self.source[self.at + 1..self.at + 1 + length];
                self.at += length + 2;
                Ok(value)
            }
            _ => Err(fault(self.at, "not an XML declaration")),
        }
    }

    /// A comment after its opening mark: no `--` inside.
    pub fn comment(&mut self) -> Outcome<()> {
        while !self.starts_with("--") {
            if self.at >= self.bytes.len() {
                return Err(fault(self.at, "a comment that does not end"));
            }
            self.character()?;
        }
        self.at += 2;
        if self.skip(">") {
            Ok(())
        } else {
            Err(fault(self.at, "`--` in a comment"))
        }
    }

    /// A processing instruction after `<?`.
    pub fn instruction(&mut self) -> Outcome<()> {
        let at = self.at;
        let target = self.name()?;
        if target.eq_ignore_ascii_case("xml") || target.contains(':') {
            return Err(fault(at, "a processing instruction that is not allowed"));
        }
        if !self.space() && !self.starts_with("?>") {
            return Err(fault(self.at, "a processing instruction that is not allowed"));
        }
        while !self.skip("?>") {
            if self.at >= self.bytes.len() {
                return Err(fault(self.at, "a processing instruction that does not end"));
            }
            self.character()?;
        }
        Ok(())
    }

    pub fn name(&mut self) -> Outcome<&'s str> {
        let from = self.at;
        self.at += run(&self.bytes[from..], |byte| !PLAIN_NAME[byte as usize]);
        if self.peek(0) >= 0x80 {
            let rest = &self.source[self.at..];
            self.at += rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        }
        let name = &self.source[from..self.at];
        let is_plain = name.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphabetic());
        if is_plain || name.starts_with(is_name_start) {
            Ok(name)
        } else {
            Err(fault(from, "a name was expected"))
        }
    }

    /// Any character XML allows.
    pub fn character(&mut self) -> Outcome<char> {
        match self.source[self.at..].chars().next() {
            Some(character) if is_xml(character) => {
                self.at += character.len_utf8();
                Ok(character)
            }
            _ => Err(fault(self.at, "a character XML does not allow")),
        }
    }

    #[inline]
    pub fn space(&mut self) -> bool {
        let length = run(&self.bytes[self.at..], |byte| !is_space(byte));
        self.at += length;
        length > 0
    }

    #[inline]
    pub fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    #[inline]
    pub fn starts_with(&self, mark: &str) -> bool {
        self.bytes[self.at..].starts_with(mark.as_bytes())
    }

    #[inline]
    pub fn skip(&mut self, mark: &str) -> bool {
        let found = self.starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    /// A reference to a character or to one of the five predefined entities.
    pub fn reference(&mut self) -> Outcome<char> {
        let at = self.at;
        let end = self.bytes[at..].iter().take(12).position(|&b| b == b';');
        let Some(length) = end else { return Err(fault(at, "a reference that does not end")) };
        let name = &self.source[at + 1..at + length];
        self.at += length + 1;
        let code = match name {
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "amp" => return Ok('&'),
            "quot" => return Ok('"'),
            "apos" => return Ok('\''),
            _ => match name.strip_prefix("#x") {
                Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok(),
                Some(_) => None,
                None => name.strip_prefix('#').filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| d.parse().ok()),
            },
        };
        code.and_then(char::from_u32).filter(|&c| is_xml(c)).ok_or(fault(at, "a reference to nothing"))
    }
}

/// How many bytes come before one that ends the run.
#[inline]
pub(crate) fn run(bytes: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| ends(byte)).unwrap_or(bytes.len())
}

/// A byte of EncName (XML 1.0, 4.3.3).
fn is_encoding(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
