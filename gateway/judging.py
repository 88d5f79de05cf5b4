"""One document → one judgement: recognised, parsed, checked by schema, our own rules and rule packs, its facts read; it decides no fate.

Runs in validation children and in tests. What it finds at the document stands in `Judgement.findings` (unreadable, wrong interface,
schema), what it finds in one invoice beside that invoice. An unreadable document has findings and no invoices. Duplicates, directory
and mandate need facts of the store and are judged later, in the parent.

Limits: CPPStatut messages are judged by their schema only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from gateway import content, envelope, formats, interfaces, policies
from gateway.catalogue import finding
from gateway.config import Limits, Rules
from gateway.model import Document, Finding, Invoice, JudgedInvoice, Judgement, Outcome, PackUse, Syntax, is_fatal, maker
from gateway.packs import CPRO, Packs, as_set, told_once
from gateway.policies import ALL, Judge, Kind, Panel, Policy
from gateway.rules import check_invoice
from gateway.schema_check import SchemaSet, schema_key
from gateway.schematron.document import Document as PackDocument
from gateway.steps import Steps, at_once

_READABLE = frozenset({content.XML, content.PDF, content.EDIFACT})
_EXPECTED = "XML, PDF Factur-X"
_make_judgement = maker(Judgement)


@dataclass(frozen=True, slots=True)
class Desk:
    """What judging needs besides the document. `is_deposit`: a partner's deposit, where life-cycle messages are no invoices.

    `packs`: None where no pack judges. `panel`: which packs, and whether they alone.
    """

    schemas: SchemaSet
    policy: Policy
    rules: Rules
    limits: Limits
    today: date
    is_deposit: bool = True
    packs: Packs | None = None
    panel: Panel = ALL

    @classmethod
    def build(
        cls, *, policy: str, folder: Path | None = None, rules: Rules | None = None, limits: Limits | None = None,
        today: date = date.min, is_deposit: bool = True, packs: Packs | None = None, panel: Panel = ALL,
    ) -> Desk:  # fmt: skip
        """A desk with the built-in schemas and, before them, those of `folder`. `ConfigError` when the policy is unknown."""
        return cls(SchemaSet(folder), policies.named(policy), rules or Rules(), limits or Limits(), today, is_deposit, packs, panel)

    def on(self, today: date) -> Desk:
        """The same desk on another day."""
        return self if today == self.today else replace(self, today=today)


def judge(document: Document, desk: Desk) -> Judgement:
    """Everything that this document says of itself. Raises `LimitReached` or `MemoryError` when our own memory did not suffice."""
    return at_once(in_steps(document, desk))


def in_steps(document: Document, desk: Desk) -> Steps[Judgement]:
    """The same in steps: it pauses before each pack (`gateway.steps`)."""
    examined = _examined(document, desk)
    if isinstance(examined, Judgement):
        return examined
    uses, found = yield from _pack_findings(examined, desk)
    return _concluded(examined, uses, found, desk)


class _Examined(NamedTuple):
    """What was said with the tree at hand. The tree itself ends there unless a pack walks it: of documents side by side, as many trees
    would crowd each other out of the processor's caches."""

    document: Document
    syntax: Syntax
    profile: str
    invoices: tuple[JudgedInvoice, ...]
    findings: tuple[Finding, ...]
    schema: list[Finding]
    for_packs: PackDocument | None


def _examined(document: Document, desk: Desk) -> _Examined | Judgement:
    """Opened, its facts read, checked by our own rules and by schema; the whole judgement where it is refused before."""
    refused = _unreadable(document)
    if refused:
        return _judgement(document, Syntax.UNKNOWN, findings=(refused,))
    opened = formats.open_document(document.data, member=document.member, document_bytes=desk.limits.document_bytes)
    if opened.root is None:
        return _judgement(document, opened.syntax, opened.profile, findings=opened.findings)
    misplaced = _misplaced(document, opened, desk)
    if misplaced:
        return _judgement(document, opened.syntax, opened.profile, findings=(*opened.findings, misplaced))
    invoices = _invoices(opened, desk)
    schema = [] if desk.panel.rules_only else _schema_findings(document, opened, desk)
    for_packs = desk.packs.document(opened) if desk.packs else None
    return _Examined(document, opened.syntax, opened.profile, invoices, opened.findings, schema, for_packs)


