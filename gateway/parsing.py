"""The only XML parser, hardened: bytes → tree, or the findings that say why not; it knows no format and no rule.

Nothing outside the bytes is ever read (no DTD, no entity, no network, no XInclude), and only bytes are taken: given a path,
libxml2 would unzip a file by itself. libxml2's own text limit is lifted (a lawful 10 MB attachment is longer), so the limits here
are ours (architecture.md §6). They cost about a tenth of the parse: the depth is always measured, everything else only when a cheap
bound cannot exclude it. An element with too many attributes, or a name too long, is a run of over 1,000 bytes without `<`;
so is a text over 10 M characters, unless it is written as CDATA in a document over 10 MB; 5 M elements need one over 20 MB.

Limits: lines above 65,535 are only as exact as libxml2 counts them. A UTF-16 document is always measured in full (slower).
libxml2 keeps every element name it met for the life of the process: children that parse must be replaced now and then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from gateway.catalogue import finding
from gateway.errors import LimitReached
from gateway.malformed import malformed
from gateway.model import Finding, Severity

DEPTH: Final = 100
ATTRIBUTES: Final = 256
ELEMENTS: Final = 5_000_000
NAME: Final = 1_024
TEXT: Final = 10_000_000
DOCUMENT: Final = 120_000_000

ATTACHMENTS: Final = frozenset({
    "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}EmbeddedDocumentBinaryObject",
    "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}AttachmentBinaryObject",
    "Contenu",
})  # fmt: skip
"""Elements that hold a declared attachment: their own limit is the attachments' rule."""

ENCODINGS: Final = frozenset({
    "UTF-8", "UTF8", "UTF-16", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "ISO8859-1", "ISO_8859-1", "LATIN1",
    "ISO-8859-15", "ISO8859-15", "ISO_8859-15", "LATIN-9", "LATIN9", "WINDOWS-1252", "CP1252",
})  # fmt: skip

_TWO_BYTES: Final = frozenset({"UTF-16", "UTF-16LE", "UTF-16BE"})

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XINCLUDE: Final = "http://www.w3.org/2001/XInclude"

_Query = Callable[[etree._Element], Any]

_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=True)
_TOO_DEEP: _Query = etree.XPath("/*" * (DEPTH + 1))
_PERHAPS_DEEP: _Query = etree.XPath(f"boolean({'/*' * 16})")  # no invoice is; the long path costs a quarter more
_MANY_ATTRIBUTES: _Query = etree.XPath(f"//*[@*[{ATTRIBUTES + 1}]][1]")
_LONG_NAMES: _Query = etree.XPath(f"(//*[string-length(name()) > {NAME}] | //@*[string-length(name()) > {NAME}]/..)[1]")
_INCLUDES: _Query = etree.XPath("//i:*", namespaces={"i": XINCLUDE})
_SCHEMA_HINTS: _Query = etree.XPath("//@s:schemaLocation/.. | //@s:noNamespaceSchemaLocation/..", namespaces={"s": XSI})
_DECLARATION: Final = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*[\"']([^\"'>]*)")
_LONG_TAG: Final = re.compile(rb"<[^<!?/][^<]{1023,}")
_TAG: Final = re.compile(rb"<[^\s/>]+(?:\s+[^\s=>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*")
_NAMESPACE: Final = re.compile(rb"\sxmlns(?::[^\s=]+)?\s*=")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_UTF32: Final = (b"\x00\x00\xfe\xff", b"\xff\xfe\x00\x00", b"\x00\x00\x00<", b"<\x00\x00\x00", b"\x00\x00<\x00", b"\x00<\x00\x00")
_USUAL: Final = (b'<?xml version="1.0" encoding="UTF-8"', b"<?xml version='1.0' encoding='UTF-8'")
_EBCDIC: Final = b"\x4c\x6f\xa7\x94"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's root, None when it was refused; `findings` say why, or are warnings."""

    root: etree._Element | None
    findings: tuple[Finding, ...] = ()


