"""The compact tree says of a document what lxml says, and where each element stands in the bytes that were sent."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.schematron import document
from gateway.schematron.document import Document, location
from gateway.schematron.tree import Node

XML = b"""<?xml version="1.0"?>
<!-- <no> -->
<r xmlns="urn:r" xmlns:p="urn:p" a="1" p:b="2">t<p:c>u</p:c>
  <c><![CDATA[<no>]]></c><c x='>'>v<d/>w</c
  ><?pi <no> ?>
</r>"""


def read(data: bytes) -> Document:
    found = document.read(data)
    assert found is not None
    return found


def test_every_element_has_lxmls_name_prefix_and_text() -> None:
    found = read(XML)
    tree = found.tree
    for node, element in zip(tree.elements, etree.fromstring(XML).iter(etree.Element), strict=True):
        assert node.name == element.tag
        assert node.prefix == (element.prefix or "")
        assert node.value == "".join(element.itertext(etree.Element))
        assert [kid.name for kid in node.children()] == [kid.tag for kid in element.iterchildren(etree.Element)]
        assert {name: attribute.value for name, attribute in node.attributes.items()} == dict(element.attrib)


def test_order_and_end_nest_as_the_elements_do() -> None:
    found = read(XML)
    tree = found.tree
    assert [node.order for node in tree.elements] == sorted(node.order for node in tree.elements)
    for node in tree.elements:
        below = [other for other in tree.elements if node.order < other.order < node.end]
        assert tree.below(node, None) == below
        assert all(node in _above(other) for other in below)


def _above(node: Node) -> list[Node]:
    return [node.parent, *_above(node.parent)] if node.parent is not node else []


def test_text_nodes_lie_between_the_children() -> None:
    found = read(XML)
    tree = found.tree
    root, last = tree.elements[0], tree.elements[-2]
    assert [text.value for text in tree.text_nodes(last)] == ["v", "w"]
    assert tree.text_nodes(root)[0].value == "t"
    assert tree.text_nodes(root)[0].order > max(a.order for a in root.attributes.values())
    assert tree.text_nodes(last)[0] is tree.text_nodes(last)[0]


def test_places_are_those_of_the_start_tags_in_the_bytes() -> None:
    found = read(XML)
    places = {location(node): found.place(node) for node in found.tree.elements}
    assert places == {"/r": (3, 1), "/r/p:c": (3, 49), "/r/c[1]": (4, 3), "/r/c[2]": (4, 26), "/r/c[2]/d": (4, 36)}


def test_an_attribute_and_a_text_stand_where_their_element_stands() -> None:
    found = read(XML)
    root = found.tree.elements[0]
    assert location(root.attributes["{urn:p}b"]) == "/r/@p:b"
    assert found.place(root.attributes["a"]) == (3, 1)
    assert location(found.tree.text_nodes(root)[0]) == "/r/text()"
    assert found.place(found.tree.root) == (1, 1)
    assert location(found.tree.root) == "/"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso-8859-1", "windows-1252", "utf-16"])
def test_columns_count_characters_in_every_encoding(encoding: str) -> None:
    name = "UTF-8" if encoding == "utf-8-sig" else encoding
    found = read(f'<?xml version="1.0" encoding="{name}"?>\r\n<é>ééé<a/></é>'.encode(encoding))
    assert found.place(found.tree.elements[1]) == (2, 7)


def test_lines_are_counted_beyond_what_libxml2_counts() -> None:
    found = read(b"<a>" + b"\n" * 70_000 + b" <b/></a>")
    assert found.place(found.tree.elements[1]) == (70_001, 2)


def test_a_document_that_the_parser_refuses_is_none() -> None:
    assert document.read(b"<a>") is None
    assert document.read(b"<!DOCTYPE a><a/>") is None


def test_a_document_that_goes_unties_its_tree_without_waiting_for_the_collector() -> None:
    found = read(XML)
    tree, inner = found.tree, found.tree.elements[3]
    del found
    assert tree.elements == []
    assert inner.kids == {}
    assert inner.parent is tree.root
