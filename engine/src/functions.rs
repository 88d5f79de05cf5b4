//! Comparisons and functions of XPath 2.0 as rules use them; arguments are evaluated in `evaluate.rs`.
//!
//! Sections are those of XQuery 1.0 and XPath 2.0 Functions and Operators, unless XPath 2.0 itself is named.

use std::borrow::Cow;

use crate::characters::is_space;
use crate::decimal::Decimal;
use crate::evaluate::{is_at_most_one, truth_of, truth_of_all, Evaluation, ARGUMENT, OPERAND};
use crate::expression::{Codes, Expression, Function, Operator, Path, Sign, Type};
use crate::hashing::FastSet;
use crate::kept::Value;
use crate::regex::Regex;
use crate::sequence::Sequence;
use crate::texts;
use crate::values::{self, Fault, Item, Outcome};

impl<'a> Evaluation<'a> {
    // --- comparisons --------------------------------------------------------------------------------------------------

    /// A general comparison: does it hold for some pair (XPath 2.0, 3.5.2)? The right side is not asked where the left is nothing.
    pub(crate) fn compare(&mut self, sign: Sign, both: bool, sides: &'a [Expression; 2], context: &Item<'a>) -> Outcome<bool> {
        match sides {
            [Expression::Noted(slot, inner), Expression::String(text)] => match self.noted(*slot, inner, context)? {
                Value::One(Item::Untyped(value) | Item::String(value)) => Ok(sign.holds_for_text(value, text)),
                _ => self.compare_all(sign, &sides[0], &sides[1], context),
            },
            [left, right] if both || (is_at_most_one(left) && is_at_most_one(right)) => {
                let left = self.atom(left, context, OPERAND)?;
                if left.is_none() && !both {
                    return Ok(false);
                }
                match (left, self.atom(right, context, OPERAND)?) {
                    (Some(left), Some(right)) => values::compare(sign, &left, &right),
                    _ => Ok(false),
                }
            }
            [Expression::Path(path), Expression::String(text)] => {
                let mut holds = false;
                self.each_in_any_order(path, context, &mut |this, node| {
                    holds = sign.holds_for_text(this.document.string_value(node), text);
                    Ok(holds)
                })?;
                Ok(holds)
            }
            [left, right] => self.compare_all(sign, left, right, context),
        }
    }

    fn compare_all(&mut self, sign: Sign, left: &'a Expression, right: &'a Expression, context: &Item<'a>) -> Outcome<bool> {
        if let Expression::Map(parts, false) = left {
            return self.compare_each(sign, parts, right, context);
        }
        let left = self.atoms(left, context)?;
        if left.is_empty() {
            return Ok(false);
        }
        let right = self.atoms(right, context)?;
        self.some_pair(sign, &left, &right)
    }

