"""docs/rules.md: every rule of our own packs, its severity, source and certainty, and where official packs lie; it words no rule."""

from __future__ import annotations

from collections.abc import Iterator

from docs.markdown import code, header, table
from gateway.own_rules import PACKS, TWINS, OwnRule, rules, schematron
from gateway.parsing import parse
from gateway.schematron.pack import others

_ASSERT = "{http://purl.oclc.org/dsdl/schematron}assert"

ABOUT = {
    "CPRO": "What Chorus Pro asks of an invoice since 2017, as far as the document alone can tell. Policy `chorus`.",
    "BR-FR-CPRO": """\
What the 2026 profile asks of an invoice to a public recipient (policy `reform`), numbered as in XP Z12-012, annex A. The State answers a
breach with `REJ_CONT_B2G`. Numbers without a line: 16 and 22 cannot be verified; 18, 21, 23, 28, 29 and 45 to 50 are not known well
enough.""",
}

INTRODUCTION = """
Two packs are our own, written in Schematron: `schemas/chorus/<pack>-UBL.sch` and `<pack>-CII.sch` say the same rules of both syntaxes.

*severity*: `fatal` turns the invoice away, only where the source is sure; `warning` does not; `–` is not judged by the pack: the module
named answers it, with the codes given ([codes](codes.md)), since it needs the directory, the store or a setting ([settings](settings.md)).
*certainty*: `sure` is read in an official document or in two independent sources, `likely` in one secondary source.
*source*: section and key of the facts on Chorus that the project keeps (`chorus.md`), and the document behind them.
*terms*: business terms of EN 16931 and of the French extension. *codes*: the codes by which our own code says the same thing:
who tells both tells it once, under its code, and where a site has that check off or only warn (`[rules]`), so does the rule of CPRO.
"""

OFFICIAL = """\
Compiled from the rule files of installed packages, which publish their rules and texts; none is part of this project. A finding carries the
official text in `message`; the sentence of the other language, our own, comes from `schemas/rules.toml`, the names of business terms from
`schemas/terms.toml`.
"""

COLUMNS = ("rule", "severity", "français", "English", "certainty", "source", "terms", "codes", "remarks")


def page() -> str:
    """The whole page."""
    return "\n".join([header("Rules", "`schemas/chorus/` and `schemas/packs.toml`"), INTRODUCTION.lstrip(), *_sections(), _official()])


def _sections() -> Iterator[str]:
    for pack in PACKS:
        severities = flags(pack)
        yield f"## {pack}\n\n{ABOUT[pack]}\n"
        yield table(COLUMNS, (_row(rule, severities.get(rule.id, "–")) for rule in rules(pack).values()))


def _official() -> str:
    """The packs of others: only where they are, for their rules and texts are not ours to print."""
    rows = ((code(row.name), row.syntax, code(row.package), code(row.path)) for row in others().values())
    return f"## Official packs\n\n{OFFICIAL}\n" + table(("pack", "judges", "package", "file"), rows)


def flags(pack: str) -> dict[str, str]:
    """The flag of every assert, by rule; the twins agree (tests/rules_cpro)."""
    found: dict[str, str] = {}
    for twin in TWINS:
        root = parse(schematron(pack, twin)).root
        assert root is not None, f"{pack}-{twin}.sch: unreadable"
        found |= {str(element.get("id")): str(element.get("flag")) for element in root.iter(_ASSERT)}
    return found


def _row(rule: OwnRule, severity: str) -> tuple[str, ...]:
    codes = ", ".join(code(c) for c in rule.codes)
    return (code(rule.id), severity, rule.fr, rule.en, rule.certainty, rule.source, ", ".join(rule.terms), codes, " ".join(_remarks(rule)))


def _remarks(rule: OwnRule) -> Iterator[str]:
    """Where it is judged, when not by the pack in both syntaxes; the table's own note."""
    if rule.by:
        yield f"{code(rule.by)}{', with the directory or the store' if rule.facts else ''}."
    elif rule.twins != TWINS:
        yield f"{', '.join(rule.twins)} only."
    if rule.note:
        yield rule.note
