//! Walks paths through a document: axes, node tests, predicates, document order. No operator and no function is known here.
//!
//! Nodes come one at a time, so that who asks whether there is one need not see them all. A path whose predicates may raise an error is
//! walked to its end before it answers: a rule's fate must not hang on how far somebody looked.

use std::rc::Rc;

use crate::document::{NameId, NodeId, ATTRIBUTE, NONE, TEXT};
use crate::evaluate::{Evaluation, What};
use crate::expression::{Axis, Expression, Path, Predicate, Step, Test};
use crate::kept::{items_of, Value};
use crate::sequence::Sequence;
use crate::values::{self, Fault, Item, Outcome};

/// Predicates of one step that count positions; `load.rs` refuses more.
pub(crate) const PLACES: usize = 4;

impl<'a> Evaluation<'a> {
    /// Is there a node at the end of the path?
    pub(crate) fn finds(&mut self, path: &'a Path, context: &Item<'a>) -> Outcome<bool> {
        let mut found = false;
        self.each_in_any_order(path, context, &mut |_, _| {
            found = true;
            Ok(true)
        })?;
        Ok(found)
    }

    /// The only node at the end of the path; more than one is an error.
    pub(crate) fn only(&mut self, path: &'a Path, context: &Item<'a>, what: What) -> Outcome<Option<NodeId>> {
        let (mut found, mut twice) = (None, false);
        self.each(path, context, &mut |_, node| {
            twice = found.is_some();
            found = Some(node);
            Ok(twice)
        })?;
        if twice {
            Err(Fault::too_many(what))
        } else {
            Ok(found)
        }
    }

