//! Reads JSON (RFC 8259), the form in which a pack is handed over; it writes none, and keeps numbers as written.

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number, as written.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in its own order.
    Object(Vec<(String, Json)>),
}

/// Deeper nesting is refused: reading recurs.
const DEPTH: usize = 500;

/// The value that `text` holds, or the byte at which it holds none.
pub fn parse(text: &str) -> Result<Json, usize> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH)?;
    reader.space();
    if reader.at < text.len() {
        Err(reader.at)
    } else {
        Ok(value)
    }
}

impl Json {
    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The items of an array, none of anything else.
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub fn count(&self) -> Option<usize> {
        match self {
            Json::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, usize> {
        self.space();
        let inner = depth.checked_sub(1).ok_or(self.at)?;
        match self.peek() {
            b'[' => Ok(Json::List(self.items(b']', |reader| reader.value(inner))?)),
            b'{' => Ok(Json::Object(self.items(b'}', |reader| reader.member(inner))?)),
            b'"' => self.string().map(Json::String),
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Boolean(true)),
            b'f' => self.word("false", Json::Boolean(false)),
            _ => self.number(),
        }
    }

    fn items<T>(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Result<T, usize>) -> Result<Vec<T>, usize> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        while self.peek() != end {
            if !items.is_empty() {
                self.expect(b',')?;
            }
            items.push(item(self)?);
            self.space();
        }
        self.at += 1;
        Ok(items)
    }

    fn member(&mut self, depth: usize) -> Result<(String, Json), usize> {
        self.space();
        let name = self.string()?;
        self.space();
        self.expect(b':')?;
        Ok((name, self.value(depth)?))
    }

    fn string(&mut self) -> Result<String, usize> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(['"', '\\']).ok_or(self.at)?;
            text.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, usize> {
        self.at += 1;
        match self.text.as_bytes().get(self.at - 1) {
            Some(b'n') => Ok('\n'),
            Some(b't') => Ok('\t'),
            Some(b'r') => Ok('\r'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{C}'),
            Some(b'u') => self.unicode(),
            Some(&byte @ (b'"' | b'\\' | b'/')) => Ok(byte as char),
            _ => Err(self.at),
        }
    }

    /// `\uXXXX`, two of them for a character beyond U+FFFF.
    fn unicode(&mut self) -> Result<char, usize> {
        let high = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or(self.at);
        }
        self.expect(b'\\')?;
        self.expect(b'u')?;
        let low = self.four_digits()?.checked_sub(0xDC00).filter(|low| *low < 0x400).ok_or(self.at)?;
        char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low).ok_or(self.at)
    }

    fn four_digits(&mut self) -> Result<u32, usize> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(self.at)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.at)
    }

    fn number(&mut self) -> Result<Json, usize> {
        let rest = &self.text[self.at..];
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let number = &rest[..rest.find(|c| !is_number(c)).unwrap_or(rest.len())];
        if number.is_empty() || number.parse::<f64>().is_err() {
            return Err(self.at);
        }
        self.at += number.len();
        Ok(Json::Number(number.to_owned()))
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, usize> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.at);
        }
        self.at += word.len();
        Ok(value)
    }

    fn expect(&mut self, byte: u8) -> Result<(), usize> {
        if self.peek() != byte {
            return Err(self.at);
        }
        self.at += 1;
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind() {
        let value = parse(r#" {"a": [1, -2.5e3, "x\n\u00e9\ud83d\ude00", true, false, null, [], {}], "b": "é"} "#).unwrap();
        let list = value.get("a").unwrap().list();
        assert_eq!(list[0].count(), Some(1));
        assert_eq!(list[1], Json::Number("-2.5e3".into()));
        assert_eq!(list[2].text(), Some("x\né😀"));
        assert_eq!(&list[3..6], &[Json::Boolean(true), Json::Boolean(false), Json::Null]);
        assert_eq!(list[6..], [Json::List(vec![]), Json::Object(vec![])]);
        assert_eq!(value.get("b").unwrap().text(), Some("é"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "[", "[1,]", "[1 2]", "{1:2}", "\"", "\"\\x\"", "\"\\ud800\"", "nul", "1 2", "-", "[1,,2]"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
