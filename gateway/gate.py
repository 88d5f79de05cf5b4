"""The gate: is a received flow admissible, and which documents does it hold; it judges no invoice and writes nothing.

`open_flow` reads the envelope once, to its proven end; `documents` reads it again and gives the documents in the order of the bytes.

*Side files.* A detached XML signature (XAdES) travels with the document it stands beside. Conservative on purpose, for an invoice taken for
a signature would be lost: its root must be `Signature`, `Signatures`, `XAdESSignatures` or `DocumentSignatures`, **and** its name must be
the document's (with or without `.xml`/`.pdf`), then `.`, `-` or `_`, then `xades`, `xsig`, `sig` or `signature`, then perhaps `.xml`; same
folder. Everything else is a document. Desktops' files (Thumbs.db, .DS_Store, __MACOSX …) are passed over and told, unless XML or PDF.

*Manifest.* A member `manifest.json` at the root may announce how many invoices the archive holds: `{"invoices": 120}`. It is given back as
`Opening.announced`, to be compared once the invoices are counted (row 63: a CPPFactureMixte file holds several).

Limits: signatures are read ahead in a pass of their own, 64 MB at a time: an archive whose signatures weigh more is read once more for
each 64 MB. Of a tar with too many files the answer gives the first number too many, not how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from gateway import content, interfaces
from gateway.archives.fault import ArchiveFault, Member
from gateway.archives.gzip_stream import GzipStream
from gateway.archives.survey import Plan, Survey
from gateway.archives.tar_reader import read_tar
from gateway.archives.zip_reader import read_zip
from gateway.catalogue import finding
from gateway.config import MB, Limits, Partner
from gateway.errors import ParkError
from gateway.flow_names import EXTENSIONS, ChorusName, chorus_name, extension, strict_fault, temporary, unsafe_name
from gateway.model import Finding, SideFile, is_fatal

__all__ = ["ChorusName", "FlowDocument", "Opening", "chorus_name", "documents", "open_flow", "temporary", "unsafe_name"]

LOOK_AHEAD = 64 * MB
_KINDS = {content.XML: "xml", content.PDF: "pdf", content.GZIP: "tar.gz", content.ZIP: "zip", content.EDIFACT: "edifact"}


class FlowDocument(NamedTuple):
    """One document of a flow. `ordinal` counts from 1 in the order of the bytes; `member`: its path in the archive, else the flow's."""

    ordinal: int
    member: str
    data: bytes
    sides: tuple[SideFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """What the gate says. Any fatal finding: inadmissible, and there are no documents.

    `interface`: announced by a Chorus name, else "". `announced`: invoices told by the manifest. `sides`: document → its signatures.
    """

    kind: str  # xml | pdf | tar.gz | zip | edifact | unknown
    name: str = ""
    interface: str = ""
    documents: int = 0
    findings: tuple[Finding, ...] = ()
    ignored: tuple[str, ...] = ()
    sides: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    announced: int | None = None
    plan: Plan | None = None  # where the documents of an archive are

    @property
    def admissible(self) -> bool:
        return not is_fatal(self.findings)


def open_flow(name: str, stream: BinaryIO, size: int, *, partner: Partner, limits: Limits) -> Opening:
    """Read the envelope of a flow of `size` bytes once (`stream` is seekable). Never raises for what a partner sent."""
    stream.seek(0)
    head = stream.read(content.HEAD)
    detected = content.detect(head)
    kind = _KINDS.get(detected, "unknown")
    announced = chorus_name(name)
    interface = announced.interface if announced else ""
    findings = [*_name_findings(name, partner, interface), *_size_findings(name, size, kind, partner, limits)]
    if not is_fatal(findings):
        findings += _kind_findings(name, detected)
    known = interface if interface in interfaces.interfaces() else ""
    if is_fatal(findings) or kind in ("xml", "pdf"):
        return Opening(kind, name, known, int(not is_fatal(findings)), tuple(findings))
    return _open_archive(stream, Opening(kind, name, known, findings=tuple(findings)), limits)


def _name_findings(name: str, partner: Partner, interface: str) -> list[Finding]:
    unsafe = unsafe_name(name)
    if unsafe:
        return [finding(unsafe)]
    fault = strict_fault(name, partner) if partner.naming == "strict" else None
    if fault:
        return [fault]
    if interface and interface not in interfaces.interfaces():
        return [finding("RTE-003", interface=interface)]
    if interface and not interfaces.by_code(interface).enabled:
        return [finding("RTE-004", interface=interface, liste=", ".join(interfaces.taken()))]
    return []


def _size_findings(name: str, size: int, kind: str, partner: Partner, limits: Limits) -> list[Finding]:
    if size == 0:
        return [finding("DEP-004", nom=name)]
    allowed = min(limits.flow_bytes, partner.flow_bytes or limits.flow_bytes)
    if kind not in ("tar.gz", "zip"):
        allowed = min(allowed, limits.document_bytes)
    return [finding("DEP-005", nom=name, max=f"{allowed / MB:g}")] if size > allowed else []


def _kind_findings(name: str, detected: str) -> list[Finding]:
    if detected == content.EDIFACT:
        return [finding("TYP-010")]
    if detected in content.OTHER_ARCHIVES:
        return [finding("ARC-023", m=content.OTHER_ARCHIVES[detected])]
    if detected not in _KINDS:
        return [_not_accepted(detected)]
    told = extension(name)
    if told and EXTENSIONS[told] != _KINDS[detected]:
        return [finding("TYP-002", ext=told[1:], détecté=detected)]
    return []


def _not_accepted(detected: str) -> Finding:
    return finding("TYP-001", liste=content.ACCEPTED, détecté=detected)


def _open_archive(stream: BinaryIO, so_far: Opening, limits: Limits) -> Opening:
    survey = Survey(limits)
    try:
        for member in _members(stream, so_far.kind, limits, lambda index: content.HEAD):
            survey.add(member)
        plan = survey.plan()
    except ArchiveFault as fault:
        refusal = _not_a_tar(stream, limits) if fault.finding.rule in ("ARC-004", "ARC-005") else None
        return replace(so_far, findings=(*so_far.findings, refusal or fault.finding))
    return replace(
        so_far, documents=survey.documents, findings=(*so_far.findings, *survey.findings()), ignored=tuple(survey.ignored),
        sides=MappingProxyType(survey.sides), announced=survey.announced, plan=plan,
    )  # fmt: skip


def _members(stream: BinaryIO, kind: str, limits: Limits, wanted: Callable[[int], int]) -> Iterator[Member]:
    if kind == "zip":
        return read_zip(stream, limits, wanted)
    return read_tar(GzipStream(stream, limits).chunks(), limits, wanted)


def _not_a_tar(stream: BinaryIO, limits: Limits) -> Finding | None:
    """A gzip of something else (one compressed XML, say) deserves a better word than an unreadable tar header."""
    try:
        inner = content.detect(next(GzipStream(stream, limits).chunks(), b"")[: content.HEAD])
    except ArchiveFault:
        return None
    return None if inner in (content.TAR, content.EMPTY, content.UNKNOWN) else _not_accepted(f"{content.GZIP} ({inner})")


def documents(stream: BinaryIO, opening: Opening, *, limits: Limits, after: int = 0) -> Iterator[FlowDocument]:
    """The documents of an admissible flow from number `after` + 1 on, with their signatures; those before are passed over unread.

    `ParkError` when the bytes are no longer those that `open_flow` found whole (the spool is damaged).
    """
    if opening.plan is None:
        if opening.documents > after:
            stream.seek(0)
            yield FlowDocument(1, opening.name, stream.read())
        return
    try:
        yield from _from_archive(stream, opening.kind, opening.plan, limits, after)
    except ArchiveFault as fault:
        raise ParkError(f"{opening.name}: {fault}; the gate had found it whole: verify the spool (gateway journal verify)") from fault


def _from_archive(stream: BinaryIO, kind: str, plan: Plan, limits: Limits, after: int) -> Iterator[FlowDocument]:
    first, others, whole = plan.index_after(after), plan.others, limits.document_bytes
    signatures = _Signatures(stream, kind, plan, limits, first)
    members = _members(stream, kind, limits, lambda index: whole if index >= first and index not in others else 0)
    signed = plan.sides
    for ordinal, (index, name, _, data) in enumerate(members, start=after + 1):
        yield FlowDocument(ordinal, name, data, signatures.of(index) if index in signed else ())


class _Signatures:
    """The signatures of documents, read ahead in a pass of their own, `LOOK_AHEAD` bytes at a time: they may stand anywhere."""

    def __init__(self, stream: BinaryIO, kind: str, plan: Plan, limits: Limits, first: int) -> None:
        self._stream, self._kind, self._plan, self._limits = stream, kind, plan, limits
        self._waiting = [index for index in sorted(plan.sides, reverse=True) if index >= first]
        self._held: dict[int, bytes] = {}

    def of(self, index: int) -> tuple[SideFile, ...]:
        """The signatures of the document at that index; to be asked in order."""
        sides = self._plan.sides[index]
        if any(side.at not in self._held for side in sides):
            self._held = self._read(self._next_window())
        return tuple(SideFile(side.name, self._held.pop(side.at)) for side in sides)

    def _next_window(self) -> set[int]:
        wanted: set[int] = set()
        size = 0
        while self._waiting and size < LOOK_AHEAD:
            sides = self._plan.sides[self._waiting.pop()]
            wanted.update(side.at for side in sides)
            size += sum(side.size for side in sides)
        return wanted

    def _read(self, wanted: set[int]) -> dict[int, bytes]:
        held: dict[int, bytes] = {}
        whole = self._limits.document_bytes
        with closing(_members(self._stream, self._kind, self._limits, lambda index: whole if index in wanted else 0)) as members:  # type: ignore[type-var]  # both readers are generators
            for at, _, _, data in members:
                held[at] = data
                if len(held) == len(wanted):
                    break
        return held