def parse(data: bytes, *, member: str = "", document_bytes: int = DOCUMENT) -> Parsed:
    """Parse one document. `member` is its name in the partner's texts; `document_bytes` the largest size taken.

    `LimitReached` when our own memory did not suffice: that says nothing of the document.
    """
    refused = _before(data, member, document_bytes)
    if refused:
        return Parsed(None, (refused,))
    try:
        root = etree.fromstring(data, _PARSER)
    except MemoryError as exhausted:
        raise LimitReached(f"{member}: not enough memory to parse {len(data)} bytes; raise validation.memory_bytes") from exhausted
    except etree.XMLSyntaxError as broken:
        return Parsed(None, (malformed(broken, data, member),))
    refused = _forbidden(root) or _out_of_bounds(root, data)
    if refused:
        return Parsed(None, (refused,))
    return _with_warnings(root, data)


def location(element: etree._Element) -> str:
    """XPath of an element with the document's own prefixes; a position only among siblings of the same name."""
    steps = []
    at: etree._Element | None = element
    while at is not None:
        steps.append(_step(at))
        at = at.getparent()
    return "/" + "/".join(reversed(steps))


def line_of(node: Any) -> int | None:
    """Line of a node in the bytes, from 1; None for one that was not parsed."""
    line: int | None = node.sourceline
    return line


def _step(element: etree._Element) -> str:
    name = etree.QName(element).localname
    shown = f"{element.prefix}:{name}" if element.prefix else name
    before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    alone = before == 0 and next(element.itersiblings(element.tag), None) is None
    return shown if alone else f"{shown}[{before + 1}]"


def is_utf16(data: bytes) -> bool:
    """Two bytes a character: byte searches do not hold."""
    return data.startswith(_UTF16)


def _before(data: bytes, member: str, document_bytes: int) -> Finding | None:
    """What must be known before libxml2 sees a byte: size, encoding, number of elements."""
    if len(data) > document_bytes:
        return too_large(member, len(data), document_bytes)
    encoding = _announced(data)
    if encoding.upper() in _TWO_BYTES:  # what was declared in plain bytes cannot be written in pairs
        return finding("XML-006", p=0, e=encoding, line=1)
    if encoding:
        return finding("XML-007", e=encoding, line=1)
    if len(data) > 4 * ELEMENTS:  # `<a/>` is the shortest element
        n = _markup(data)
        if n > ELEMENTS:
            return _beyond("éléments", "elements", n, ELEMENTS)
    return None