def _unreadable(document: Document) -> Finding | None:
    """Empty, or neither XML nor PDF nor EDIFACT."""
    if document.data.startswith(b"<?xml"):
        return None
    if not document.data:
        return finding("DEP-004", nom=document.member)
    detected = content.detect(document.data[: content.HEAD])
    if detected in _READABLE or formats.facturx.is_pdf(document.data):
        return None
    return finding("TYP-001", détecté=detected, liste=_EXPECTED)


def _misplaced(document: Document, opened: formats.Opened, desk: Desk) -> Finding | None:
    """A message where an invoice is due, or a syntax that the announced interface does not take."""
    if desk.is_deposit and opened.syntax not in formats.INVOICES:
        return finding("TYP-012", syntaxe=str(opened.syntax), liste=formats.ACCEPTED)
    if document.interface:
        wanted = interfaces.by_code(document.interface).syntaxes
        if opened.syntax not in wanted:
            return finding("RTE-002", interface=document.interface, attendu=", ".join(wanted), trouvé=str(opened.syntax))
    return None


def _concluded(examined: _Examined, uses: tuple[PackUse, ...], found: list[Finding], desk: Desk) -> Judgement:
    document, syntax, invoices = examined.document, examined.syntax, examined.invoices
    findings = tuple(found) if desk.panel.rules_only else _told(examined, found)
    if syntax in formats.INVOICES and not invoices:
        findings = (*findings, finding("BUS-001"))
    if syntax is Syntax.CPP_MIXTE:
        invoices = fallen_together(invoices)
    packs = uses if desk.panel.rules_only else (_schema_use(syntax, examined.profile, desk), *uses)
    wanted = document.segment_name and is_acceptable(invoices, findings)
    segment = _segment(document) if wanted else (b"", 0, 0)
    return _judgement(document, syntax, examined.profile, findings=findings, invoices=invoices, packs=packs, segment=segment)


def _told(examined: _Examined, found: list[Finding]) -> tuple[Finding, ...]:
    """What was found at the document, by anyone, each mistake once."""
    if not found and not examined.schema:
        return examined.findings
    ours = (told for judged in examined.invoices for told in judged.findings)
    return (*examined.findings, *examined.schema, *told_once(found, ours))


def _pack_findings(examined: _Examined, desk: Desk) -> Steps[tuple[tuple[PackUse, ...], list[Finding]]]:
    """Those of the packs named, else of the policy's; where none of them knows this syntax and nothing else is to judge, the check could
    not be made, and says so."""
    if desk.packs is None or examined.for_packs is None:
        return (), []
    syntax, named = examined.syntax, desk.panel.named
    if named is None:
        kind, recipients = kind_of(syntax, examined.document.interface), (judged.invoice.recipient for judged in examined.invoices)
        judges = desk.policy.judges(examined.profile, kind, recipients, desk.today)
        uses, found = yield from desk.packs.judge(syntax, examined.for_packs, judges)
        if desk.panel.rules_only and not uses:
            return uses, [finding("PACK-003", syntaxe=str(syntax), politique=desk.policy.name)]
        return uses, as_set(found, desk.rules) if found else found
    uses, found = yield from desk.packs.judge(syntax, examined.for_packs, [Judge(name) for name in named])
    return uses, found if uses else [finding("PACK-002", syntaxe=str(syntax), liste=", ".join(named))]


