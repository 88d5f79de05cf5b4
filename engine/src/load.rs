//! Reads a pack handed over as JSON: the intermediate form of `gateway/schematron/forms.py`. It evaluates nothing.
//!
//! What is not known is refused with the form's word; nothing is skipped. The words themselves are in `words.rs`, what can be known
//! before any document is seen in `foresight.rs`.

use std::sync::{Arc, Mutex};

use crate::decimal::Decimal;
use crate::document::Name;
use crate::expression::{Codes, Expression, Loop, Path, Predicate, Slot, Step, Test};
use crate::foresight::{all_of, comparison, is_of_name, may_match, may_raise_in, name_of, needed_names, noted};
use crate::hashing::{FastMap, FastSet};
use crate::json::{self, Json};
use crate::pack::{Alternative, Assertion, Candidate, Guard, Link, Pack, Part, Pattern, PatternStep, Rule};
use crate::regex::Regex;
use crate::walk::PLACES;
use crate::words;

const DEPTH: usize = 200;

pub(crate) type Loaded<T> = Result<T, String>;

/// The pack that `text` holds, or what is wrong with it.
pub fn load(text: &str) -> Loaded<Pack> {
    let pack = json::parse(text).map_err(|at| format!("byte {at}: no JSON; a pack is expected"))?;
    Loader::new(&pack)?.pack(&pack)
}

struct Loader {
    names: Vec<Name>,
    slots: usize,
    needs_text_nodes: bool,
    /// Sets of codes by what is in them: many rules ask for the same.
    sets: FastMap<String, Arc<FastSet<String>>>,
}

pub(crate) fn unknown<T>(what: &str, form: &Json) -> Loaded<T> {
    let shown: String = format!("{form:?}").chars().take(120).collect();
    Err(format!("{what} is not known: {shown}"))
}

fn member<'j>(object: &'j Json, key: &str) -> Loaded<&'j Json> {
    object.get(key).ok_or_else(|| format!("a pack without `{key}`"))
}

fn count(form: &Json) -> Loaded<usize> {
    form.count().map_or_else(|| unknown("the number", form), Ok)
}

pub(crate) fn text(form: &Json) -> Loaded<&str> {
    form.text().map_or_else(|| unknown("the text", form), Ok)
}

fn counts(form: &Json) -> Loaded<Vec<usize>> {
    form.list().iter().map(count).collect()
}

impl Loader {
    fn new(pack: &Json) -> Loaded<Loader> {
        let mut names = Vec::new();
        for name in member(pack, "names")?.list() {
            match name.list() {
                [namespace, local] => names.push(Name::new(text(namespace)?, text(local)?)),
                _ => return unknown("the name", name),
            }
        }
        let slots = count(member(pack, "slots")?)?;
        Ok(Loader { names, slots, needs_text_nodes: false, sets: FastMap::default() })
    }

    fn pack(mut self, pack: &Json) -> Loaded<Pack> {
        let patterns = member(pack, "patterns")?.list();
        let patterns = patterns.iter().map(|pattern| self.pattern(pattern)).collect::<Loaded<Vec<_>>>()?;
        let name_ids: FastMap<String, usize> = self.names.iter().enumerate().map(|(id, name)| (name.key.clone(), id)).collect();
        let (names, slots, needs_text_nodes) = (self.names, self.slots, self.needs_text_nodes);
        Ok(Pack { names, name_ids, slots, patterns, needs_text_nodes, last_met: Mutex::new(None) })
    }

    // --- patterns and rules -------------------------------------------------------------------------------------------

    fn pattern(&mut self, form: &Json) -> Loaded<Pattern> {
        let mut rules = Vec::new();
        let mut of_elements = Vec::new();
        let (mut of_attributes, mut of_document) = (Vec::new(), Vec::new());
        for (rule, rule_form) in member(form, "rules")?.list().iter().enumerate() {
            let alternatives = member(rule_form, "match")?.list();
            for (alternative, alternative_form) in alternatives.iter().enumerate() {
                let candidate = Candidate { rule, alternative };
                match text(member(alternative_form, "axis")?)? {
                    "child" => of_elements.push(candidate),
                    "attribute" => of_attributes.push(candidate),
                    "root" => of_document.push(candidate),
                    _ => return unknown("the axis", alternative_form),
                }
            }
            rules.push(self.rule(rule_form)?);
        }
        let last = |candidate: &Candidate| &rules[candidate.rule].alternatives[candidate.alternative].last;
        let has_wild = of_elements.iter().any(|candidate| name_of(last(candidate)).is_none());
        let mut names: Vec<usize> = of_elements.iter().filter_map(|candidate| name_of(last(candidate))).collect();
        if has_wild {
            names = (0..self.names.len()).collect();
        }
        names.sort_unstable();
        names.dedup();
        let named = names.into_iter().map(|id| {
            let may = |candidate: &Candidate| may_match(last(candidate), Some(id), &self.names[id]);
            (id, of_elements.iter().copied().filter(may).collect())
        });
        let named = named.collect();
        let wild = of_elements.iter().copied().filter(|candidate| name_of(last(candidate)).is_none()).collect();
        let visits = words::visits(member(form, "visits")?)?;
        Ok(Pattern { rules, visits, named, wild, of_attributes, of_document })
    }

