"""Attachments inside an invoice: name, decoded size, where the base64 breaks; the content is not kept, and no rule is applied."""

from __future__ import annotations

import binascii
import re
from typing import Final

from lxml import etree

from gateway.formats.path_table import Facts, Table, walk, whole_text
from gateway.model import Attachment
from gateway.parsing import line_of

ZIP: Final = b"PK\x03\x04"
_CHUNK: Final = 4 * 1024 * 1024
_BLANK: Final = b" \t\r\n"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/ \t\r\n]*")
_PADDING: Final = re.compile(r"[= \t\r\n]*")


def referenced_document(element: etree._Element, table: Table, facts: Facts) -> None:
    """Add the attachment of a UBL or CII document reference (BG-24), if it has one.

    `table` finds "id", "content" (the base64 element) and "link". A reference with neither content nor link announces no file.
    """
    found: Facts = {}
    walk(element, table, found)
    base64, link = found.get("content"), found.get("link", "")
    if base64 is not None:
        name = base64.get("filename", "") or found.get("id", "")
        made = base64_attachment(base64, name, mime=base64.get("mimeCode", ""), line=line_of(base64))
        facts.setdefault("attachments", []).append(made)
    elif link:
        facts.setdefault("attachments", []).append(Attachment(name=found.get("id", ""), size=0, external=link, line=line_of(element)))


def base64_attachment(element: etree._Element, name: str, *, mime: str = "", kind: str = "", line: int | None = None) -> Attachment:
    """What a base64 element holds: decoded size, whether it is a ZIP, where it breaks. The content itself is not kept."""
    written = whole_text(element)
    size, head, error = measure(written)
    return Attachment(name=name, size=size, mime=mime, zipped=head.startswith(ZIP), type=kind, error=error, line=line)


def measure(written: str) -> tuple[int, bytes, int]:
    """Decoded size in bytes, the first bytes, and the position (from 0) of the first wrong character of a base64 text.

    A wrong text has size -1; a right one position -1. Decodes a few megabytes at a time and keeps none.
    """
    size, head, carry = 0, b"", b""
    for at in range(0, len(written), _CHUNK):
        try:
            piece = carry + written[at : at + _CHUNK].encode("ascii").translate(None, _BLANK)
            cut = len(piece) - len(piece) % 4
            if cut and size % 3:
                return -1, head, wrong_character(written)  # padding came before this piece
            decoded = binascii.a2b_base64(piece[:cut], strict_mode=True)
        except (UnicodeEncodeError, binascii.Error):
            return -1, head, wrong_character(written)
        head, size, carry = head or decoded[:4], size + len(decoded), piece[cut:]
    return (-1, head, wrong_character(written)) if carry else (size, head, -1)


def wrong_character(written: str) -> int:
    """Position of the first character that cannot stand where it stands; the end when the text is cut short."""
    data = _BASE64.match(written)
    end = data.end() if data else 0
    padding = _PADDING.match(written, end)
    after = padding.end() if padding else end
    return after if written[end : end + 1] == "=" else end
