//! Evaluates expressions of a pack on a document: conditions, texts, atomic values, sequences. Paths are walked in `walk.rs`, functions
//! called in `functions.rs`, rules found in `judge.rs`.
//!
//! Every expression can be asked in the cheapest way that serves: `truth`, `text`, `atom`, or `items` for all of it. What is evaluated
//! and what is not follows the Python evaluator to the letter, for whether a rule can be evaluated at all hangs on it.

use std::borrow::Cow;
use std::time::Instant;

use crate::decimal::Decimal;
use crate::document::{Document, NameId, NodeId, NOWHERE};
use crate::expression::{Expression, Function, Loop, Slot, Type};
use crate::kept::{items_of, truth_of_value, Notes, Value};
use crate::pack::{Guard, Pack};
use crate::sequence::Sequence;
use crate::values::{self, Fault, Item, Outcome};

/// The steps between two looks at the clock.
const BREATH: u32 = 20_000;

/// The code of the fault that stops everything: time is up.
pub const OUT_OF_TIME: &str = "TIME";

/// What an error is about, in words.
pub(crate) type What = &'static str;

/// An operand of arithmetic or of a comparison.
pub(crate) const OPERAND: What = "an operand";
/// An argument that needs no closer word.
pub(crate) const ARGUMENT: What = "an argument";

/// One pack at work on one document.
pub struct Evaluation<'a> {
    pub(crate) document: &'a Document,
    /// The pack's names → the document's; one more, which every document has.
    pub(crate) names: Vec<NameId>,
    pub(crate) values: Vec<Value<'a>>,
    /// Of memos: whether they are true, once asked.
    pub(crate) truths: Vec<Option<bool>>,
    pub(crate) notes: Notes<'a>,
    pub(crate) rule_node: NodeId,
    deadline: Option<Instant>,
    breath: u32,
    pub(crate) spare: Vec<Vec<NodeId>>,
}

impl<'a> Evaluation<'a> {
    /// A pack and a document brought together; `names`: see [`crate::acquaintance::Acquaintance`].
    pub fn new(document: &'a Document, pack: &'a Pack, names: Vec<NameId>, deadline: Option<Instant>) -> Self {
        Evaluation {
            document,
            names,
            values: vec![Value::Unset; pack.slots],
            truths: vec![None; pack.slots],
            notes: Notes::new(),
            rule_node: 0,
            deadline,
            breath: BREATH,
            spare: Vec::new(),
        }
    }

