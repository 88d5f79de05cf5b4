"""One compact tree per document, which serves all packs: elements and attributes by name, in document order; it knows no rule.

`grow` makes it from lxml's. Children are grouped by name, because almost every step of every rule asks for children by name; names are
Clark names (`{namespace}local`). Text nodes are made when a rule asks for them; comments and processing instructions are left out.

Limits: the order of comments and processing instructions is lost, so `node()` on the child axis is not offered (the planner refuses it).
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from sys import intern
from typing import Final

from lxml import etree

from gateway.schematron.memory import uncollected

DOCUMENT, ELEMENT, ATTRIBUTE, TEXT = range(4)
"""Kinds of node."""

by_order: Final = attrgetter("order")


class Node:
    """A node of a tree. `order` is its place in the document, `end` the first place after its content.

    `kids`: name → child elements in order. `attributes`: name → attribute node. `value` is its string value (XPath 2.0 §2.5.2): set at
    once where it is one text, put together on first use where it is spread over elements.
    """

    __slots__ = ("attributes", "end", "kids", "kind", "name", "order", "parent", "prefix", "start", "stop", "tree", "value")
    kind: int
    name: str
    prefix: str
    parent: Node
    order: float
    end: float
    kids: dict[str, list[Node]]
    attributes: dict[str, Node]
    tree: Tree
    start: int
    stop: int
    value: str

    def __getattr__(self, name: str) -> str:
        """Only asked for a slot that is empty: `value`, on an element with child elements."""
        if name != "value":
            raise AttributeError(name)
        self.value = "".join(self.tree.parts[self.start : self.stop])
        return self.value

    @property
    def local(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition("}")[2]

    @property
    def namespace(self) -> str:
        """The name's namespace, "" when it has none."""
        return self.name[1:].rpartition("}")[0]

    @property
    def qualified(self) -> str:
        """The name with the document's own prefix."""
        return f"{self.prefix}:{self.local}" if self.prefix else self.local

    def children(self) -> list[Node]:
        """Child elements in document order."""
        groups = list(self.kids.values())
        return groups[0] if len(groups) == 1 else sorted((kid for group in groups for kid in group), key=by_order)


NO_KIDS: Final[dict[str, list[Node]]] = {}
NO_ATTRIBUTES: Final[dict[str, Node]] = {}


class Tree:
    """A document. `root` is the document node; `named` gives every element of a name in order; `parts` all text, piece by piece."""

    __slots__ = ("attributed", "elements", "named", "parts", "root", "texts")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.named: dict[str, list[Node]] = {}
        self.attributed: dict[str, list[Node]] = {}
        self.elements: list[Node] = []
        self.texts: dict[Node, list[Node]] = {}
        self.root = _document(self)

    def below(self, node: Node, name: str | None) -> list[Node]:
        """Descendant elements of a node, of one name or of any, in document order."""
        return self._within(node, self.elements if name is None else self.named.get(name, []))

    def attributes_below(self, node: Node, name: str) -> list[Node]:
        """Attributes of one name of a node and of its descendants, in document order."""
        return self._within(node, self.attributed.get(name, []))

    def release(self) -> None:
        """Untie parents and children: the memory is free at once, not when the collector comes round. The tree is empty then."""
        for node in self.elements:
            node.kids, node.attributes, node.parent = NO_KIDS, NO_ATTRIBUTES, self.root
        self.root.kids, self.root.parent = NO_KIDS, self.root
        self.elements, self.named, self.attributed, self.texts = [], {}, {}, {}

    def _within(self, node: Node, found: list[Node]) -> list[Node]:
        if node is self.root or not found:
            return found
        first = bisect_left(found, node.order + 0.1, key=by_order)
        return found[first : bisect_left(found, node.end, lo=first, key=by_order)]

    def text_nodes(self, node: Node) -> list[Node]:
        """Text children of an element, the same nodes each time."""
        if node not in self.texts:
            self.texts[node] = _texts(node, self.parts)
        return self.texts[node]


def grow(element: etree._Element) -> Tree:
    """The tree of a parsed document, from its root element."""
    tree = Tree()
    root = tree.root
    with uncollected():
        root.end = _element(element, str(element.tag), root, tree, 1)
    root.kids = {tree.elements[0].name: tree.elements[:1]}
    root.stop = len(tree.parts)
    return tree


