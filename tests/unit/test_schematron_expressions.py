"""Functions of a rule file are written out where they are called, variables stand for what they must, types are converted or refused."""

from __future__ import annotations

import pytest

from gateway.schematron import pack
from gateway.schematron.refused import RuleRefused
from tests.rules_asked import fired, form, schema, value

XML = "<a><b n='1'>x</b><b n='2'/><c>2026-02-30</c></a>"


def function(name: str, parameters: str, *body: str, type_: str = "") -> str:
    """`parameters`: `name as type` by commas; the last of `body` is the result, those before are `name := expression`."""
    given = (part.split(" as ") for part in parameters.split(", ") if part)
    declared = "".join(f"<xsl:param name='{name}' as='{of}'/>" for name, of in given)
    variables = "".join('<xsl:variable name="{}" select="{}"/>'.format(*part.split(" := ")) for part in body[:-1])
    returned = f" as='{type_}'" if type_ else ""
    return f"<xsl:function name='x:{name}'{returned}>{declared}{variables}<xsl:sequence select=\"{body[-1]}\"/></xsl:function>"


def asked(test: str, *functions: str) -> list[str]:
    return fired(schema(f'<pattern><rule context="b[@n]"><report id="R" test="{test}"/></rule></pattern>', head="".join(functions)), XML)


def test_a_function_sees_its_parameters_and_nothing_of_its_caller() -> None:
    twice = function("twice", "v as xs:decimal", "$v * 2")
    assert asked("x:twice(@n) = 4", twice) == ["R"]
    assert asked("x:twice(x:twice(@n)) = 4", twice) == ["R"]


@pytest.mark.parametrize(("body", "what"), [
    ("b", "a step starts from what is no node"), (". = 1", "means nothing within"), ("/a", "means nothing within"),
])  # fmt: skip
def test_a_function_has_no_context(body: str, what: str) -> None:
    with pytest.raises(RuleRefused, match=rf"function x:f, .*{what}|function x:f: .*{what}"):
        asked("x:f()", function("f", "", body))


def test_a_function_does_not_see_the_variables_of_a_rule() -> None:
    rules = schema(
        "<pattern><rule context='b'><let name='v' value='1'/><report test='x:f()'/></rule></pattern>", head=function("f", "", "$v = 1")
    )
    with pytest.raises(RuleRefused, match=r"\$v is not declared"):
        pack.compile_pack("TEST", rules)


def test_the_number_of_arguments_is_checked() -> None:
    with pytest.raises(RuleRefused, match=r"x:f has 2 arguments; 1 are expected"):
        asked("x:f(1, 2)", function("f", "v as xs:decimal", "$v"))


@pytest.mark.parametrize(("type_", "argument", "told"), [
    ("xs:string?", "z", []), ("xs:string?", "@n", ["R", "R"]), ("xs:string", "z", ["R?", "R?"]), ("xs:string?", "../b", ["R?", "R?"]),
    ("xs:string*", "../b", ["R", "R"]), ("xs:string+", "z", ["R?", "R?"]), ("xs:string?", "count(z)", ["R?", "R?"]),
    ("xs:decimal?", "@n", ["R", "R"]),
    ("xs:decimal?", "'1'", ["R?", "R?"]), ("xs:decimal?", "count(../b)", ["R", "R"]), ("xs:double?", "1.5", ["R", "R"]),
    ("xs:decimal", "string(.)", ["R?", "R?"]),
    ("element()?", "../c", ["R", "R"]), ("element()?", "../b", ["R?", "R?"]), ("element()?", "'x'", ["R?", "R?"]),
    ("node()*", "../b", ["R", "R"]),
    ("item()*", "(1, 'x', ../b)", ["R", "R"]), ("xs:boolean", "true()", ["R", "R"]), ("xs:boolean", "@n = 1", ["R", "R"]),
    ("xs:boolean", "1", ["R?", "R?"]),
    ("xs:integer", "1", ["R", "R"]), ("xs:integer", "1.5", ["R?", "R?"]), ("xs:date?", "../c", ["R?", "R?"]),
])  # fmt: skip
def test_arguments_are_converted_as_the_function_says_or_the_rule_is_unevaluable(type_: str, argument: str, told: list[str]) -> None:
    assert asked(f"x:f({argument})", function("f", f"v as {type_}", "exists($v)")) == told


def test_the_type_of_the_result_counts_too() -> None:
    assert asked("x:f(@n) = 'x'", function("f", "v as xs:string?", "$v", type_="xs:decimal")) == ["R?", "R?"]
    assert asked("x:f(@n) = 2", function("f", "v as xs:string?", "xs:decimal($v)", type_="xs:decimal")) == ["R"]


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(RuleRefused, match="v is of type xs:time"):
        asked("x:f(1)", function("f", "v as xs:time", "$v"))


def test_a_variable_used_once_is_evaluated_where_it_is_used_others_at_once() -> None:
    """The official processor stops, or does not, by this: BR-FR's date function has both."""
    once = function("once", "v as xs:string?", "number := xs:decimal($v)", "false() and $number = 1")
    twice = function("twice", "v as xs:string?", "number := xs:decimal($v)", "false() and ($number = 1 or $number = 2)")
    assert asked("x:once('x')", once) == []
    assert asked("x:twice('x')", twice) == ["R?", "R?"]


def test_variables_of_functions_see_each_other_in_order() -> None:
    chain = function("chain", "v as xs:decimal", "one := $v + 1", "two := $one * $one", "$two + $one")
    assert asked("x:chain(@n) = 12", chain) == ["R"]


def test_a_list_of_codes_in_a_function_is_a_set_for_its_caller() -> None:
    listed = function("known", "v as xs:string?", "codes := tokenize('1 3', '\\s')", "$v = $codes", type_="xs:boolean")
    assert asked("x:known(@n)", listed) == ["R"]


def test_a_loops_variable_hides_another_of_its_name() -> None:
    assert value("for $v in (1, 2) return (for $v in $v + 10 return $v)") == [11, 12]
    assert value("some $v in (1, 2) satisfies (every $v in (2, 2) satisfies $v = 2) and $v = 1") is True


def test_a_predicate_sees_the_variables_around_it() -> None:
    assert value("for $v in b/@n return b[@n = $v]/@n", XML) == ["1", "2"]
    assert value("for $v in (1, 2) return count(//b[@n = $v])", XML) == [1, 1]
    assert value("for $v in b return $v/@n", XML) == ["1", "2"]


@pytest.mark.parametrize(("expression", "kind"), [
    ("b/c", "path"), ("b/string(c)", "map"), ("b/(c | d)", "map"), ("(b, c)[1]", "filter"), ("b[1]", "path"), ("-1", "negative"),
    ("+b", "positive"),
    ("b = 'x'", "member"), ("b != 'x'", "compare"), ("b eq 'x'", "value-compare"), ("xs:date(b)", "cast"),
    ("b castable as xs:date", "castable"), ("(1, 2)", "sequence"),
    ("if (b) then 1 else 2", "if"), ("for $v in b return $v", "for"), (".", "context"), ("b | c", "union"),
    ("tokenize('a b', ' ')", "sequence"),
])  # fmt: skip
def test_each_construct_has_its_word(expression: str, kind: str) -> None:
    assert form(expression)[0] == kind


def test_a_predicate_that_turns_out_to_be_a_number_is_no_condition() -> None:
    rules = schema("<pattern><rule context='a'><let name='v' value='if (b) then 1 else b'/><report id='R' test='b[$v]'/></rule></pattern>")
    assert fired(rules, XML) == ["R?"]
