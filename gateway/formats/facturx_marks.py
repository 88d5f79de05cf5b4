"""What a Factur-X PDF says of itself, compared with the invoice inside: PDF/A-3, metadata, associated file, level; it never refuses one.

Source: Factur-X 1.0.07 (ZUGFeRD 2.3), chapters 6 and 7, on ISO 19005-3. The level stands twice, in the PDF's metadata (fx:ConformanceLevel)
and in the invoice (BT-24); which schema judges the invoice's content is BT-24's to say.

Limits: marks are read, the PDF is not checked for what they promise (fonts, colours, absence of encryption): no PDF/A validator is in here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from gateway.catalogue import finding
from gateway.model import Finding
from gateway.parsing import parse

if TYPE_CHECKING:
    import pypdf

METADATA: Final = 1_000_000
"""Longest XMP packet that is read, bytes."""

LENGTH: Final = 100
"""Characters of a mark that are told."""

PDFA: Final = "http://www.aiim.org/pdfa/ns/id/"
INVOICE: Final = ("urn:factur-x:pdfa:CrossIndustryDocument:invoice:", "urn:zugferd:pdfa:CrossIndustryDocument:invoice:")
"""Beginnings of the namespaces of the extension schema, ZUGFeRD 2.0's among them."""

LEVELS: Final = {
    "minimum": "MINIMUM", "basicwl": "BASIC WL", "basic": "BASIC", "extended": "EXTENDED", "xrechnung": "XRECHNUNG", "en16931": "EN 16931",
}  # fmt: skip
"""The level by the first of these words that stands in BT-24."""

WITHOUT_LINES: Final = frozenset({"MINIMUM", "BASIC WL"})
"""No whole invoice: the PDF is one, and its XML only data beside it."""


@dataclass(frozen=True, slots=True)
class Marks:
    """As written; "" for what is absent. `relationship`: AFRelationship of the invoice XML, `associated`: the catalogue lists it (/AF)."""

    part: str = ""
    level: str = ""
    file_name: str = ""
    relationship: str = ""
    associated: bool = False


UNMARKED: Final = Marks()


def read(reader: pypdf.PdfReader, name: str, relationship: object) -> Marks:
    """The marks of an opened PDF whose invoice XML is called `name`. What cannot be read counts as absent."""
    told = dict(_properties(_metadata(reader)))
    related = str(relationship or "").removeprefix("/")[:LENGTH]
    return Marks(told.get("part", ""), told.get("ConformanceLevel", ""), told.get("DocumentFileName", ""), related, _lists(reader, name))


def noticed(marks: Marks, name: str, profile: str) -> list[Finding]:
    """Warnings on an invoice XML called `name` whose BT-24 is `profile`."""
    found, level = [], level_of(profile)
    allowed = ("Data",) if level in WITHOUT_LINES else ("Data", "Source", "Alternative")
    if marks.relationship not in allowed:
        found.append(finding("PDF-006", nom=name, trouvé=marks.relationship or "–", liste=", ".join(allowed)))
    if level and marks.level and _plain(marks.level) != _plain(level):
        found.append(finding("PDF-007", déclaré=marks.level, trouvé=level))
    if marks.part != "3":
        found.append(finding("PDF-008", trouvé=marks.part or "–"))
    if marks.file_name.lower() != name.lower():
        found.append(finding("PDF-009", nom=name, trouvé=marks.file_name or "–"))
    if not marks.associated:
        found.append(finding("PDF-010", nom=name))
    return found


def level_of(profile: str) -> str:
    """The level that a BT-24 names, as the metadata writes it; "" for another one."""
    words = profile.lower().replace("-", "").replace(" ", "")
    return next((level for word, level in LEVELS.items() if word in words), "")


def _plain(level: str) -> str:
    return level.replace(" ", "").replace("-", "").upper()


def _metadata(reader: pypdf.PdfReader) -> etree._Element | None:
    """The XMP packet's root (ISO 16684-1)."""
    stream: Any = reader.root_object.get("/Metadata")
    packet = stream.get_object().get_data() if stream is not None else b""
    if not packet or len(packet) > METADATA:
        return None
    return parse(packet.strip(b"\x00\r\n\t "), member="XMP").root


def _properties(root: etree._Element | None) -> Iterator[tuple[str, str]]:
    """Names and values of PDF/A's and Factur-X's properties: XMP has a property be an attribute or an element."""
    for element in root.iter(etree.Element) if root is not None else ():
        for name, value in (*element.attrib.items(), (element.tag, element.text)):
            namespace, _, local = str(name).removeprefix("{").rpartition("}")
            if namespace == PDFA or namespace.startswith(INVOICE):
                yield local, str(value or "").strip()[:LENGTH]


def _lists(reader: pypdf.PdfReader, name: str) -> bool:
    """Whether the catalogue's associated files (ISO 32000-2, 14.13) have the invoice XML among them."""
    files: Any = reader.root_object.get("/AF")
    listed = files.get_object() if files is not None else []
    names = [one.get("/UF") or one.get("/F") for one in (entry.get_object() for entry in listed) if isinstance(one, dict)]
    return any(str(found).replace("\\", "/").rsplit("/", 1)[-1] == name for found in names)