    /// A rule; its lets and assertions are folded into a text.
    fn rule(&mut self, form: &Json) -> Loaded<Rule> {
        let alternatives = member(form, "match")?.list().iter().map(|a| self.alternative(a)).collect::<Loaded<_>>()?;
        let body = json::parse(text(member(form, "body")?)?).map_err(|at| format!("byte {at} of a rule's body: no JSON"))?;
        let mut lets = Vec::new();
        for bound in member(&body, "lets")?.list() {
            match bound.list() {
                [slot, value] => lets.push((self.slot(slot)?, self.expression(value, 0)?)),
                _ => return unknown("the variable", bound),
            }
        }
        let assertions = member(&body, "assertions")?.list().iter().map(|a| self.assertion(a)).collect::<Loaded<Vec<_>>>()?;
        let guards = assertions.iter().map(|assertion| self.guard(assertion)).collect();
        Ok(Rule { alternatives, visits: words::visits(member(form, "visits")?)?, lets, assertions, guards })
    }

    fn alternative(&mut self, form: &Json) -> Loaded<Alternative> {
        let last = self.pattern_step(member(form, "test")?, member(form, "predicates")?)?;
        let mut before = Vec::new();
        for link in member(form, "before")?.list() {
            match link.list() {
                [link, test, predicates] => {
                    before.push(Link { is_anywhere: text(link)? == "//", step: self.pattern_step(test, predicates)? });
                }
                _ => return unknown("the step", link),
            }
        }
        Ok(Alternative::new(last, before, *member(form, "rooted")? == Json::Boolean(true)))
    }

    fn pattern_step(&mut self, test: &Json, predicates: &Json) -> Loaded<PatternStep> {
        let mut conditions = Vec::new();
        for predicate in predicates.list() {
            conditions.extend(all_of(self.expression(predicate, 0)?));
        }
        let (of_name, predicates) = conditions.into_iter().partition(is_of_name);
        Ok(PatternStep { test: self.test(test)?, of_name, predicates })
    }

    fn assertion(&mut self, form: &Json) -> Loaded<Assertion> {
        let mut message = Vec::with_capacity(1);
        for part in member(form, "message")?.list() {
            match (part, message.last_mut()) {
                (Json::String(more), Some(Part::Text(text))) => text.push_str(more),
                (Json::String(text), _) => message.push(Part::Text(text.clone())),
                (value, _) => message.push(Part::Value(self.expression(value, 0)?)),
            }
        }
        Ok(Assertion {
            id: text(member(form, "id")?)?.to_owned(),
            flag: text(member(form, "flag")?)?.to_owned(),
            is_report: *member(form, "report")? == Json::Boolean(true),
            test: self.expression(member(form, "test")?, 0)?,
            needs: counts(member(form, "needs")?)?,
            message,
        })
    }

    /// The first and the last name: what a path begins with, and what it is about.
    fn guard(&self, assertion: &Assertion) -> Guard {
        let name = |needed: Option<&usize>| needed.map_or(self.names.len(), |&name| name) as u32;
        [name(assertion.needs.first()), name(assertion.needs.last())]
    }

    // --- expressions --------------------------------------------------------------------------------------------------

    fn slot(&self, form: &Json) -> Loaded<Slot> {
        match count(form)? {
            slot if slot < self.slots => Ok(slot),
            _ => unknown("the slot", form),
        }
    }

    fn boxed(&mut self, form: &Json, depth: usize) -> Loaded<Box<Expression>> {
        self.expression(form, depth).map(Box::new)
    }

    fn pair(&mut self, a: &Json, b: &Json, depth: usize) -> Loaded<Box<[Expression; 2]>> {
        Ok(Box::new([self.expression(a, depth)?, self.expression(b, depth)?]))
    }

    fn all(&mut self, forms: &Json, depth: usize) -> Loaded<Vec<Expression>> {
        forms.list().iter().map(|form| self.expression(form, depth)).collect()
    }

