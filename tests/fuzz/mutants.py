"""Documents that nobody sent: real invoices, changed at random in their elements or in their bytes; nothing is judged here."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable

from lxml import etree

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
_VALUES = (
    "", " ", "0", "-0", "1", "-1", "0.005", "0.01", "19.6", "20.00", "100", "1e3", "NaN", "INF", "+5", ".5", "7.", "12 345", "1,5", "abc",
    "99999999999999999999999999999999999999999.123", "0." + "0" * 40 + "1", "true", "false", "S", "Z", "E", "AE", "VAT", "vat", "EUR", "FR",
    "380", "381", "2026-02-29", "2026-09-15", "20260915", "2026-09-15+02:00", "#AAB#Texte", "É\u00a0ß", "a\tb\nc", "\u0663", "😀",
    "x" * 3_000,
)  # fmt: skip
_NAMES = ("currencyID", "schemeID", "unitCode", "listID", "format", "mimeCode")


def of_elements(data: bytes, draw: random.Random) -> bytes:
    """The document with some of its elements, attributes and texts changed; still well-formed."""
    root = etree.fromstring(data, _PARSER)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        elements = [element for element in root.iter() if isinstance(element.tag, str)]
        draw.choice(_CHANGES)(draw.choice(elements), elements, draw)
    return bytes(etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=draw.random() < 0.8))


def of_bytes(data: bytes, draw: random.Random) -> bytes:
    """The document with some of its bytes changed: mostly no longer well-formed."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        at = draw.randrange(len(changed) + 1)
        if draw.random() < 0.5:  # where markup is, faults are nearer
            at = max(changed.find(b"<", at), 0)
        length = draw.choice((0, 0, 1, 1, 2, 7, 40))
        changed[at : at + length] = draw.choice(_PIECES) if draw.random() < 0.8 else bytes(draw.choices(range(256), k=draw.randint(1, 3)))
    return bytes(changed)


_PIECES = tuple(
    piece.encode() for piece in (
        "", "<", ">", "</", "/>", "&", "&lt;", "&#65;", "&#x1F600;", "&#0;", "&#xD800;", "&nbsp;", "&amp", "]]>", "<![CDATA[",
        "<![CDATA[a<b]]>", "<!--", "-->", "<!-- a -- b -->", "<!-- c -->", "<?", "?>", "<?pi?>", "<?xml version='1.0'?>",
        "<?xml-stylesheet href='a'?>", "<!DOCTYPE a>", " a='1'", ' a="1"', " a='1' a='2'", " a=1", " xmlns=''", " xmlns:p='urn:p'",
        " xmlns:p=''", " p:a='1'", "<p:x xmlns:p='u'/>", "<a:b:c/>", "<x", "<x/>", "<x>", "</x>", "\r", "\r\n", "\t", "\0", "\x0b",
        "\ufeff", "\ufffe", "é", "\u00a0", "'", '"', "=", " ", "\n", "xml:lang='fr'", " xml:lang='fr'",
        " xmlns:xml='urn:x'", "<1/>", "<é/>", "<-a/>",
        "encoding='latin1'", "standalone='yes'", "<a\n b\n=\n'c'\n/>",
    )
)  # fmt: skip


def _delete(element: etree._Element, _: list[etree._Element], draw: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(element: etree._Element, _: list[etree._Element], draw: random.Random) -> None:
    if element.getparent() is not None and sum(1 for _ in element.iter()) < 2_000:
        for _ in range(draw.choice((1, 1, 2, 50))):
            element.addnext(copy.deepcopy(element))


def _move(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    under = draw.choice(elements)
    if element.getparent() is not None and element not in under.iterancestors() and element is not under:
        under.insert(draw.randint(0, len(under)), element)


def _write(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    element.text = draw.choice(_VALUES) if draw.random() < 0.7 else draw.choice(elements).text


def _nudge(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    """An amount moved by little: the tolerances of sums."""
    amounts = [e for e in elements if e.text and e.text.strip().replace(".", "", 1).isdigit()]
    if amounts:
        chosen = draw.choice(amounts)
        chosen.text = f"{float(chosen.text or 0) + draw.choice((-1.01, -0.02, -0.01, 0.005, 0.01, 0.02, 1)):.{draw.randint(0, 4)}f}"


def _set_attribute(element: etree._Element, _: list[etree._Element], draw: random.Random) -> None:
    element.set(draw.choice(_NAMES), draw.choice(_VALUES))


def _drop_attribute(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    having = [e for e in elements if e.attrib]
    if having:
        chosen = draw.choice(having)
        del chosen.attrib[draw.choice(list(chosen.attrib))]


def _rename(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    element.tag = draw.choice(elements).tag


def _stuff(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    """Comments, instructions and stray text, between and inside."""
    between = draw.choice((etree.Comment("c"), etree.ProcessingInstruction("pi", "x")))
    between.tail = draw.choice(("", " ", "tail", "\n"))
    element.insert(draw.randint(0, len(element)), between)


def _swap(element: etree._Element, elements: list[etree._Element], draw: random.Random) -> None:
    other = draw.choice(elements)
    element.text, other.text = other.text, element.text


_CHANGES: tuple[Callable[[etree._Element, list[etree._Element], random.Random], None], ...] = (
    _delete, _double, _move, _write, _write, _nudge, _nudge, _set_attribute, _drop_attribute, _rename, _stuff, _swap,
)  # fmt: skip
