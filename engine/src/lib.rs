//! The fast evaluator of official rule packs: bytes of an invoice in, findings out. It compiles no rule: packs come from the gateway.
mod big;
mod characters;
mod decimal;
mod document;
mod hashing;
mod json;
mod regex;
mod xml;