    fn expression(&mut self, form: &Json, depth: usize) -> Loaded<Expression> {
        if depth > DEPTH {
            return Err(format!("an expression of more than {DEPTH} levels"));
        }
        let deep = depth + 1;
        Ok(match (word(form), form.list()) {
            ("string", [_, value]) => Expression::String(text(value)?.to_owned()),
            ("integer" | "decimal", [_, digits]) => match Decimal::parse(text(digits)?) {
                Some(value) => Expression::Decimal(Box::new(value)),
                None => return unknown("the number", digits),
            },
            ("double", [_, digits]) => match text(digits)?.parse() {
                Ok(value) => Expression::Double(value),
                Err(_) => return unknown("the number", digits),
            },
            ("true", [_]) => Expression::Boolean(true),
            ("false", [_]) => Expression::Boolean(false),
            ("sequence", [_, items]) => Expression::Sequence(self.all(items, deep)?),
            ("context" | "item", [_]) => Expression::Context,
            ("root", [_]) => Expression::Root,
            ("variable", [_, slot, _, _]) => Expression::Variable(self.slot(slot)?),
            ("noted", [_, slot, value]) => noted(self.slot(slot)?, self.expression(value, deep)?),
            ("memo", [_, slot, value]) => Expression::Memo(self.slot(slot)?, self.boxed(value, deep)?),
            ("and", [_, a, b]) => match one_code(a, b) {
                Some((value, codes)) => {
                    let codes = Codes { is_single: true, ..self.codes(text(codes)?) };
                    Expression::Listed(self.boxed(value, deep)?, Box::new(codes))
                }
                None => Expression::And(self.pair(a, b, deep)?),
            },
            ("or", [_, a, b]) => Expression::Or(self.pair(a, b, deep)?),
            ("union", [_, a, b]) => Expression::Union(self.pair(a, b, deep)?),
            ("if", [_, condition, then, otherwise]) => {
                let parts = [condition, then, otherwise].map(|part| self.expression(part, deep));
                let [condition, then, otherwise] = parts;
                Expression::If(Box::new([condition?, then?, otherwise?]))
            }
            ("compare", [_, sign, a, b]) => comparison(words::sign(sign)?, self.pair(a, b, deep)?),
            ("value-compare", [_, sign, a, b]) => Expression::ValueCompare(words::sign(sign)?, self.pair(a, b, deep)?),
            ("member", [_, value, codes]) => {
                let codes = codes.list().iter().map(text).collect::<Loaded<Vec<_>>>()?;
                Expression::Member(self.boxed(value, deep)?, self.set(&codes))
            }
            ("listed", [_, value, codes]) => Expression::Listed(self.boxed(value, deep)?, Box::new(self.codes(text(codes)?))),
            ("arithmetic", [_, operator, a, b]) => Expression::Arithmetic(words::operator(operator)?, self.pair(a, b, deep)?),
            ("negative", [_, value]) => Expression::Negative(self.boxed(value, deep)?),
            ("positive", [_, value]) => Expression::Positive(self.boxed(value, deep)?),
            (kind @ ("for" | "some" | "every"), [_, slot, over, body]) => {
                let kind = match kind {
                    "for" => Loop::For,
                    "some" => Loop::Some,
                    _ => Loop::Every,
                };
                Expression::Loop(kind, self.slot(slot)?, self.pair(over, body, deep)?)
            }
            ("let", [_, slot, value, body]) => Expression::Let(self.slot(slot)?, self.pair(value, body, deep)?),
            ("path", [_, start, sort, steps]) => self.path(start, sort, steps, deep)?,
            ("map", [_, base, body, nodes]) => Expression::Map(self.pair(base, body, deep)?, *nodes == Json::Boolean(true)),
            ("filter", [_, value, predicates]) => {
                Expression::Filter(Box::new((self.expression(value, deep)?, self.predicates(predicates, deep)?)))
            }
            ("call", [_, name, arguments]) => self.call(text(name)?, arguments, deep)?,
            ("cast", [_, wanted, optional, value]) => {
                Expression::Cast(words::atomic(wanted)?, *optional == Json::Boolean(true), self.boxed(value, deep)?)
            }
            ("castable", [_, wanted, optional, value]) => {
                Expression::Castable(words::atomic(wanted)?, *optional == Json::Boolean(true), self.boxed(value, deep)?)
            }
            ("convert", [_, wanted, occurrence, value]) => {
                let (empty, many) = match text(occurrence)? {
                    "" => (false, false),
                    "?" => (true, false),
                    "+" => (false, true),
                    "*" => (true, true),
                    _ => return unknown("the occurrence", occurrence),
                };
                Expression::Convert(words::atomic(wanted)?, empty, many, self.boxed(value, deep)?)
            }
            _ => return unknown("the form", form),
        })
    }

    /// A set of codes, shared by all that ask for the same.
    fn set(&mut self, codes: &[&str]) -> Arc<FastSet<String>> {
        let made = || Arc::new(codes.iter().map(|&code| code.to_owned()).collect());
        self.sets.entry(codes.join("\u{1F}")).or_insert_with(made).clone()
    }

