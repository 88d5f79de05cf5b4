"""The field's nouns, frozen; no I/O, no clock, no rule. The glossary in docs/glossary.md explains each word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from gateway.lifecycle import DeliveryState, State

T = TypeVar("T")


def maker(cls: type[T]) -> Callable[[Iterable[Any]], T]:
    """Builds a frozen record from all its values, in order, by its slots: a third faster than its `__init__`."""
    setters = tuple(getattr(cls, f.name).__set__ for f in fields(cls))  # type: ignore[arg-type]  # T is a dataclass of this module

    def make(values: Iterable[Any]) -> T:
        record = object.__new__(cls)
        for put, value in zip(setters, values, strict=True):
            put(record, value)
        return record

    return make


class Syntax(StrEnum):
    """What a document is written in (contract.md, chapter 3)."""

    UBL_INVOICE = "ubl-invoice"
    UBL_CREDIT_NOTE = "ubl-creditnote"
    CII = "cii"
    FACTUR_X = "factur-x"
    CDAR = "cdar"
    CPP_MIXTE = "cpp-mixte"
    CPP_STATUT = "cpp-statut"
    EDIFACT_INVOIC = "edifact-invoic"
    ZUGFERD_1 = "zugferd-1"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    FATAL = "fatal"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of one place. `location` is an XPath with prefixes, `line` and `column` count from 1 in what was sent.

    `severity` is what it counts; `flag` is what the rule itself says, where the policy softened it.
    """

    pack: str
    rule: str
    severity: Severity
    message: str
    message_fr: str
    message_en: str
    location: str = ""
    line: int | None = None
    column: int | None = None
    terms: tuple[str, ...] = ()
    unevaluable: bool = False
    flag: Severity | None = None

    def as_json(self) -> dict[str, Any]:
        """The object of contract.md, chapter 3; `column`, `unevaluable` and `flag` only where they say something."""
        answer: dict[str, Any] = {
            "pack": self.pack, "rule": self.rule, "severity": str(self.severity), "location": self.location, "line": self.line,
            "terms": list(self.terms), "message": self.message, "message_fr": self.message_fr, "message_en": self.message_en,
        }  # fmt: skip
        if self.column is not None:
            answer["column"] = self.column
        if self.unevaluable:
            answer["unevaluable"] = True
        if self.flag is not None:
            answer["flag"] = str(self.flag)
        return answer

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Finding:
        """The inverse of `as_json`."""
        return cls(
            pack=raw["pack"], rule=raw["rule"], severity=Severity(raw["severity"]), message=raw["message"],
            message_fr=raw["message_fr"], message_en=raw["message_en"], location=raw["location"], line=raw["line"],
            column=raw.get("column"), terms=tuple(raw["terms"]), unevaluable=raw.get("unevaluable", False),
            flag=Severity(raw["flag"]) if "flag" in raw else None,
        )  # fmt: skip


def is_valid(findings: Iterable[Finding]) -> bool:
    """The rules' own word, whatever the destination's policy makes of it."""
    return not any((f.flag or f.severity) is Severity.FATAL for f in findings)


def is_fatal(findings: tuple[Finding, ...] | list[Finding]) -> bool:
    """True when at least one finding turns the invoice away."""
    return any(f.severity is Severity.FATAL for f in findings)


