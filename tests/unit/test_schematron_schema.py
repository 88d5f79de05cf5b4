"""ISO Schematron is read whole or refused, and judges as the standard says: lets, abstract parts, includes, messages, flags."""

from __future__ import annotations

import pytest

from gateway.model import Severity
from gateway.schematron import pack, source
from gateway.schematron.refused import RuleRefused
from tests.rules_asked import findings, fired, schema

XML = "<a><b n='1'>x</b><b n='2'/><c/></a>"


def test_an_assert_fires_when_false_and_a_report_when_true() -> None:
    rules = schema(
        "<pattern><rule context='b'><assert id='A' test='@n = 1'>a</assert><report id='R' test='@n = 1'>r</report></rule></pattern>"
    )
    assert fired(rules, XML) == ["R", "A"]


def test_a_node_fires_the_first_rule_of_a_pattern_that_matches_it_and_one_of_each_pattern() -> None:
    rules = schema(
        "<pattern><rule context='b[@n = 1]'><report id='first' test='true()'/></rule>"
        "<rule context='b'><report id='second' test='true()'/></rule></pattern>"
        "<pattern><rule context='b'><report id='other' test='true()'/></rule></pattern>"
    )
    assert fired(rules, XML) == ["first", "second", "other", "other"]


def test_lets_are_of_the_schema_of_a_pattern_and_of_a_rule() -> None:
    rules = schema(
        "<pattern><let name='all' value='count(//b)'/>"
        "<rule context='b'><let name='n' value='@n'/><let name='next' value='$n + 1'/>"
        "<report id='R' test='$all = 2'><value-of select='$limit'/> <value-of select='$next'/></report></rule></pattern>",
        head="<let name='limit' value='/a/c/name()'/>",
    )
    assert [f.message for f in findings(rules, XML)] == ["c 2", "c 3"]


def test_a_let_of_a_pattern_is_evaluated_at_the_document() -> None:
    rules = schema("<pattern><let name='n' value='count(a)'/><rule context='b'><report id='R' test='$n = 1'/></rule></pattern>")
    assert fired(rules, XML) == ["R", "R"]


def test_a_let_that_cannot_be_evaluated_harms_only_the_assertions_that_use_it() -> None:
    rules = schema(
        "<pattern><rule context='b'><let name='d' value='xs:decimal(.)'/>"
        "<assert id='uses' test='$d = 1'/><assert id='not' test='z'/></rule></pattern>"
    )
    assert fired(rules, "<a><b>x</b></a>") == ["uses?", "not"]


def test_an_abstract_pattern_takes_its_parameters_as_text() -> None:
    rules = schema(
        "<pattern abstract='true' id='needs'><rule context='$where'>"
        "<assert id='A' test='$what'>no <value-of select=\"'$what'\"/></assert></rule></pattern>"
        "<pattern is-a='needs' id='one'><param name='where' value='b'/><param name='what' value='@n = 1'/></pattern>"
        "<pattern is-a='needs' id='two'><param name='where' value='c'/><param name='what' value='@n'/></pattern>"
    )
    assert [f.message for f in findings(rules, XML)] == ["no @n = 1", "no @n"]


def test_a_rule_extends_abstract_ones() -> None:
    rules = schema(
        "<pattern><rule abstract='true' id='r'><assert id='A' test='z'/></rule>"
        "<rule context='c'><extends rule='r'/><assert id='B' test='z'/></rule></pattern>"
    )
    assert fired(rules, XML) == ["A", "B"]


def test_an_include_is_asked_of_the_caller() -> None:
    rules = schema("<include href='part.sch'/>")
    part = b"<pattern xmlns='http://purl.oclc.org/dsdl/schematron' id='in'><rule context='c'><assert test='z'/></rule></pattern>"
    read = source.read(rules, beside=lambda href: part if href == "part.sch" else b"")
    assert [pattern.name for pattern in read.patterns] == ["in"]
    with pytest.raises(RuleRefused, match=r"file part\.sch: nobody knows where it lies"):
        source.read(rules)
    with pytest.raises(RuleRefused, match="circle"):
        source.read(rules, beside=lambda _: schema("<include href='part.sch'/>"))


@pytest.mark.parametrize(("flag", "severity"), [
    ("", Severity.FATAL), ("flag='fatal'", Severity.FATAL), ("flag='error'", Severity.FATAL), ("role='warning'", Severity.WARNING),
    ("flag='warning'", Severity.WARNING), ("role='information'", Severity.INFORMATION), ("role='info'", Severity.INFORMATION),
    ("flag='odd'", Severity.FATAL),
])  # fmt: skip
def test_the_flag_or_else_the_role_is_the_severity_and_none_is_fatal(flag: str, severity: Severity) -> None:
    rules = schema(f"<pattern><rule context='c'><assert {flag} test='z'>t</assert></rule></pattern>")
    assert findings(rules, XML)[0].severity is severity


def test_a_rule_without_id_is_named_by_sixty_characters_of_its_text_then_stripped() -> None:
    text = "\n\t\t" + "It must be so, and not otherwise, whatever others may say of it."
    rules = schema(f"<pattern><rule context='c'><assert test='z'>{text}</assert></rule></pattern>")
    (finding,) = findings(rules, XML)
    assert finding.rule == text[:60].strip()
    assert finding.message == text.strip()


