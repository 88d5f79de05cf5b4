//! The fast evaluator of official rule packs: the bytes of an invoice and a pack go in, findings come out.
//!
//! It compiles no rule: packs are made by the gateway (`gateway/schematron`), whose evaluator in plain Python is the specification of
//! this one. `xml` reads a document into the tree of `document`; `load` reads a `pack`; `judge` finds the rules that judge it and asks
//! `evaluate`, `walk` and `functions` what they say; `findings` tells it; `ffi` is the C boundary.

pub mod acquaintance;
pub mod big;
pub mod characters;
pub mod decimal;
pub mod document;
pub mod evaluate;
pub mod expression;
pub mod ffi;
pub mod findings;
mod foresight;
mod functions;
pub mod hashing;
pub mod json;
pub mod judge;
mod kept;
pub mod load;
mod names;
mod namespaces;
pub mod pack;
pub mod regex;
pub mod scan;
mod sequence;
mod texts;
pub mod values;
mod walk;
mod words;
pub mod xml;
