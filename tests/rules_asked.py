"""Small questions to the rule engine, for its tests: one expression on one document, one Schematron on one document."""

from __future__ import annotations

import json
from decimal import localcontext
from typing import Any

from gateway.model import Finding
from gateway.schematron import document, native, pack, source, xpath
from gateway.schematron.closures import Values, atomized
from gateway.schematron.expressions import Expressions
from gateway.schematron.faults import DynamicError
from gateway.schematron.linking import Linker
from gateway.schematron.texts import normalize_space
from gateway.schematron.tree import Node
from gateway.schematron.values import EXACT, text_of
from tests.both import Both

NAMESPACES = {"x": "urn:x", "xs": "http://www.w3.org/2001/XMLSchema"}


def form(expression: str) -> Any:
    """The intermediate form of an expression whose context is a node."""
    return _planned(expression)[0]


def _planned(expression: str) -> tuple[Any, Expressions]:
    empty = source.Source("", NAMESPACES, "", (), ())
    expressions = Expressions(empty, source.nothing_beside)
    return expressions.value(xpath.parse(expression, NAMESPACES), {}), expressions


def items(expression: str, xml: str = "<a/>") -> list[Any]:
    """What an expression gives with the root element as its context; nodes as they are. The fast evaluator must give the same text."""
    planned, expressions = _planned(expression)
    found = document.read(xml.encode())
    assert found is not None
    try:
        given = _items(planned, expressions, found)
    except DynamicError as fault:
        _expect_natively(f"{fault}", planned, expressions, found)
        raise
    _expect_natively(" ".join(text_of(atomized(item)) for item in given), planned, expressions, found)
    return given


def _items(planned: Any, expressions: Expressions, found: document.Document) -> list[Any]:
    values: Values = [None] * expressions.slots()
    values[0] = found.tree
    names = [f"{{{namespace}}}{local}" if namespace else local for namespace, local in expressions.names()]
    with localcontext(EXACT):
        return list(Linker(names).link(planned).items()(found.tree.elements[0], values))


def _expect_natively(text: str, planned: Any, expressions: Expressions, found: document.Document) -> None:
    """The fast evaluator, where it is installed, gives this text, or cannot evaluate for this reason."""
    if native.version() is None:
        return
    asked = {"id": "ASKED", "flag": "", "report": True, "test": ["true"], "message": [planned], "needs": []}
    match = [{"axis": "child", "test": ["any"], "predicates": [], "before": [], "rooted": True}]
    rule = {"match": match, "visits": "", "body": json.dumps({"lets": [], "assertions": [asked]})}
    rules = {"names": expressions.names(), "slots": expressions.slots(), "patterns": [{"rules": [rule], "visits": "*"}]}
    judge = native.Evaluator()
    (told,) = judge.evaluate(pack.Pack("ASKED", "", "", "", 1, rules), found)
    assert not judge.troubles
    assert told.message_en.endswith(f": {text}.") if told.unevaluable else told.message == normalize_space(text)


def value(expression: str, xml: str = "<a/>") -> Any:
    """The one item of an expression, a node by its string value; None for none, a list for several."""
    found = [item.value if isinstance(item, Node) else item for item in items(expression, xml)]
    return found[0] if len(found) == 1 else found or None


def schema(body: str, *, head: str = "") -> bytes:
    """A Schematron file around patterns."""
    return (
        '<schema xmlns="http://purl.oclc.org/dsdl/schematron" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" queryBinding="xslt2">'
        f'<ns prefix="x" uri="urn:x"/>{head}{body}</schema>'
    ).encode()


def findings(rules: bytes, xml: str) -> list[Finding]:
    """Everything that a rule file says of a document."""
    found = document.read(xml.encode())
    assert found is not None
    return Both().evaluate(pack.compile_pack("TEST", rules), found)


def fired(rules: bytes, xml: str) -> list[str]:
    """The names of the rules that fire, in order, with `?` behind those that cannot be evaluated."""
    return [finding.rule + ("?" if finding.unevaluable else "") for finding in findings(rules, xml)]
