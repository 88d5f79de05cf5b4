"""One change to one document, as the lists of mutants name it: (op, path, value); the same bytes each time."""

from __future__ import annotations

import copy
import re

from lxml import etree

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
_OF_ATTRIBUTE = re.compile(r"(.*)@((?:\{[^}]*\})?[\w.:-]+)", re.DOTALL)


def applied(data: bytes, op: str, path: str, value: str | None) -> bytes:
    """The document after `del`, `empty`, `set`, `dup` of the element at `path`, or `attr`, `attrdel` of `path@name`."""
    root = etree.fromstring(data, _PARSER)
    named = _OF_ATTRIBUTE.fullmatch(path) if op.startswith("attr") else None
    element = root.find(named.group(1) if named else path)
    assert element is not None, path
    match op:
        case "del":
            _parent(element).remove(element)
        case "empty" | "set":
            element.text = value
        case "dup":
            _double(element)
        case "attr":
            element.set(named.group(2) if named else "", value or "")
        case "attrdel":
            del element.attrib[named.group(2) if named else ""]
        case _:
            raise ValueError(op)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _double(element: etree._Element) -> None:
    twin = copy.deepcopy(element)
    twin.tail = element.tail
    element.addnext(twin)


def _parent(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    assert parent is not None
    return parent
