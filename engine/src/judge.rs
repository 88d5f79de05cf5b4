//! Finds the rules that judge a document, and evaluates their assertions; what comes of it are findings, in the official order.
//!
//! Patterns in the order of the file, nodes in document order, of each pattern the first rule that matches (XSLT 2.0, 5.5), its
//! assertions in order. An assertion that cannot be evaluated is a finding too, and the others go on.

use std::borrow::Cow;
use std::time::Instant;

use crate::acquaintance::{acquainted, Try};
use crate::document::{Document, NodeId, NOWHERE};
use crate::evaluate::{Evaluation, OUT_OF_TIME};
use crate::foresight::fits_name;
use crate::kept::Value;
use crate::pack::{Alternative, Assertion, Candidate, Link, Pack, Part, Pattern, PatternStep, Rule};
use crate::values::{self, Fault, Outcome};

/// What one assertion says of one node.
#[derive(Debug)]
pub struct Finding<'a> {
    /// Who says it.
    pub assertion: &'a Assertion,
    /// Where.
    pub node: NodeId,
    /// What.
    pub said: Said<'a>,
}

/// What a finding says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// It fired: its message as emitted.
    Message(Cow<'a, str>),
    /// It could not be evaluated.
    Unevaluable(Fault),
}

/// All findings of a pack on a document, or the fault that stopped the evaluation: time is up.
///
/// The document is walked once for all patterns, so that what is near stays near; the findings are put in order of patterns afterwards.
pub fn judge<'a>(document: &'a Document, pack: &'a Pack, deadline: Option<Instant>) -> Outcome<Vec<Finding<'a>>> {
    let known = acquainted(pack, document);
    let mut judge = Judge { evaluation: Evaluation::new(document, pack, known.names.clone(), deadline), findings: Vec::new() };
    let mut walks: Vec<Walk<'a>> = pack.patterns.iter().map(|pattern| Walk { pattern, past: 0, findings: Vec::new() }).collect();
    for walk in &mut walks {
        judge.begin(walk)?;
    }
    for (id, node) in document.nodes.iter().enumerate().filter(|(_, node)| node.is_element()) {
        for stop in &known.stops[node.name as usize] {
            judge.visit(&mut walks[stop.pattern], &stop.tries, id as NodeId)?;
        }
    }
    Ok(walks.into_iter().flat_map(|walk| walk.findings).collect())
}

/// One pattern's way through the document.
struct Walk<'a> {
    pattern: &'a Pattern,
    /// What lies before it is not walked: an ancestor's rule ended the walk.
    past: NodeId,
    findings: Vec<Finding<'a>>,
}

struct Judge<'a> {
    evaluation: Evaluation<'a>,
    /// Of the rule at work.
    findings: Vec<Finding<'a>>,
}

impl<'a> Judge<'a> {
    /// At the document node; a rule that matches it may end the walk.
    fn begin(&mut self, walk: &mut Walk<'a>) -> Outcome<()> {
        let Some(candidate) = walk.pattern.of_document.first() else { return Ok(()) };
        let rule = &walk.pattern.rules[candidate.rule];
        self.fire(rule, 0)?;
        walk.findings.append(&mut self.findings);
        if !rule.visits.any() {
            walk.past = NodeId::MAX;
        }
        Ok(())
    }

    /// An element and its attributes.
    fn visit(&mut self, walk: &mut Walk<'a>, tries: &[Try], node: NodeId) -> Outcome<()> {
        if node < walk.past {
            return Ok(());
        }
        let (pattern, document) = (walk.pattern, self.evaluation.document);
        let parent = document.node(document.node(node).parent).name;
        let may = tries.iter().filter(|one| one.parent == parent || one.parent == NOWHERE);
        let rule = self.first(pattern, may.map(|one| (one.candidate, one.is_decided)), node)?;
        let visits = rule.map_or(pattern.visits, |rule| rule.visits);
        if let Some(rule) = rule {
            self.fire(rule, node)?;
            if !visits.any() {
                walk.past = document.node(node).end;
            }
        }
        if visits.attributes && !pattern.of_attributes.is_empty() {
            for attribute in document.attributes(node) {
                if let Some(rule) = self.first(pattern, pattern.of_attributes.iter().map(|one| (*one, false)), attribute)? {
                    self.fire(rule, attribute)?;
                }
            }
        }
        walk.findings.append(&mut self.findings);
        Ok(())
    }