    /// Hands the path's nodes to `found`, in document order, each once, until it says `true`.
    pub(crate) fn each<F>(&mut self, path: &'a Path, context: &Item<'a>, found: &mut F) -> Outcome<()>
    where
        F: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        if path.sort || path.is_thorough {
            self.each_collected(path, path.sort, context, found)
        } else {
            self.begin(path, &path.steps, context, found)
        }
    }

    /// The same as they are found, perhaps repeated: enough for who looks for some node.
    pub(crate) fn each_in_any_order<F>(&mut self, path: &'a Path, context: &Item<'a>, found: &mut F) -> Outcome<()>
    where
        F: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        if path.is_thorough {
            self.each_collected(path, false, context, found)
        } else {
            self.begin(path, &path.steps, context, found)
        }
    }

    fn each_collected<F>(&mut self, path: &'a Path, sort: bool, context: &Item<'a>, found: &mut F) -> Outcome<()>
    where
        F: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        let mut nodes = self.spare.pop().unwrap_or_default();
        let walked = self.collect(path, context, &mut nodes);
        if sort {
            in_order(&mut nodes);
        }
        let told = walked.and_then(|()| {
            for &node in &nodes {
                if found(self, node)? {
                    break;
                }
            }
            Ok(())
        });
        nodes.clear();
        self.spare.push(nodes);
        told
    }

    /// Where errors may be, step by step and predicate by predicate: of two errors the same is met first, whoever evaluates.
    fn collect(&mut self, path: &'a Path, context: &Item<'a>, nodes: &mut Vec<NodeId>) -> Outcome<()> {
        let steps = if path.is_thorough { &[][..] } else { path.steps.as_slice() };
        self.begin(path, steps, context, &mut |_, node| {
            nodes.push(node);
            Ok(false)
        })?;
        for step in path.steps.iter().filter(|_| path.is_thorough) {
            let mut further = self.spare.pop().unwrap_or_default();
            for &from in nodes.iter() {
                self.add_kept(step, from, &mut further)?;
            }
            std::mem::swap(nodes, &mut further);
            further.clear();
            self.spare.push(further);
        }
        Ok(())
    }

    /// Adds the nodes of a step from one node that all predicates keep, one predicate after the other.
    fn add_kept(&mut self, step: &'a Step, from: NodeId, nodes: &mut Vec<NodeId>) -> Outcome<()> {
        let begin = nodes.len();
        self.along(step, from, &mut |_, node| {
            nodes.push(node);
            Ok(false)
        })?;
        for predicate in &step.predicates {
            let (mut kept, mut places) = (begin, [0; PLACES]);
            for at in begin..nodes.len() {
                if self.keeps(std::slice::from_ref(predicate), nodes[at], &mut places)? {
                    nodes[kept] = nodes[at];
                    kept += 1;
                }
            }
            nodes.truncate(kept);
        }
        Ok(())
    }

    fn begin<F>(&mut self, path: &'a Path, steps: &'a [Step], context: &Item<'a>, found: &mut F) -> Outcome<()>
    where
        F: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        if self.lacks(&path.needs) {
            return Ok(());
        }
        match &path.start {
            None => self.walk(steps, node_of(context)?, found).map(|_| ()),
            Some(Expression::Root) => self.walk(steps, 0, found).map(|_| ()),
            Some(start) => {
                for &node in self.nodes(start, context)?.iter() {
                    if self.walk(steps, node, found)? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// All nodes of an expression that gives nothing else.
    pub(crate) fn nodes(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<Rc<Vec<NodeId>>> {
        let mut nodes = Vec::new();
        match form {
            Expression::Root => nodes.push(0),
            Expression::Path(path) => self.each(path, context, &mut |_, node| {
                nodes.push(node);
                Ok(false)
            })?,
            Expression::Memo(slot, inner) => match self.memo(*slot, inner)? {
                Value::Nodes(nodes) => return Ok(nodes),
                value => return checked(&items_of(&value)),
            },
            Expression::Noted(slot, inner) => match self.noted(*slot, inner, context)? {
                Value::Nodes(nodes) => return Ok(nodes.clone()),
                value => return checked(&items_of(value)),
            },
            Expression::Union(sides) => {
                for side in sides.iter() {
                    nodes.extend_from_slice(&self.nodes(side, context)?);
                }
                in_order(&mut nodes);
            }
            Expression::Map(parts, true) => {
                for &node in self.nodes(&parts[0], context)?.iter() {
                    nodes.extend_from_slice(&self.nodes(&parts[1], &values::at(node))?);
                }
                in_order(&mut nodes);
            }
            _ => return checked(&self.items(form, context)?),
        }
        Ok(Rc::new(nodes))
    }

    /// The steps from one node on, each node as it is found; true when `found` had enough.
    fn walk<F>(&mut self, steps: &'a [Step], from: NodeId, found: &mut F) -> Outcome<bool>
    where
        F: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        let Some((step, rest)) = steps.split_first() else { return found(self, from) };
        let mut places = [0; PLACES];
        self.along(step, from, &mut |this, node| Ok(this.keeps(&step.predicates, node, &mut places)? && this.go_on(rest, node, found)?))
    }

    fn go_on<F>(&mut self, rest: &'a [Step], node: NodeId, found: &mut F) -> Outcome<bool>
    where
        F: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        if rest.is_empty() {
            found(self, node)
        } else {
            self.walk(rest, node, found)
        }
    }

    /// The nodes of one axis that pass the step's test, before its predicates.
    #[inline]
    fn along<G>(&mut self, step: &'a Step, from: NodeId, found: &mut G) -> Outcome<bool>
    where
        G: FnMut(&mut Self, NodeId) -> Outcome<bool>,
    {
        let document = self.document;
        macro_rules! go {
            ($node:expr) => {{
                let node = $node;
                self.breathe()?;
                if found(self, node)? {
                    return Ok(true);
                }
            }};
        }
        match (step.axis, &step.test) {
            (Axis::Child, Test::Name(name)) => {
                let name = self.names[*name];
                if let Some(children) = document.wide_children(from, name) {
                    for &(_, child) in children {
                        go!(child);
                    }
                } else {
                    let mut child = document.node(from).first;
                    while child != NONE {
                        let node = document.node(child);
                        if node.name == name {
                            go!(child);
                        }
                        child = node.next;
                    }
                }
            }
            (Axis::Descendant, Test::Name(name)) => {
                for &node in document.named_below(from, self.names[*name]) {
                    go!(node);
                }
            }
            (Axis::AttributeBelow, Test::Name(name)) => {
                for &attribute in document.attributes_below(from, self.names[*name]) {
                    go!(attribute);
                }
            }
            (Axis::AttributeBelow, test) => {
                for attribute in from + 1..document.node(from).end {
                    if document.node(attribute).is_attribute() && self.passes_attribute(test, attribute) {
                        go!(attribute);
                    }
                }
            }
            (Axis::Child, test) => {
                for child in document.children(from) {
                    if self.passes(test, child) {
                        go!(child);
                    }
                }
            }
            (Axis::Attribute, test) => {
                for attribute in document.attributes(from) {
                    if self.passes_attribute(test, attribute) {
                        go!(attribute);
                    }
                }
            }
            (Axis::Itself, test) => {
                if self.passes(test, from) {
                    go!(from);
                }
            }
            (Axis::Parent, test) => {
                let parent = document.node(from).parent;
                if from != 0 && self.passes(test, parent) {
                    go!(parent);
                }
            }
            (axis, test) => {
                let mut at = self.next_along(axis, from, None);
                while let Some(node) = at {
                    if self.passes(test, node) {
                        go!(node);
                    } else {
                        self.breathe()?;
                    }
                    at = self.next_along(axis, from, Some(node));
                }
            }
        }
        Ok(false)
    }

    /// The node after `last` (the first for None) on one of the longer axes, seen from `from`, in the axis's own order.
    fn next_along(&self, axis: Axis, from: NodeId, last: Option<NodeId>) -> Option<NodeId> {
        let document = self.document;
        let all = document.nodes.len() as NodeId;
        let parent = |node: NodeId| (node != 0).then(|| document.node(node).parent);
        let no_attribute = |node: &NodeId| !document.node(*node).is_attribute();
        let is_child = document.node(from).is_element() || document.node(from).name == TEXT;
        match (axis, last) {
            (Axis::DescendantOrSelf | Axis::AncestorOrSelf, None) => Some(from),
            (Axis::Descendant | Axis::DescendantOrSelf, last) => (last.unwrap_or(from) + 1..document.node(from).end).find(no_attribute),
            (Axis::Ancestor | Axis::AncestorOrSelf, last) => parent(last.unwrap_or(from)),
            (Axis::FollowingSibling, last) if is_child => {
                let next = document.node(last.unwrap_or(from)).next;
                (next != NONE).then_some(next)
            }
            (Axis::PrecedingSibling, last) if is_child => {
                let until = last.unwrap_or(from);
                document.children(parent(from)?).take_while(|&child| child < until).last()
            }
            (Axis::Following, None) => (document.node(from).end..all).find(no_attribute),
            (Axis::Following, Some(last)) => (last + 1..all).find(no_attribute),
            (Axis::Preceding, last) => {
                let is_before = |node: &NodeId| document.node(*node).end <= from && no_attribute(node);
                (1..last.unwrap_or(from)).rev().find(is_before)
            }
            _ => None,
        }
    }

    /// Do all predicates keep the node? `places` counts, for each that asks for a position, the nodes it was asked about.
    #[inline]
    fn keeps(&mut self, predicates: &'a [Predicate], node: NodeId, places: &mut [usize; PLACES]) -> Outcome<bool> {
        for (at, predicate) in predicates.iter().enumerate() {
            match predicate {
                Predicate::Condition(condition) => {
                    if !self.holds(condition, &values::at(node))? {
                        return Ok(false);
                    }
                }
                Predicate::Position(wanted) => {
                    places[at] += 1;
                    if places[at] != *wanted {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Does a node pass a test on an axis of elements?
    pub(crate) fn passes(&self, test: &Test, node: NodeId) -> bool {
        let name = self.document.node(node).name;
        let is_element = name < ATTRIBUTE;
        match test {
            Test::Name(wanted) => name == self.names[*wanted],
            Test::Any => is_element,
            Test::Node => true,
            Test::Text => name == TEXT,
            Test::Namespace(uri) => is_element && self.document.names[name as usize].namespace() == uri.as_ref(),
            Test::Local(local) => is_element && self.document.names[name as usize].local() == local.as_ref(),
        }
    }

    /// The same on the attribute axis.
    pub(crate) fn passes_attribute(&self, test: &Test, attribute: NodeId) -> bool {
        let name: NameId = self.document.node(attribute).name & !ATTRIBUTE;
        match test {
            Test::Name(wanted) => name == self.names[*wanted],
            Test::Any | Test::Node => true,
            Test::Text => false,
            Test::Namespace(uri) => self.document.names[name as usize].namespace() == uri.as_ref(),
            Test::Local(local) => self.document.names[name as usize].local() == local.as_ref(),
        }
    }

    /// `(…)[…]`: predicates over a whole sequence.
    pub(crate) fn filter(&mut self, value: &'a Expression, predicates: &'a [Predicate], context: &Item<'a>) -> Outcome<Sequence<'a>> {
        let mut items = self.items(value, context)?;
        for predicate in predicates {
            match predicate {
                Predicate::Position(place) => items = place.checked_sub(1).and_then(|place| items.into_iter().nth(place)).into(),
                Predicate::Condition(condition) => {
                    let mut kept = Sequence::new();
                    for item in items {
                        if self.holds(condition, &item)? {
                            kept.push(item);
                        }
                    }
                    items = kept;
                }
            }
        }
        Ok(items)
    }
}

fn checked(items: &[Item<'_>]) -> Outcome<Rc<Vec<NodeId>>> {
    Ok(Rc::new(items.iter().map(node_of).collect::<Outcome<_>>()?))
}

fn node_of(item: &Item<'_>) -> Outcome<NodeId> {
    match item {
        Item::Node(node) => Ok(*node),
        _ => Err(Fault::wrong_type("a step starts from what is no node")),
    }
}

/// Document order, each node once.
fn in_order(nodes: &mut Vec<NodeId>) {
    if nodes.windows(2).any(|pair| pair[0] >= pair[1]) {
        nodes.sort_unstable();
        nodes.dedup();
    }
}
