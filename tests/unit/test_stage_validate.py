"""One flow under validation: chunks in order, crashes, held rows, files that fall whole, keys reserved, segments kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway import envelope
from gateway.lifecycle import State
from gateway.model import Box, Document, Flow, InvoiceRow, Judgement, Outcome, Syntax
from gateway.stages import validate
from gateway.stages.open import open_flow
from gateway.stages.validate import FlowUnderValidation
from tests.memory_site import BAD, MIXED, TORN, MemorySite, archive, invoices
from tests.ubl_invoices import invoice


@pytest.fixture
def site() -> MemorySite:
    site = MemorySite()
    site.settings = replace(site.settings, validation=replace(site.settings.validation, batch=2))
    site.crash()
    return site


def opened(site: MemorySite, data: bytes, name: str = "lot.tar.gz", **given: Any) -> Flow:
    return open_flow(site.gw, site.flow(data, name, **given))[0]


def batches(turn: FlowUnderValidation) -> list[tuple[int, list[Document]]]:
    found = []
    while (batch := turn.next_batch()) is not None:
        found.append(batch)
    return found


def judged(site: MemorySite, documents: list[Document]) -> list[Judgement]:
    return [site.judging._judged(document) for document in documents]


def validated(site: MemorySite, data: bytes, name: str = "lot.tar.gz", **given: Any) -> Flow:
    """Through validation, and no further."""
    turn = FlowUnderValidation(site.gw, opened(site, data, name, **given))
    for token, documents in batches(turn):
        turn.accept(token, judged(site, documents))
    return turn.finish()


def documents_of(site: MemorySite, flow: Flow) -> list[bytes]:
    """What the segments of the accepted rows hold."""
    segments = (site.spool.read_segment(r.flow, r.generation, r.segment_offset, r.segment_length) for r in site.rows(flow))
    return [envelope.bare(segment) or b"" for segment in segments]


def test_positions_count_in_the_order_of_the_bytes_whatever_the_order_of_results(site: MemorySite) -> None:
    turn = FlowUnderValidation(site.gw, opened(site, invoices(*range(7))))
    for token, documents in reversed(batches(turn)):
        turn.accept(token, judged(site, documents))
    flow = turn.finish()
    rows = site.rows(flow)
    assert flow.state is State.VALIDATED
    assert [row.position for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.member for row in rows] == [f"{n}.xml" for n in range(7)]
    assert documents_of(site, flow) == [invoice(n, lines=1) for n in range(7)]


def test_batches_end_by_count_and_by_size(site: MemorySite) -> None:
    turn = FlowUnderValidation(site.gw, opened(site, invoices(*range(5))))
    assert [len(documents) for _, documents in batches(turn)] == [2, 2, 1]
    site.configure(validation=replace(site.settings.validation, batch=100, batch_bytes=len(invoice(1, lines=1)) + 10))
    turn = FlowUnderValidation(site.gw, opened(site, invoices(*range(10, 15))))
    assert [len(documents) for _, documents in batches(turn)] == [2, 2, 1]


def test_a_chunk_is_written_as_soon_as_it_is_full(site: MemorySite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "CHUNK", 4)
    turn = FlowUnderValidation(site.gw, opened(site, invoices(*range(7))))
    written = []
    for token, documents in batches(turn):
        turn.accept(token, judged(site, documents))
        written.append(len(site.rows(turn.flow)))
    assert written == [0, 4, 4, 7]


@pytest.mark.parametrize("before", [1, 2, 3])
def test_after_a_crash_it_goes_on_and_comes_to_the_same(site: MemorySite, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    monkeypatch.setattr(validate, "CHUNK", 2)
    whole = validated(site, invoices(*range(7)))
    wanted = [comparable(row) for row in site.rows(whole)]
    other = MemorySite()
    other.settings = site.settings
    other.crash()
    turn = FlowUnderValidation(other.gw, opened(other, invoices(*range(7))))
    for token, documents in batches(turn)[:before]:
        turn.accept(token, judged(other, documents))
    turn.close()  # the process is gone
    turn = FlowUnderValidation(other.gw, other.present(turn.flow))
    assert (turn.done, turn.left) == (before * 2, 7 - before * 2)
    for token, documents in batches(turn):
        turn.accept(token, judged(other, documents))
    flow = turn.finish()
    assert [comparable(row) for row in other.rows(flow)] == wanted
    assert documents_of(other, flow) == documents_of(site, whole)


def comparable(row: InvoiceRow) -> InvoiceRow:
    """Segments may stand elsewhere in the file: what a crash left is passed over."""
    return replace(row, segment_offset=0)


def test_bytes_that_a_crash_left_in_the_segment_file_are_passed_over(site: MemorySite) -> None:
    flow = opened(site, invoices(1, 2, 3))
    turn = FlowUnderValidation(site.gw, flow)
    token, documents = batches(turn)[0]
    turn.accept(token, judged(site, documents))  # appended, not committed: no chunk was full
    assert site.rows(flow) == []
    turn = FlowUnderValidation(site.gw, site.present(flow))
    for token, documents in batches(turn):
        turn.accept(token, judged(site, documents))
    assert documents_of(site, turn.finish()) == [invoice(n, lines=1) for n in (1, 2, 3)]


def test_an_answer_that_comes_before_the_end_is_read_loses_nothing(site: MemorySite) -> None:
    turn = FlowUnderValidation(site.gw, opened(site, invoices(1, 2)))
    token, documents = turn.next_batch() or (0, [])
    turn.accept(token, judged(site, documents))
    assert turn.next_batch() is None
    assert turn.complete
    turn.finish()
    assert len(site.rows(turn.flow)) == 2


def test_one_bad_invoice_does_not_stop_the_others(site: MemorySite) -> None:
    flow = validated(site, archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD), ("c.xml", invoice(2, lines=1))))
    assert [row.accepted for row in site.rows(flow)] == [True, False, True]
    assert site.rows(flow)[1].segment_offset == -1
    assert any(f.rule == "IDT-002" for f in site.rows(flow)[1].findings)


def test_what_judged_is_kept_with_each_verdict(site: MemorySite) -> None:
    flow = validated(site, invoices(1))
    assert [pack.name for pack in site.rows(flow)[0].packs] == ["XSD"]
    assert site.store.history(flow.number)[-1].detail["policy"] == "chorus"


def test_the_flow_takes_the_interface_of_its_first_invoice(site: MemorySite) -> None:
    assert validated(site, invoices(1)).interface == "FSO1100A"
    mixed = validated(site, MIXED, "factures.xml")
    assert {row.interface for row in site.rows(mixed)} == {mixed.interface} != {"FSO1100A"}


# --- files that fall whole


def test_both_invoices_of_a_cpp_file_have_one_document_and_one_segment(site: MemorySite) -> None:
    flow = validated(site, MIXED, "factures.xml")
    rows = site.rows(flow)
    assert [(row.position, row.document, row.syntax, row.accepted) for row in rows] == [
        (1, 1, Syntax.CPP_MIXTE, True), (2, 1, Syntax.CPP_MIXTE, True),
    ]  # fmt: skip
    assert rows[0].segment_offset == rows[1].segment_offset


def test_a_cpp_file_with_one_bad_invoice_falls_whole(site: MemorySite) -> None:
    too_long = MIXED.replace(b"<Id>LMA26007002", b"<Id>LMA26007002 is a number that is far too long for Chorus")
    flow = validated(site, too_long, "factures.xml")
    rows = site.rows(flow)
    assert [row.accepted for row in rows] == [False, False]
    assert "BUS-011" in [f.rule for f in rows[0].findings]
    assert "BUS-011" not in [f.rule for f in rows[1].findings]


def test_a_cpp_file_with_one_known_invoice_falls_whole_and_frees_the_other_number(site: MemorySite) -> None:
    first = MIXED.replace(b"<Id>LMA26007001<", b"<Id>LMA26007009<").replace(b">LMA26007001<", b">LMA26007009<")
    validated(site, first, "un.xml")
    flow = validated(site, MIXED, "deux.xml")
    assert site.codes(flow) == [["BUS-011"], ["BUS-003"]]
    third = validated(site, MIXED.replace(b"<Id>LMA26007002<", b"<Id>LMA26007003<"), "trois.xml")
    assert [row.accepted for row in site.rows(third)] == [True, True]


# --- our own limits are nobody's fault


@pytest.mark.parametrize("outcome", [Outcome.LIMIT, Outcome.CRASH])
def test_a_document_on_which_a_child_failed_is_held_and_not_rejected(site: MemorySite, outcome: Outcome) -> None:
    site.judging.outcomes["2.xml"] = outcome
    flow = validated(site, invoices(1, 2, 3))
    rows = site.rows(flow)
    assert flow.state is State.VALIDATED
    assert [(row.accepted, bool(row.held)) for row in rows] == [(True, False), (False, True), (True, False)]
    assert rows[1].findings == ()
    assert site.store.counts(flow.number) == {"invoices": 3, "accepted": 2, "rejected": 0, "held": 1}


def test_alone_and_failed_upon_it_is_held_too(site: MemorySite) -> None:
    site.judging.outcomes["facture.xml"] = Outcome.CRASH
    assert validated(site, invoice(1, lines=1), "facture.xml").state is State.VALIDATED


# --- unreadable


def test_alone_an_unreadable_document_is_an_unreadable_flow(site: MemorySite) -> None:
    flow = validated(site, TORN, "a.xml")
    assert flow.state is State.INADMISSIBLE
    assert flow.findings[0].pack == "XML"
    assert site.rows(flow) == []


def test_in_an_archive_it_is_one_rejected_invoice(site: MemorySite) -> None:
    flow = validated(site, archive(("a.xml", invoice(1, lines=1)), ("b.xml", TORN)))
    assert flow.state is State.VALIDATED
    assert [row.accepted for row in site.rows(flow)] == [True, False]


@pytest.mark.parametrize("crash", [False, True])
def test_where_the_partner_wants_it_it_falls_the_flow_even_across_a_crash(
    site: MemorySite, monkeypatch: pytest.MonkeyPatch, crash: bool
) -> None:
    monkeypatch.setattr(validate, "CHUNK", 2)
    site.partner(bad_member="flow")
    turn = FlowUnderValidation(site.gw, opened(site, archive(("a.xml", TORN), *((f"{n}.xml", invoice(n, lines=1)) for n in range(4)))))
    given = batches(turn)
    for token, documents in given[: 1 if crash else None]:
        turn.accept(token, judged(site, documents))
    if crash:
        turn = FlowUnderValidation(site.gw, site.present(turn.flow))
        for token, documents in batches(turn):
            turn.accept(token, judged(site, documents))
    flow = turn.finish()
    assert (flow.state, site.rows(flow)) == (State.INADMISSIBLE, [])
    assert flow.findings[0].pack == "XML"


def test_the_numbers_of_a_fallen_flow_are_free_again(site: MemorySite) -> None:
    site.partner(bad_member="flow")
    validated(site, archive(("a.xml", invoice(1, lines=1)), ("b.xml", TORN)))
    assert [row.accepted for row in site.rows(validated(site, invoice(1, lines=1), "a.xml"))] == [True]


@pytest.mark.parametrize(("announced", "state"), [(2, State.VALIDATED), (3, State.INADMISSIBLE)])
def test_the_manifest_is_compared_with_what_was_counted(site: MemorySite, announced: int, state: State) -> None:
    manifest = ("manifest.json", json.dumps({"invoices": announced}).encode())
    flow = validated(site, archive(manifest, ("a.xml", invoice(1, lines=1)), ("b.xml", invoice(2, lines=1))))
    assert flow.state is state
    assert [f.rule for f in flow.findings if f.rule == "ARC-026"] == ["ARC-026"] * (state is State.INADMISSIBLE)


def test_the_manifest_counts_the_invoices_of_a_cpp_file(site: MemorySite) -> None:
    flow = validated(site, archive(("manifest.json", b'{"invoices": 2}'), ("a.xml", MIXED)))
    assert flow.state is State.VALIDATED


def test_a_limit_lowered_since_the_flow_was_opened_makes_it_inadmissible_and_not_empty(site: MemorySite) -> None:
    flow = opened(site, invoices(1, 2, 3))
    site.configure(limits=replace(site.settings.limits, members=2))
    turn = FlowUnderValidation(site.gw, flow)
    assert batches(turn) == []
    moved = turn.finish()
    assert moved.state is State.INADMISSIBLE
    assert [f.rule for f in moved.findings] == ["ARC-014"]


# --- the test box


def test_the_test_box_reserves_no_number_and_makes_no_segment(site: MemorySite) -> None:
    test = validated(site, invoices(1, 2), box=Box.TEST)
    assert [(row.accepted, row.segment_offset) for row in site.rows(test)] == [(True, -1), (True, -1)]
    assert [row.accepted for row in site.rows(validated(site, invoices(1, 2, 3)))] == [True, True, True]


def test_the_test_box_is_not_told_of_numbers_taken_in_the_real_one(site: MemorySite) -> None:
    validated(site, invoices(1))
    assert [row.accepted for row in site.rows(validated(site, invoices(1), box=Box.TEST))] == [True]