def _document(tree: Tree) -> Node:
    node = Node()
    node.kind, node.name, node.prefix, node.parent = DOCUMENT, "", "", node
    node.order, node.start, node.tree, node.attributes = 0, 0, tree, NO_ATTRIBUTES
    return node


def _element(element: etree._Element, tag: str, parent: Node, tree: Tree, order: int) -> int:
    """Add an element and what it holds; gives the next free place. This loop is a third of the time of small documents.

    Names and prefixes are one string each in all the tree, and the names those of the packs: a look-up then compares addresses.
    """
    node = Node()
    node.kind, node.parent, node.order, node.tree = ELEMENT, parent, order, tree
    prefix = element.prefix or ""
    same = tree.named.get(tag)
    if same is None:
        node.name, node.prefix = intern(tag), intern(prefix)
        tree.named[node.name] = [node]
    else:
        first = same[0]
        node.name = first.name
        node.prefix = first.prefix if prefix == first.prefix else prefix
        same.append(node)
    tree.elements.append(node)
    order += 1
    attributes = element.attrib
    if attributes:
        order = _attributes(element, node, order)
    else:
        node.attributes = NO_ATTRIBUTES
    text = element.text
    if len(element):
        order = _content(element, text, node, tree, order)
    else:
        node.kids, node.value, node.start = NO_KIDS, text or "", len(tree.parts)
        if text:
            tree.parts.append(text)
        node.stop = len(tree.parts)
    node.end = order
    return order


def _content(element: etree._Element, text: str | None, node: Node, tree: Tree, order: int) -> int:
    """The children of an element, and the texts between them."""
    parts = tree.parts
    node.start = len(parts)
    if text:
        parts.append(text)
    kids: dict[str, list[Node]] = {}
    node.kids = kids
    elements = tree.elements
    for child in element:
        tag = child.tag
        if isinstance(tag, str):
            mine = len(elements)
            order = _element(child, tag, node, tree, order)
            kid = elements[mine]
            same = kids.get(kid.name)
            if same is None:
                kids[kid.name] = [kid]
            else:
                same.append(kid)
        tail = child.tail
        if tail:
            parts.append(tail)
    node.stop = len(parts)
    return order


def _attributes(element: etree._Element, owner: Node, order: int) -> int:
    found: dict[str, Node] = {}
    name: str
    value: str
    for name, value in element.items():  # type: ignore[assignment]  # parsed attributes are text
        node = Node()
        node.kind, node.name, node.parent, node.order, node.end = ATTRIBUTE, name, owner, order, order + 1
        node.value, node.tree, node.kids, node.attributes = value, owner.tree, NO_KIDS, NO_ATTRIBUTES
        node.prefix = _prefix(element, name) if name[0] == "{" else ""
        found[name] = node
        owner.tree.attributed.setdefault(name, []).append(node)
        order += 1
    owner.attributes = found
    return order


def _prefix(element: etree._Element, name: str) -> str:
    """The prefix of an attribute's namespace: lxml keeps it for elements only."""
    namespace = name[1:].partition("}")[0]
    return next((prefix for prefix, uri in element.nsmap.items() if uri == namespace and prefix), "xml")


def _texts(node: Node, parts: list[str]) -> list[Node]:
    """Every part between an element's children is a text node of its own; its place lies after what comes before it."""
    if node.kind in (ATTRIBUTE, TEXT):
        return []
    found: list[Node] = []
    at, place = node.start, node.order + len(node.attributes)
    for child in [*node.children(), None]:
        until = node.stop if child is None else child.start
        found += [_text(node, parts[i], place + 0.5 + 0.4 * n / (until - at)) for n, i in enumerate(range(at, until))]
        if child is not None:
            at, place = child.stop, child.end - 1
    return found


def _text(parent: Node, value: str, order: float) -> Node:
    node = Node()
    node.kind, node.name, node.prefix, node.parent, node.order, node.end = TEXT, "", "", parent, order, order
    node.value, node.tree, node.kids, node.attributes = value, parent.tree, NO_KIDS, NO_ATTRIBUTES
    return node
