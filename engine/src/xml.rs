//! Reads UTF-8 XML 1.0 with namespaces into a [`Document`]; nothing outside the bytes is ever read, and a DOCTYPE is refused.
//!
//! As strict as the standard wants (names, characters, references, nesting, namespaces), so that what is taken here is what the
//! gateway's own parser takes. Comments and processing instructions are checked and dropped.
//!
//! Limits: UTF-8 only, whatever the declaration says (who hands over the bytes has decoded them); names follow XML 1.0, fifth edition; no
//! DTD, hence no entity but the five predefined; a namespace need not be a URI.

use crate::document::{Document, NameId, Node, NodeId, ATTRIBUTE, DOCUMENT, NONE, TEXT, WIDE};
use crate::namespaces::Namespaces;
use crate::scan::{fault, run, Outcome, Refusal, Scanner};

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

/// Parses a document. Text nodes are kept only `with_text_nodes`: few rules ask for them.
pub fn parse(source: &[u8], with_text_nodes: bool, limits: Limits) -> Outcome<Document> {
    if source.len() > limits.size.min(u32::MAX as usize / 2) {
        return Err(Refusal { is_limit: true, at: 0, what: "the document is too large" });
    }
    let text = std::str::from_utf8(source).map_err(|broken| fault(broken.valid_up_to(), "not UTF-8"))?;
    let mut reader = Reader::new(text, with_text_nodes, limits);
    reader.document()?;
    let mut document = reader.tree;
    document.names = reader.namespaces.names.finished();
    document.source = text.to_owned();
    document.build_index(reader.wide);
    Ok(document)
}

/// An element whose end tag is still to come.
struct Open {
    id: NodeId,
    last_child: NodeId,
    children: u32,
    bindings: usize,
    name_at: usize,
    name_length: usize,
}

/// An attribute as written, before its namespace is known.
struct Written<'s> {
    name: &'s str,
    at: usize,
    from: u32,
    to: u32,
}

struct Reader<'s> {
    scan: Scanner<'s>,
    tree: Document,
    limits: Limits,
    open: Vec<Open>,
    namespaces: Namespaces<'s>,
    written: Vec<Written<'s>>,
    text_from: usize,
    /// Elements with many children.
    wide: Vec<NodeId>,
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

/// The same for the value of an attribute: quotes, and the white space that becomes spaces.
const VALUE_STOPS: [bool; 256] = {
    let mut stops = STOPS;
    stops[b'\t' as usize] = true;
    stops[b'\n' as usize] = true;
    stops[b'"' as usize] = true;
    stops[b'\'' as usize] = true;
    stops
};

impl<'s> Reader<'s> {
    fn new(source: &'s str, with_text_nodes: bool, limits: Limits) -> Self {
        let mut tree = Document::default();
        tree.has_text_nodes = with_text_nodes;
        tree.nodes.reserve(source.len() / 32 + 16);
        tree.text.reserve(source.len() / 2);
        tree.nodes.push(Node { parent: 0, first: 0, next: 0, end: 0, name: DOCUMENT, text_from: 0, text_to: 0, at: 0 });
        Reader {
            scan: Scanner::new(source),
            tree,
            limits,
            open: Vec::with_capacity(32),
            namespaces: Namespaces::new(),
            written: Vec::new(),
            text_from: 0,
            wide: Vec::new(),
        }
    }

    /// document ::= prolog element Misc*
    fn document(&mut self) -> Outcome<()> {
        self.scan.skip("\u{FEFF}");
        self.scan.declaration()?;
        self.misc()?;
        if !self.scan.starts_with("<") {
            return Err(fault(self.scan.at, "no root element"));
        }
        self.element()?;
        while !self.open.is_empty() {
            self.content()?;
        }
        self.misc()?;
        if self.scan.at < self.scan.bytes.len() {
            return Err(fault(self.scan.at, "something after the root element"));
        }
        let (end, text_to) = (self.tree.nodes.len() as u32, self.tree.text.len() as u32);
        let root = &mut self.tree.nodes[0];
        (root.end, root.text_to) = (end, text_to);
        Ok(())
    }