@dataclass(frozen=True, slots=True)
class Party:
    """A supplier or another party of an invoice. `type` is Chorus's identifier type 1..7 ("" unknown), chorus.md §6.1."""

    type: str = ""
    id: str = ""
    name: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A supporting document inside an invoice. `size` is in decoded bytes; -1 where the base64 is invalid."""

    name: str
    size: int
    mime: str = ""
    zipped: bool = False
    type: str = ""  # "01" the invoice itself, "02" a supporting document (CPP formats)
    error: int = -1  # character position of the first invalid base64 character, -1 when there is none
    external: str = ""  # a link given instead of content
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """The routing facts of one invoice or credit note, whatever its syntax. Texts are stripped; "" means absent.

    Dates are ISO 8601 (YYYY-MM-DD) when readable, else the text as found; amounts are the texts found (exact decimals).
    """

    number: str = ""
    issue_date: str = ""
    type: str = ""  # 380, 381 …
    framework: str = ""  # A1 … A25, S1, B1 …
    profile: str = ""  # BT-24
    currency: str = ""
    supplier: Party = field(default_factory=Party)
    recipient: str = ""  # SIRET, 14 digits
    recipient_name: str = ""
    service: str = ""
    engagement: str = ""
    market: str = ""
    validator: str = ""
    preceding: tuple[str, ...] = ()
    total_without_vat: str = ""
    total_vat: str = ""
    total_with_vat: str = ""
    prepaid: str = ""
    payable: str = ""
    rounding: str = ""
    lines: int = 0
    attachments: tuple[Attachment, ...] = ()

    @property
    def year(self) -> str:
        """Year of the issue date, "" when the date is unreadable."""
        return self.issue_date[:4] if len(self.issue_date) == 10 and self.issue_date[4] == self.issue_date[7] == "-" else ""

    def as_json(self) -> dict[str, Any]:
        """Every field as JSON values; attachments and the supplier as objects."""
        answer: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        answer["supplier"] = {n: getattr(self.supplier, n) for n in Party.__slots__}
        answer["preceding"] = list(self.preceding)
        answer["attachments"] = [{n: getattr(a, n) for n in Attachment.__slots__} for a in self.attachments]
        return answer

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Invoice:
        """The inverse of `as_json`."""
        return cls(
            **{
                **raw,
                "supplier": Party(**raw["supplier"]),
                "preceding": tuple(raw["preceding"]),
                "attachments": tuple(Attachment(**a) for a in raw["attachments"]),
            }
        )


class Outcome(StrEnum):
    """How a child's work on a document ended. Only `judged` may ever lead to a rejection."""

    JUDGED = "judged"
    LIMIT = "limit"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class PackUse:
    """A rule pack that judged: kept with the verdict."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class JudgedInvoice:
    """One invoice of a document with what was found in it alone."""

    invoice: Invoice
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a child says of one document of a flow. A CPPFactureMixte file holds several invoices, every other document one.

    `segment` is the document (with its side files) as finished tar members, raw-deflated and ended by a sync flush, ready to be
    joined into an outbound gzip; `segment_crc` and `segment_size` are of the uncompressed bytes. "" and 0 when not asked for.
    """

    ordinal: int
    member: str
    sha256: str
    size: int
    syntax: Syntax
    profile: str = ""
    outcome: Outcome = Outcome.JUDGED
    invoices: tuple[JudgedInvoice, ...] = ()
    findings: tuple[Finding, ...] = ()
    packs: tuple[PackUse, ...] = ()
    segment: bytes = b""
    segment_crc: int = 0
    segment_size: int = 0
    detail: str = ""  # for administrators: which limit, which signal


