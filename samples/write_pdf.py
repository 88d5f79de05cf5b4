"""Writes a sample sale as a one-page PDF that people can read, with the XML embedded for Factur-X; always the same bytes.

Limits: the fonts of the standard fourteen are not embedded, so the file has Factur-X's structure (PDF/A-3 metadata, associated file)
without being strictly PDF/A.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from samples.ledger import Sale
from samples.write_xml import plain

_DATE = "D:20260101000000Z"

_METADATA = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="{part}" pdfaid:conformance="B"/>
  <rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#" fx:DocumentType="INVOICE"
    fx:DocumentFileName="{told}" fx:Version="1.0" fx:ConformanceLevel="{level}"/>
  <rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
    xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
   <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
    <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
    <pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
    <pdfaSchema:prefix>fx</pdfaSchema:prefix>
    <pdfaSchema:property><rdf:Seq>
{properties}
    </rdf:Seq></pdfaSchema:property>
   </rdf:li></rdf:Bag></pdfaExtension:schemas>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""

_PROPERTY = """     <rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>{name}</pdfaProperty:description></rdf:li>"""


def readable(sale: Sale) -> bytes:
    """The PDF alone: what an E2 flow carries as the invoice itself."""
    return page(_content(sale))


def page(content: bytes) -> bytes:
    """A one-page PDF of a content stream; its font is /F1."""
    return _file([b"<< /Type /Catalog /Pages 2 0 R >>", *_page(content)])


@dataclass(frozen=True)
class Marks:
    """What the PDF says of itself, right unless told otherwise; `names`: under which names the XML is embedded, () for none."""

    part: str = "3"  # of PDF/A
    told: str = "factur-x.xml"  # the file that the metadata name
    relationship: str = "Data"  # AFRelationship, "" to leave it out
    associated: bool = True  # listed in the catalogue
    names: tuple[str, ...] = ("factur-x.xml",)


def factur_x(sale: Sale, xml: bytes, level: str, marks: Marks = Marks()) -> bytes:
    """The PDF with `xml` embedded; `level` as Factur-X names it (EN 16931, BASIC …)."""
    properties = "\n".join(_PROPERTY.format(name=name) for name in ("DocumentFileName", "DocumentType", "Version", "ConformanceLevel"))
    metadata = _METADATA.format(level=level, part=marks.part, told=marks.told, properties=properties).encode()
    after = 7 + len(marks.names)
    files = list(enumerate(marks.names, 7))
    listed = f"/AF [{' '.join(f'{n} 0 R' for n, _ in files)}] " if marks.associated else ""
    catalog = (
        f"<< /Type /Catalog /Version /1.7 /Pages 2 0 R {listed}/Metadata {after} 0 R "
        f"/Names << /EmbeddedFiles << /Names [{' '.join(f'({name}) {n} 0 R' for n, name in files)}] >> >> >>"
    )
    specifications = [_specification(name, marks.relationship) for _, name in files]
    described = _stream("/Type /Metadata /Subtype /XML", metadata)
    return _file([catalog.encode(), *_page(_content(sale)), _embedded(xml), *specifications, described])


def _embedded(xml: bytes) -> bytes:
    checksum = hashlib.md5(xml, usedforsecurity=False).hexdigest()
    told = f"<< /Size {len(xml)} /ModDate ({_DATE}) /CheckSum <{checksum}> >>"
    return _stream(f"/Type /EmbeddedFile /Subtype /text#2Fxml /Params {told}", xml)


def _specification(name: str, relationship: str) -> bytes:
    """One file of object 6."""
    related = f"/AFRelationship /{relationship} " if relationship else ""
    return f"<< /Type /Filespec /F ({name}) /UF ({name}) {related}/Desc (Factur-X) /EF << /F 6 0 R /UF 6 0 R >> >>".encode()


def _page(content: bytes) -> list[bytes]:
    """Objects 2 to 5: page tree, page, font, content."""
    return [
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        _stream("", content),
    ]


def _content(sale: Sale) -> bytes:
    """The page's text: a line each, downwards."""
    moves = [b"BT /F1 11 Tf 16 TL 56 780 Td"]
    for text in _lines(sale):
        shown = text.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        moves.append(b"(" + shown + b") Tj T*")
    return b"\n".join([*moves, b"ET"])


def _lines(sale: Sale) -> list[str]:
    what = "Avoir" if sale.type == "381" else "Facture"
    supplier, buyer = sale.supplier, sale.buyer
    items = [f"{plain(i.quantity)} x {i.text} à {plain(i.price)} : {plain(i.amount)} {sale.currency}" for i in sale.lines]
    taxes = [f"TVA {plain(rate)} % sur {plain(base)} : {plain(tax)} {sale.currency}" for rate, base, tax in sale.taxes]
    references = [f"Code service : {sale.service}"] * bool(sale.service) + [f"Engagement : {sale.engagement}"] * bool(sale.engagement)
    return [
        f"{what} {sale.number} du {sale.date}", "",
        supplier.name, f"{supplier.street}, {supplier.postcode} {supplier.town} ({supplier.country})", f"Identifiant : {supplier.id}", "",
        f"À : {buyer.name} (SIRET {buyer.siret})", *references, f"Cadre de facturation : {sale.framework}", "",
        *items, "", f"Total HT : {plain(sale.net)} {sale.currency}", *taxes, *([sale.exemption] if sale.exemption else []),
        f"Total TTC : {plain(sale.gross)} {sale.currency}", f"Net à payer : {plain(sale.payable)} {sale.currency}",
    ]  # fmt: skip


def _stream(entries: str, content: bytes) -> bytes:
    return f"<< {entries} /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    """Header, numbered objects, cross-reference table, trailer with an identifier drawn from the content."""
    body, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, made in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n".encode() + made + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    identifier = hashlib.md5(body, usedforsecurity=False).hexdigest()
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /ID [<{identifier}> <{identifier}>] >>"
    return body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(body)}\n%%EOF\n".encode()