    /// The codes of `" A B "`: what stands between two spaces.
    fn codes(&mut self, text: &str) -> Codes {
        let parts: Vec<&str> = text.split(' ').collect();
        let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or(&[]);
        let codes: Vec<&str> = inner.iter().copied().filter(|code| !code.is_empty()).collect();
        Codes { set: self.set(&codes), text: text.to_owned(), is_single: false }
    }

    fn path(&mut self, start: &Json, sort: &Json, steps: &Json, depth: usize) -> Loaded<Expression> {
        let start = match start {
            Json::Null => None,
            form => Some(self.expression(form, depth)?),
        };
        let mut made = Vec::with_capacity(steps.list().len());
        for step in steps.list() {
            match step.list() {
                [axis, test, predicates] => made.push(Step {
                    axis: words::axis(text(axis)?)?,
                    test: self.test(test)?,
                    predicates: self.predicates(predicates, depth)?,
                }),
                _ => return unknown("the step", step),
            }
        }
        let needs = if matches!(start, None | Some(Expression::Root)) { needed_names(&made) } else { vec![] };
        let is_thorough = made.iter().any(|step| step.predicates.iter().any(may_raise_in));
        Ok(Expression::Path(Box::new(Path { start, sort: *sort == Json::Boolean(true), steps: made, needs, is_thorough })))
    }

    fn test(&mut self, form: &Json) -> Loaded<Test> {
        Ok(match (word(form), form.list()) {
            ("name", [_, name]) => match count(name)? {
                name if name < self.names.len() => Test::Name(name),
                _ => return unknown("the name", form),
            },
            ("any", [_]) => Test::Any,
            ("namespace", [_, uri]) => Test::Namespace(text(uri)?.into()),
            ("local", [_, name]) => Test::Local(text(name)?.into()),
            ("node", [_]) => Test::Node,
            ("text", [_]) => {
                self.needs_text_nodes = true;
                Test::Text
            }
            _ => return unknown("the test", form),
        })
    }

    fn predicates(&mut self, forms: &Json, depth: usize) -> Loaded<Vec<Predicate>> {
        let mut predicates = Vec::with_capacity(forms.list().len());
        for form in forms.list() {
            predicates.push(match (word(form), form.list()) {
                ("position", [_, place]) => Predicate::Position(count(place)?),
                _ => Predicate::Condition(self.expression(form, depth)?),
            });
        }
        if predicates.len() > PLACES && predicates.iter().any(|predicate| matches!(predicate, Predicate::Position(_))) {
            return unknown("a step with so many predicates", forms);
        }
        Ok(predicates)
    }

    fn call(&mut self, name: &str, arguments: &Json, depth: usize) -> Loaded<Expression> {
        let regex = |pattern: &Json| match (word(pattern), pattern.list()) {
            ("string", [_, pattern]) => Regex::new(text(pattern)?).map_err(|why| format!("the pattern {pattern:?}: {why}")),
            _ => unknown("a computed pattern", pattern),
        };
        Ok(match (name, arguments.list()) {
            ("matches", [value, pattern]) => Expression::Matches(Box::new((self.expression(value, depth)?, regex(pattern)?))),
            ("tokenize", [value, pattern]) => Expression::Tokenize(Box::new((self.expression(value, depth)?, regex(pattern)?))),
            ("replace", [value, pattern, by]) => match (word(by), by.list()) {
                ("string", [_, by]) if !text(by)?.contains(['$', '\\']) => {
                    Expression::Replace(Box::new((self.expression(value, depth)?, regex(pattern)?, text(by)?.to_owned())))
                }
                _ => return unknown("the replacement", by),
            },
            _ => Expression::Call(words::function(name)?, self.all(arguments, depth)?),
        })
    }
}

/// The word a form begins with.
fn word(form: &Json) -> &str {
    form.list().first().and_then(Json::text).unwrap_or("")
}

/// `not(contains(X, ' ')) and listed(X, codes)`: X, to be evaluated once, and the codes.
fn one_code<'j>(a: &'j Json, b: &'j Json) -> Option<(&'j Json, &'j Json)> {
    let argument = |form: &'j Json, name: &str| match bare(form).list() {
        [word, function, arguments] if word.text() == Some("call") && function.text() == Some(name) => Some(arguments.list()),
        _ => None,
    };
    let contains = argument(argument(a, "not")?.first()?, "contains")?;
    match (contains, bare(b).list()) {
        ([value, space], [listed, other, codes]) if listed.text() == Some("listed") && bare(value) == bare(other) => {
            let is_space = space.list().get(1).and_then(Json::text) == Some(" ") && word(space) == "string";
            is_space.then_some((other, codes))
        }
        _ => None,
    }
}

/// A form without the note around it.
fn bare(form: &Json) -> &Json {
    match form.list() {
        [word, _, inner] if word.text() == Some("noted") => inner,
        _ => form,
    }
}
