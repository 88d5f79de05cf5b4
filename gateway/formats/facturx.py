"""Factur-X: finds the invoice XML inside a PDF, by its name; it reads no page, runs nothing and does not parse the XML.

Rows 108 to 112 of reliability.md; what the PDF says of itself is compared in `facturx_marks`. ZUGFeRD 2 and XRechnung names are taken too;
what is inside decides (a ZUGFeRD 1 invoice is recognised by its root and declined).

Limits: JavaScript and launch actions are looked for in the catalogue, not in every page's annotations; nothing here ever runs them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.catalogue import finding
from gateway.errors import LimitReached
from gateway.formats import facturx_marks
from gateway.formats.attachments import ZIP
from gateway.formats.facturx_marks import UNMARKED, Marks
from gateway.model import Attachment, Finding

if TYPE_CHECKING:
    import pypdf

NAMES: Final = frozenset({"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"})
"""In lower case: ZUGFeRD 1 wrote ZUGFeRD-invoice.xml."""

EXPANDED: Final = 20_000_000
_ACTIVE: Final = ("/JavaScript", "/Launch")
_EXECUTABLE: Final = (".exe", ".js", ".bat", ".cmd", ".com", ".scr", ".vbs", ".ps1", ".jar", ".msi", ".sh")


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a PDF holds: the invoice XML (b"" when refused), the other files as attachments, and why or what was noticed.

    `marks`: what it says of itself.
    """

    name: str = ""
    data: bytes = b""
    attachments: tuple[Attachment, ...] = ()
    findings: tuple[Finding, ...] = ()
    marks: Marks = UNMARKED


def is_pdf(data: bytes) -> bool:
    """A PDF header stands within the first 1,024 bytes (ISO 32000, annex H.3), and no markup before it: an invoice may speak of PDF."""
    return b"%PDF-" in data[:1024] and data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<"


def extract(data: bytes, *, member: str = "") -> Embedded:
    """The one invoice XML of a PDF. `LimitReached` when our own memory did not suffice."""
    import pypdf  # noqa: PLC0415  # ten megabytes that only a process that reads PDFs should carry
    from pypdf.errors import LimitReachedError  # noqa: PLC0415

    try:
        return _chosen(pypdf.PdfReader(io.BytesIO(data)))
    except LimitReachedError:
        return _refused("PDF-004")
    except MemoryError as exhausted:
        raise LimitReached(f"{member}: not enough memory to read a PDF of {len(data)} bytes; raise validation.memory_bytes") from exhausted
    except (ImportError, OSError):  # ours: a library out of reach, no descriptor left. Never the invoice's fault
        raise
    except Exception:  # noqa: BLE001  # a hostile or broken PDF makes pypdf raise nearly any built-in error: all mean "cannot be read"
        return _refused("PDF-003")


def _refused(code: str) -> Embedded:
    return Embedded(findings=(finding(code),))


def _chosen(reader: pypdf.PdfReader) -> Embedded:
    if reader.is_encrypted:
        return _refused("PDF-003")
    files = list(reader.attachment_list)
    names = [_plain(f.name) for f in files]
    invoices = [f for f, name in zip(files, names, strict=True) if name.lower() in NAMES]
    if len(invoices) != 1:
        return _none_or_many(names, len(invoices))
    xml = invoices[0].content
    if len(xml) > EXPANDED:
        return _refused("PDF-004")
    others = tuple(_attachment(f) for f in files if f is not invoices[0])
    notes = (finding("PDF-005"),) if _is_active(reader, names) else ()
    return Embedded(_plain(invoices[0].name), xml, others, notes, _marks(reader, invoices[0]))


def _marks(reader: pypdf.PdfReader, file: Any) -> Marks:
    """Marks refuse no invoice: those of a PDF in which they cannot be read are absent."""
    try:
        return facturx_marks.read(reader, _plain(file.name), file.associated_file_relationship)
    except (MemoryError, LimitReached, ImportError, OSError):  # ours, see `extract`
        raise
    except Exception:  # noqa: BLE001  # as in `extract`: anything may be raised, and here it means that there is no mark
        return UNMARKED


def _none_or_many(names: list[str], invoices: int) -> Embedded:
    """Several recognised names, or XML under other names only, or no XML at all."""
    candidates = [n for n in names if n.lower() in NAMES] if invoices else [n for n in names if n.lower().endswith(".xml")]
    if not candidates:
        return _refused("PDF-001")
    return Embedded(findings=(finding("PDF-002", n=len(candidates), liste=", ".join(candidates)),))


def _plain(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1].strip("\x00 ")


def _attachment(file: Any) -> Attachment:
    content: bytes = file.content
    mime = str(file.subtype or "").removeprefix("/").replace("#2F", "/").replace("#2f", "/")
    return Attachment(name=_plain(file.name), size=len(content), mime=mime, zipped=content.startswith(ZIP))


def _is_active(reader: pypdf.PdfReader, names: list[str]) -> bool:
    """Does the catalogue start a script or a program, or does the PDF carry one?"""
    catalogue: Any = reader.root_object
    scripts = catalogue.get("/Names", {}).get_object() if "/Names" in catalogue else {}
    action = catalogue.get("/OpenAction")
    action = action.get_object() if action is not None else None
    started = isinstance(action, dict) and action.get("/S") in _ACTIVE
    return started or "/JavaScript" in scripts or any(n.lower().endswith(_EXECUTABLE) for n in names)
