//! Reads UTF-8 XML 1.0 with namespaces into a [`Document`]; nothing outside the bytes is ever read, and a DOCTYPE is refused.
//!
//! As strict as the standard wants (names, characters, references, nesting, namespaces), so that what is taken here is what the
//! gateway's own parser takes. Comments and processing instructions are checked and dropped.
//!
//! Limits: UTF-8 only, whatever the declaration says (who hands over the bytes has decoded them); names follow XML 1.0, fifth edition; no DTD, hence no entity but the five predefined.

use crate::characters::{is_name, is_name_start, is_xml};
use crate::document::{Document, Interned, NameId, Node, NodeId, ATTRIBUTE, DOCUMENT, NONE, TEXT};
use crate::hashing::FastMap;

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// How large a document may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of elements.
    pub depth: usize,
    /// Nodes of every kind.
    pub nodes: usize,
    /// Bytes.
    pub size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 100, nodes: 20_000_000, size: 120_000_000 }
    }
}

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

type Outcome<T> = Result<T, Refusal>;

/// Parses a document. Text nodes are kept only `with_text_nodes`: few rules ask for them.
pub fn parse(source: &[u8], with_text_nodes: bool, limits: Limits) -> Outcome<Document> {
    if source.len() > limits.size.min(u32::MAX as usize / 2) {
        return Err(Refusal { is_limit: true, at: 0, what: "the document is too large" });
    }
    let text = std::str::from_utf8(source).map_err(|broken| fault(broken.valid_up_to(), "not UTF-8"))?;
    let mut reader = Reader::new(text, with_text_nodes, limits);
    reader.document()?;
    let mut document = reader.tree;
    document.source = text.to_owned();
    document.build_index();
    Ok(document)
}

fn fault(at: usize, what: &'static str) -> Refusal {
    Refusal { is_limit: false, at, what }
}

/// An element whose end tag is still to come.
struct Open {
    id: NodeId,
    last_child: NodeId,
    bindings: usize,
    name_at: usize,
    name_length: usize,
}

/// A prefix and the namespace it stands for, in the elements open now.
struct Binding<'s> {
    prefix: &'s str,
    namespace: String,
}

/// An attribute as written, before its namespace is known.
struct Written<'s> {
    name: &'s str,
    at: usize,
    from: u32,
    to: u32,
}

struct Reader<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    tree: Document,
    limits: Limits,
    open: Vec<Open>,
    bindings: Vec<Binding<'s>>,
    interned: Interned,
    /// Names as written → id; valid until a binding changes.
    elements: FastMap<&'s str, NameId>,
    attributes: FastMap<&'s str, NameId>,
    written: Vec<Written<'s>>,
    text_from: usize,
}

/// Bytes that end a plain run of text: markup, references, line ends, `]`, control characters, and the lead byte of U+FFFE.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        stops[byte] = byte != 9 && byte != 10;
        byte += 1;
    }
    stops[b'<' as usize] = true;
    stops[b'&' as usize] = true;
    stops[b']' as usize] = true;
    stops[0xEF] = true;
    stops
};

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

impl<'s> Reader<'s> {
    fn new(source: &'s str, with_text_nodes: bool, limits: Limits) -> Self {
        let mut tree = Document::default();
        tree.has_text_nodes = with_text_nodes;
        tree.nodes.reserve(source.len() / 24 + 16);
        tree.text.reserve(source.len() / 2);
        tree.nodes.push(Node { parent: 0, first: 0, next: 0, end: 0, name: DOCUMENT, text_from: 0, text_to: 0, at: 0 });
        Reader {
            source,
            bytes: source.as_bytes(),
            at: 0,
            tree,
            limits,
            open: Vec::with_capacity(32),
            bindings: vec![Binding { prefix: "xml", namespace: XML_NAMESPACE.to_owned() }],
            interned: Interned::default(),
            elements: FastMap::default(),
            attributes: FastMap::default(),
            written: Vec::new(),
            text_from: 0,
        }
    }

    /// document ::= prolog element Misc*
    fn document(&mut self) -> Outcome<()> {
        self.skip("\u{FEFF}");
        self.declaration()?;
        self.misc()?;
        if !self.starts_with("<") {
            return Err(fault(self.at, "no root element"));
        }
        self.element()?;
        while !self.open.is_empty() {
            self.content()?;
        }
        self.misc()?;
        if self.at < self.bytes.len() {
            return Err(fault(self.at, "something after the root element"));
        }
        let (end, text_to) = (self.tree.nodes.len() as u32, self.tree.text.len() as u32);
        let root = &mut self.tree.nodes[0];
        (root.end, root.text_to) = (end, text_to);
        Ok(())
    }

