"""The planner decides once what would cost time on each invoice, and changes no answer by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.schematron import pack
from tests.rules_asked import fired, form, schema


def rules_of(body: str, head: str = "") -> list[dict[str, Any]]:
    compiled = pack.compile_pack("TEST", schema(body, head=head))
    assert json.loads(json.dumps(compiled.rules)) == compiled.rules, "a pack is what JSON can hold"
    return [{**rule, **pack.body(rule)} for pattern in compiled.rules["patterns"] for rule in pattern["rules"]]


def planned(test: str, context: str = "c") -> dict[str, Any]:
    (rule,) = rules_of(f"<pattern><rule context=\"{context}\"><assert test=\"{test}\"/></rule></pattern>")
    (assertion,) = rule["assertions"]
    found: dict[str, Any] = assertion
    return found


@pytest.mark.parametrize(("expression", "word"), [
    ("//b", "memo"), ("count(//b) = 1", "memo"), ("/a/b[@n = 1]", "memo"), ("every $v in //b satisfies $v = 1", "memo"), ("b", "path"),
    ("//b[. = 1] and b", "and"),
    ("'a'", "string"), ("1 + 1", "arithmetic"),
])  # fmt: skip
def test_what_does_not_depend_on_the_context_is_evaluated_once_a_document(expression: str, word: str) -> None:
    assert form(expression)[0] == word


def test_independent_parts_of_a_dependent_whole_are_memos_and_equal_ones_share_a_slot() -> None:
    planned_form = form("b = //c or d = //c")
    assert planned_form[1][3] == planned_form[2][3]
    assert planned_form[1][3][0] == "memo"


def test_a_variable_that_is_the_same_for_the_document_needs_no_slot_of_the_rule() -> None:
    (rule,) = rules_of(
        "<pattern><rule context='c'><let name='all' value='//b'/><let name='mine' value='b'/><assert test='$all = $mine'/></rule></pattern>"
    )
    assert len(rule["lets"]) == 1


def test_paths_from_the_document_share_their_beginning() -> None:
    first, second = form("//b[@n = 1]/c = d"), form("//b[@n = 1]/e = d")
    assert first[2][2][1][2] == second[2][2][1][2]
    assert first[2][2][1][0] == "memo"


@pytest.mark.parametrize(("expression", "axis"), [
    ("//b", "descendant"), (".//b", "descendant"), ("//@n", "attribute-below"), ("//b[1]", "child"),
])  # fmt: skip
def test_two_slashes_are_one_step_unless_positions_count(expression: str, axis: str) -> None:
    found = form(expression)
    assert (found[2] if found[0] == "memo" else found)[3][-1][0] == axis


@pytest.mark.parametrize(("expression", "sort"), [
    ("b/c", False), ("b//c", False), ("../b", False), ("b/..", True), ("//b//c", True), ("b/@n", False), ("ancestor::b", True),
    ("b/c/d/@n", False),
])  # fmt: skip
def test_nodes_are_sorted_only_where_they_may_be_out_of_order(expression: str, sort: bool) -> None:
    found = form(expression)
    assert (found[2] if found[0] == "memo" else found)[2] is sort


@pytest.mark.parametrize(("test", "needs"), [
    ("not(b/c)", ["b", "c"]), ("not(exists(b))", ["b"]), ("empty(@n)", ["n"]), ("not(//b)", ["b"]), ("not((b | d)/c)", ["c"]),
    ("not(b[e]/c)", ["b"]),
    ("not(b[e][xs:decimal(.) = 1]/c)", ["b"]), ("not((b[xs:decimal(.) = 1])/c)", ["b"]), ("not((b[. = 1] | d)/c)", []), ("b", []),
    ("not(b = 1)", []), ("not(../b)", ["b"]),
])  # fmt: skip
def test_an_assertion_carries_the_names_without_which_it_cannot_fire(test: str, needs: list[str]) -> None:
    compiled = pack.compile_pack("TEST", schema(f"<pattern><rule context='c'><assert test='{test}'/></rule></pattern>"))
    (assertion,) = pack.body(compiled.rules["patterns"][0]["rules"][0])["assertions"]
    assert [compiled.rules["names"][index][1] for index in assertion["needs"]] == needs


def test_a_guard_hides_no_error_of_a_predicate_before_it() -> None:
    rules = schema("<pattern><rule context='c'><assert id='A' test='not(b[xs:decimal(.) = 1]/zz)'/></rule></pattern>")
    assert fired(rules, "<c><b>x</b></c>") == ["A?"]
    assert fired(rules, "<c><d/></c>") == []


@pytest.mark.parametrize(("test", "codes"), [
    ("b = ('x', 'y')", ["x", "y"]), ("('x', 'y') = b", ["x", "y"]), ("b = 'x'", ["x"]), ("b = tokenize('x y', '\\s')", ["x", "y"]),
    ("some $v in tokenize('x y', ' ') satisfies b = $v", ["x", "y"]),
])  # fmt: skip
def test_lists_of_codes_are_sets(test: str, codes: list[str]) -> None:
    found = planned(test)["test"]
    assert (found[0], found[2]) == ("member", codes)


def test_a_list_within_a_text_is_looked_up() -> None:
    assert planned("contains(' x y ', concat(' ', b, ' '))")["test"][0] == "listed"
    assert planned("contains(' x y ', concat(',', b, ' '))")["test"][0] == "call"


def test_what_many_rules_ask_of_a_node_is_noted() -> None:
    many = "".join(f"<rule context=\"c[normalize-space(b) = '{code}']\"><assert id='{code}' test='z'/></rule>" for code in "defgh")
    rules = rules_of(f"<pattern>{many}</pattern>")
    assert "noted" in json.dumps(rules)
    assert fired(schema(f"<pattern>{many}</pattern>"), "<a><c><b> f </b></c><c><b>d</b></c></a>") == ["f", "d"]


def test_loops_and_variables_are_never_noted() -> None:
    one = "<rule context='c'><let name='v' value='b'/><assert test='some $w in d satisfies $w = $v'/></rule>"
    body = one * 6
    assert "noted" not in json.dumps(rules_of(f"<pattern>{body}</pattern>"))


def test_a_context_keeps_its_alternatives_and_their_roots() -> None:
    (rule,) = rules_of("<pattern><rule context=\"/a/b | x:c//d[e] | @n | (f | /g)/h\"><assert test='z'/></rule></pattern>")
    match = rule["match"]
    assert [alternative["axis"] for alternative in match] == ["child", "child", "attribute", "child", "child"]
    assert [alternative["rooted"] for alternative in match] == [True, False, False, False, True]
    assert [[step[0] for step in alternative["before"]] for alternative in match] == [["/"], ["//"], [], ["/"], ["/"]]


@pytest.mark.parametrize(("context", "seen"), [
    ("/a/b", ["1"]), ("b", ["1", "2"]), ("a//b", ["1", "2"]), ("/b", []), ("c/b", ["2"]), ("//c/b | /a/b", ["1", "2"]),
    ("/a//b[. = 2]", ["2"]), ("*[. = 2]", ["2", "2"]),
    ("*[ends-with(name(), 'b')]", ["1", "2"]), ("*[not(ends-with(name(), 'b')) and . = 2]", ["2"]), ("/", ["12"]),
    ("(a | c)/b", ["1", "2"]), ("b[xs:decimal(@n) = 1]", []),
])  # fmt: skip
def test_contexts_match_what_they_must(context: str, seen: list[str]) -> None:
    from tests.rules_asked import findings

    report = "<report id='R' test='true()'><value-of select='string(.)'/></report>"
    rules = schema(f'<pattern><rule context="{context}">{report}</rule></pattern>')
    assert [finding.message for finding in findings(rules, "<a><b n='x'>1</b><c><b>2</b></c></a>")] == seen
