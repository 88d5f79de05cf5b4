//! Prefixes and the namespaces they stand for, as elements open and close; names resolved to ids. It reads no bytes.
//!
//! Source: Namespaces in XML 1.0, sections 3, 5 and 6.

use crate::characters::is_name_start;
use crate::document::NameId;
use crate::hashing::FastMap;
use crate::names::Names;
use crate::scan::{fault, Outcome};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// Room for the names of an invoice.
const USUAL: usize = 100;

/// A namespace by its place among those met; the first is none.
type NamespaceId = usize;
const NO_NAMESPACE: NamespaceId = 0;

/// A prefix and the namespace it stands for, in the elements open now.
struct Binding<'s> {
    prefix: &'s str,
    namespace: NamespaceId,
}

/// The bindings in force.
pub(crate) struct Namespaces<'s> {
    bindings: Vec<Binding<'s>>,
    /// Every namespace met, and the ids of its names.
    met: Vec<(String, FastMap<&'s str, NameId>)>,
    ids: FastMap<String, NamespaceId>,
    /// Every name met, by id.
    pub names: Names,
    /// Names as written → id; valid until a binding changes.
    elements: FastMap<&'s str, NameId>,
    attributes: FastMap<&'s str, NameId>,
}

impl<'s> Namespaces<'s> {
    pub fn new() -> Self {
        let mut none = Namespaces {
            bindings: Vec::new(),
            met: Vec::new(),
            ids: FastMap::default(),
            names: Names::new(),
            elements: FastMap::with_capacity_and_hasher(USUAL, Default::default()),
            attributes: FastMap::default(),
        };
        none.id_of(String::new());
        let namespace = none.id_of(XML_NAMESPACE.to_owned());
        none.bindings.push(Binding { prefix: "xml", namespace });
        none
    }

    fn id_of(&mut self, namespace: String) -> NamespaceId {
        if let Some(&id) = self.ids.get(&namespace) {
            return id;
        }
        let id = self.met.len();
        self.ids.insert(namespace.clone(), id);
        self.met.push((namespace, FastMap::default())); // no room beforehand: a document may name a million namespaces
        id
    }

    /// How many bindings there are: what `close` goes back to.
    pub fn count(&self) -> usize {
        self.bindings.len()
    }

    /// The element that made bindings after these ends.
    pub fn close(&mut self, count: usize) {
        if self.bindings.len() > count {
            self.bindings.truncate(count);
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.elements.clear();
        self.attributes.clear();
    }

    /// Binds a prefix; `since` counts the bindings before this start tag.
    pub fn bind(&mut self, prefix: &'s str, namespace: String, since: usize, at: usize) -> Outcome<()> {
        let reserved = namespace == XMLNS_NAMESPACE || (namespace == XML_NAMESPACE) != (prefix == "xml");
        let undeclares = namespace.is_empty() && !prefix.is_empty();
        if reserved || undeclares || prefix == "xmlns" || prefix.contains(':') {
            return Err(fault(at, "a namespace declaration that is not allowed"));
        }
        if self.bindings[since..].iter().any(|binding| binding.prefix == prefix) {
            return Err(fault(at, "an attribute twice"));
        }
        let namespace = self.id_of(namespace);
        self.bindings.push(Binding { prefix, namespace });
        self.forget();
        Ok(())
    }

    /// The id of an element's name.
    pub fn element(&mut self, name: &'s str, at: usize) -> Outcome<NameId> {
        if let Some(&id) = self.elements.get(name) {
            return Ok(id);
        }
        let id = self.resolve(name, at, true)?;
        self.elements.insert(name, id);
        Ok(id)
    }

    /// The id of an attribute's name.
    pub fn attribute(&mut self, name: &'s str, at: usize) -> Outcome<NameId> {
        if let Some(&id) = self.attributes.get(name) {
            return Ok(id);
        }
        let id = self.resolve(name, at, false)?;
        self.attributes.insert(name, id);
        Ok(id)
    }

    fn resolve(&mut self, name: &'s str, at: usize, takes_default: bool) -> Outcome<NameId> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let is_name = !local.is_empty() && !local.contains(':') && local.starts_with(is_name_start);
        if !is_name || (prefix.is_empty() && name.contains(':')) {
            return Err(fault(at, "not a qualified name"));
        }
        let binding = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        match binding {
            Some(binding) if takes_default || !prefix.is_empty() => Ok(self.named(binding.namespace, local)),
            _ if prefix.is_empty() => Ok(self.named(NO_NAMESPACE, local)),
            _ => Err(fault(at, "a prefix without a namespace")),
        }
    }

    /// The id of a name, a new one for a new name.
    fn named(&mut self, namespace: NamespaceId, local: &'s str) -> NameId {
        let (uri, ids) = &mut self.met[namespace];
        *ids.entry(local).or_insert_with(|| self.names.add(uri, local))
    }
}
