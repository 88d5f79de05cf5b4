"""Two releases of a rule file compared: what came, went and changed, and in what."""

from __future__ import annotations

import pytest

from gateway.schematron.difference import Difference, differences
from gateway.schematron.source import nothing_beside, read
from tests.rules_asked import schema

FUNCTIONS = """<xsl:function name="x:even" as="xs:boolean"><xsl:param name="n"/><xsl:sequence select="x:rest($n) = {rest}"/></xsl:function>
<xsl:function name="x:rest"><xsl:param name="n"/><xsl:sequence select="$n mod {by}"/></xsl:function>"""
RULES = """<pattern><let name="limit" value="{limit}"/><rule context="{context}"><let name="size" value="count(b)"/>
<{kind} id="R1" flag="{flag}" test="{test}">{message}</{kind}></rule></pattern>"""
FIRST = {"limit": "3", "context": "a", "kind": "assert", "flag": "fatal", "test": "$size le $limit", "message": "At most three."}


def release(rest: int = 0, by: int = 2, more: str = "", **changed: str) -> bytes:
    head = FUNCTIONS.format(rest=rest, by=by).replace("<xsl:function", '<xsl:function xmlns:xs="http://www.w3.org/2001/XMLSchema"')
    return schema(RULES.format(**(FIRST | changed)) + more, head=head)


def compared(old: bytes, new: bytes) -> list[Difference]:
    return differences(read(old, beside=nothing_beside), read(new, beside=nothing_beside))


def rule(name: str, text: str = "Said.") -> str:
    return f'<pattern><rule context="a"><assert id="{name}" test="c">{text}</assert></rule></pattern>'


def test_the_same_file_differs_in_nothing_however_it_is_laid_out() -> None:
    assert compared(release(), release()) == []
    assert compared(release(), release(test="$size\n   le   $limit", message="At  most\nthree.")) == []


@pytest.mark.parametrize(("changed", "what"), [
    ({"test": "$size lt $limit"}, "test"), ({"flag": "warning"}, "severity"), ({"message": "At most 3."}, "message"),
    ({"context": "a | d"}, "context"), ({"limit": "4"}, "test"), ({"kind": "report"}, "test"),
])  # fmt: skip
def test_a_changed_rule_says_in_what(changed: dict[str, str], what: str) -> None:
    message = changed.get("message", FIRST["message"])
    assert compared(release(), release(**changed)) == [Difference("R1", "changed", (what,), message)]


def test_several_changes_of_one_rule_are_one_difference() -> None:
    (found,) = compared(release(), release(flag="warning", test="true()", context="d"))
    assert sorted(found.what) == ["context", "severity", "test"]


@pytest.mark.parametrize("changed", [{"rest": 1}, {"by": 3}])
def test_a_changed_function_changes_the_rules_that_use_it_directly_or_not(changed: dict[str, int]) -> None:
    uses = {"test": "x:even($size)"}
    assert [(f.rule, f.what) for f in compared(release(**uses), release(**uses, **changed))] == [("R1", ("test",))]  # type: ignore[arg-type]  # both kinds
    assert compared(release(), release(**changed)) == []  # type: ignore[arg-type]  # a rule that does not use it


def test_what_was_added_and_removed_is_told_with_its_text() -> None:
    assert compared(release(), release(more=rule("R2"))) == [Difference("R2", "added", (), "Said.")]
    assert compared(release(more=rule("R2")), release()) == [Difference("R2", "removed", (), "Said.")]


def test_rules_of_one_name_are_matched_by_their_order() -> None:
    old, new = release(more=rule("R2") + rule("R2", "Twice.")), release(more=rule("R2") + rule("R2", "Thrice."))
    assert compared(old, new) == [Difference("R2", "changed", ("message",), "Thrice.")]
    assert [d.change for d in compared(old, release(more=rule("R2")))] == ["removed"]


def test_a_rule_without_id_is_known_by_its_text() -> None:
    nameless = '<pattern><rule context="a"><assert test="{}">No name, only this text.</assert></rule></pattern>'
    (found,) = compared(release(more=nameless.format("c")), release(more=nameless.format("d")))
    assert (found.rule, found.what) == ("No name, only this text.", ("test",))
