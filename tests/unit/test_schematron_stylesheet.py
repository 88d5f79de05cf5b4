"""Rules are read back from the stylesheets that the ISO skeleton writes, with everything that decides which rule a node fires."""

from __future__ import annotations

import pytest

from gateway.schematron import source
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import Value
from tests.rules_asked import findings, fired

HEAD = (
    "<!-- Schematron version 9.8.7 --><xsl:stylesheet xmlns:xsl='http://www.w3.org/1999/XSL/Transform' version='2.0'"
    " xmlns:svrl='http://purl.oclc.org/dsdl/svrl' xmlns:x='urn:x'><xsl:param name='archiveNameParameter'/><xsl:output method='xml'/>"
)
SETUP = (
    "<xsl:template match='/'><svrl:schematron-output title='Rules; 1.2'><svrl:active-pattern><xsl:attribute name='id'>P1</xsl:attribute>"
    "<xsl:apply-templates/></svrl:active-pattern><xsl:apply-templates select='/' mode='M1'/></svrl:schematron-output></xsl:template>"
    "<xsl:template match='*' mode='schematron-select-full-path'><xsl:text>?</xsl:text></xsl:template>"
    "<xsl:template match='text()' priority='-1' mode='M1'/>"
)
DEFAULT = "<xsl:template match='@*|node()' priority='-2' mode='M1'><xsl:apply-templates select='{}' mode='M1'/></xsl:template>"


def sheet(*rules: str, default: str = "*", extra: str = "") -> bytes:
    return (HEAD + extra + SETUP + "".join(rules) + DEFAULT.format(default) + "</xsl:stylesheet>").encode()


def rule(match: str, priority: int, *parts: str, visits: str = "*") -> str:
    walk = f"<xsl:apply-templates select='{visits}' mode='M1'/>" if visits else ""
    fired_rule = f"<svrl:fired-rule context='{match}'/>"
    return f"<xsl:template match='{match}' priority='{priority}' mode='M1'>{fired_rule}{''.join(parts)}{walk}</xsl:template>"


def failing(id_: str, test: str = "false()", text: str = "told", flag: str = "fatal") -> str:
    return (
        f"<xsl:choose><xsl:when test='{test}'/><xsl:otherwise><svrl:failed-assert test='{test}'>"
        f"<xsl:attribute name='id'>{id_}</xsl:attribute>"
        f"<xsl:attribute name='flag'>{flag}</xsl:attribute><svrl:text>{text}</svrl:text></svrl:failed-assert></xsl:otherwise></xsl:choose>"
    )


def test_a_stylesheet_is_read_into_patterns_rules_and_assertions() -> None:
    told = "<svrl:successful-report test='b' id='R' role='warning'><svrl:text>r</svrl:text></svrl:successful-report>"
    only_rule = rule("a", 1000, "<xsl:variable name='v' select='b'/>", failing("A", "$v"), f"<xsl:if test='b'>{told}</xsl:if>")
    read = source.read(sheet(only_rule, extra="<xsl:variable name='g' select='1'/>"))
    assert read.title == "Rules; 1.2"
    assert read.notes == (" Schematron version 9.8.7 ",)
    assert read.namespaces["x"] == "urn:x"
    assert [let.name for let in read.lets] == ["g"]
    (pattern,) = read.patterns
    assert (pattern.name, pattern.visits) == ("P1", "*")
    (only,) = pattern.rules
    assert (only.context, only.visits, only.lets[0].expression) == ("a", "*", "b")
    assert [(a.id, a.flag, a.test, a.report) for a in only.assertions] == [("A", "fatal", "$v", False), ("R", "warning", "b", True)]


def test_the_highest_priority_comes_first() -> None:
    rules = sheet(rule("*", 1000, failing("low")), rule("b", 1001, failing("high")))
    assert fired(rules, "<a><b/></a>") == ["low", "high"]


def test_a_rule_without_apply_templates_ends_the_walk_below_it() -> None:
    rules = sheet(rule("b", 1001, failing("b"), visits=""), rule("c", 1000, failing("c")))
    assert fired(rules, "<a><b><c/></b><c/></a>") == ["b", "c"]


