//! What a pack makes of a document's names: which of the pack's names it has, and which patterns stop at which elements.
//!
//! The invoices of a flow have mostly the same names: what was found out for one serves the next.

use std::sync::Arc;

use crate::document::{Document, Name, NameId, DOCUMENT, NOWHERE};
use crate::expression::Test;
use crate::foresight::may_match;
use crate::names::MOST_NAMES;
use crate::pack::{Alternative, Candidate, Link, Pack, Pattern, PatternStep};

/// A pack and the names of a document brought together.
#[derive(Debug)]
pub struct Acquaintance {
    met: Arc<Vec<Name>>,
    are_elements: Vec<bool>,
    /// The pack's names → the document's; one more, which every document has.
    pub names: Vec<NameId>,
    /// Of each of the document's names: who stops there.
    pub stops: Vec<Vec<Stop>>,
}

/// A pattern that stops at elements of some name, and the alternatives that may match there.
#[derive(Debug)]
pub struct Stop {
    /// Among the pack's patterns.
    pub pattern: usize,
    /// In order of precedence.
    pub tries: Vec<Try>,
}

/// An alternative that may match, below parents of that name (any, where it says [`NOWHERE`]).
#[derive(Debug)]
pub struct Try {
    /// The parent's name.
    pub parent: NameId,
    /// Which alternative.
    pub candidate: Candidate,
    /// It matches below such a parent: it asks for nothing else.
    pub is_decided: bool,
}

/// What the pack knows of the names of this document: from the document before, or made anew and kept for the next.
pub fn acquainted(pack: &Pack, document: &Document) -> Arc<Acquaintance> {
    let anew = || Arc::new(Acquaintance::new(pack, document));
    let Ok(mut last) = pack.last_met.lock() else { return anew() };
    match last.as_ref().filter(|known| known.fits(document)) {
        Some(known) => known.clone(),
        None if document.names.len() > MOST_NAMES => anew(),
        None => last.insert(anew()).clone(),
    }
}

impl Acquaintance {
    fn new(pack: &Pack, document: &Document) -> Acquaintance {
        let mut names = vec![NOWHERE; pack.names.len() + 1];
        names[pack.names.len()] = 0; // the name of who needs none
        for (id, name) in document.names.iter().enumerate() {
            if let Some(&wanted) = pack.name_ids.get(&name.key) {
                names[wanted] = id as NameId;
            }
        }
        let are_elements = (0..document.names.len() as NameId).map(|name| !document.named(name).is_empty()).collect();
        let stops = document.names.iter().map(|_| Vec::new()).collect();
        let mut made = Acquaintance { met: document.names.clone(), are_elements, names, stops };
        for (number, pattern) in pack.patterns.iter().enumerate() {
            made.add_stops(number, pattern);
        }
        made
    }

    /// Are these the names it was made for, in the same order and of the same kind?
    fn fits(&self, document: &Document) -> bool {
        let is_alike = |(name, &is_element): (usize, &bool)| document.named(name as NameId).is_empty() != is_element;
        let same = Arc::ptr_eq(&self.met, &document.names) || self.met == document.names;
        same && self.are_elements.iter().enumerate().all(is_alike)
    }

    fn add_stops(&mut self, number: usize, pattern: &Pattern) {
        let mut is_known = vec![false; self.met.len()];
        for (name, candidates) in &pattern.named {
            let name = self.names[*name];
            if name != NOWHERE && self.are_elements[name as usize] {
                is_known[name as usize] = true;
                let can = |candidate: &&Candidate| self.has_all_above(&pattern.rules[candidate.rule].alternatives[candidate.alternative]);
                let tries = candidates.iter().filter(can).map(|candidate| self.tried(pattern, *candidate)).collect();
                self.add(name, Stop { pattern: number, tries }, pattern);
            }
        }
        for name in (0..self.met.len()).filter(|&name| !is_known[name]) {
            let last = |candidate: &Candidate| &pattern.rules[candidate.rule].alternatives[candidate.alternative].last;
            let may = |candidate: &&Candidate| self.are_elements[name] && may_match(last(candidate), None, &self.met[name]);
            let tries = pattern.wild.iter().filter(may).map(|candidate| self.tried(pattern, *candidate)).collect();
            self.add(name as NameId, Stop { pattern: number, tries }, pattern);
        }
    }

    /// Nobody stops for nothing; where attributes may match, every element is looked at.
    fn add(&mut self, name: NameId, stop: Stop, pattern: &Pattern) {
        if !stop.tries.is_empty() || !pattern.of_attributes.is_empty() {
            self.stops[name as usize].push(stop);
        }
    }

    fn tried(&self, pattern: &Pattern, candidate: Candidate) -> Try {
        let alternative = &pattern.rules[candidate.rule].alternatives[candidate.alternative];
        let parent = match alternative.before.first() {
            None if alternative.is_rooted => DOCUMENT,
            Some(Link { is_anywhere: false, step: PatternStep { test: Test::Name(name), .. } }) => self.names[*name],
            _ => NOWHERE,
        };
        let is_decided = match alternative.before.as_slice() {
            [] => true,
            [_] => parent != NOWHERE && !alternative.is_rooted && alternative.is_plain(),
            _ => false,
        };
        Try { parent, candidate, is_decided: is_decided && alternative.last.predicates.is_empty() }
    }

    /// Does the document have every name that a context asks for above its last step?
    fn has_all_above(&self, alternative: &Alternative) -> bool {
        alternative.before.iter().all(|link| match link.step.test {
            Test::Name(name) => self.names[name] != NOWHERE,
            _ => true,
        })
    }
}