    fn misc(&mut self) -> Outcome<()> {
        loop {
            self.space();
            if self.skip("<!--") {
                self.comment()?;
            } else if self.skip("<?") {
                self.instruction()?;
            } else if self.starts_with("<!DOCTYPE") {
                return Err(fault(self.at, "DOCTYPE"));
            } else {
                return Ok(());
            }
        }
    }

    /// One piece of content of the innermost open element.
    fn content(&mut self) -> Outcome<()> {
        self.characters()?;
        match (self.peek(1), self.peek(2)) {
            _ if self.at >= self.bytes.len() => Err(fault(self.at, "the document ends inside an element")),
            (b'/', _) => self.end_tag(),
            (b'!', b'-') if self.skip("<!--") => {
                self.end_text();
                self.comment()
            }
            (b'!', b'[') if self.skip("<![CDATA[") => self.cdata(),
            (b'?', _) => {
                self.end_text();
                self.at += 2;
                self.instruction()
            }
            _ => self.element(),
        }
    }

    // --- elements -----------------------------------------------------------------------------------------------------

    /// A start tag or an empty element.
    fn element(&mut self) -> Outcome<()> {
        self.end_text();
        let at = self.at;
        self.at += 1;
        let name = self.name()?;
        let bindings = self.bindings.len();
        self.start_tag_attributes()?;
        if self.open.len() >= self.limits.depth {
            return Err(Refusal { is_limit: true, at, what: "too many levels of elements" });
        }
        let id = self.add_element(name, at, bindings)?;
        if self.skip("/>") {
            self.close(id, bindings);
            return Ok(());
        }
        if !self.skip(">") {
            return Err(fault(self.at, "a start tag that does not end"));
        }
        self.open.push(Open { id, last_child: NONE, bindings, name_at: at + 1, name_length: name.len() });
        Ok(())
    }

    fn add_element(&mut self, name: &'s str, at: usize, bindings: usize) -> Outcome<NodeId> {
        if self.bindings.len() > bindings {
            self.elements.clear();
            self.attributes.clear();
        }
        let name = match self.elements.get(name) {
            Some(&id) => id,
            None => self.resolve_element(name, at)?,
        };
        let id = self.add_node(name, at, self.tree.text.len() as u32)?;
        let written = std::mem::take(&mut self.written);
        for attribute in &written {
            self.add_attribute(id, attribute)?;
        }
        self.no_attribute_twice(id, at)?;
        self.written = written;
        Ok(id)
    }

    /// A node in its place: parent, previous sibling, document order.
    fn add_node(&mut self, name: NameId, at: usize, text_from: u32) -> Outcome<NodeId> {
        if self.tree.nodes.len() >= self.limits.nodes {
            return Err(Refusal { is_limit: true, at, what: "too many nodes" });
        }
        let id = self.tree.nodes.len() as NodeId;
        let parent = self.open.last().map_or(0, |open| open.id);
        match self.open.last_mut() {
            Some(open) if open.last_child != NONE => {
                self.tree.nodes[open.last_child as usize].next = id;
                open.last_child = id;
            }
            Some(open) => {
                self.tree.nodes[parent as usize].first = id;
                open.last_child = id;
            }
            None => self.tree.nodes[0].first = id,
        }
        let (end, at) = (id + 1, at as u32);
        self.tree.nodes.push(Node { parent, first: NONE, next: NONE, end, name, text_from, text_to: text_from, at });
        Ok(id)
    }

    fn add_attribute(&mut self, element: NodeId, written: &Written<'s>) -> Outcome<()> {
        let name = match self.attributes.get(written.name) {
            Some(&id) => id,
            None => self.resolve_attribute(written.name, written.at)?,
        };
        let id = self.tree.nodes.len() as NodeId;
        self.tree.nodes.push(Node {
            parent: element,
            first: NONE,
            next: NONE,
            end: id + 1,
            name: name | ATTRIBUTE,
            text_from: written.from,
            text_to: written.to,
            at: written.at as u32,
        });
        Ok(())
    }

    fn no_attribute_twice(&self, element: NodeId, at: usize) -> Outcome<()> {
        let attributes = &self.tree.nodes[element as usize + 1..];
        let twice = match attributes.len() {
            0 | 1 => false,
            2..=16 => attributes.iter().enumerate().any(|(k, a)| attributes[..k].iter().any(|b| a.name == b.name)),
            _ => {
                let mut names: Vec<NameId> = attributes.iter().map(|attribute| attribute.name).collect();
                names.sort_unstable();
                names.windows(2).any(|pair| pair[0] == pair[1])
            }
        };
        if twice {
            Err(fault(at, "an attribute twice"))
        } else {
            Ok(())
        }
    }

