//! Findings as the gateway reads them: where a node stands, in words and in lines, and a plain text of all. It judges nothing.

use std::borrow::Cow;

use crate::document::{Document, NodeId};
use crate::judge::{Finding, Said};
use crate::pack::{Assertion, Part};

/// Between the fields of a finding; no XML holds it.
const FIELD: char = '\u{1F}';
/// After each finding.
const RECORD: char = '\u{1E}';

/// Each finding as `id, flag, line, column, location, text, reason`: the text as emitted; of an assertion that cannot be evaluated with
/// `…` for the values, and the reason, which is empty for one that fired.
pub fn told(document: &Document, findings: &[Finding<'_>]) -> String {
    let mut places = Places::new(document);
    let mut told = String::with_capacity(findings.len() * 256);
    for finding in findings {
        let (line, column) = places.place(finding.node);
        let (text, reason) = match &finding.said {
            Said::Message(message) => (Cow::Borrowed(message.as_ref()), String::new()),
            Said::Unevaluable(fault) => (plain(finding.assertion), format!("{}: {}", fault.code(), fault.reason())),
        };
        let (line, column) = (line.to_string(), column.to_string());
        let location = places.location(finding.node);
        let fields = [&finding.assertion.id, &finding.assertion.flag, line.as_str(), &column, location, &text, &reason];
        for (at, field) in fields.into_iter().enumerate() {
            told.push_str(field);
            told.push(if at < 6 { FIELD } else { RECORD });
        }
    }
    told
}

/// An assertion's text without its values.
fn plain(assertion: &Assertion) -> Cow<'_, str> {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Value(_) => "…".to_owned(),
    };
    Cow::Owned(assertion.message.iter().map(part).collect())
}

/// Where nodes stand. The beginnings of lines are found when first needed.
struct Places<'d> {
    document: &'d Document,
    lines: Vec<u32>,
    last: Option<(NodeId, String)>,
}

impl<'d> Places<'d> {
    fn new(document: &'d Document) -> Self {
        Places { document, lines: Vec::new(), last: None }
    }

    /// Line and column, from 1, in characters, of the start tag of an element, or of the one an attribute or a text stands in.
    fn place(&mut self, node: NodeId) -> (usize, usize) {
        let element = self.document.element_of(node);
        if element == 0 {
            return (1, 1);
        }
        if self.lines.is_empty() {
            self.lines = line_starts(&self.document.source);
        }
        let at = self.document.node(element).at;
        let line = self.lines.partition_point(|&start| start <= at);
        let start = self.lines[line - 1];
        (line, self.document.source[start as usize..at as usize].chars().count() + 1)
    }

    /// XPath of a node with the document's own prefixes; a position only among siblings of the same name.
    fn location(&mut self, node: NodeId) -> &str {
        if self.last.as_ref().is_none_or(|(last, _)| *last != node) {
            let mut steps = Vec::new();
            let mut at = node;
            while at != 0 {
                steps.push(self.step(at));
                at = self.document.node(at).parent;
            }
            steps.reverse();
            self.last = Some((node, format!("/{}", steps.join("/"))));
        }
        self.last.as_ref().map_or("/", |(_, location)| location)
    }

    fn step(&self, id: NodeId) -> String {
        let node = self.document.node(id);
        if node.is_attribute() {
            return format!("@{}", self.document.qualified_name(id));
        }
        if !node.is_element() {
            return "text()".to_owned();
        }
        let name = self.document.qualified_name(id);
        match self.position(id) {
            Some(position) => format!("{name}[{position}]"),
            None => name.to_owned(),
        }
    }

    /// The place among siblings of the same name, from 1; None for the only one.
    fn position(&self, id: NodeId) -> Option<usize> {
        let node = self.document.node(id);
        if let Some(same) = self.document.wide_children(node.parent, node.name) {
            return (same.len() > 1).then(|| same.partition_point(|&(_, other)| other < id) + 1);
        }
        let same: Vec<NodeId> = self.document.children(node.parent).filter(|&child| self.document.node(child).name == node.name).collect();
        (same.len() > 1).then(|| same.partition_point(|&other| other < id) + 1)
    }
}

/// Where lines begin; a line ends with `\n`, `\r\n` or `\r`.
fn line_starts(source: &str) -> Vec<u32> {
    let bytes = source.as_bytes();
    let begins = if source.starts_with('\u{FEFF}') { 3 } else { 0 };
    let ends_line = |at: &usize| bytes[*at] == b'\n' || (bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    std::iter::once(begins).chain((0..bytes.len()).filter(ends_line).map(|at| at as u32 + 1)).collect()
}