    /// Counts a step; now and then a look at the clock.
    #[inline]
    pub(crate) fn breathe(&mut self) -> Outcome<()> {
        self.breath -= 1;
        if self.breath == 0 {
            self.breath = BREATH;
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(Fault::new(OUT_OF_TIME, "the evaluation took too long"));
            }
        }
        Ok(())
    }

    /// Is one of these names nowhere in the document?
    #[inline]
    pub(crate) fn lacks(&self, needs: &[usize]) -> bool {
        needs.iter().any(|&name| self.names[name] == NOWHERE)
    }

    /// May an assertion with this guard fire?
    #[inline]
    pub(crate) fn may_fire(&self, guard: &Guard) -> bool {
        guard.iter().all(|&name| self.names[name as usize] != NOWHERE)
    }

    // --- what an expression is asked for ------------------------------------------------------------------------------

    /// The effective boolean value (XPath 2.0, 2.4.3).
    pub fn truth(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<bool> {
        match form {
            Expression::Boolean(value) => Ok(*value),
            Expression::String(text) => Ok(!text.is_empty()),
            Expression::And(sides) => Ok(self.truth(&sides[0], context)? && self.truth(&sides[1], context)?),
            Expression::Or(sides) | Expression::Union(sides) => Ok(self.truth(&sides[0], context)? || self.truth(&sides[1], context)?),
            Expression::If(parts) => {
                let chosen = if self.truth(&parts[0], context)? { &parts[1] } else { &parts[2] };
                self.truth(chosen, context)
            }
            Expression::Compare(sign, both, sides) => self.compare(*sign, *both, sides, context),
            Expression::Member(value, codes) => self.member(value, codes, context),
            Expression::Listed(value, codes) => self.listed(value, codes, context),
            Expression::Path(path) => self.finds(path, context),
            Expression::Context => truth_of(context),
            Expression::Root => Ok(true),
            Expression::Memo(slot, inner) => self.memo_truth(*slot, inner),
            Expression::Noted(slot, inner) => truth_of_value(self.noted(*slot, inner, context)?),
            Expression::Loop(kind @ (Loop::Some | Loop::Every), slot, parts) => self.quantified(*kind, *slot, parts, context),
            Expression::Let(slot, parts) => {
                self.bind(*slot, &parts[0], context)?;
                self.truth(&parts[1], context)
            }
            Expression::Call(function, arguments) => self.call_truth(*function, arguments, context),
            Expression::Matches(parts) => self.matches(&parts.0, &parts.1, context),
            Expression::Castable(wanted, optional, value) => {
                let items = self.atoms(value, context)?;
                match &*items {
                    [] => Ok(*optional),
                    [item] => Ok(values::cast(item.clone(), *wanted).is_ok()),
                    _ => Ok(false),
                }
            }
            _ => self.truth_of_items(form, context),
        }
    }

    fn truth_of_items(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<bool> {
        if is_at_most_one(form) {
            return self.atom(form, context, OPERAND)?.map_or(Ok(false), |item| truth_of(&item));
        }
        let (mut count, mut first) = (0, None);
        self.each_item(form, context, &mut |_, item| {
            count += 1;
            first.get_or_insert(item);
            Ok(())
        })?;
        match (count, first) {
            (0, _) => Ok(false),
            (_, Some(Item::Node(_))) => Ok(true),
            (1, Some(item)) => truth_of(&item),
            _ => Err(neither_true_nor_false()),
        }
    }

    /// A condition in a predicate, which must not turn out to be a position.
    pub(crate) fn holds(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<bool> {
        let is_sure = !matches!(
            form,
            Expression::Variable(_)
                | Expression::If(_)
                | Expression::Convert(..)
                | Expression::Let(..)
                | Expression::Sequence(_)
                | Expression::Map(..)
                | Expression::Filter(..)
                | Expression::Call(Function::DistinctValues, _)
        );
        if is_sure {
            return self.truth(form, context);
        }
        match &*self.items(form, context)? {
            [Item::Decimal(_) | Item::Double(_)] => Err(Fault::new("XPST0003", "a predicate turned out to be a position")),
            items => truth_of_all(items),
        }
    }

    /// An argument of type xs:string?, "" for nothing: other values than texts and untyped ones are an error.
    pub(crate) fn text(&mut self, form: &'a Expression, context: &Item<'a>, what: What) -> Outcome<Cow<'a, str>> {
        match form {
            Expression::String(text) => Ok(Cow::Borrowed(text)),
            Expression::Path(path) => Ok(self.only(path, context, what)?.map_or("".into(), |node| self.document.string_value(node).into())),
            _ => match self.atom(form, context, what)? {
                None => Ok(Cow::Borrowed("")),
                Some(Item::Untyped(text) | Item::String(text)) => Ok(text),
                Some(_) => Err(Fault::wrong_type(&format!("{what} is no text"))),
            },
        }
    }

    /// One atomic value, None for nothing; more than one is an error.
    pub(crate) fn atom(&mut self, form: &'a Expression, context: &Item<'a>, what: What) -> Outcome<Option<Item<'a>>> {
        Ok(Some(match form {
            Expression::String(text) => Item::String(Cow::Borrowed(text)),
            Expression::Decimal(value) => Item::Decimal(value.as_ref().clone()),
            Expression::Double(value) => Item::Double(*value),
            Expression::Context => self.atomized(context.clone()),
            Expression::Path(path) => match self.only(path, context, what)? {
                Some(node) => self.atomized(Item::Node(node)),
                None => return Ok(None),
            },
            Expression::Noted(slot, inner) => {
                let document = self.document;
                return atom_of(document, self.noted(*slot, inner, context)?, what);
            }
            Expression::Variable(slot) => {
                self.settle(*slot)?;
                return atom_of(self.document, &self.values[*slot], what);
            }
            Expression::If(parts) => {
                let chosen = if self.truth(&parts[0], context)? { &parts[1] } else { &parts[2] };
                return self.atom(chosen, context, what);
            }
            Expression::Let(slot, parts) => {
                self.bind(*slot, &parts[0], context)?;
                return self.atom(&parts[1], context, what);
            }
            Expression::Arithmetic(operator, sides) => {
                let (left, right) = (self.atom(&sides[0], context, OPERAND)?, self.atom(&sides[1], context, OPERAND)?);
                match (left, right) {
                    (Some(left), Some(right)) => values::compute(*operator, left, right)?,
                    _ => return Ok(None),
                }
            }
            Expression::Negative(value) | Expression::Positive(value) => match self.atom(value, context, OPERAND)? {
                None => return Ok(None),
                Some(item) => signed(values::operand(item)?, matches!(form, Expression::Negative(_))),
            },
            Expression::ValueCompare(sign, sides) => {
                let (left, right) = (self.atom(&sides[0], context, OPERAND)?, self.atom(&sides[1], context, OPERAND)?);
                match (left, right) {
                    (Some(left), Some(right)) => Item::Boolean(values::compare_values(*sign, &left, &right)?),
                    _ => return Ok(None),
                }
            }
            Expression::Cast(wanted, optional, value) => match self.atom(value, context, cast_of(*wanted))? {
                Some(item) => values::cast(item, *wanted)?,
                None if *optional => return Ok(None),
                None => return Err(Fault::wrong_type(&format!("nothing is no {}", values::name_of(*wanted)))),
            },
            Expression::Call(function, arguments) if !function.gives_many() => return self.call(*function, arguments, context),
            Expression::Replace(parts) => Item::String(Cow::Owned(self.replace(&parts.0, &parts.1, &parts.2, context)?)),
            _ if is_boolean(form) => Item::Boolean(self.truth(form, context)?),
            _ => {
                let items = self.items(form, context)?;
                return only_atom(self.document, &items, what);
            }
        }))
    }

    /// All items.
    pub(crate) fn items(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<Sequence<'a>> {
        match form {
            Expression::Context => Ok(context.clone().into()),
            Expression::Sequence(parts) => {
                let mut items = Sequence::new();
                for part in parts {
                    items.extend(self.items(part, context)?);
                }
                Ok(items)
            }
            Expression::Variable(slot) => {
                self.settle(*slot)?;
                Ok(items_of(&self.values[*slot]))
            }
            Expression::Memo(slot, inner) => Ok(items_of(&self.memo(*slot, inner)?)),
            Expression::Noted(slot, inner) => Ok(items_of(self.noted(*slot, inner, context)?)),
            Expression::If(parts) => {
                let chosen = if self.truth(&parts[0], context)? { &parts[1] } else { &parts[2] };
                self.items(chosen, context)
            }
            Expression::Loop(Loop::For, slot, parts) if is_at_most_one(&parts[0]) => {
                let Some(item) = self.atom(&parts[0], context, OPERAND)? else { return Ok(Sequence::new()) };
                self.values[*slot] = Value::One(item);
                self.items(&parts[1], context)
            }
            Expression::Loop(Loop::For, slot, parts) => {
                let mut items = Sequence::new();
                for item in self.items(&parts[0], context)? {
                    self.values[*slot] = Value::One(item);
                    items.extend(self.items(&parts[1], context)?);
                }
                Ok(items)
            }
            Expression::Let(slot, parts) => {
                self.bind(*slot, &parts[0], context)?;
                self.items(&parts[1], context)
            }
            Expression::Map(_, false) | Expression::Path(_) => {
                let mut items = Sequence::new();
                self.each_item(form, context, &mut |_, item| {
                    items.push(item);
                    Ok(())
                })?;
                Ok(items)
            }
            Expression::Filter(parts) => self.filter(&parts.0, &parts.1, context),
            Expression::Convert(wanted, empty, many, value) => self.convert(*wanted, *empty, *many, value, context),
            Expression::Tokenize(parts) => self.tokenize(&parts.0, &parts.1, context),
            Expression::Call(function, arguments) if function.gives_many() => self.call_many(*function, arguments, context),
            Expression::Root | Expression::Union(_) | Expression::Map(..) => {
                let nodes = self.nodes(form, context)?;
                Ok(nodes.iter().map(|&node| Item::Node(node)).collect())
            }
            _ => Ok(self.atom(form, context, OPERAND)?.into()),
        }
    }

    /// Hands all items to `found`, one at a time.
    pub(crate) fn each_item(
        &mut self,
        form: &'a Expression,
        context: &Item<'a>,
        found: &mut dyn FnMut(&mut Self, Item<'a>) -> Outcome<()>,
    ) -> Outcome<()> {
        match form {
            Expression::Path(path) => self.each(path, context, &mut |this, node| found(this, Item::Node(node)).map(|()| false)),
            Expression::Map(parts, false) => match &parts[0] {
                Expression::Path(path) => self.each(path, context, &mut |this, node| {
                    this.each_item(&parts[1], &values::at(node), found)?;
                    Ok(false)
                }),
                base => self.items(base, context)?.iter().try_for_each(|item| self.each_item(&parts[1], item, found)),
            },
            _ if is_at_most_one(form) => match self.atom(form, context, OPERAND)? {
                Some(item) => found(self, item),
                None => Ok(()),
            },
            _ => self.items(form, context)?.into_iter().try_for_each(|item| found(self, item)),
        }
    }

    /// All items as atomic values.
    pub(crate) fn atoms(&mut self, form: &'a Expression, context: &Item<'a>) -> Outcome<Sequence<'a>> {
        if is_at_most_one(form) {
            return Ok(self.atom(form, context, OPERAND)?.into());
        }
        let items = self.items(form, context)?;
        Ok(items.into_iter().map(|item| atomized(self.document, item)).collect())
    }

    /// The typed value of an item: of a node without schema, its string as untyped (XPath 2.0, 2.4.2).
    pub(crate) fn atomized(&self, item: Item<'a>) -> Item<'a> {
        atomized(self.document, item)
    }

    fn quantified(&mut self, kind: Loop, slot: Slot, parts: &'a [Expression; 2], context: &Item<'a>) -> Outcome<bool> {
        let wanted = kind == Loop::Some;
        for item in self.items(&parts[0], context)? {
            self.breathe()?;
            self.values[slot] = Value::One(item);
            if self.truth(&parts[1], context)? == wanted {
                return Ok(wanted);
            }
        }
        Ok(!wanted)
    }

    /// The function conversion rules (XPath 2.0, 3.1.5).
    fn convert(
        &mut self,
        wanted: Type,
        may_be_empty: bool,
        may_be_many: bool,
        value: &'a Expression,
        context: &Item<'a>,
    ) -> Outcome<Sequence<'a>> {
        let keeps_nodes = matches!(wanted, Type::Item | Type::Node);
        let items = if keeps_nodes { self.items(value, context)? } else { self.atoms(value, context)? };
        if (items.is_empty() && !may_be_empty) || (items.len() > 1 && !may_be_many) {
            let right = if may_be_empty { "at most one" } else { "one" };
            return Err(Fault::wrong_type(&format!("{} values where the function takes {right}", items.len())));
        }
        items.into_iter().map(|item| fit(item, wanted)).collect()
    }
}