class Box(StrEnum):
    """A partner's real box or its test box; never "again" for each other."""

    REAL = "real"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the spool, by content. `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Drop:
    """A complete file that a partner has dropped and that we have not yet taken: the subject of *receive*.

    `transport_id` identifies the act for its channel, so that a repeat after a crash is recognised.
    """

    partner: str
    box: Box
    channel: str  # sftp, folder, command, amqp, poll
    transport_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A deposit in our custody and its progress."""

    number: str
    partner: str
    box: Box
    channel: str
    name: str
    sha256: str
    size: int
    state: State
    generation: int
    received_at: datetime
    interface: str = ""
    linked_to: str = ""  # the earlier flow of the same bytes, when that one came to nothing
    attempts: int = 0
    reason: str = ""  # why it is parked, for administrators
    findings: tuple[Finding, ...] = ()  # of the flow as a whole (inadmissible: why)
    members: int = 0

    @property
    def inadmissible(self) -> bool:
        """Declared so; also when only its reports are made again, further on."""
        return self.state is State.INADMISSIBLE or is_fatal(self.findings)

    def moved(self, **changes: Any) -> Flow:
        """A copy with other values."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One invoice of a flow as stored. `position` counts from 1 across the flow; `document` is the ordinal of its file."""

    flow: str
    position: int
    document: int
    member: str
    sha256: str
    syntax: Syntax
    interface: str
    invoice: Invoice
    accepted: bool
    findings: tuple[Finding, ...] = ()
    packs: tuple[PackUse, ...] = ()
    generation: int = 1
    segment_offset: int = -1  # in the flow's segment file; -1 when nothing is to be delivered
    segment_length: int = 0
    segment_crc: int = 0
    segment_size: int = 0
    size: int = 0  # of the document, bytes
    held: str = ""  # why no verdict could be given (limit, crash): waits for a person
    status: str = ""  # the State's own word, IdStatut
    status_at: str = ""
    delivery: str = ""  # name of the outbound flow


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outbound flow towards the State: one name, one content, for ever (reliability.md 2.1, I4)."""

    name: str  # FSO1100A_APP001_APP0011100000000000000001
    number: str  # the 25-character flow identifier
    destination: str
    partner: str
    interface: str
    state: DeliveryState
    opened_at: datetime
    invoices: int = 0
    documents: int = 0
    size: int = 0
    sha256: str = ""
    attempt: int = 0
    step: str = ""
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    detail: str = ""
    changed_at: datetime | None = None


class ReturnKind(StrEnum):
    RECEIPT = "receipt"
    CONTROL = "control"
    FINAL = "final"
    STATUS = "status"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Return:
    """A file owed to a partner: fixed name, fixed bytes, written again identically as often as needed."""

    partner: str
    box: Box
    flow: str  # "" for a status return, which may speak of several flows
    kind: ReturnKind
    name: str
    body: bytes
    key: str  # unique: the same fact is owed once


@dataclass(frozen=True, slots=True)
class Recipient:
    """One structure of the recipients' directory, with the services it declared."""

    siret: str
    name: str
    active: bool
    service_required: bool
    engagement_required: bool
    services: tuple[RecipientService, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipientService:
    code: str
    name: str = ""
    active: bool = True
    engagement_required: bool = False


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event of a flow, append-only, hash-chained per flow."""

    flow: str
    n: int
    at: datetime
    who: str
    what: str
    detail: dict[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class StatusNews:
    """One life-cycle status of one invoice as the State tells it (CPPStatut, invoice branch, chorus.md §5.1)."""

    code: str  # IdStatut 01..41
    at: str  # the State's own date and time, as written
    number: str
    supplier: Party
    recipient: str = ""
    service: str = ""
    label: str = ""
    complement: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One error line of an integration report (LigneErreurDetail, chorus.md §4.1)."""

    nature: str
    code: str
    label: str
    description: str = ""
    number: str = ""  # invoice number, where the line names one
    supplier: str = ""


@dataclass(frozen=True, slots=True)
class IntegrationReport:
    """The State's answer on one outbound flow (CPPStatut, flow branch). `flow_id` is the 25-character identifier."""

    flow_id: str
    status: str  # 90..96
    at: str
    lines: tuple[ReportLine, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class OwedReturn:
    """A return as the outbox keeps it. `sequence` is the order in which returns were owed."""

    sequence: int
    owed: Return
    owed_at: datetime
    written_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptStatus:
    """A status as kept: what the State said, of which invoice, when we took it, and whether the partner was told."""

    id: int
    flow: str
    position: int
    partner: str
    news: StatusNews
    received_at: datetime
    source: str
    told: str = ""  # key of the return that told it


class Presence(StrEnum):
    """What is on the other side for a delivery's fixed name (reliability.md 2.7)."""

    ABSENT = "absent"  # neither the final name nor a part of ours
    PART = "part"  # only our `.part`, whole
    TORN = "torn"  # only our `.part`, and its bytes are not (all) ours
    OURS = "ours"  # the final name, with our bytes
    FOREIGN = "foreign"  # the final name, with other bytes


@dataclass(frozen=True, slots=True)
class SideFile:
    """A signature that stands beside its invoice in an archive (XAdES), same base name."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a flow as handed to a validation child. `segment_name`: its name in the outbound archive, "" when none is wanted.

    `explain`: say every schema error in full (xmlschema), not only the first of lxml.
    """

    ordinal: int
    member: str
    data: bytes
    sides: tuple[SideFile, ...] = ()
    segment_name: str = ""
    explain: bool = False
    interface: str = ""  # the interface that the flow's name announced, "" when none


@dataclass(frozen=True, slots=True)
class Reception:
    """The answer to a deposit: the flow that holds the bytes, and whether it held them already."""

    flow: Flow
    again: bool