def test_a_message_holds_values_and_names_with_white_space_normalised() -> None:
    rules = schema(
        "<pattern><rule context='c'><assert id='A' test='z'>\n  In <name/> of <name path='..'/>:\n <emph>no</emph> z,"
        " b are <value-of select='../b/@n'/>.</assert></rule></pattern>"
    )
    assert findings(rules, XML)[0].message == "In c of a: no z, b are 1 2."


def test_attributes_are_contexts_too() -> None:
    rules = schema("<pattern><rule context='@n[. = 2]'><report id='R' test='true()'/></rule></pattern>")
    (finding,) = findings(rules, XML)
    assert finding.location == "/a/b[2]/@n"


def test_functions_of_the_schema_are_written_out() -> None:
    head = (
        "<xsl:function name='x:twice' as='xs:decimal'><xsl:param name='of' as='xs:decimal?'/>"
        "<xsl:variable name='two' select='2'/>"
        "<xsl:sequence select='$of * $two'/></xsl:function>"
    )
    rules = schema("<pattern><rule context='b[@n]'><assert id='A' test='x:twice(@n) = 2'/></rule></pattern>", head=head)
    assert fired(rules, XML) == ["A"]


@pytest.mark.parametrize(("body", "what"), [
    ("<pattern><rule context='c'><assert test='c is d'/></rule></pattern>",
     "pattern pattern 1, line 1, rule 1, expression 'c is d', position 3: 'is'"),
    ("<pattern><rule context='c'><assert id='A' test='f()'/></rule></pattern>", r"rule A: the function f\(\) is not known here"),
    ("<pattern><rule context='c'><assert test='position() = 1'/></rule></pattern>", r"position\(\) is not known"),
    ("<pattern><rule context='c'><assert test='$v'/></rule></pattern>", r"\$v is not declared"),
    ("<pattern><rule context='c'><assert test='b[count(a)]'/></rule></pattern>", "a predicate computes a position"),
    ("<pattern><rule context='c'><assert test='count(a, b)'/></rule></pattern>", r"count\(\) has 2 arguments; 1 to 1 are expected"),
    ("<pattern><rule context='c'><assert test='child::node()'/></rule></pattern>", r"child::node\(\) is not known"),
    ("<pattern><rule context='c'><assert test=\"matches(a, '\\p{L}')\"/></rule></pattern>", "regular expression"),
    ("<pattern><rule context='c'><assert test='matches(a, b)'/></rule></pattern>", "a computed expression"),
    ("<pattern><rule context='c'><assert test='a cast as xs:time'/></rule></pattern>", "the type xs:time"),
    ("<pattern><rule context='c'><assert test=\"'a' | b\"/></rule></pattern>", "joins what are no nodes"),
    ("<pattern><rule context='c'><assert test=\"'a'/b\"/></rule></pattern>", "a step starts from what is no node"),
    ("<pattern><rule context='b[1]'><assert test='c'/></rule></pattern>", "counts positions"),
    ("<pattern><rule context='a/text()'><assert test='c'/></rule></pattern>", r"the pattern matches text\(\)"),
    ("<pattern><rule context='a/ancestor::b'><assert test='c'/></rule></pattern>", "no child and no attribute"),
    ("<pattern><rule><assert test='c'/></rule></pattern>", "<rule> has no context"),
    ("<pattern><rule context='c'><assert test='c' subject='d'/></rule></pattern>", "subject"),
    ("<pattern><rule context='c'><extends rule='r'/></rule></pattern>", "no abstract rule 'r'"),
    ("<pattern is-a='p'/>", "no abstract pattern 'p'"), ("<pattern documents='d'/>", "other documents"),
    ("<rule context='c'/>", "<rule> is not known here"),
    ("<pattern><rule context='c'><let name='v'/></rule></pattern>", "<let> has no value"),
    ("<pattern><oops/></pattern>", "<oops> is not known here"),
])  # fmt: skip
def test_what_is_not_known_is_refused_by_name_and_place(body: str, what: str) -> None:
    with pytest.raises(RuleRefused, match=what):
        pack.compile_pack("TEST", schema(body))


@pytest.mark.parametrize(("data", "what"), [
    (b"<schema xmlns='http://purl.oclc.org/dsdl/schematron'/>", "another language"), (b"<rules/>", "its root is rules"),
    (b"<rules", "a well-formed XML file"),
])  # fmt: skip
def test_other_files_are_no_rule_files(data: bytes, what: str) -> None:
    with pytest.raises(RuleRefused, match=what):
        source.read(data)


def test_a_function_that_calls_itself_is_refused() -> None:
    head = "<xsl:function name='x:f'><xsl:param name='v'/><xsl:sequence select='x:f($v)'/></xsl:function>"
    with pytest.raises(RuleRefused, match="calls itself"):
        pack.compile_pack("TEST", schema("<pattern><rule context='c'><assert test='x:f(1)'/></rule></pattern>", head=head))