fn atomized<'a>(document: &'a Document, item: Item<'a>) -> Item<'a> {
    match item {
        Item::Node(node) => Item::Untyped(Cow::Borrowed(document.string_value(node))),
        item => item,
    }
}

/// The one atomic value of a kept one.
fn atom_of<'a>(document: &'a Document, value: &Value<'a>, what: What) -> Outcome<Option<Item<'a>>> {
    match value {
        Value::One(item) => Ok(Some(atomized(document, item.clone()))),
        value => only_atom(document, &items_of(value), what),
    }
}

fn only_atom<'a>(document: &'a Document, items: &[Item<'a>], what: What) -> Outcome<Option<Item<'a>>> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(atomized(document, item.clone()))),
        _ => Err(Fault::too_many(what)),
    }
}

/// An item as a parameter's type: untyped values are cast, decimals become doubles; others must be of the type.
fn fit(item: Item<'_>, wanted: Type) -> Outcome<Item<'_>> {
    match (&item, wanted) {
        (_, Type::Item) | (Item::Node(_), Type::Node) => Ok(item),
        (Item::Untyped(_), _) => values::cast(item, wanted),
        (Item::Decimal(value), Type::Double) => Ok(Item::Double(value.to_double())),
        (Item::String(_), Type::String) | (Item::Boolean(_), Type::Boolean) | (Item::Date(..), Type::Date) => Ok(item),
        (Item::Decimal(_), Type::Decimal) | (Item::Double(_), Type::Double) => Ok(item),
        (Item::Decimal(value), Type::Integer) if value.has_no_fraction() => Ok(item),
        _ => {
            let shown = values::string(item);
            Err(Fault::wrong_type(&format!("'{shown}' is no {}", values::name_of(wanted))))
        }
    }
}

fn cast_of(wanted: Type) -> What {
    match wanted {
        Type::String => "the string",
        Type::Boolean => "the boolean",
        Type::Integer => "the integer",
        Type::Decimal => "the decimal",
        Type::Double => "the double",
        Type::Date => "the date",
        Type::Item | Type::Node => OPERAND,
    }
}

fn signed(item: Item<'_>, is_negative: bool) -> Item<'_> {
    match item {
        Item::Decimal(value) if is_negative => Item::Decimal(value.negated()),
        Item::Double(value) if is_negative => Item::Double(-value),
        item => item,
    }
}

/// The effective boolean value of a sequence.
pub(crate) fn truth_of_all(items: &[Item<'_>]) -> Outcome<bool> {
    match items {
        [] => Ok(false),
        [Item::Node(_), ..] => Ok(true),
        [item] => truth_of(item),
        _ => Err(neither_true_nor_false()),
    }
}

fn neither_true_nor_false() -> Fault {
    Fault::new("FORG0006", "a sequence of values is neither true nor false")
}

/// The effective boolean value of one item.
pub(crate) fn truth_of(item: &Item<'_>) -> Outcome<bool> {
    match item {
        Item::Node(_) => Ok(true),
        Item::Boolean(value) => Ok(*value),
        Item::Untyped(text) | Item::String(text) => Ok(!text.is_empty()),
        Item::Decimal(value) => Ok(!Decimal::is_zero(value)),
        Item::Double(value) => Ok(*value != 0.0 && !value.is_nan()),
        Item::Date(_, text) => Err(Fault::new("FORG0006", format!("{text} is neither true nor false"))),
    }
}

/// Is it always one boolean?
pub(crate) fn is_boolean(form: &Expression) -> bool {
    match form {
        Expression::Boolean(_) | Expression::And(_) | Expression::Or(_) | Expression::Compare(..) | Expression::Member(..) => true,
        Expression::Listed(..) | Expression::Matches(..) | Expression::Castable(..) => true,
        Expression::Loop(kind, _, _) => *kind != Loop::For,
        Expression::Call(function, _) => function.gives_truth(),
        Expression::Memo(_, inner) | Expression::Noted(_, inner) => is_boolean(inner),
        _ => false,
    }
}

/// Is it never more than one atomic value?
pub(crate) fn is_at_most_one(form: &Expression) -> bool {
    match form {
        Expression::String(_) | Expression::Decimal(_) | Expression::Double(_) | Expression::Arithmetic(..) => true,
        Expression::Negative(_) | Expression::Positive(_) | Expression::ValueCompare(..) | Expression::Cast(..) => true,
        Expression::Replace(..) => true,
        Expression::Call(function, _) => !function.gives_many(),
        Expression::Noted(_, inner) => is_at_most_one(inner),
        _ => is_boolean(form),
    }
}
