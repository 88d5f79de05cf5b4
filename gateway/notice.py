"""A notice to a partner about a drop that became no flow (interrupted, never renamed, refused) or waits: pure, bytes out; no receipt."""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from gateway.model import Finding

NAMESPACE = "urn:edi-concentrator:notice:1"


def notice(partner: str, name: str, finding: Finding, *, at: datetime, test: bool) -> bytes:
    """The notice as XML in UTF-8 (schemas/notice.xsd): which file, when, our code, the French and the English sentence."""
    root = etree.Element(f"{{{NAMESPACE}}}notice", nsmap={"n": NAMESPACE}, code=finding.rule, test=str(test).lower())
    for tag, text in (("partner", partner), ("name", _printable(name)), ("at", at.isoformat())):
        etree.SubElement(root, f"{{{NAMESPACE}}}{tag}").text = text
    for language, text in (("fr", finding.message_fr), ("en", finding.message_en)):
        etree.SubElement(root, f"{{{NAMESPACE}}}text", lang=language).text = text
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
