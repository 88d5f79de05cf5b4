"""Findings say which rule, how hard, where and why; what cannot be evaluated is told, and the others go on."""

from __future__ import annotations

import gc
from decimal import getcontext

import pytest

from gateway.model import Finding, Severity
from gateway.schematron import document, pack, reference
from gateway.schematron.faults import in_french
from tests.both import Both
from tests.rules_asked import findings, fired, schema

XML = '<?xml version="1.0"?>\n<x:a xmlns:x="urn:x">\n  <b>1</b>\n  <b>x</b>\n  <c n="7"/>\n</x:a>'


def one(test: str, *, context: str = "b", message: str = "m", kind: str = "assert") -> bytes:
    return schema(f'<pattern><rule context="{context}"><{kind} id="T" flag="warning" test="{test}">{message}</{kind}></rule></pattern>')


def test_a_finding_says_everything_of_the_contract() -> None:
    (finding,) = findings(one(". = '1'", message=" must be\n one, not <value-of select='.'/>"), XML)
    assert finding == Finding(
        "TEST", "T", Severity.WARNING, "must be one, not x", "must be one, not x", "must be one, not x",
        location="/x:a/b[2]", line=4, column=3,
    )  # fmt: skip


def test_every_instance_is_a_finding() -> None:
    assert fired(one("z"), XML) == ["T", "T"]


def test_a_rule_that_cannot_be_evaluated_is_fatal_and_told_in_both_languages() -> None:
    first, second = findings(one("xs:decimal(.) = 2", message="must be <value-of select='n'/>"), XML)
    assert (first.unevaluable, first.severity) == (False, Severity.WARNING)
    assert (second.unevaluable, second.severity, second.rule) == (True, Severity.FATAL, "T")
    assert second.message == "must be …"
    assert second.message_en == "This rule cannot be evaluated on this document: FORG0001: 'x' is no decimal number."
    assert second.message_fr == "Cette règle ne peut pas être évaluée sur ce document : FORG0001 : « x » n'est pas un nombre décimal."
    assert (second.location, second.line, second.column) == ("/x:a/b[2]", 4, 3)


@pytest.mark.parametrize(("test", "told"), [
    ("normalize-space(../b) = 'x'", ["T?", "T?"]), ("sum(../b) = 1", ["T?", "T?"]), ("1 div (. - .) = 1", ["T", "T?"]),
    ("not(xs:decimal(.) > 0 and z)", ["T?"]),
    ("xs:decimal(concat('1', '0')) = 10", []), ("z and xs:decimal(.) = 1", ["T", "T"]), (". = 1 or . = 'x'", ["T?"]),
])  # fmt: skip
def test_one_unevaluable_node_stops_no_other(test: str, told: list[str]) -> None:
    assert fired(one(test), XML) == told


@pytest.mark.parametrize(("reason", "french"), [
    ("FORG0001: 'é: x' is no date", "FORG0001 : « é: x » n'est pas une date"),
    ("FORG0001: '' is no number", "FORG0001 : «  » n'est pas un nombre"),
    ("XPTY0004: 'a' is no string", "XPTY0004 : « a » n'est pas du type string"),
    ("FOAR0001: division by zero", "FOAR0001 : division par zéro"),
    ("XPTY0004: an argument of normalize-space() has more than one value", "XPTY0004 : plusieurs valeurs là où une seule est attendue"),
    ("XPTY0004: nothing is no date", "XPTY0004 : une valeur manque"),
    ("FOAR0002: NaN idiv 1 has no value", "FOAR0002 : le calcul n'a pas de résultat"),
    ("XPTY0004: 2 values where the function takes one", "XPTY0004 : une fonction reçoit trop ou trop peu de valeurs"),
    ("FORG0006: x is neither true nor false", "FORG0006 : une condition n'est ni vraie ni fausse"),
    ("XPTY0004: a value has no name", "XPTY0004 : des valeurs de types qui ne vont pas ensemble"),
])  # fmt: skip
def test_each_reason_has_its_french(reason: str, french: str) -> None:
    assert in_french(reason) == french


def test_two_names_for_one_rule_file_are_two_packs() -> None:
    judge, found = Both(), document.read(XML.encode())
    assert found is not None
    names = [judge.evaluate(pack.compile_pack(name, one("z")), found)[0].pack for name in ("ONE", "OTHER")]
    assert names == ["ONE", "OTHER"]


def test_a_message_that_cannot_be_evaluated_makes_its_rule_unevaluable() -> None:
    assert fired(one("z", message="<value-of select='xs:decimal(.)'/>"), XML) == ["T", "T?"]


def test_too_many_digits_are_unevaluable_never_rounded() -> None:
    xml = f"<a><b>{'9' * 1001}</b><b>{'9' * 1000}</b></a>"
    first, second = findings(one("xs:decimal(.) * 10 = 1"), xml)
    assert first.unevaluable
    assert "FOAR0002" in first.message_en
    assert second.rule == "T"


def test_a_context_that_cannot_be_evaluated_does_not_match() -> None:
    assert fired(one("z", context="b[xs:decimal(.) = 1]"), XML) == ["T"]


def test_a_report_and_an_assert_differ_by_their_sign_only() -> None:
    assert fired(one(". = '1'", kind="report"), XML) == ["T"]
    assert fired(one(". != 1", kind="report", context="b[. castable as xs:decimal]"), XML) == []


def test_findings_come_by_pattern_then_node_then_assertion() -> None:
    rules = schema(
        "<pattern><rule context='c'><assert id='c1' test='z'/></rule>"
        "<rule context='b'><assert id='b1' test='z'/><assert id='b2' test='z'/></rule></pattern>"
        "<pattern><rule context='x:a'><assert id='a1' test='z'/></rule></pattern>"
    )
    assert fired(rules, XML) == ["b1", "b2", "b1", "b2", "c1", "a1"]


def test_a_let_is_each_nodes_own() -> None:
    rules = schema(
        "<pattern><rule context='b'><let name='v' value='.'/><report id='R' test='true()'><value-of select='$v'/></report></rule></pattern>"
    )
    assert [f.message for f in findings(rules, XML)] == ["1", "x"]


def test_the_same_lets_name_in_two_rules_is_two_variables() -> None:
    rules = schema(
        "<pattern><rule context='b'><let name='v' value='.'/><report id='R' test='$v = &quot;1&quot;'/></rule>"
        "<rule context='c'><let name='v' value='@n'/><report id='S' test='$v = 7'/></rule></pattern>"
    )
    assert fired(rules, XML) == ["R", "S"]


def test_evaluation_leaves_the_process_as_it_was() -> None:
    context, collecting = getcontext().copy(), gc.isenabled()
    findings(one("xs:decimal(.) = 1"), XML)
    assert (getcontext().prec, getcontext().traps) == (context.prec, context.traps)
    assert gc.isenabled() == collecting


def test_the_evaluator_says_which_it_is_and_answers_the_same_twice() -> None:
    judge, compiled, found = reference.Evaluator(), pack.compile_pack("TEST", one(". = 1")), document.read(XML.encode())
    assert judge.name == "python"
    assert found is not None
    assert judge.evaluate(compiled, found) == judge.evaluate(compiled, found) != []
