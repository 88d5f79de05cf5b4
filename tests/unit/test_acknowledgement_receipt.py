"""The receipt: the facts of custody, the same in XML and JSON, the same bytes whenever asked."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.acknowledgement import receipt
from gateway.markup import legible
from gateway.model import Box, Flow
from tests.unit.return_samples import AT, LONG_TEXT, flow, valid

SPACE = "{urn:edi-concentrator:receipt:1}"


def read(given_flow: Flow, **options: Any) -> tuple[Any, dict[str, Any]]:
    as_xml, as_json = receipt(given_flow, **{"place": 0, "again": False, **options})
    return valid(as_xml, "receipt.xsd"), json.loads(as_json)


def test_it_carries_name_size_hash_number_time_and_place() -> None:
    root, facts = read(flow(), place=3)
    assert facts == {
        "flow": "F261122-000007", "partner": "demo", "name": "lot 7.tar.gz", "size": 1234, "sha256": "ab" * 32,
        "received_at": "2026-11-22T09:30:15.123456+01:00", "place": 3, "again": False, "test": False, "linked_to": None, "notes": [],
    }  # fmt: skip
    assert root.findtext(f"{SPACE}Place") == "3"


def test_the_same_name_again_is_answered_by_dup_001() -> None:
    for name in ("", "lot 7.tar.gz"):
        _, facts = read(flow(), again=True, repeated_name=name)
        assert facts["again"] is True
        assert [note["code"] for note in facts["notes"]] == ["DUP-001"]
        assert "2026-11-22 09:30" in facts["notes"][0]["fr"]


def test_the_same_bytes_under_another_name_point_to_the_first_flow_and_keep_its_name() -> None:
    root, facts = read(flow(), again=True, repeated_name="autre.tar.gz")
    assert facts["name"] == "lot 7.tar.gz"
    assert facts["notes"][0]["code"] == "DUP-002"
    assert "F261122-000007" in facts["notes"][0]["en"]
    assert root.findtext(f"{SPACE}Again") == "true"


def test_a_flow_taken_after_one_that_came_to_nothing_is_linked_to_it() -> None:
    root, facts = read(flow(linked_to="F261121-000001"))
    assert facts["linked_to"] == root.findtext(f"{SPACE}LinkedTo") == "F261121-000001"
    assert [note["code"] for note in facts["notes"]] == ["DUP-005"]


def test_the_test_box_is_marked() -> None:
    root, facts = read(flow(box=Box.TEST))
    assert facts["test"] is True
    assert root.findtext(f"{SPACE}Test") == "true"
    assert [note["code"] for note in facts["notes"]] == ["RET-008"]


@given(LONG_TEXT, st.booleans())
def test_any_file_name_gives_a_valid_receipt_that_says_the_same_in_both_forms(name: str, again: bool) -> None:
    root, facts = read(flow(name=name), again=again, repeated_name="x" + name)
    assert facts["name"] == (root.findtext(f"{SPACE}Name") or "") == legible(name)
    assert [n["fr"] for n in facts["notes"]] == [n.findtext(f"{SPACE}Fr") for n in root.findall(f"{SPACE}Note")]


def test_it_is_a_function_of_its_arguments_alone() -> None:
    assert receipt(flow(received_at=AT), place=1, again=True) == receipt(flow(received_at=AT), place=1, again=True)