    /// The first pair that is related ends it: what comes after it on the left is not evaluated.
    fn compare_each(&mut self, sign: Sign, left: &'a [Expression; 2], right: &'a Expression, context: &Item<'a>) -> Outcome<bool> {
        if is_at_most_one(&left[1]) {
            if let Expression::Path(path) = &left[0] {
                return self.compare_nodes(sign, path, &left[1], right, context);
            }
        }
        let mut others = None;
        for item in self.items(&left[0], context)? {
            let ones = self.atoms(&left[1], &item)?;
            if ones.is_empty() {
                continue;
            }
            let others = match &mut others {
                Some(others) => others,
                none => none.insert(self.atoms(right, context)?),
            };
            if self.some_pair(sign, &ones, others)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same for the commonest left side: one value of each node of a path.
    fn compare_nodes(
        &mut self,
        sign: Sign,
        path: &'a Path,
        value: &'a Expression,
        right: &'a Expression,
        context: &Item<'a>,
    ) -> Outcome<bool> {
        let (mut holds, mut others) = (false, None);
        self.each(path, context, &mut |this, node| {
            let Some(one) = this.atom(value, &values::at(node), OPERAND)? else { return Ok(false) };
            let others = match &mut others {
                Some(others) => others,
                none => none.insert(this.atoms(right, context)?),
            };
            holds = this.some_pair(sign, std::slice::from_ref(&one), others)?;
            Ok(holds)
        })?;
        Ok(holds)
    }

    fn some_pair(&mut self, sign: Sign, left: &[Item<'a>], right: &[Item<'a>]) -> Outcome<bool> {
        for one in left {
            for other in right {
                self.breathe()?;
                if values::compare(sign, one, other)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Is some item one of the codes?
    pub(crate) fn member(&mut self, value: &'a Expression, codes: &FastSet<String>, context: &Item<'a>) -> Outcome<bool> {
        if let Expression::Path(path) = value {
            let mut found = false;
            self.each_in_any_order(path, context, &mut |this, node| {
                found = codes.contains(this.document.string_value(node));
                Ok(found)
            })?;
            return Ok(found);
        }
        if let Expression::Noted(slot, inner) = value {
            return match self.noted(*slot, inner, context)? {
                Value::One(item) if !matches!(item, Item::Node(_)) => Ok(codes.contains(code(item)?)),
                _ => self.member(inner, codes, context),
            };
        }
        let (mut is_found, mut fault) = (false, None);
        self.each_item(value, context, &mut |this, item| {
            match code(&this.atomized(item)) {
                Ok(code) => is_found |= fault.is_none() && codes.contains(code),
                Err(wrong) if !is_found => fault = fault.take().or(Some(wrong)),
                Err(_) => {}
            }
            Ok(())
        })?;
        fault.map_or(Ok(is_found), Err)
    }

    /// `contains(' A B ', concat(' ', value, ' '))`: a code without space is looked up, anything else searched for.
    pub(crate) fn listed(&mut self, value: &'a Expression, codes: &Codes, context: &Item<'a>) -> Outcome<bool> {
        let code = match value {
            Expression::Noted(slot, inner) => match self.noted(*slot, inner, context)? {
                Value::One(Item::Untyped(code) | Item::String(code)) if codes.set.contains(code.as_ref()) => return Ok(true),
                _ => self.atom(value, context, "the code")?,
            },
            _ => self.atom(value, context, "the code")?,
        };
        let code = code.map_or("".into(), values::string);
        if codes.set.contains(code.as_ref()) {
            return Ok(true);
        }
        let may_be_a_part = code.is_empty() || (code.contains(' ') && !codes.is_single);
        Ok(may_be_a_part && codes.text.contains(&format!(" {code} ")))
    }

    // --- functions ----------------------------------------------------------------------------------------------------

    /// A function as a condition.
    pub(crate) fn call_truth(&mut self, function: Function, arguments: &'a [Expression], context: &Item<'a>) -> Outcome<bool> {
        match (function, arguments) {
            (Function::Not, [value]) => Ok(!self.truth(value, context)?),
            (Function::Boolean, [value]) => self.truth(value, context),
            (Function::Exists, [value]) => self.exists(value, context),
            (Function::Empty, [value]) => Ok(!self.exists(value, context)?),
            (Function::Contains | Function::StartsWith | Function::EndsWith, [text, part]) => {
                let (text, part) = (self.text(text, context, function.argument())?, self.text(part, context, function.argument())?);
                Ok(match function {
                    Function::Contains => text.contains(part.as_ref()),
                    Function::StartsWith => text.starts_with(part.as_ref()),
                    _ => text.ends_with(part.as_ref()),
                })
            }
            (Function::NormalizeSpace, [value]) => Ok(!self.text(value, context, function.argument())?.trim_matches(is_space).is_empty()),
            (function, arguments) if function.gives_many() => {
                let items = self.call_many(function, arguments, context)?;
                truth_of_all(&items)
            }
            _ => self.call(function, arguments, context)?.map_or(Ok(false), |item| truth_of(&item)),
        }
    }

    fn exists(&mut self, value: &'a Expression, context: &Item<'a>) -> Outcome<bool> {
        match value {
            Expression::Path(path) => self.finds(path, context),
            Expression::Union(sides) => Ok(self.exists(&sides[0], context)? || self.exists(&sides[1], context)?),
            Expression::Memo(_, inner) if matches!(**inner, Expression::Path(_) | Expression::Union(_)) => self.truth(value, context),
            _ => Ok(!self.items(value, context)?.is_empty()),
        }
    }

    /// A function that gives at most one atomic value.
    pub(crate) fn call(&mut self, function: Function, arguments: &'a [Expression], context: &Item<'a>) -> Outcome<Option<Item<'a>>> {
        let text = |text: Cow<'a, str>| Ok(Some(Item::String(text)));
        match (function, arguments) {
            (function, _) if function.gives_truth() => self.call_truth(function, arguments, context).map(|t| Some(Item::Boolean(t))),
            (Function::NormalizeSpace, [value]) => text(texts::normalize_space(self.text(value, context, function.argument())?)),
            (Function::UpperCase, [value]) => text(texts::upper_case(self.text(value, context, function.argument())?)),
            (Function::LowerCase, [value]) => text(Cow::Owned(self.text(value, context, function.argument())?.to_lowercase())),
            (Function::String, [value]) => text(self.string(value, context)?),
            (Function::Name | Function::LocalName | Function::NamespaceUri, [value]) => text(self.name(function, value, context)?),
            (Function::Concat, parts) => text(Cow::Owned(self.concat(parts, context)?)),
            (Function::StringJoin, [value, separator]) => text(Cow::Owned(self.string_join(value, separator, context)?)),
            (Function::Substring, [value, places @ ..]) => text(self.substring(value, places, context)?),
            (Function::SubstringBefore | Function::SubstringAfter, [value, mark]) => {
                let (value, mark) = (self.text(value, context, function.argument())?, self.text(mark, context, function.argument())?);
                text(texts::part(value, &mark, function == Function::SubstringAfter))
            }
            (Function::Translate, [value, from, to]) => {
                let (value, from, to) = (
                    self.text(value, context, function.argument())?,
                    self.text(from, context, function.argument())?,
                    self.text(to, context, function.argument())?,
                );
                text(Cow::Owned(texts::translate(&value, &from, &to)))
            }
            (Function::StringLength, [value]) => {
                let value = self.text(value, context, function.argument())?;
                whole(if value.is_ascii() { value.len() } else { value.chars().count() })
            }
            (Function::Count, [value]) => whole(self.count(value, context)?),
            (Function::Sum, [value]) => self.sum(value, context).map(Some),
            (Function::Number, [value]) => {
                let item = self.atom(value, context, function.argument())?;
                let number = item.and_then(|item| values::cast(item, Type::Double).ok());
                Ok(Some(number.unwrap_or(Item::Double(f64::NAN))))
            }
            (Function::Abs | Function::Round | Function::Floor | Function::Ceiling, [value]) => {
                self.atom(value, context, OPERAND)?.map(|item| shaped(function, item)).transpose()
            }
            _ => Err(Fault::new("XPST0017", "a function with other arguments")),
        }
    }

    /// A function that may give several items.
    pub(crate) fn call_many(&mut self, function: Function, arguments: &'a [Expression], context: &Item<'a>) -> Outcome<Sequence<'a>> {
        let [value] = arguments else { return Err(Fault::new("XPST0017", "a function with other arguments")) };
        let items = self.atoms(value, context)?;
        if function == Function::Data {
            Ok(items)
        } else {
            self.distinct(items)
        }
    }

    /// 15.1.6: untyped values as strings, numbers by value, one NaN.
    fn distinct(&mut self, items: Sequence<'a>) -> Outcome<Sequence<'a>> {
        let mut texts: FastSet<Cow<'a, str>> = FastSet::default();
        let mut found = Sequence::new();
        for item in items {
            let is_new = match &item {
                Item::Untyped(text) | Item::String(text) => texts.insert(text.clone()),
                other => {
                    self.breathe()?;
                    !found.iter().any(|before| is_same(before, other))
                }
            };
            if is_new {
                found.push(item);
            }
        }
        Ok(found)
    }

    fn count(&mut self, value: &'a Expression, context: &Item<'a>) -> Outcome<usize> {
        match value {
            Expression::Path(path) => {
                let mut count = 0;
                self.each(path, context, &mut |_, _| {
                    count += 1;
                    Ok(false)
                })?;
                Ok(count)
            }
            Expression::Memo(slot, inner) => match self.memo(*slot, inner)? {
                Value::Nodes(nodes) => Ok(nodes.len()),
                _ => Ok(self.items(value, context)?.len()),
            },
            _ => Ok(self.items(value, context)?.len()),
        }
    }

    /// 15.4.5: 0 of nothing; from left to right, a double makes doubles of what follows.
    fn sum(&mut self, value: &'a Expression, context: &Item<'a>) -> Outcome<Item<'a>> {
        let mut total = Ok(Item::Decimal(Decimal::from(0)));
        self.each_item(value, context, &mut |this, item| {
            if let Ok(sum) = &mut total {
                let sum = std::mem::replace(sum, Item::Boolean(false));
                total = values::compute(Operator::Plus, sum, this.atomized(item));
            }
            Ok(())
        })?;
        total
    }

    fn string(&mut self, value: &'a Expression, context: &Item<'a>) -> Outcome<Cow<'a, str>> {
        Ok(match value {
            Expression::Path(path) => {
                self.only(path, context, Function::String.argument())?.map_or("".into(), |node| self.document.string_value(node).into())
            }
            _ => self.atom(value, context, Function::String.argument())?.map_or("".into(), values::string),
        })
    }

    fn name(&mut self, function: Function, value: &'a Expression, context: &Item<'a>) -> Outcome<Cow<'a, str>> {
        let items = match value {
            Expression::Context => context.clone().into(),
            _ => self.items(value, context)?,
        };
        let document = self.document;
        match &*items {
            [] => Ok(Cow::Borrowed("")),
            [Item::Node(node)] => Ok(Cow::Borrowed(match (function, document.name(*node)) {
                (_, None) => "",
                (Function::NamespaceUri, Some(name)) => name.namespace(),
                (Function::Name, Some(_)) => document.qualified_name(*node),
                (_, Some(name)) => name.local(),
            })),
            [_] => Err(Fault::wrong_type("a value has no name")),
            _ => Err(Fault::too_many("the argument of a name")),
        }
    }

    fn concat(&mut self, parts: &'a [Expression], context: &Item<'a>) -> Outcome<String> {
        let mut joined = String::new();
        for part in parts {
            if let Some(item) = self.atom(part, context, Function::Concat.argument())? {
                joined.push_str(&values::string(item));
            }
        }
        Ok(joined)
    }

    fn string_join(&mut self, value: &'a Expression, separator: &'a Expression, context: &Item<'a>) -> Outcome<String> {
        let separator = self.text(separator, context, "the separator")?;
        let items = self.atoms(value, context)?;
        Ok(items.into_iter().map(values::string).collect::<Vec<_>>().join(&separator))
    }

    /// 7.4.3: positions from 1, rounded; NaN gives nothing.
    fn substring(&mut self, value: &'a Expression, places: &'a [Expression], context: &Item<'a>) -> Outcome<Cow<'a, str>> {
        let Some((first, length)) = places.split_first() else { return Err(Fault::wrong_type("substring() needs a position")) };
        let first = self.place(first, context)?;
        let length = length.first().map(|length| self.place(length, context)).transpose()?;
        let text = self.text(value, context, Function::Substring.argument())?;
        let first = place_of(first)?;
        let after = match length {
            Some(length) => first + place_of(length)?,
            None => f64::INFINITY,
        };
        Ok(texts::from_to(text, first, after))
    }

    fn place(&mut self, place: &'a Expression, context: &Item<'a>) -> Outcome<Item<'a>> {
        self.atom(place, context, "a position")?.ok_or_else(|| Fault::wrong_type("substring() needs a position"))
    }

    // --- regular expressions (7.6) ------------------------------------------------------------------------------------

    pub(crate) fn matches(&mut self, value: &'a Expression, regex: &Regex, context: &Item<'a>) -> Outcome<bool> {
        let text = self.text(value, context, ARGUMENT)?;
        regex.is_match(&text).map_err(|_| too_hard())
    }

    pub(crate) fn replace(&mut self, value: &'a Expression, regex: &Regex, by: &str, context: &Item<'a>) -> Outcome<String> {
        let text = self.text(value, context, ARGUMENT)?;
        Ok(split(&text, regex)?.join(by))
    }

    pub(crate) fn tokenize(&mut self, value: &'a Expression, regex: &Regex, context: &Item<'a>) -> Outcome<Sequence<'a>> {
        let text = self.text(value, context, ARGUMENT)?;
        if text.is_empty() {
            return Ok(Sequence::new());
        }
        Ok(split(&text, regex)?.into_iter().map(|token| Item::String(Cow::Owned(token))).collect())
    }
}

