//! A pack ready to be evaluated: patterns, rules, assertions, and which rule to try for which name. `load.rs` makes it.

use std::sync::{Arc, Mutex};

use crate::acquaintance::Acquaintance;
use crate::document::Name;
use crate::expression::{Expression, Slot, Test};
use crate::hashing::FastMap;

/// The rules of one rule file.
#[derive(Debug)]
pub struct Pack {
    /// Names that the rules speak of.
    pub names: Vec<Name>,
    /// The same by key.
    pub name_ids: FastMap<String, usize>,
    /// How many values a document needs.
    pub slots: usize,
    /// In the order in which they are walked.
    pub patterns: Vec<Pattern>,
    /// Some rule asks for text nodes.
    pub needs_text_nodes: bool,
    /// What is known of the names of the last document.
    pub(crate) last_met: Mutex<Option<Arc<Acquaintance>>>,
}

/// Rules of which the first that matches a node judges it.
#[derive(Debug)]
pub struct Pattern {
    /// In order of precedence.
    pub rules: Vec<Rule>,
    /// Where the walk goes from a node that no rule matches.
    pub visits: Visits,
    /// For each of the pack's names that contexts end in (where some end in any name, for all): the alternatives that may match it.
    pub named: Vec<(usize, Vec<Candidate>)>,
    /// Those that may match an element of a name that is none of the pack's.
    pub wild: Vec<Candidate>,
    /// Those that may match an attribute.
    pub of_attributes: Vec<Candidate>,
    /// Those that match the document node.
    pub of_document: Vec<Candidate>,
}

/// A rule and one of the alternatives of its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Among the pattern's rules.
    pub rule: usize,
    /// Among the rule's alternatives.
    pub alternative: usize,
}

/// Where a walk goes below a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visits {
    /// To its attributes.
    pub attributes: bool,
    /// To its child elements.
    pub elements: bool,
}

impl Visits {
    /// Anywhere at all?
    pub fn any(self) -> bool {
        self.attributes || self.elements
    }
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its context: any of these.
    pub alternatives: Vec<Alternative>,
    /// Where the walk goes from a node that it matches.
    pub visits: Visits,
    /// Variables, evaluated when first asked for.
    pub lets: Vec<(Slot, Expression)>,
    /// In order.
    pub assertions: Vec<Assertion>,
    /// Of each assertion, all in one piece: most cannot fire on most documents, and are passed over without being looked at.
    pub guards: Vec<Guard>,
}

/// Two of the names without any of which an assertion cannot fire; the number of names stands for one that is always there.
pub type Guard = [u32; 2];

/// A path pattern, read from its last step backwards.
#[derive(Debug)]
pub struct Alternative {
    /// The last step.
    pub last: PatternStep,
    /// The steps before it, nearest first.
    pub before: Vec<Link>,
    /// The first step must be the root element.
    pub is_rooted: bool,
    is_plain: bool,
}

impl Alternative {
    /// The path `before` the last step.
    pub fn new(last: PatternStep, before: Vec<Link>, is_rooted: bool) -> Self {
        let is_plain = before.iter().all(|link| !link.is_anywhere && link.step.of_name.is_empty() && link.step.predicates.is_empty());
        Alternative { last, before, is_rooted, is_plain }
    }

    /// Is what stands before the last step names of parents and nothing else?
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }
}

/// A step of a pattern.
#[derive(Debug)]
pub struct PatternStep {
    /// What it matches.
    pub test: Test,
    /// Conditions that the name alone decides.
    pub of_name: Vec<Expression>,
    /// The other conditions.
    pub predicates: Vec<Expression>,
}

/// A step before another.
#[derive(Debug)]
pub struct Link {
    /// `//`: any ancestor, not just the parent.
    pub is_anywhere: bool,
    /// What it must be.
    pub step: PatternStep,
}

/// An assertion, or a report.
#[derive(Debug)]
pub struct Assertion {
    /// Its name, "" for none.
    pub id: String,
    /// How hard it is, in the source's own word.
    pub flag: String,
    /// Fires when true, not when false.
    pub is_report: bool,
    /// What is asserted.
    pub test: Expression,
    /// Names without any of which it cannot fire.
    pub needs: Vec<usize>,
    /// What is said when it fires.
    pub message: Vec<Part>,
}

/// A part of a message.
#[derive(Debug)]
pub enum Part {
    /// Fixed.
    Text(String),
    /// Put in.
    Value(Expression),
}
