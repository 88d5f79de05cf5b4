"""A document to judge: its bytes, its tree, and where each element stands in what was sent; it judges nothing.

libxml2 knows no columns, and lines only up to 65,535: the places of start tags are found in the bytes, once, when a finding needs one.
In a document without DOCTYPE (none passes the parser) a start tag is a `<` before a name outside comments, instructions and CDATA.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Final

from lxml import etree

from gateway import parsing
from gateway.schematron.memory import collector, uncollected
from gateway.schematron.tree import ATTRIBUTE, DOCUMENT, ELEMENT, TEXT, Node, Tree, by_order, grow

_MARKUP: Final = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|(<)[^/!?]", re.DOTALL)
_ENCODING: Final = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)")


class Document:
    """One document for all its packs. `root` is lxml's, as `parsing.parse` gave it for these bytes. The tree lasts as long as this does."""

    __slots__ = ("_data", "_root", "_starts", "_tree", "kept")

    def __init__(self, data: bytes, root: etree._Element | None = None) -> None:
        self._data, self._root = data, root
        self._starts: tuple[list[int], list[int]] | None = None
        self._tree: Tree | None = None
        self.kept: dict[str, object] = {}
        """What an evaluator keeps of this document, by the evaluator's name."""

    @property
    def tree(self) -> Tree:
        """The tree of the document, grown when first asked for. `ValueError` when nobody parsed these bytes and the parser refuses them."""
        if self._tree is None:
            root = parsing.parse(self._data).root if self._root is None else self._root
            if root is None:
                raise ValueError("the document is no XML that the gateway takes")
            with uncollected():
                self._tree = grow(root)
                collector.hold()
        return self._tree

    def utf8(self) -> bytes:
        """The document in UTF-8, whatever its declaration says."""
        declared = _ENCODING.match(self._data)
        if declared is None and not parsing.is_utf16(self._data):
            return self._data
        if declared and declared.group(1).upper() in (b"UTF-8", b"UTF8"):
            return self._data
        return _decoded(self._data).encode()

    def __del__(self) -> None:
        if self._tree is not None:
            self._tree.release()
            collector.let_go()

    def place(self, node: Node) -> tuple[int | None, int | None]:
        """(line, column) from 1 of the start tag of an element, or of the element that holds an attribute or a text."""
        element = node.parent if node.kind in (ATTRIBUTE, TEXT) else node
        if element.kind == DOCUMENT:
            return 1, 1
        tags, lines = self._positions()
        index = bisect_left(self.tree.elements, element.order, key=by_order)
        if len(tags) != len(self.tree.elements):
            return None, None  # an encoding that Python reads otherwise than libxml2
        line = bisect_right(lines, tags[index])
        return line, tags[index] - lines[line - 1] + 1

    def _positions(self) -> tuple[list[int], list[int]]:
        """Where each start tag begins and where each line begins, in characters."""
        if self._starts is None:
            text = _decoded(self._data)
            tags = [match.start() for match in _MARKUP.finditer(text) if match.group(1)]
            self._starts = tags, [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
        return self._starts


def read(data: bytes) -> Document | None:
    """A document from bytes; None when the parser refuses it (its findings say why: `gateway.parsing`)."""
    root = parsing.parse(data).root
    return None if root is None else Document(data, root)


def location(node: Node) -> str:
    """XPath of a node with the document's own prefixes; a position only among siblings of the same name."""
    if node.kind == DOCUMENT:
        return "/"
    steps: list[str] = []
    while node.kind != DOCUMENT:
        steps.append(_step(node))
        node = node.parent
    return "/" + "/".join(reversed(steps))


def _step(node: Node) -> str:
    if node.kind == ATTRIBUTE:
        return f"@{node.qualified}"
    if node.kind != ELEMENT:
        return "text()"
    same = node.parent.kids[node.name]
    return node.qualified if len(same) == 1 else f"{node.qualified}[{bisect_left(same, node.order, key=by_order) + 1}]"


def _decoded(data: bytes) -> str:
    """The text as the parser read it: by its byte order mark, else by its declaration, else UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if data.startswith((b"<\x00", b"\x00<")):
        return data.decode("utf-16-le" if data[0] else "utf-16-be", "replace")
    declared = _ENCODING.match(data)
    return data.decode(declared.group(1).decode() if declared else "utf-8-sig", "replace").removeprefix("\ufeff")