    fn misc(&mut self) -> Outcome<()> {
        loop {
            self.scan.space();
            if self.scan.skip("<!--") {
                self.scan.comment()?;
            } else if self.scan.skip("<?") {
                self.scan.instruction()?;
            } else if self.scan.starts_with("<!DOCTYPE") {
                return Err(fault(self.scan.at, "DOCTYPE"));
            } else {
                return Ok(());
            }
        }
    }

    /// One piece of content of the innermost open element.
    fn content(&mut self) -> Outcome<()> {
        self.characters()?;
        match (self.scan.peek(1), self.scan.peek(2)) {
            _ if self.scan.at >= self.scan.bytes.len() => Err(fault(self.scan.at, "the document ends inside an element")),
            (b'/', _) => self.end_tag(),
            (b'!', b'-') if self.scan.skip("<!--") => {
                self.end_text();
                self.scan.comment()
            }
            (b'!', b'[') if self.scan.skip("<![CDATA[") => self.cdata(),
            (b'?', _) => {
                self.end_text();
                self.scan.at += 2;
                self.scan.instruction()
            }
            _ => self.element(),
        }
    }

    // --- elements -----------------------------------------------------------------------------------------------------

    /// A start tag or an empty element.
    fn element(&mut self) -> Outcome<()> {
        self.end_text();
        let at = self.scan.at;
        self.scan.at += 1;
        let name = self.scan.name()?;
        let bindings = self.namespaces.count();
        self.start_tag_attributes()?;
        if self.open.len() >= self.limits.depth {
            return Err(Refusal { is_limit: true, at, what: "too many levels of elements" });
        }
        let id = self.add_element(name, at)?;
        if self.scan.skip("/>") {
            self.close(id, bindings, 0);
            return Ok(());
        }
        if !self.scan.skip(">") {
            return Err(fault(self.scan.at, "a start tag that does not end"));
        }
        self.open.push(Open { id, last_child: NONE, children: 0, bindings, name_at: at + 1, name_length: name.len() });
        Ok(())
    }