    fn end_tag(&mut self) -> Outcome<()> {
        self.end_text();
        let Some(open) = self.open.pop() else { return Err(fault(self.at, "an end tag of nothing")) };
        let name = &self.source[open.name_at..open.name_at + open.name_length];
        self.at += 2;
        if !self.skip(name) {
            return Err(fault(self.at, "an end tag of another element"));
        }
        self.space();
        if !self.skip(">") {
            return Err(fault(self.at, "an end tag of another element"));
        }
        self.close(open.id, open.bindings);
        Ok(())
    }

    fn close(&mut self, id: NodeId, bindings: usize) {
        let (end, text_to) = (self.tree.nodes.len() as u32, self.tree.text.len() as u32);
        let node = &mut self.tree.nodes[id as usize];
        (node.end, node.text_to) = (end, text_to);
        if self.bindings.len() > bindings {
            self.bindings.truncate(bindings);
            self.elements.clear();
            self.attributes.clear();
        }
        self.text_from = self.tree.text.len();
    }

    // --- attributes and namespaces ------------------------------------------------------------------------------------

    /// Attributes go to `written`, declarations of namespaces to `bindings`.
    fn start_tag_attributes(&mut self) -> Outcome<()> {
        self.written.clear();
        let bindings = self.bindings.len();
        while self.space() && !matches!(self.peek(0), b'>' | b'/') {
            let at = self.at;
            let name = self.name()?;
            self.space();
            if !self.skip("=") {
                return Err(fault(self.at, "an attribute without a value"));
            }
            self.space();
            let from = self.tree.attribute_text.len();
            self.attribute_value()?;
            match name.strip_prefix("xmlns") {
                Some("") => self.bind("", from, bindings, at)?,
                Some(prefix) if prefix.starts_with(':') => self.bind(&prefix[1..], from, bindings, at)?,
                _ => {
                    let to = self.tree.attribute_text.len() as u32;
                    self.written.push(Written { name, at, from: from as u32, to });
                }
            }
        }
        Ok(())
    }

    /// Namespaces in XML 1.0, sections 3 and 5.
    fn bind(&mut self, prefix: &'s str, from: usize, since: usize, at: usize) -> Outcome<()> {
        let namespace = self.tree.attribute_text.split_off(from);
        let reserved = namespace == XMLNS_NAMESPACE || (namespace == XML_NAMESPACE) != (prefix == "xml");
        let undeclares = namespace.is_empty() && !prefix.is_empty();
        if reserved || undeclares || prefix == "xmlns" || prefix.contains(':') {
            return Err(fault(at, "a namespace declaration that is not allowed"));
        }
        if self.bindings[since..].iter().any(|binding| binding.prefix == prefix) {
            return Err(fault(at, "an attribute twice"));
        }
        self.bindings.push(Binding { prefix, namespace });
        Ok(())
    }

    fn resolve_element(&mut self, name: &'s str, at: usize) -> Outcome<NameId> {
        let id = self.resolve(name, at, true)?;
        self.elements.insert(name, id);
        Ok(id)
    }

    fn resolve_attribute(&mut self, name: &'s str, at: usize) -> Outcome<NameId> {
        let id = self.resolve(name, at, false)?;
        self.attributes.insert(name, id);
        Ok(id)
    }

    fn resolve(&mut self, name: &'s str, at: usize, takes_default: bool) -> Outcome<NameId> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let is_name = !local.is_empty() && !local.contains(':') && local.starts_with(is_name_start);
        if !is_name || (prefix.is_empty() && name.contains(':')) {
            return Err(fault(at, "not a qualified name"));
        }
        if prefix.is_empty() && !takes_default {
            return Ok(self.interned.id(&mut self.tree.names, "", local));
        }
        let binding = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        match binding {
            Some(binding) => Ok(self.interned.id(&mut self.tree.names, &binding.namespace, local)),
            None if prefix.is_empty() => Ok(self.interned.id(&mut self.tree.names, "", local)),
            None => Err(fault(at, "a prefix without a namespace")),
        }
    }

