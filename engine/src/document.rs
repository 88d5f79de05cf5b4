//! The tree of one document: an arena of nodes in document order. It does not parse, and it knows no rule.
//!
//! An element's attributes follow it directly, then its children; so a subtree is a range of ids, document order is the
//! order of ids, and the string value of an element is one slice of the document's text.

use std::sync::Arc;

/// A node's place in document order; the document node is 0.
pub type NodeId = u32;
/// A name's place in [`Document::names`], with [`ATTRIBUTE`] added for attributes.
pub type NameId = u32;

/// "There is none": no child, no sibling (the document node is nobody's child).
pub const NONE: NodeId = 0;
/// Marks the name of an attribute.
pub const ATTRIBUTE: NameId = 1 << 30;
/// The name that stands for "text node".
pub const TEXT: NameId = 1 << 31;
/// The name of the document node.
pub const DOCUMENT: NameId = TEXT + 1;
/// A name that no node has.
pub const NOWHERE: NameId = u32::MAX;

/// One node. `begin..end_text` is its string value in the text (of an attribute: in the attributes' text).
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The element it lies in.
    pub parent: NodeId,
    /// First child that is no attribute.
    pub first: NodeId,
    /// Next sibling.
    pub next: NodeId,
    /// First id after the subtree.
    pub end: NodeId,
    /// What it is and how it is called.
    pub name: NameId,
    /// Where its string value begins.
    pub text_from: u32,
    /// Where its string value ends.
    pub text_to: u32,
    /// Byte of the source where it begins.
    pub at: u32,
}

impl Node {
    /// Is it an element?
    pub fn is_element(&self) -> bool {
        self.name < ATTRIBUTE
    }

    /// Is it an attribute?
    pub fn is_attribute(&self) -> bool {
        self.name & ATTRIBUTE != 0 && self.name < TEXT
    }
}

/// A name: namespace and local part, and both in one key (`{namespace}local`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `{namespace}local`.
    pub key: String,
    split: usize,
}

impl Name {
    /// The name `local` in `namespace` ("" for none).
    pub fn new(namespace: &str, local: &str) -> Name {
        Name { key: ["{", namespace, "}", local].concat(), split: namespace.len() + 1 }
    }

    /// The namespace, "" for none.
    pub fn namespace(&self) -> &str {
        &self.key[1..self.split]
    }

    /// The local part.
    pub fn local(&self) -> &str {
        &self.key[self.split + 1..]
    }

    /// Is it this one?
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local() == local && self.namespace() == namespace
    }
}

/// A parsed document.
#[derive(Debug, Default)]
pub struct Document {
    /// The bytes it was read from.
    pub source: String,
    /// All nodes, in document order.
    pub nodes: Vec<Node>,
    /// Every name met, elements' and attributes'; one list for all documents that have the same.
    pub names: Arc<Vec<Name>>,
    pub(crate) text: String,
    pub(crate) attribute_text: String,
    /// Text nodes are kept only where a rule asks for them.
    pub has_text_nodes: bool,
    index: Index,
    /// Elements with many children: their child elements by name, then by order.
    wide: Vec<(NodeId, Vec<(NameId, NodeId)>)>,
}

/// From so many children on, an element's children are found by name in a list of their own.
pub(crate) const WIDE: u32 = 40;

impl Document {
    /// The node.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// XPath's string value of a node.
    #[inline]
    pub fn string_value(&self, id: NodeId) -> &str {
        let node = self.node(id);
        let buffer = if node.is_attribute() { &self.attribute_text } else { &self.text };
        &buffer[node.text_from as usize..node.text_to as usize]
    }

    /// Elements of that name in document order; empty for a name the document has not.
    #[inline]
    pub fn named(&self, name: NameId) -> &[NodeId] {
        self.index.of(name)
    }

    /// The node's name, None for the document and for text.
    pub fn name(&self, id: NodeId) -> Option<&Name> {
        let name = self.node(id).name;
        (name < TEXT).then(|| &self.names[(name & !ATTRIBUTE) as usize])
    }

    /// The name as the source writes it, with its prefix.
    pub fn qualified_name(&self, id: NodeId) -> &str {
        let node = self.node(id);
        if node.name >= TEXT {
            return "";
        }
        let from = node.at as usize + usize::from(node.is_element());
        let rest = &self.source[from..];
        let length = rest.bytes().position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>' | b'='));
        &rest[..length.unwrap_or(rest.len())]
    }

