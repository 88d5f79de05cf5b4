"""Notices about drops that never became a flow: always valid, whatever the name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue import finding
from gateway.notice import NAMESPACE, notice
from tests.unit.return_samples import ANY_TEXT, AT, valid

TOLD = finding("DEP-004", nom="a.xml")


def made(name: str = "a.xml", *, test: bool = False, partner: str = "demo") -> bytes:
    return notice(partner, name, TOLD, at=AT, test=test)


def text(body: bytes, tag: str) -> list[str | None]:
    return [one.text for one in valid(body.replace(b"<?xml version='1.0' encoding='UTF-8'?>", b'<?xml version="1.0" encoding="UTF-8"?>'),
                                      "notice.xsd").iter(f"{{{NAMESPACE}}}{tag}")]  # fmt: skip


def test_a_notice_says_what_when_and_why_in_both_languages() -> None:
    body = made("gros dépôt.tar.gz")
    assert (text(body, "name"), text(body, "partner"), text(body, "at")) == (["gros dépôt.tar.gz"], ["demo"], [AT.isoformat()])
    assert text(body, "text") == [TOLD.message_fr, TOLD.message_en]


def test_the_test_box_is_marked() -> None:
    assert b'test="true"' in made(test=True)
    assert b'test="false"' in made()
    assert b'code="DEP-004"' in made()


def test_the_same_facts_give_the_same_bytes() -> None:
    assert made() == made()


@given(ANY_TEXT)
def test_any_name_gives_a_valid_notice(name: str) -> None:
    (shown,) = text(made(name), "name")
    assert (shown or "") == "".join(c if c.isprintable() else "\ufffd" for c in name)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.isprintable))
def test_a_printable_name_is_shown_as_it_is(name: str) -> None:
    assert text(made(name), "name") == [name]