fn too_hard() -> Fault {
    Fault::new("FORX0002", "a regular expression takes too many steps on this text")
}

/// What stands between the matches.
fn split(text: &str, regex: &Regex) -> Outcome<Vec<String>> {
    let text: Vec<char> = text.chars().collect();
    let (mut parts, mut last) = (Vec::new(), 0);
    while let Some((from, to)) = regex.find(&text, last).map_err(|_| too_hard())? {
        if from == to {
            return Err(Fault::new("FORX0003", "a regular expression matches nothing at all"));
        }
        parts.push(text[last..from].iter().collect());
        last = to;
    }
    parts.push(text[last..].iter().collect());
    Ok(parts)
}

/// A position in a text, rounded.
fn place_of(item: Item<'_>) -> Outcome<f64> {
    Ok(values::rounded(values::as_double(&values::operand(item)?)))
}

/// The text of a code.
fn code<'i>(item: &'i Item<'_>) -> Outcome<&'i str> {
    match item {
        Item::Untyped(text) | Item::String(text) => Ok(text),
        other => Err(Fault::wrong_type(&format!("'{}' is compared with texts", values::string(other.clone())))),
    }
}

fn whole<'a>(count: usize) -> Outcome<Option<Item<'a>>> {
    Ok(Some(Item::Decimal(Decimal::from(count as i64))))
}

fn is_same(left: &Item<'_>, right: &Item<'_>) -> bool {
    let is_nan = |item: &Item<'_>| matches!(item, Item::Double(value) if value.is_nan());
    (is_nan(left) && is_nan(right)) || values::compare_values(Sign::Equal, left, right).unwrap_or(false)
}

/// 6.4: abs, round, floor, ceiling.
fn shaped(function: Function, item: Item<'_>) -> Outcome<Item<'_>> {
    Ok(match values::operand(item)? {
        Item::Decimal(value) => Item::Decimal(match function {
            Function::Abs => value.abs(),
            Function::Round => value.rounded(),
            Function::Floor => value.floor(),
            _ => value.ceiling(),
        }),
        Item::Double(value) => Item::Double(match function {
            Function::Abs => value.abs(),
            Function::Round => values::rounded(value),
            Function::Floor => value.floor(),
            _ => value.ceil(),
        }),
        item => item,
    })
}