def too_large(member: str, size: int, document_bytes: int) -> Finding:
    """Row 52: a document over its limit, sizes in bytes."""
    return finding("ARC-015", membre=member, n=-(-size // 1_000_000), max=f"{document_bytes / 1_000_000:g}")


def _announced(data: bytes) -> str:
    """The encoding's name when it is not one we take or not the one the bytes are in, else ""."""
    if data.startswith(_USUAL):
        return ""
    if data.startswith(_UTF32):
        return "UTF-32"
    if data.startswith(_EBCDIC):
        return "EBCDIC"
    declared = _DECLARATION.match(data)
    if declared is None:
        return ""
    name = declared.group(1).decode("ascii", "replace")
    return "" if name.upper() in ENCODINGS - _TWO_BYTES else name


def _markup(data: bytes) -> int:
    """Start tags, comments, instructions and CDATA sections: never less than the elements."""
    if is_utf16(data):
        text = data.decode("utf-16-be" if data[:1] in (b"\xfe", b"\x00") else "utf-16-le", "replace")
        return text.count("<") - text.count("</")
    return data.count(b"<") - data.count(b"</")


def _forbidden(root: etree._Element) -> Finding | None:
    """Any DOCTYPE (one that declares entities with content is told apart: billion laughs), and a foreign encoding."""
    info: Any = root.getroottree().docinfo
    dtd, encoding = info.internalDTD, info.encoding or "UTF-8"
    if dtd is not None:
        expands = any(entity.content is not None for entity in dtd.iterentities())
        return finding("XML-003" if expands else "XML-002")
    return None if encoding.upper() in ENCODINGS else finding("XML-007", e=encoding)


def _out_of_bounds(root: etree._Element, data: bytes) -> Finding | None:
    if _PERHAPS_DEEP(root):
        for element in _TOO_DEEP(root)[:1]:
            return _beyond("profondeur", "depth", _depth(root), DEPTH, element)
    if is_utf16(data) or _has_long_run(data) or (len(data) > TEXT and b"<![CDATA[" in data):
        return _measured(root, data)
    return None


def _has_long_run(data: bytes) -> bool:
    """Is there a stretch of NAME bytes or more without `<`? Hops from one `<` to the last one within reach."""
    at, last = 0, len(data) - NAME
    while at < last:
        at = data.rfind(b"<", at + 1, at + 1 + NAME)
        if at < 0:
            return True
    return False


def _measured(root: etree._Element, data: bytes) -> Finding | None:
    """The exact limits, for the few documents that the cheap bounds do not clear."""
    for element in _MANY_ATTRIBUTES(root)[:1]:
        return _beyond("attributs", "attributes", int(element.xpath("count(@*)")), ATTRIBUTES, element)
    n = _namespaces(root, data)
    if n > ATTRIBUTES:
        return _beyond("attributs", "attributes", n, ATTRIBUTES)
    for element in _LONG_NAMES(root):
        names = ("name()", *(f"name(@*[{i}])" for i in range(1, len(element.keys()) + 1)))
        n = max(len(element.xpath(name)) for name in names)  # prefix included
        return _beyond("longueur de nom", "name length", n, NAME)
    return _long_text(root) if len(data) > TEXT else None


def _namespaces(root: etree._Element, data: bytes) -> int:
    """Most namespace declarations on one start tag; they are no attributes to XPath, and listing them costs as much."""
    source = etree.tostring(root, encoding="UTF-8") if is_utf16(data) else data
    tags = (_TAG.match(run.group()) for run in _LONG_TAG.finditer(source))
    return max((len(_NAMESPACE.findall(tag.group())) for tag in tags if tag), default=0)


def _long_text(root: etree._Element) -> Finding | None:
    for element in root.iter():
        text, tail = element.text or "", element.tail or ""
        longest = max(0 if element.tag in ATTACHMENTS else len(text), len(tail), *(len(v) for v in element.values()))
        if longest > TEXT:
            where = element if isinstance(element.tag, str) else element.getparent()
            path = location(where if where is not None else root)
            return finding("XML-009", n=-(-longest // 1_000_000), xpath=path, location=path, line=line_of(element))
    return None


def _depth(root: etree._Element) -> int:
    """Deepest level; only walked for a document that is refused anyway."""
    deepest = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def _beyond(measure: str, measure_en: str, n: int, limit: int, element: etree._Element | None = None) -> Finding:
    line = None if element is None else line_of(element)
    return finding("XML-008", mesure=measure, n=n, max=limit, line=line, english={"mesure": measure_en})


def _with_warnings(root: etree._Element, data: bytes) -> Parsed:
    notes: list[Finding] = []
    if b"http://www.w3.org/2001/X" in data or is_utf16(data):  # both namespaces begin so
        included = _INCLUDES(root)
        if included:
            refused = [finding("XML-004", location=location(e), line=line_of(e)) for e in included[:50]]
            return Parsed(None, tuple(refused))
        notes += [finding("XML-005", location=location(e), line=line_of(e)) for e in _SCHEMA_HINTS(root)[:1]]
    previous = root.getprevious()
    if previous is not None and not str(root.tag).startswith("CPP"):  # Chorus's own formats carry a stylesheet lawfully (chorus.md §1.3)
        notes += _stylesheets(root)
    return Parsed(root, tuple(notes))


def _stylesheets(root: etree._Element) -> list[Finding]:
    """Chorus asks structured flows to name a stylesheet (chorus.md §1.4): told, never rendered, never held against the invoice."""
    instructions = (node for node in root.itersiblings(preceding=True) if isinstance(node, etree._ProcessingInstruction))
    named = [pi for pi in instructions if pi.target == "xml-stylesheet"]
    return [finding("XML-012", severity=Severity.INFORMATION, line=line_of(pi)) for pi in named[:1]]