def _schema_findings(document: Document, opened: formats.Opened, desk: Desk) -> list[Finding]:
    """What the schema says, as hard as the policy has it count."""
    assert opened.root is not None
    found = desk.schemas.check(
        opened.syntax, opened.profile, opened.root, data=opened.xml, explain=document.explain, member=document.member
    )
    if not found or not desk.schemas.known(opened.syntax, opened.profile):
        return found  # a profile without a schema: the catalogue says how hard
    mounted = desk.schemas.is_mounted(opened.syntax, opened.profile)
    own = not desk.schemas.is_official(opened.syntax, opened.profile)
    severity = desk.policy.schema_severity(kind_of(opened.syntax, document.interface), own=own, mounted=mounted)
    return [f if f.severity is severity else replace(f, severity=severity, flag=f.severity) for f in found]


def _schema_use(syntax: Syntax, profile: str, desk: Desk) -> PackUse:
    """The schema as a pack that judged."""
    return _use_of(schema_key(syntax, profile), desk.schemas.digest())


@lru_cache(maxsize=64)
def _use_of(key: str, digest: str) -> PackUse:
    """A schema's key and the digest of the whole set; the same object each time, so that equal lists of packs are found equal at once."""
    return PackUse("XSD", key, digest)


def _invoices(opened: formats.Opened, desk: Desk) -> tuple[JudgedInvoice, ...]:
    if opened.syntax not in formats.INVOICES:
        return ()
    if desk.panel.rules_only:
        return tuple([JudgedInvoice(invoice) for invoice in opened.invoices()])
    return tuple([JudgedInvoice(invoice, _own_rules(invoice, desk)) for invoice in opened.invoices()])


def _own_rules(invoice: Invoice, desk: Desk) -> tuple[Finding, ...]:
    """The rules of Chorus Pro bind only where the policy names them."""
    found = check_invoice(invoice, desk.rules, today=desk.today, limits=desk.limits)
    if found and CPRO not in desk.policy.packs:
        return tuple(f for f in found if f.pack != CPRO)
    return tuple(found)


def fallen_together(invoices: tuple[JudgedInvoice, ...]) -> tuple[JudgedInvoice, ...]:
    """A file of several invoices falls whole: it cannot be cut without changing what was sent. The good ones name the bad one."""
    bad = next((judged for judged in invoices if is_fatal(judged.findings)), None)
    if bad is None:
        return invoices
    fell = finding("BUS-011", n=bad.invoice.number)
    return tuple(j if is_fatal(j.findings) else replace(j, findings=(*j.findings, fell)) for j in invoices)


def is_acceptable(invoices: tuple[JudgedInvoice, ...], findings: tuple[Finding, ...]) -> bool:
    """May go out: the document holds invoices and nothing fatal was found, in it or in any of them."""
    return bool(invoices) and not is_fatal(findings) and not any(j.findings and is_fatal(j.findings) for j in invoices)


def kind_of(syntax: Syntax, interface: str) -> Kind:
    """The row of the policy's table: the announced interface's flow type, else the syntax's usual one."""
    if syntax is Syntax.FACTUR_X:
        return Kind.FACTUR_X
    announced = interfaces.by_code(interface) if interface else interfaces.default_for(syntax)
    return Kind.E2 if announced is not None and announced.flow_type == Kind.E2 else Kind.E1


def _segment(document: Document) -> tuple[bytes, int, int]:
    """The document and what stands beside it, as tar members, deflated for the outbound archive; CRC and size of the members."""
    entries = [envelope.tar_entry(document.segment_name, document.data), *(envelope.tar_entry(s.name, s.data) for s in document.sides)]
    return envelope.deflate_segment(b"".join(entries) if document.sides else entries[0])


def _judgement(
    document: Document, syntax: Syntax, profile: str = "", *, findings: tuple[Finding, ...], invoices: tuple[JudgedInvoice, ...] = (),
    packs: tuple[PackUse, ...] = (), segment: tuple[bytes, int, int] = (b"", 0, 0),
) -> Judgement:  # fmt: skip
    return _make_judgement((
        document.ordinal, document.member, sha256(document.data).hexdigest(), len(document.data), syntax, profile,
        Outcome.JUDGED, invoices, findings, packs, *segment, "",
    ))  # fmt: skip
