"""From verdicts to outbound flows: limits, regrouping, names, sealing; what is told and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from lxml import etree

from gateway.lifecycle import DeliveryState, State
from gateway.model import Box, Flow, Outcome, ReturnKind
from gateway.stages import deliver
from tests.memory_site import BAD, CHORUS, MIXED, MemorySite, archive, invoices, members
from tests.ubl_invoices import invoice

CONTROL = "{urn:edi-concentrator:control:1}"
SIGNATURE = b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'


def a_site(**destination: Any) -> MemorySite:
    return MemorySite(destinations={"chorus": replace(CHORUS, **destination)})


def planned(site: MemorySite) -> list[int]:
    """Invoices on each delivery, in the order of planning."""
    return [d.invoices for d in site.deliveries()]


def sealed_content(site: MemorySite, n: int = 0) -> bytes:
    return site.spool.read(site.deliveries()[n].sha256)


# --- limits and regrouping


def test_a_batch_holds_at_most_so_many_invoices() -> None:
    site = a_site(max_invoices=2)
    site.flow(invoices(*range(5)), "lot.tar.gz")
    site.worked()
    assert planned(site) == [2, 2, 1]


def test_a_batch_holds_at_most_so_many_bytes() -> None:
    size = 512 + len(invoice(1, lines=1)) + 511
    site = a_site(max_bytes=2 * size)
    site.flow(invoices(*range(5)), "lot.tar.gz")
    site.worked()
    assert planned(site) == [2, 2, 1]
    assert all(sum(512 + -(-len(data) // 512) * 512 for data in members(site.spool.read(d.sha256)).values()) <= 2 * size
               for d in site.deliveries()[:2])  # fmt: skip


def test_a_document_beyond_the_limit_travels_alone() -> None:
    site = a_site(max_bytes=1)
    site.flow(invoices(1, 2), "lot.tar.gz")
    site.worked()
    assert planned(site) == [1, 1]


def test_a_file_of_two_invoices_is_never_cut() -> None:
    site = a_site(max_invoices=1)
    site.flow(MIXED, "factures.xml")
    site.worked()
    assert planned(site) == [2]


def test_flows_of_one_partner_share_a_batch_until_it_closes() -> None:
    site = a_site(batch_seconds=5.0)
    for n in range(3):
        site.flow(invoice(n, lines=1), f"{n}.xml")
        site.worked()
    assert planned(site) == [3]
    assert {d.state for d in site.deliveries()} == {DeliveryState.PLANNED}
    site.clock.advance(4.9)
    site.worked()
    assert {d.state for d in site.deliveries()} == {DeliveryState.PLANNED}
    site.clock.advance(0.1)
    site.worked()
    assert {d.state for d in site.deliveries()} == {DeliveryState.SEALED}
    assert sorted(members(sealed_content(site)).values()) == sorted(invoice(n, lines=1) for n in range(3))


def test_a_batch_that_closes_takes_no_latecomer() -> None:
    site = a_site()
    for n in range(2):
        site.flow(invoice(n, lines=1), f"{n}.xml")
        site.worked()
    assert planned(site) == [1, 1]


def test_a_full_batch_does_not_wait() -> None:
    site = a_site(batch_seconds=3600.0, max_invoices=2)
    site.flow(invoices(1, 2, 3), "lot.tar.gz")
    site.worked()
    assert [d.state for d in site.deliveries()] == [DeliveryState.SEALED, DeliveryState.PLANNED]


def test_a_clock_set_back_keeps_no_batch_waiting() -> None:
    site = a_site(batch_seconds=5.0)
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    site.clock.set(site.clock.now() - timedelta(days=1))
    site.worked()
    assert [d.state for d in site.deliveries()] == [DeliveryState.SEALED]


def test_two_partners_never_share_a_batch() -> None:
    site = a_site(batch_seconds=5.0)
    site.flow(invoice(1, lines=1), "a.xml")
    site.flow(invoice(2, lines=1), "b.xml", partner="autre")
    site.worked()
    assert [(d.partner, d.invoices) for d in site.deliveries()] == [("autre", 1), ("demo", 1)]


def test_a_batch_has_one_interface() -> None:
    site = a_site(batch_seconds=5.0)
    site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED), ("c.xml", invoice(2, lines=1))), "lot.tar.gz")
    site.worked()
    assert {(d.interface, d.invoices) for d in site.deliveries()} == {("FSO1100A", 2), ("FSO1113A", 2)}


def test_the_first_destination_that_takes_the_interface_gets_it() -> None:
    site = MemorySite(destinations={"mixte": replace(CHORUS, interfaces=("FSO1113A",)), "chorus": CHORUS})
    site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED)), "lot.tar.gz")
    site.settle()
    assert {(d.destination, d.interface) for d in site.deliveries()} == {("chorus", "FSO1100A"), ("mixte", "FSO1113A")}
    assert [len(site.accounts[name].taken) for name in ("chorus", "mixte")] == [1, 1]


def test_where_no_destination_takes_it_the_partner_is_told_our_verdict_and_a_person_looks() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, interfaces=("FSO1113A",))})
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED)), "lot.tar.gz")
    site.worked()
    assert site.present(flow).state is State.PARKED
    assert "no destination takes FSO1100A" in site.present(flow).reason
    assert len(site.returned(flow, ReturnKind.CONTROL)) == 1
    assert site.deliveries() == []


# --- names


def test_names_and_numbers_are_chorus_own() -> None:
    site = a_site()
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    (delivery,) = site.deliveries()
    assert (delivery.name, delivery.number) == ("FSO1100A_DEM001_DEM0011100000000000000001", "DEM0011100000000000000001")
    assert len(delivery.number) == 25


def test_numbers_go_up_by_interface_and_application() -> None:
    site = a_site()
    for n in range(2):
        mixed = MIXED.replace(b">LMA2600700", f">LMA{n}600700".encode())
        site.flow(archive((f"{n}.xml", invoice(n, lines=1)), ("m.xml", mixed)), f"{n}.tar.gz")
        site.worked()
    assert sorted(d.number for d in site.deliveries()) == [
        "DEM0011100000000000000001", "DEM0011100000000000000002", "DEM0011113000000000000001", "DEM0011113000000000000002",
    ]  # fmt: skip


def test_a_destination_may_have_an_application_code_of_its_own() -> None:
    site = a_site(application="GWY007")
    for partner in ("demo", "autre"):
        site.flow(invoice(1 if partner == "demo" else 2, lines=1), "a.xml", partner=partner)
        site.worked()
    assert [d.name for d in site.deliveries()] == [f"FSO1100A_GWY007_GWY007110000000000000000{n}" for n in (1, 2)]


# --- sealing


def test_one_xml_alone_travels_bare() -> None:
    site = a_site()
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    assert sealed_content(site) == invoice(1, lines=1)


def test_a_cpp_file_alone_travels_bare() -> None:
    site = a_site()
    site.flow(MIXED, "factures.xml")
    site.worked()
    assert sealed_content(site) == MIXED


def test_an_xml_with_its_signature_travels_as_it_came() -> None:
    site = a_site()
    site.flow(archive(("lot/a.xml", invoice(1, lines=1)), ("lot/a.xades.xml", SIGNATURE)), "lot.tar.gz")
    site.worked()
    assert members(sealed_content(site)) == {"a.xml": invoice(1, lines=1), "a.xades.xml": SIGNATURE}


def test_two_signed_files_of_one_name_never_travel_together() -> None:
    """Signatures speak of names; in another folder of another flow the name may be the same."""
    site = a_site(batch_seconds=5.0)
    for n in range(2):
        site.flow(archive((f"{n}/a.xml", invoice(n, lines=1)), (f"{n}/a.xades.xml", SIGNATURE)), "lot.tar.gz")
        site.worked()
    site.clock.advance(5)
    site.worked()
    assert planned(site) == [1, 1]
    assert [members(site.spool.read(d.sha256))["a.xml"] for d in site.deliveries()] == [invoice(n, lines=1) for n in range(2)]


def test_unsigned_files_of_one_name_share_a_batch() -> None:
    site = a_site(batch_seconds=5.0)
    for n in range(2):
        site.flow(invoice(n, lines=1), "facture.xml")
        site.worked()
    assert planned(site) == [2]


def test_sealing_twice_gives_the_same_bytes() -> None:
    contents = []
    for _ in range(2):
        site = a_site(batch_seconds=5.0)
        site.flow(invoices(1, 2, 3), "lot.tar.gz")
        site.worked()
        site.clock.advance(5)
        site.worked()
        contents.append(sealed_content(site))
    assert contents[0] == contents[1]


def test_a_flow_that_joins_while_a_batch_is_sealed_travels_with_it_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    site = a_site(batch_seconds=5.0)
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    (delivery,) = site.deliveries()
    write = deliver._write_envelope

    def joined_meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(deliver, "_write_envelope", write)
        blob = write(*given)
        site.flow(invoice(2, lines=1), "b.xml")
        site.worked()
        return blob

    monkeypatch.setattr(deliver, "_write_envelope", joined_meanwhile)
    assert deliver.seal(site.gw, delivery).state is DeliveryState.PLANNED
    assert deliver.seal(site.gw, site.store.delivery(delivery.name)).state is DeliveryState.SEALED
    assert len(members(sealed_content(site))) == 2


def test_a_batch_whose_bytes_are_gone_keeps_no_other_from_leaving() -> None:
    site = a_site(batch_seconds=5.0)
    lost = site.flow(invoice(1, lines=1), "a.xml")
    site.flow(invoice(2, lines=1), "b.xml", partner="autre")
    site.worked()
    site.spool.drop_segments(lost.number, 1)
    site.clock.advance(5)
    site.settle()
    assert {d.partner: d.state for d in site.deliveries()} == {"demo": DeliveryState.PLANNED, "autre": DeliveryState.SENT}


def test_a_destination_taken_out_of_the_settings_keeps_no_other_from_leaving() -> None:
    site = MemorySite(destinations={"mixte": replace(CHORUS, interfaces=("FSO1113A",), batch_seconds=5.0), "chorus": CHORUS})
    site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED)), "lot.tar.gz")
    site.worked()
    site.configure(destinations={"chorus": CHORUS})
    site.clock.advance(5)
    site.settle()
    assert {d.destination: d.state for d in site.deliveries()} == {"mixte": DeliveryState.SEALED, "chorus": DeliveryState.SENT}


# --- a crash between two transactions


def test_what_was_assigned_before_a_crash_is_passed_over() -> None:
    site = a_site(max_invoices=2)
    flow = site.flow(invoices(*range(5)), "lot.tar.gz")
    calls = 0
    assign = site.store.assign

    def dies(*given: Any, **named: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        assign(*given, **named)

    site.store.assign = dies  # type: ignore[method-assign]  # the second transaction never commits
    with pytest.raises(KeyboardInterrupt):
        site.worked()
    assert planned(site) == [2]
    site.store.assign = assign  # type: ignore[method-assign]
    site.crash()
    site.worked()
    assert planned(site) == [2, 2, 1]
    assert sorted(row.delivery for row in site.rows(flow)) == sorted(d.name for d in site.deliveries() for _ in range(d.invoices))


# --- one bad invoice


def test_where_the_destination_takes_invoices_one_by_one_the_good_ones_leave() -> None:
    site = a_site()
    site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)), "lot.tar.gz")
    site.worked()
    assert planned(site) == [1]


def test_where_it_wants_all_or_nothing_the_whole_flow_falls() -> None:
    site = a_site(bad_invoice="flow")
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)), "lot.tar.gz")
    site.settle()
    assert (planned(site), site.present(flow).state) == ([], State.CLOSED)
    assert site.codes(flow)[0] == ["BUS-012"]


def test_what_falls_with_the_flow_may_come_again_under_its_number() -> None:
    site = a_site(bad_invoice="flow")
    site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)), "lot.tar.gz")
    site.worked()
    again = site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    assert [row.accepted for row in site.rows(again)] == [True]


def test_all_or_nothing_waits_for_the_verdict_that_is_missing() -> None:
    site = a_site(bad_invoice="flow")
    site.judging.outcomes["2.xml"] = Outcome.LIMIT
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    assert (planned(site), site.present(flow).state) == ([], State.PARKED)


def test_other_destinations_are_not_concerned() -> None:
    site = MemorySite(destinations={"mixte": replace(CHORUS, interfaces=("FSO1113A",), bad_invoice="flow"), "chorus": CHORUS})
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED), ("c.xml", BAD)), "lot.tar.gz")
    site.worked()
    assert [row.accepted for row in site.rows(flow)] == [True, False, False, False]


# --- what is told


def test_the_control_report_is_owed_with_the_move() -> None:
    site = a_site()
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)), "lot.tar.gz")
    site.worked()
    (owed,) = site.store.returns(flow=flow.number, kind=ReturnKind.CONTROL)
    root = etree.fromstring(owed.owed.body)
    assert owed.owed.name == f"CONTROL_{flow.number}_1.xml"
    assert [one.get("verdict") for one in root.iter(f"{CONTROL}Invoice")] == ["accepted", "rejected"]


def test_a_flow_with_a_held_invoice_is_parked_after_the_others_left() -> None:
    site = a_site()
    site.judging.outcomes["2.xml"] = Outcome.CRASH
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    assert site.present(flow).state is State.PARKED
    assert "crash" in site.present(flow).reason
    assert planned(site) == [1]
    assert len(site.returned(flow, ReturnKind.CONTROL)) == 1


def test_the_test_box_plans_nothing() -> None:
    site = a_site()
    flow = site.flow(invoices(1, 2), "lot.tar.gz", box=Box.TEST)
    site.settle()
    assert (planned(site), site.present(flow).state) == ([], State.CLOSED)
    kinds = [owed.owed.kind for owed in site.store.returns(flow=flow.number)]
    assert sorted(kinds) == ["control", "receipt", "receipt"]


def test_ordinals_of_names_in_an_archive_are_in_the_order_of_the_flow() -> None:
    site = a_site()
    site.flow(invoices(3, 1, 2), "lot.tar.gz")
    site.worked()
    names = list(members(sealed_content(site)))
    assert all(one < other for one, other in pairwise(names))
    assert list(members(sealed_content(site)).values()) == [invoice(n, lines=1) for n in (3, 1, 2)]


# --- the report is written along with the verdicts


def of_every_kind() -> bytes:
    """Accepted, rejected, twice the same number, unreadable, held (see `outcomes`), two invoices in a file."""
    good = [(f"{n}.xml", invoice(n, lines=1)) for n in range(3)]
    others = ("again.xml", invoice(1, lines=1)), ("no.xml", b"<a>"), ("bad.xml", BAD), ("held.xml", invoice(9)), ("m.xml", MIXED)
    return archive(*good, *others)


def as_the_store_tells(site: MemorySite, flow: Flow) -> bytes:
    return deliver.control_report(site.gw, site.present(flow)).body


@pytest.mark.parametrize("bad_invoice", ["invoice", "flow"])
@pytest.mark.parametrize("held", [{}, {"held.xml": Outcome.LIMIT}])
def test_the_report_written_along_is_the_one_that_the_store_tells(bad_invoice: str, held: dict[str, Outcome]) -> None:
    site = a_site(bad_invoice=bad_invoice)
    site.judging.outcomes = held
    flow = site.flow(of_every_kind(), "lot.tar.gz")
    site.worked()
    assert site.returned(flow, ReturnKind.CONTROL) == [as_the_store_tells(site, flow)]


def test_after_a_crash_amid_the_verdicts_the_store_tells_all_of_them() -> None:
    site = a_site()
    flow = site.flow(invoices(*range(600)), "lot.tar.gz")
    while len(site.rows(flow)) < 500:
        site.work.step()
    site.crash()
    site.worked()
    (report,) = site.returned(flow, ReturnKind.CONTROL)
    assert report == as_the_store_tells(site, flow)
    assert report.count(b"<Invoice ") == 600


def test_the_partner_is_told_our_verdicts_before_the_planning_can_fail() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, interfaces=("FSO1113A",))})
    flow = site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    assert site.present(flow).state is State.PARKED
    assert len(site.returned(flow, ReturnKind.CONTROL)) == 1
