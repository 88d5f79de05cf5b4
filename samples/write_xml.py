"""Writes sample XML: elements from short prefixed names, dates, amounts; it knows no syntax."""

from __future__ import annotations

import base64
from datetime import date, timedelta
from decimal import Decimal

from lxml import etree

Node = etree._Element | None


class Writer:
    """Makes elements of one vocabulary. Names are `prefix:Name`; None among the children is left out."""

    def __init__(self, namespaces: dict[str | None, str]) -> None:
        self.namespaces = namespaces

    def __call__(self, name: str, *children: Node | str, **attributes: str) -> etree._Element:
        prefix, _, local = name.rpartition(":")
        namespace = self.namespaces.get(prefix or None)
        made = etree.Element(f"{{{namespace}}}{local}" if namespace else local, attributes, nsmap=self.namespaces)  # type: ignore[arg-type]  # stubs
        for child in children:
            if isinstance(child, str):
                made.text = child
            elif child is not None:
                made.append(child)
        return made

    def given(self, name: str, text: str, **attributes: str) -> Node:
        """The element, or None where the text is empty."""
        return self(name, text, **attributes) if text else None


def document(root: etree._Element, instruction: str = "") -> bytes:
    """UTF-8 bytes with declaration, indented by two."""
    etree.cleanup_namespaces(root)
    etree.indent(root, space="  ")
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n{instruction}'
    return (head + etree.tostring(root, encoding="unicode") + "\n").encode()


def plain(number: Decimal) -> str:
    """A decimal without exponent."""
    return format(number, "f")


def compact(day: str) -> str:
    """YYYYMMDD of an ISO date."""
    return day.replace("-", "")


def later(day: str, days: int = 30) -> str:
    """The ISO date so many days after."""
    return (date.fromisoformat(day) + timedelta(days)).isoformat()


def coded(content: bytes) -> str:
    """base64 on one line."""
    return base64.b64encode(content).decode()