@pytest.mark.parametrize(("default", "of_rule", "seen"), [
    ("*", "*", ["b"]), ("@*|*", "*", ["n of a", "b"]), ("*", "@*|*", ["b", "n of b"]), ("@*|*", "@*|*", ["n of a", "b", "n of b"]),
    ("*|comment()|processing-instruction()", "*", ["b"]),
])  # fmt: skip
def test_attributes_are_visited_where_the_walk_takes_them(default: str, of_rule: str, seen: list[str]) -> None:
    of_attribute = failing("X", text='n of <xsl:value-of select="name(..)"/>')
    rules = sheet(rule("b", 1001, failing("B", text="b"), visits=of_rule), rule("@n", 1000, of_attribute), default=default)
    assert [finding.message for finding in findings(rules, "<a n='1'><b n='2'/></a>")] == seen


def test_messages_keep_literal_text_and_lose_white_space_between_elements() -> None:
    text = '\n  Value "<xsl:text/>\n   <xsl:value-of select="."/>\n  <xsl:text> </xsl:text>"'
    read = source.read(sheet(rule("a", 1000, failing("A", text=text))))
    assert read.patterns[0].rules[0].assertions[0].message == ('\n  Value "', "", Value("."), " ", '"')
    assert findings(sheet(rule("a", 1000, failing("A", text=text))), "<a>x</a>")[0].message == 'Value "x "'


@pytest.mark.parametrize(("rules", "what"), [
    (sheet(extra="<xsl:key name='k' match='a' use='b'/>"), "<xsl:key> is not known here"),
    (sheet(extra="<xsl:include href='o'/>"), "<xsl:include>"),
    (sheet(rule("a", 1, "<xsl:for-each select='b'/>")), "<xsl:for-each>"),
    (sheet(rule("a", 1, "<xsl:variable name='v'><b/></xsl:variable>")), "has no select"),
    (sheet(rule("a", 1, visits="b")), "it walks b"),
    (sheet(rule("a", 1, "<xsl:choose><xsl:when test='b'>x</xsl:when></xsl:choose>")), "<xsl:choose>"),
    (sheet(rule("a", 1).replace("M1", "M9")), "mode M9 is never applied"),
    (sheet(rule("a", 1, failing("A", text="<b/>"))), "<b> is not known here"),
    (sheet("<xsl:template match='b' mode='M1'/>"), "<xsl:template>"), (sheet(rule("a", 1, "<xsl:if test='b'/>")), "<xsl:if>"),
    (sheet(extra="<xsl:function name='x:f'><xsl:for-each select='a'/></xsl:function>"), "<xsl:for-each>"),
])  # fmt: skip
def test_what_the_skeleton_does_not_write_is_refused_with_its_line(rules: bytes, what: str) -> None:
    with pytest.raises(RuleRefused, match=what) as refused:
        source.read(rules)
    assert str(refused.value).startswith("line ")


def test_a_code_list_beside_the_rules_becomes_a_set() -> None:
    test = "document(\"codes.xml\")/lists/l[@id=2]/e[@value=$v]"
    rules = sheet(rule("b", 1000, "<xsl:variable name='v' select='.'/>", failing("L", test.replace('"', "&quot;"))))
    codes = b"<lists><l id='1'><e value='x'/></l><l id='2'><e value='y'/></l></lists>"
    from gateway.schematron import pack

    compiled = pack.compile_pack("TEST", rules, beside=lambda href: codes if href == "codes.xml" else b"")
    form = pack.body(compiled.rules["patterns"][0]["rules"][0])["assertions"][0]["test"]
    assert form[0] == "member"
    assert form[2] == ["y"]


@pytest.mark.parametrize("test", [
    "count(document('c.xml')/l)", "document('c.xml')/l", "document(b)/l[@v=$v]", "document('c.xml')/l[e]/m[@v=$v]",
    "document('c.xml')/l/text()[@v=$v]",
    "document('c.xml')/l[@v=.]",
])  # fmt: skip
def test_other_uses_of_document_are_refused(test: str) -> None:
    rules = sheet(rule("b", 1000, "<xsl:variable name='v' select='.'/>", failing("L", test.replace("'", "&quot;"))))
    from gateway.schematron import pack

    with pytest.raises(RuleRefused):
        pack.compile_pack("TEST", rules, beside=lambda _: b"<l><m v='1'/></l>")