    /// Attributes of a node, in the source's order.
    pub fn attributes(&self, id: NodeId) -> std::ops::Range<NodeId> {
        if !self.node(id).is_element() {
            return id..id;
        }
        let mut to = id + 1;
        while self.nodes.get(to as usize).is_some_and(|node| node.is_attribute() && node.parent == id) {
            to += 1;
        }
        id + 1..to
    }

    /// Children (no attributes), in order.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let first = self.node(id).first;
        std::iter::successors((first != NONE).then_some(first), |&child| {
            let next = self.node(child).next;
            (next != NONE).then_some(next)
        })
    }

    /// Child elements by name, where the node has so many children that looking through them would take long.
    #[inline(always)]
    pub fn wide_children(&self, id: NodeId, name: NameId) -> Option<&[(NameId, NodeId)]> {
        if self.node(id).end - id <= WIDE {
            return None;
        }
        self.find_wide(id, name)
    }

    fn find_wide(&self, id: NodeId, name: NameId) -> Option<&[(NameId, NodeId)]> {
        let at = self.wide.binary_search_by_key(&id, |(wide, _)| *wide).ok()?;
        let children = &self.wide[at].1;
        let from = children.partition_point(|(other, _)| *other < name);
        let length = children[from..].partition_point(|(other, _)| *other == name);
        Some(&children[from..from + length])
    }

    /// Elements of that name below a node, in document order.
    pub fn named_below(&self, id: NodeId, name: NameId) -> &[NodeId] {
        within(self.index.of(name), id, self.node(id).end)
    }

    /// Attributes of that name of a node and of all below it, in document order.
    pub fn attributes_below(&self, id: NodeId, name: NameId) -> &[NodeId] {
        within(self.index.of(name | ATTRIBUTE), id, self.node(id).end)
    }

    /// The element a finding is placed at: the node itself, or the one an attribute or a text stands in.
    pub fn element_of(&self, id: NodeId) -> NodeId {
        let node = self.node(id);
        if node.is_element() || id == 0 {
            id
        } else {
            node.parent
        }
    }

    /// Lists the nodes by name, and the children of the `wide` elements; once, when the document is complete.
    pub(crate) fn build_index(&mut self, mut wide: Vec<NodeId>) {
        self.index = Index::new(&self.nodes, self.names.len());
        wide.sort_unstable();
        self.wide = wide.into_iter().map(|id| (id, self.children_by_name(id))).collect();
    }

    fn children_by_name(&self, id: NodeId) -> Vec<(NameId, NodeId)> {
        let elements = self.children(id).filter(|&child| self.node(child).is_element());
        let mut children: Vec<(NameId, NodeId)> = elements.map(|child| (self.node(child).name, child)).collect();
        children.sort_unstable();
        children
    }
}

/// Elements and attributes by name: a list of all, and where each name's begin. Attributes' names stand behind the elements'.
#[derive(Debug, Default)]
struct Index {
    nodes: Vec<NodeId>,
    from: Vec<u32>,
    names: usize,
}

impl Index {
    fn new(nodes: &[Node], names: usize) -> Index {
        let mut index = Index { nodes: Vec::new(), from: vec![0; 2 * names + 1], names };
        let named = || nodes.iter().enumerate().filter(|(_, node)| node.name < TEXT);
        for (_, node) in named() {
            let place = index.place(node.name);
            index.from[place + 1] += 1;
        }
        for at in 1..index.from.len() {
            index.from[at] += index.from[at - 1];
        }
        let mut next = index.from.clone();
        index.nodes = vec![0; index.from[2 * names] as usize];
        for (id, node) in named() {
            let place = &mut next[index.place(node.name)];
            index.nodes[*place as usize] = id as NodeId;
            *place += 1;
        }
        index
    }

    #[inline]
    fn place(&self, name: NameId) -> usize {
        let behind = if name & ATTRIBUTE == 0 { 0 } else { self.names };
        (name & !ATTRIBUTE) as usize + behind
    }

    #[inline]
    fn of(&self, name: NameId) -> &[NodeId] {
        if name >= TEXT {
            return &[];
        }
        let place = self.place(name);
        match self.from.get(place..place + 2) {
            Some(&[from, to]) => &self.nodes[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// Of nodes in order, those after `id` and before `end`.
fn within(nodes: &[NodeId], id: NodeId, end: NodeId) -> &[NodeId] {
    let from = nodes.partition_point(|&other| other <= id);
    let length = nodes[from..].partition_point(|&other| other < end);
    &nodes[from..from + length]
}