    /// AttValue: references replaced, white space to spaces (XML 1.0, 3.3.3).
    fn attribute_value(&mut self) -> Outcome<()> {
        let quote = self.peek(0);
        if !matches!(quote, b'"' | b'\'') {
            return Err(fault(self.at, "an attribute value without quotes"));
        }
        self.at += 1;
        loop {
            let from = self.at;
            while self.at < self.bytes.len() && self.bytes[self.at] != quote && !self.stops_value(self.bytes[self.at]) {
                self.at += 1;
            }
            self.tree.attribute_text.push_str(&self.source[from..self.at]);
            match self.peek(0) {
                _ if self.at >= self.bytes.len() => return Err(fault(self.at, "an attribute value that does not end")),
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                b'&' => {
                    let character = self.reference()?;
                    self.tree.attribute_text.push(character);
                }
                b'\r' if self.peek(1) == b'\n' => self.at += 1,
                b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    self.tree.attribute_text.push(' ');
                }
                b'<' => return Err(fault(self.at, "`<` in an attribute value")),
                b']' => {
                    self.at += 1;
                    self.tree.attribute_text.push(']');
                }
                _ => {
                    let character = self.character()?;
                    self.tree.attribute_text.push(character);
                }
            }
        }
    }

    #[inline]
    fn stops_value(&self, byte: u8) -> bool {
        STOPS[byte as usize] || byte == b'\t' || byte == b'\n'
    }

    // --- text ---------------------------------------------------------------------------------------------------------

    /// Character data up to the next markup.
    fn characters(&mut self) -> Outcome<()> {
        loop {
            let from = self.at;
            while self.at < self.bytes.len() && !STOPS[self.bytes[self.at] as usize] {
                self.at += 1;
            }
            self.tree.text.push_str(&self.source[from..self.at]);
            match self.peek(0) {
                _ if self.at >= self.bytes.len() => return Ok(()),
                b'<' => return Ok(()),
                b'&' => {
                    let character = self.reference()?;
                    self.tree.text.push(character);
                }
                b']' if self.starts_with("]]>") => return Err(fault(self.at, "`]]>` in text")),
                _ => self.one_character()?,
            }
        }
    }

    /// CDATA content after its opening mark.
    fn cdata(&mut self) -> Outcome<()> {
        loop {
            if self.at >= self.bytes.len() {
                return Err(fault(self.at, "a CDATA section that does not end"));
            }
            if self.skip("]]>") {
                return Ok(());
            }
            self.one_character()?;
        }
    }

    /// One character of text, a line end as one `\n` (XML 1.0, 2.11).
    fn one_character(&mut self) -> Outcome<()> {
        if self.peek(0) == b'\r' {
            self.at += 1 + usize::from(self.peek(1) == b'\n');
            self.tree.text.push('\n');
            return Ok(());
        }
        let character = self.character()?;
        self.tree.text.push(character);
        Ok(())
    }

    /// What was read since the last markup becomes a text node, where they are kept.
    fn end_text(&mut self) {
        let (from, to) = (self.text_from, self.tree.text.len());
        self.text_from = to;
        if !self.tree.has_text_nodes || from == to || self.open.is_empty() {
            return;
        }
        if let Ok(id) = self.add_node(TEXT, self.at, from as u32) {
            self.tree.nodes[id as usize].text_to = to as u32;
        }
    }

    /// A reference to a character or to one of the five predefined entities.
    fn reference(&mut self) -> Outcome<char> {
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

    // --- the rest -----------------------------------------------------------------------------------------------------

    /// XMLDecl, when there is one (XML 1.0, 2.8).
    fn declaration(&mut self) -> Outcome<()> {
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
    fn comment(&mut self) -> Outcome<()> {
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
    fn instruction(&mut self) -> Outcome<()> {
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

    fn name(&mut self) -> Outcome<&'s str> {
        let from = self.at;
        while self.at < self.bytes.len() && PLAIN_NAME[self.bytes[self.at] as usize] {
            self.at += 1;
        }
        if self.at < self.bytes.len() && self.bytes[self.at] >= 0x80 {
            let rest = &self.source[self.at..];
            self.at += rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        }
        let name = &self.source[from..self.at];
        if name.starts_with(is_name_start) {
            Ok(name)
        } else {
            Err(fault(from, "a name was expected"))
        }
    }

    /// Any character XML allows.
    fn character(&mut self) -> Outcome<char> {
        match self.source[self.at..].chars().next() {
            Some(character) if is_xml(character) => {
                self.at += character.len_utf8();
                Ok(character)
            }
            _ => Err(fault(self.at, "a character XML does not allow")),
        }
    }

    fn space(&mut self) -> bool {
        let from = self.at;
        while self.at < self.bytes.len() && is_space(self.bytes[self.at]) {
            self.at += 1;
        }
        self.at > from
    }

    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    #[inline]
    fn starts_with(&self, mark: &str) -> bool {
        self.bytes[self.at..].starts_with(mark.as_bytes())
    }

    #[inline]
    fn skip(&mut self, mark: &str) -> bool {
        let found = self.starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }
}

/// A byte of EncName (XML 1.0, 4.3.3).
fn is_encoding(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
