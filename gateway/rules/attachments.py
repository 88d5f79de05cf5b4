"""Attachments as declared: name, extension, size, readable content. It opens none, fetches no link and looks for no virus.

Source: Chorus Pro attachment names and extensions (schemas, portal list), PPF gate codes IRR_*_PJ; reliability catalogue rows 99 to 105.

Limits: "other content than its type" is not judged; the content may lawfully be a ZIP around the named file. The size limit is second-hand
and a link in place of content is only known to be useless: both follow the setting `uncertain`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Attachment, Finding, Invoice, Severity
from gateway.rules.severity import sure, unsure

NAME_LENGTH = 50

EXTENSIONS = frozenset({
    "BMP", "BZ2", "CSV", "DOC", "DOCX", "FAX", "GIF", "GZ", "GZIP", "HTM", "HTML", "JPEG", "JPG", "ODP", "ODS", "ODT", "P7S", "PDF", "PNG",
    "PPS", "PPT", "PPTX", "RTF", "SVG", "TGZ", "TIF", "TIFF", "TXT", "XHTML", "XLC", "XLM", "XLS", "XLSX", "XML", "ZIP",
})  # fmt: skip

Fault = tuple[str, bool, dict[str, Any]]
"""A code of the catalogue, whether Chorus is known for sure to refuse, and the sentence's fields."""


def check(invoice: Invoice, rules: Rules, limits: Limits, _today: date) -> list[Finding]:
    """Findings on BT-122 to BT-125, in the order of the attachments."""
    if not invoice.attachments or rules.attachments == "off":
        return []
    certain, likely = sure(rules.attachments), unsure(rules.attachments, rules)
    found = [f for attachment in invoice.attachments for f in _findings(attachment, limits, certain, likely)]
    types = {attachment.type for attachment in invoice.attachments}
    if likely is not None and "02" in types and "01" not in types:
        found.append(catalogue.finding("ATT-010", severity=likely, pack="CPRO", terms=("BG-24",)))
    return found


def _findings(attachment: Attachment, limits: Limits, certain: Severity | None, likely: Severity | None) -> Iterator[Finding]:
    for code, is_sure, fields in _faults(attachment, limits):
        severity = certain if is_sure else likely
        if severity is not None:
            terms = ("BT-124",) if code == "ATT-007" else ("BT-125",)
            yield catalogue.finding(code, severity=severity, pack="CPRO", line=attachment.line, terms=terms, nom=attachment.name, **fields)


def _faults(attachment: Attachment, limits: Limits) -> Iterator[Fault]:
    if attachment.external:
        yield "ATT-007", False, {}
        return
    yield from _name_faults(attachment.name)
    if attachment.error >= 0 or attachment.size < 0:
        yield "ATT-005", True, {"p": max(attachment.error, 0)}
    elif attachment.size == 0:
        yield "ATT-004", True, {}
    elif attachment.size > limits.attachment_bytes:
        yield "ATT-001", False, {"n": megabytes(attachment.size), "max": megabytes(limits.attachment_bytes)}


def _name_faults(name: str) -> Iterator[Fault]:
    if not name:
        yield "ATT-003", False, {}
        return
    if len(name) > NAME_LENGTH or "/" in name or "\\" in name or not name.isprintable():
        yield "ATT-003", True, {}
    _, dot, extension = name.rpartition(".")
    if not dot or extension.upper() not in EXTENSIONS:
        yield "ATT-002", True, {"f": extension if dot else "?"}


def megabytes(size: int) -> str:
    """Megabytes (10**6) with one decimal, rounded up so that what is too large never reads as the limit itself."""
    tenths = -(-size // 100_000)
    return f"{tenths // 10}.{tenths % 10}"
