#!/bin/sh
# Builds the fast evaluator and puts it where the package looks for it (first argument); without a Rust compiler the Python evaluator judges.
# Never fails: everything works without the library, slower. Nothing is fetched: the crate has no dependency.
library=${1:-gateway/schematron/libedi_rule_engine.so}
engine=$(dirname "$0")
command -v cargo >/dev/null 2>&1 || { echo "rule engine: no cargo here, the Python evaluator will judge (slower)"; exit 0; }
if ! said=$(cargo build --release --offline --locked --quiet --manifest-path "$engine/Cargo.toml" 2>&1); then
    echo "$said" | tail -n 5 >&2
    echo "rule engine: it does not build here, the Python evaluator will judge (slower)" >&2
    exit 0
fi
# A new file by rename: a process that has the old one loaded keeps it.
cp "$engine/target/release/libedi_rule_engine.so" "$library.part" && mv "$library.part" "$library"
