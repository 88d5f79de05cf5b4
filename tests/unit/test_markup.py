"""Text in XML: nothing a partner writes can break our documents or vanish from them."""

from __future__ import annotations

from hypothesis import given
from lxml import etree

from gateway.markup import attributes, element, escaped, is_plain, legible, optional
from tests.unit.return_samples import LONG_TEXT


@given(LONG_TEXT)
def test_any_text_comes_back_from_an_element_and_from_an_attribute(text: str) -> None:
    root = etree.fromstring(f"<a{attributes(b=text)}>{escaped(text)}</a>".encode())
    assert (root.text or "") == legible(text)
    assert root.get("b", "") == legible(text)


@given(LONG_TEXT)
def test_the_fast_answer_never_lets_through_what_must_be_escaped(text: str) -> None:
    assert not is_plain(text) or escaped(text) == text


def test_what_xml_cannot_hold_is_shown_and_not_dropped() -> None:
    assert escaped("a\x1bb\ud800\uffff") == "a\\u001Bb\\uD800\\uFFFF"


def test_line_ends_and_tabs_survive_in_attributes() -> None:
    root = etree.fromstring(f"<a{attributes(b=chr(9) + chr(10) + chr(13))}/>".encode())
    assert root.get("b") == "\t\n\r"


def test_absent_values_write_no_attribute_and_no_element() -> None:
    assert attributes(a=None, b="", c=0, d=False) == ' c="0" d="false"'
    assert optional("A", "") == ""
    assert element("A", "") == "<A></A>"
