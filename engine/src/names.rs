//! The names of one document, by id. The invoices of a flow have mostly the same names in the same order: as long as a document meets the
//! names of the one before it, it shares their list and makes none of its own.

use std::sync::{Arc, Mutex};

use crate::document::{Name, NameId};

/// More names than an invoice has: a longer list is not kept, for a document may invent names.
pub(crate) const MOST_NAMES: usize = 1_000;

/// The list of the last document that made one.
static LAST: Mutex<Option<Arc<Vec<Name>>>> = Mutex::new(None);

/// The names met so far.
pub(crate) enum Names {
    /// So many of another document's, in its order.
    Shared(Arc<Vec<Name>>, usize),
    Own(Vec<Name>),
}

impl Names {
    pub(crate) fn new() -> Self {
        Names::Shared(LAST.lock().ok().and_then(|last| last.clone()).unwrap_or_default(), 0)
    }

    /// The id of a name that was not met yet.
    pub(crate) fn add(&mut self, namespace: &str, local: &str) -> NameId {
        if let Names::Shared(known, met) = self {
            if known.get(*met).is_some_and(|name| name.is(namespace, local)) {
                *met += 1;
                return *met as NameId - 1;
            }
            *self = Names::Own(known[..*met].to_vec());
        }
        let Names::Own(names) = self else { unreachable!("what is not shared is its own") };
        names.push(Name::new(namespace, local));
        names.len() as NameId - 1
    }

    /// The whole list, for the next document too.
    pub(crate) fn finished(self) -> Arc<Vec<Name>> {
        match self {
            Names::Shared(known, met) if met == known.len() => known,
            Names::Shared(known, met) => kept(known[..met].to_vec()),
            Names::Own(names) => kept(names),
        }
    }
}

fn kept(names: Vec<Name>) -> Arc<Vec<Name>> {
    let names = Arc::new(names);
    if names.len() <= MOST_NAMES {
        if let Ok(mut last) = LAST.lock() {
            *last = Some(names.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(locals: &[&str]) -> Arc<Vec<Name>> {
        let mut names = Names::new();
        for (id, local) in locals.iter().enumerate() {
            assert_eq!(names.add("urn:x", local), id as NameId);
        }
        names.finished()
    }

    #[test]
    fn a_list_holds_the_names_met_whatever_the_document_before_had() {
        for locals in [&["a", "b", "c"][..], &["a", "b", "c"], &["a", "b"], &[], &["a", "x", "c"], &["a", "x", "c", "d"], &["b"]] {
            let found: Vec<String> = list(locals).iter().map(|name| name.key.clone()).collect();
            let right: Vec<String> = locals.iter().map(|local| format!("{{urn:x}}{local}")).collect();
            assert_eq!(found, right);
        }
    }

    #[test]
    fn a_name_is_known_by_both_parts() {
        let name = Name::new("urn:x", "ab");
        assert!(name.is("urn:x", "ab"));
        assert!(!name.is("urn:", "xab") && !name.is("urn:x", "a") && !name.is("urn:y", "ab") && !name.is("", "ab"));
    }
}