    /// The first rule that matches, of candidates that are decided already or not. A pattern that cannot be evaluated does not match
    /// (XSLT 2.0, 5.5.4).
    fn first(
        &mut self,
        pattern: &'a Pattern,
        candidates: impl Iterator<Item = (Candidate, bool)>,
        node: NodeId,
    ) -> Outcome<Option<&'a Rule>> {
        for (candidate, is_decided) in candidates {
            let rule = &pattern.rules[candidate.rule];
            if is_decided {
                return Ok(Some(rule));
            }
            match self.matches(&rule.alternatives[candidate.alternative], node) {
                Ok(true) => return Ok(Some(rule)),
                Err(fault) if fault.code() == OUT_OF_TIME => return Err(fault),
                _ => {}
            }
        }
        Ok(None)
    }

    /// What stands above is looked at before any predicate is asked.
    fn matches(&mut self, alternative: &'a Alternative, node: NodeId) -> Outcome<bool> {
        let evaluation = &self.evaluation;
        let is_attribute = evaluation.document.node(node).is_attribute();
        let test = &alternative.last.test;
        let passes = if is_attribute { evaluation.passes_attribute(test, node) } else { evaluation.passes(test, node) };
        if !passes || (is_attribute && !self.is_named(&alternative.last, node)) || !self.stands_right(alternative, node) {
            return Ok(false);
        }
        let is_below = alternative.is_plain() || self.is_below(&alternative.before, alternative.is_rooted, node)?;
        Ok(is_below && self.holds(&alternative.last, node)?)
    }

    /// A cheap look at the parents, as far as the path is without `//`: of a plain one all there is to see.
    fn stands_right(&self, alternative: &Alternative, node: NodeId) -> bool {
        let document = self.evaluation.document;
        let mut at = node;
        for link in alternative.before.iter().take_while(|link| !link.is_anywhere) {
            at = document.node(at).parent;
            if !self.evaluation.passes(&link.step.test, at) {
                return false;
            }
        }
        !alternative.is_plain() || !alternative.is_rooted || document.node(at).parent == 0
    }

    /// Does a node stand below these steps, and the first of them below the document where the path is rooted?
    fn is_below(&mut self, before: &'a [Link], is_rooted: bool, node: NodeId) -> Outcome<bool> {
        let document = self.evaluation.document;
        let Some((link, rest)) = before.split_first() else { return Ok(!is_rooted || document.node(node).parent == 0) };
        let mut over = node;
        while over != 0 {
            over = document.node(over).parent;
            let passes = self.evaluation.passes(&link.step.test, over) && self.is_named(&link.step, over);
            if passes && self.is_below(rest, is_rooted, over)? && self.holds(&link.step, over)? {
                return Ok(true);
            }
            if !link.is_anywhere {
                break;
            }
        }
        Ok(false)
    }

    /// The conditions that the name decides; for elements of the last step they are looked at when alternatives are chosen.
    fn is_named(&self, step: &PatternStep, node: NodeId) -> bool {
        step.of_name.is_empty() || self.evaluation.document.name(node).is_some_and(|name| fits_name(step, name))
    }

    fn holds(&mut self, step: &'a PatternStep, node: NodeId) -> Outcome<bool> {
        for condition in &step.predicates {
            if !self.evaluation.truth(condition, &values::at(node))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Evaluates a rule's assertions on a node.
    fn fire(&mut self, rule: &'a Rule, node: NodeId) -> Outcome<()> {
        self.evaluation.rule_node = node;
        for (slot, value) in &rule.lets {
            self.evaluation.values[*slot] = Value::Lazy(value);
        }
        for (assertion, guard) in rule.assertions.iter().zip(&rule.guards) {
            if !self.evaluation.may_fire(guard) || (assertion.needs.len() > guard.len() && self.evaluation.lacks(&assertion.needs)) {
                continue;
            }
            let said = match self.assert(assertion, node) {
                Ok(None) => continue,
                Ok(Some(said)) => said,
                Err(fault) if fault.code() == OUT_OF_TIME => return Err(fault),
                Err(fault) => Said::Unevaluable(fault),
            };
            self.findings.push(Finding { assertion, node, said });
        }
        Ok(())
    }

    fn assert(&mut self, assertion: &'a Assertion, node: NodeId) -> Outcome<Option<Said<'a>>> {
        let context = values::at(node);
        if self.evaluation.truth(&assertion.test, &context)? != assertion.is_report {
            return Ok(None);
        }
        if let [Part::Text(text)] = assertion.message.as_slice() {
            return Ok(Some(Said::Message(Cow::Borrowed(text))));
        }
        let mut message = String::new();
        for part in &assertion.message {
            match part {
                Part::Text(text) => message.push_str(text),
                Part::Value(value) => {
                    let items = self.evaluation.atoms(value, &context)?;
                    let texts: Vec<Cow<'a, str>> = items.into_iter().map(values::string).collect();
                    message.push_str(&texts.join(" "));
                }
            }
        }
        Ok(Some(Said::Message(Cow::Owned(message))))
    }
}