    fn add_element(&mut self, name: &'s str, at: usize) -> Outcome<NodeId> {
        let name = self.namespaces.element(name, at)?;
        let id = self.add_node(name, at, self.tree.text.len() as u32)?;
        for written in 0..self.written.len() {
            self.add_attribute(id, written)?;
        }
        self.no_attribute_twice(id, at)?;
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
            Some(open) => {
                match open.last_child {
                    NONE => self.tree.nodes[parent as usize].first = id,
                    last => self.tree.nodes[last as usize].next = id,
                }
                open.last_child = id;
                open.children += 1;
            }
            None => self.tree.nodes[0].first = id,
        }
        let (end, at) = (id + 1, at as u32);
        self.tree.nodes.push(Node { parent, first: NONE, next: NONE, end, name, text_from, text_to: text_from, at });
        Ok(id)
    }

    fn add_attribute(&mut self, element: NodeId, written: usize) -> Outcome<()> {
        let written = &self.written[written];
        let name = self.namespaces.attribute(written.name, written.at)?;
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
        let Some(open) = self.open.pop() else { return Err(fault(self.scan.at, "an end tag of nothing")) };
        let name = &self.scan.source[open.name_at..open.name_at + open.name_length];
        self.scan.at += 2;
        if !self.scan.skip(name) {
            return Err(fault(self.scan.at, "an end tag of another element"));
        }
        self.scan.space();
        if !self.scan.skip(">") {
            return Err(fault(self.scan.at, "an end tag of another element"));
        }
        self.close(open.id, open.bindings, open.children);
        Ok(())
    }

    fn close(&mut self, id: NodeId, bindings: usize, children: u32) {
        if children > WIDE {
            self.wide.push(id);
        }
        let (end, text_to) = (self.tree.nodes.len() as u32, self.tree.text.len() as u32);
        let node = &mut self.tree.nodes[id as usize];
        (node.end, node.text_to) = (end, text_to);
        self.namespaces.close(bindings);
        self.text_from = self.tree.text.len();
    }

    // --- attributes and namespaces ------------------------------------------------------------------------------------

    /// Attributes go to `written`, declarations of namespaces to `bindings`.
    fn start_tag_attributes(&mut self) -> Outcome<()> {
        self.written.clear();
        let bindings = self.namespaces.count();
        while self.scan.space() && !matches!(self.scan.peek(0), b'>' | b'/') {
            let at = self.scan.at;
            let name = self.scan.name()?;
            self.scan.space();
            if !self.scan.skip("=") {
                return Err(fault(self.scan.at, "an attribute without a value"));
            }
            self.scan.space();
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

    fn bind(&mut self, prefix: &'s str, from: usize, since: usize, at: usize) -> Outcome<()> {
        let namespace = self.tree.attribute_text.split_off(from);
        self.namespaces.bind(prefix, namespace, since, at)
    }

    /// AttValue: references replaced, white space to spaces (XML 1.0, 3.3.3).
    fn attribute_value(&mut self) -> Outcome<()> {
        let quote = self.scan.peek(0);
        if !matches!(quote, b'"' | b'\'') {
            return Err(fault(self.scan.at, "an attribute value without quotes"));
        }
        self.scan.at += 1;
        loop {
            let from = self.scan.at;
            self.scan.at += run(&self.scan.bytes[from..], |byte| VALUE_STOPS[byte as usize]);
            self.tree.attribute_text.push_str(&self.scan.source[from..self.scan.at]);
            match self.scan.peek(0) {
                _ if self.scan.at >= self.scan.bytes.len() => return Err(fault(self.scan.at, "an attribute value that does not end")),
                byte if byte == quote => {
                    self.scan.at += 1;
                    return Ok(());
                }
                b'&' => {
                    let character = self.scan.reference()?;
                    self.tree.attribute_text.push(character);
                }
                b'\r' if self.scan.peek(1) == b'\n' => self.scan.at += 1,
                b'\t' | b'\n' | b'\r' => {
                    self.scan.at += 1;
                    self.tree.attribute_text.push(' ');
                }
                b'<' => return Err(fault(self.scan.at, "`<` in an attribute value")),
                byte @ (b']' | b'"' | b'\'') => {
                    self.scan.at += 1;
                    self.tree.attribute_text.push(char::from(byte));
                }
                _ => {
                    let character = self.scan.character()?;
                    self.tree.attribute_text.push(character);
                }
            }
        }
    }

    // --- text ---------------------------------------------------------------------------------------------------------

    /// Character data up to the next markup.
    fn characters(&mut self) -> Outcome<()> {
        loop {
            let from = self.scan.at;
            self.scan.at += run(&self.scan.bytes[from..], |byte| STOPS[byte as usize]);
            self.tree.text.push_str(&self.scan.source[from..self.scan.at]);
            match self.scan.peek(0) {
                _ if self.scan.at >= self.scan.bytes.len() => return Ok(()),
                b'<' => return Ok(()),
                b'&' => {
                    let character = self.scan.reference()?;
                    self.tree.text.push(character);
                }
                b']' if self.scan.starts_with("]]>") => return Err(fault(self.scan.at, "`]]>` in text")),
                _ => self.one_character()?,
            }
        }
    }

    /// CDATA content after its opening mark.
    fn cdata(&mut self) -> Outcome<()> {
        loop {
            if self.scan.at >= self.scan.bytes.len() {
                return Err(fault(self.scan.at, "a CDATA section that does not end"));
            }
            if self.scan.skip("]]>") {
                return Ok(());
            }
            self.one_character()?;
        }
    }

    /// One character of text, a line end as one `\n` (XML 1.0, 2.11).
    fn one_character(&mut self) -> Outcome<()> {
        if self.scan.peek(0) == b'\r' {
            self.scan.at += 1 + usize::from(self.scan.peek(1) == b'\n');
            self.tree.text.push('\n');
            return Ok(());
        }
        let character = self.scan.character()?;
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
        if let Ok(id) = self.add_node(TEXT, self.scan.at, from as u32) {
            self.tree.nodes[id as usize].text_to = to as u32;
        }
    }
}
