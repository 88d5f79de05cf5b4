//! What is evaluated once and kept: variables, memos (the same for the whole document) and notes (the same for a node).
//!
//! How the expressions themselves are evaluated is in `evaluate.rs`. An error is never kept: whoever asks again gets it again.

use std::rc::Rc;

use crate::document::NodeId;
use crate::evaluate::{is_at_most_one, is_boolean, truth_of, truth_of_all, Evaluation, OPERAND};
use crate::expression::{Expression, Slot};
use crate::sequence::Sequence;
use crate::values::{self, Fault, Item, Outcome};

/// A value in a slot.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// Not evaluated yet.
    Unset,
    /// A rule's variable, to be evaluated for the rule's node.
    Lazy(&'a Expression),
    /// No item.
    Nothing,
    One(Item<'a>),
    Many(Rc<Vec<Item<'a>>>),
    Nodes(Rc<Vec<NodeId>>),
}

/// What noted expressions are for a node. A note is forgotten when another takes its place.
///
/// Places are small and values are added as they come: to make and drop a table of values would cost a short document more than the notes spare.
pub(crate) struct Notes<'a> {
    places: Vec<Place>,
    values: Vec<Value<'a>>,
}

#[derive(Clone, Copy)]
struct Place {
    slot: u32,
    node: NodeId,
    value: u32,
}

/// How many notes are kept.
const NOTES: usize = 1_024;
/// Spreads the notes of different slots.
const NOTES_OF_A_SLOT: usize = 89;
const NO_SLOT: u32 = u32::MAX;

impl<'a> Notes<'a> {
    pub(crate) fn new() -> Self {
        Notes { places: vec![Place { slot: NO_SLOT, node: 0, value: 0 }; NOTES], values: Vec::new() }
    }

    fn find(&self, slot: Slot, node: NodeId) -> Option<usize> {
        let place = &self.places[place_of(slot, node)];
        (place.slot as usize == slot && place.node == node).then_some(place.value as usize)
    }

    fn keep(&mut self, slot: Slot, node: NodeId, value: Value<'a>) -> usize {
        let place = &mut self.places[place_of(slot, node)];
        if place.slot == NO_SLOT {
            place.value = self.values.len() as u32;
            self.values.push(value);
        } else {
            self.values[place.value as usize] = value;
        }
        (place.slot, place.node) = (slot as u32, node);
        place.value as usize
    }
}

fn place_of(slot: Slot, node: NodeId) -> usize {
    (slot.wrapping_mul(NOTES_OF_A_SLOT) ^ node as usize) % NOTES
}

impl<'a> Evaluation<'a> {
    pub(crate) fn bind(&mut self, slot: Slot, value: &'a Expression, context: &Item<'a>) -> Outcome<()> {
        self.values[slot] = held(self.items(value, context)?);
        Ok(())
    }

    /// Sees to it that a variable has its value.
    pub(crate) fn settle(&mut self, slot: Slot) -> Outcome<()> {
        match self.values[slot] {
            Value::Lazy(form) => self.bind(slot, form, &values::at(self.rule_node)),
            _ => Ok(()),
        }
    }

    /// An expression's value, to be kept.
    fn value(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<Value<'a>> {
        if is_boolean(form) {
            return Ok(Value::One(Item::Boolean(self.truth(form, context)?)));
        }
        match form {
            Expression::Path(_) | Expression::Union(_) | Expression::Map(_, true) => Ok(Value::Nodes(self.nodes(form, context)?)),
            _ if is_at_most_one(form) => Ok(self.atom(form, context, OPERAND)?.map_or(Value::Nothing, Value::One)),
            _ => Ok(held(self.items(form, context)?)),
        }
    }

    pub(crate) fn memo(&mut self, slot: Slot, inner: &'a Expression) -> Outcome<Value<'a>> {
        if let Value::Unset = self.values[slot] {
            self.values[slot] = self.value(inner, &values::at(0))?;
        }
        Ok(self.values[slot].clone())
    }

    pub(crate) fn memo_truth(&mut self, slot: Slot, inner: &'a Expression) -> Outcome<bool> {
        if let Some(truth) = self.truths[slot] {
            return Ok(truth);
        }
        let truth = match &self.values[slot] {
            Value::Unset => self.truth(inner, &values::at(0))?,
            value => truth_of_value(value)?,
        };
        self.truths[slot] = Some(truth);
        Ok(truth)
    }

    /// The value for this node; an error is not kept.
    pub(crate) fn noted(&mut self, slot: Slot, inner: &'a Expression, context: &Item<'a>) -> Outcome<&Value<'a>> {
        let Item::Node(node) = *context else { return Err(Fault::wrong_type("a step starts from what is no node")) };
        let kept = match self.notes.find(slot, node) {
            Some(kept) => kept,
            None => {
                let value = self.value(inner, context)?;
                self.notes.keep(slot, node, value)
            }
        };
        Ok(&self.notes.values[kept])
    }
}

/// Items as a value of a slot.
fn held(items: Sequence<'_>) -> Value<'_> {
    match items {
        Sequence::AtMostOne(item) => item.map_or(Value::Nothing, Value::One),
        Sequence::Many(items) => Value::Many(Rc::new(items)),
    }
}

/// A kept value's items.
pub(crate) fn items_of<'a>(value: &Value<'a>) -> Sequence<'a> {
    match value {
        Value::One(item) => item.clone().into(),
        Value::Many(items) => Sequence::Many(items.as_ref().clone()),
        Value::Nodes(nodes) => nodes.iter().map(|&node| Item::Node(node)).collect(),
        Value::Nothing | Value::Unset | Value::Lazy(_) => Sequence::new(),
    }
}

/// The effective boolean value of a kept value.
pub(crate) fn truth_of_value(value: &Value<'_>) -> Outcome<bool> {
    match value {
        Value::One(item) => truth_of(item),
        Value::Many(items) => truth_of_all(items),
        Value::Nodes(nodes) => Ok(!nodes.is_empty()),
        Value::Nothing | Value::Unset | Value::Lazy(_) => Ok(false),
    }
}
