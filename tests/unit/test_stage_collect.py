"""What the State tells: reports and statuses in any order, twice, late, of somebody else, or unreadable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from gateway import parsing
from gateway.config import Rules
from gateway.errors import LimitReached, Unreachable
from gateway.lifecycle import DeliveryState, State
from gateway.model import Delivery, Flow, ReturnKind
from gateway.stages import collect
from tests.memory_site import CHORUS, MIXED, MemorySite, a_report, a_status, archive, invoices
from tests.ubl_invoices import invoice, siret

CONFIRMED, PARTIAL, REFUSED, SENT = DeliveryState.CONFIRMED, DeliveryState.PARTIAL, DeliveryState.REFUSED, DeliveryState.SENT


def sent(*seeds: int, **settings: Any) -> tuple[MemorySite, Flow, Delivery]:
    """A flow whose one delivery the State has."""
    site = MemorySite(**settings)
    flow = site.flow(invoices(*(seeds or (1, 2, 3))), "lot.tar.gz")
    site.settle()
    return site, flow, site.deliveries()[0]


def told(site: MemorySite, name: str, data: bytes, destination: str = "chorus") -> None:
    site.accounts[destination].out[name] = data
    site.settle()


def taken(site: MemorySite, name: str, data: bytes) -> bool:
    return collect.take_answer(site.gw, "chorus", name, data, parsing.parse(data))


def strays(site: MemorySite) -> list[str]:
    return [stray["kind"] for stray in site.store.strays()]


def final(site: MemorySite, flow: Flow) -> tuple[str, list[str]]:
    """IdStatut of the last final report and the invoices that its lines name."""
    root = etree.fromstring(site.returned(flow, ReturnKind.FINAL)[-1])
    return root.findtext(".//IdStatut") or "", [line.text or "" for line in root.iter("DescriptionErreur")]


# --- integration reports


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [("90", CONFIRMED, "92"), ("92", CONFIRMED, "92"), ("93", REFUSED, "93"), ("94", REFUSED, "93"), ("95", REFUSED, "93")],
)
def test_a_report_on_the_whole_answers_the_delivery_and_closes_the_flow(status: str, state: DeliveryState, said: str) -> None:
    site, flow, delivery = sent()
    site.report(delivery, status)
    site.settle()
    assert site.store.delivery(delivery.name).state is state
    assert site.present(flow).state is State.CLOSED
    assert final(site, flow)[0] == said
    assert f"report.{state}" in site.events(flow)


def test_a_partial_report_refuses_the_invoices_that_it_names() -> None:
    site, flow, delivery = sent()
    site.report(delivery, "96", [("F0000002", "service inconnu")])
    site.settle()
    assert site.store.delivery(delivery.name).state is PARTIAL
    assert list(site.store.refused(flow.number)) == [2]
    status, lines = final(site, flow)
    assert status == "96"
    assert ["F0000002" in line for line in lines] == [True]


def test_a_report_may_name_the_supplier_by_its_siren() -> None:
    site, flow, delivery = sent()
    site.report(delivery, "96", [(f"{number};identifiantFournisseur={siret(2)[:9]}", "faux") for number in ("F0000002", "F0000003")])
    site.settle()
    assert list(site.store.refused(flow.number)) == [2]


def test_a_partial_report_that_names_nobody_is_never_passed_on_as_all_integrated() -> None:
    site, flow, delivery = sent()
    site.report(delivery, "96", [("INCONNUE", "erreur")])
    site.settle()
    status, _ = final(site, flow)
    assert status == "96"
    root = etree.fromstring(site.returned(flow, ReturnKind.FINAL)[-1])
    assert [delivery.number in (line.text or "") for line in root.iter("LibelleErreur")] == [True]
    assert strays(site) == ["CHO-011"]


def test_a_flow_none_of_whose_invoices_a_partial_report_names_is_integrated() -> None:
    """Two flows on one delivery; the report names an invoice of the second."""
    site = MemorySite(destinations={"chorus": replace(CHORUS, batch_seconds=5.0)})
    flows = [site.flow(invoice(n, lines=1), f"{n}.xml") for n in (1, 2)]
    site.worked()
    site.clock.advance(5)
    site.settle()
    site.report(site.deliveries()[0], "96", [("F0000002", "service inconnu")])
    site.settle()
    assert [final(site, flow)[0] for flow in flows] == ["92", "93"]


def test_an_interim_word_is_noted_and_answers_nothing() -> None:
    site, flow, delivery = sent()
    site.report(delivery, "91")
    site.settle()
    assert site.store.delivery(delivery.name).state is SENT
    assert site.present(flow).state is State.DELIVERED
    assert site.events(flow)[-1] == "report.kept"


def test_a_repeated_report_changes_nothing() -> None:
    site, flow, delivery = sent()
    for n in range(3):
        site.report(delivery, "90", name=f"r{n}")
        site.settle()
    assert site.store.delivery(delivery.name).state is CONFIRMED
    assert len(site.returned(flow, ReturnKind.FINAL)) == 1


def test_a_late_report_never_worsens_the_first() -> None:
    site, flow, delivery = sent()
    site.report(delivery, "90")
    site.settle()
    site.report(delivery, "93", [("F0000001", "trop tard")], name="late")
    site.settle()
    assert site.store.delivery(delivery.name).state is CONFIRMED
    assert site.store.refused(flow.number) == {}


def test_the_same_file_read_twice_is_applied_once() -> None:
    """A crash between our commit and the removal of the answer."""
    site, flow, delivery = sent()
    assert [taken(site, "r", a_report(delivery.number, "91")) for _ in range(2)] == [True, False]
    assert site.events(flow).count("report.kept") == 1


def test_the_bytes_of_an_answer_are_kept_and_the_answer_leaves() -> None:
    site, _, delivery = sent()
    site.report(delivery, "90")
    data = next(iter(site.chorus.out.values()))
    site.settle()
    assert site.chorus.out == {}
    assert site.spool.put(data).sha256 in set(site.store.known_blobs())


def test_a_report_on_an_unknown_flow_is_kept_and_shown() -> None:
    site, _, _ = sent()
    told(site, "r", a_report("DEM0011100000000000009999", "90"))
    assert strays(site) == ["CHO-010"]


def test_a_report_from_another_destination_touches_nothing() -> None:
    site, _, delivery = sent(destinations={"chorus": CHORUS, "other": replace(CHORUS, path="elsewhere", interfaces=("FSO1113A",))})
    site.report(delivery, "93", to="other")
    site.settle()
    assert site.store.delivery(delivery.name).state is SENT
    assert strays(site) == ["CHO-010"]


def test_two_destinations_of_one_account_find_each_others_answers() -> None:
    other = replace(CHORUS, interfaces=("FSO1113A",), report_partial=(), report_refused=("96",))
    site, flow, delivery = sent(1, destinations={"chorus": CHORUS, "other": other})
    site.report(delivery, "96", [("F0000001", "faux")], to="other")
    told(site, "s", a_status("F0000001", siret(1), "03"), "other")
    assert (site.store.delivery(delivery.name).state, status_of(site, flow), strays(site)) == (PARTIAL, "03", [])


def test_a_report_on_a_delivery_that_never_left_is_kept_and_shown() -> None:
    """Somebody else uses our application code: what we hold is not what the State speaks of."""
    site = MemorySite()
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    (delivery,) = site.deliveries()
    taken(site, "r", a_report(delivery.number, "90"))
    assert (site.store.delivery(delivery.name).state, strays(site)) == (DeliveryState.SEALED, ["CHO-011"])


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "XML-001"), (b"not xml", "XML-001"), (b"<CPPStatut>", "XML-001"), (b"<!DOCTYPE a><CPPStatut/>", "XML-002"),
     (b"<Autre/>", "CHO-011"), (b"<CPPStatut/>", "CHO-011")],
)  # fmt: skip
def test_what_cannot_be_read_is_kept_and_holds_no_other_answer_back(data: bytes, code: str) -> None:
    site, flow, delivery = sent()
    site.chorus.out["a"] = data
    site.report(delivery, "90", name="b")
    site.settle()
    assert strays(site) == [code]
    assert site.present(flow).state is State.CLOSED


def test_an_answer_still_being_written_is_awaited_and_holds_no_other_back() -> None:
    site, flow, delivery = sent()
    whole = a_report(delivery.number, "90")
    site.chorus.out["a"], site.chorus.out["b"] = whole[:100], a_report(delivery.number, "91")
    site.chorus.growing.add("a")
    site.settle()
    assert (list(site.chorus.out), strays(site), site.events(flow).count("report.kept")) == (["a"], [], 1)
    site.chorus.out["a"] = whole
    site.settle()
    assert (site.chorus.out, strays(site), site.present(flow).state) == ({}, [], State.CLOSED)


def test_an_answer_that_may_not_be_removed_is_taken_once_and_holds_no_other_back() -> None:
    site, flow, delivery = sent()
    site.chorus.out["a"], site.chorus.out["b"] = a_report(delivery.number, "91"), a_report(delivery.number, "90")
    site.chorus.fails["forget"] = Unreachable("chorus: denied")
    site.settle()
    assert (list(site.chorus.out), site.events(flow).count("report.kept"), site.present(flow).state) == (["a", "b"], 1, State.CLOSED)


def test_an_answer_beyond_our_own_limits_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    site, flow, delivery = sent()
    parse = parsing.parse

    def short_of_memory(data: bytes, *, member: str) -> Any:
        if member == "a":
            raise LimitReached("a: not enough memory")
        return parse(data, member=member)

    monkeypatch.setattr(parsing, "parse", short_of_memory)
    site.chorus.out["a"] = b"<CPPStatut/>"
    site.report(delivery, "90", name="b")
    site.settle()
    assert (site.chorus.out, strays(site), site.present(flow).state) == ({}, ["CHO-011"], State.CLOSED)


def test_a_refused_second_delivery_leaves_the_first_alone() -> None:
    """A rejection for duplicate refuses the second delivery; the accepted original is untouched."""
    site, first, original = sent(1, rules=Rules(duplicate="warn"))
    site.report(original, "90")
    site.settle()
    second = site.flow(archive(("b.xml", invoice(1, lines=2))), "lot2.tar.gz")
    site.settle()
    site.report(site.deliveries(second)[0], "93", [("F0000001", "doublon")])
    site.settle()
    assert site.store.delivery(original.name).state is CONFIRMED
    assert (site.store.refused(first.number), list(site.store.refused(second.number))) == ({}, [1])


@pytest.mark.parametrize(("free", "accepted"), [(False, False), (True, True)])
def test_a_refused_number_is_free_again_only_by_the_setting(free: bool, accepted: bool) -> None:
    site, _, delivery = sent(1, rules=Rules(free_on_state_rejection=free))
    site.report(delivery, "93")
    site.settle()
    again = site.flow(archive(("b.xml", invoice(1, lines=2))), "lot2.tar.gz")
    site.settle()
    assert [row.accepted for row in site.rows(again)] == [accepted]


def test_both_invoices_of_a_refused_file_are_refused() -> None:
    site = MemorySite()
    flow = site.flow(MIXED, "factures.xml")
    site.settle()
    site.report(site.deliveries()[0], "93", [("LMA26007001", "faux")])
    site.settle()
    assert sorted(site.store.refused(flow.number)) == [1, 2]


# --- statuses


def integrated(**settings: Any) -> tuple[MemorySite, Flow]:
    site, flow, delivery = sent(1, 2, **settings)
    site.report(delivery, "90")
    site.settle()
    return site, flow


def status_of(site: MemorySite, flow: Flow, position: int = 1) -> str:
    return site.store.invoice(flow.number, position).status


def status_returns(site: MemorySite) -> list[bytes]:
    return [owed.owed.body for owed in site.store.returns(kind=ReturnKind.STATUS)]


def test_a_status_becomes_the_invoices_and_is_passed_on() -> None:
    site, flow = integrated()
    told(site, "s", a_status("F0000001", siret(1), "03"))
    assert (status_of(site, flow, 1), status_of(site, flow, 2)) == ("03", "")
    assert [b"F0000001" in body for body in status_returns(site)] == [True]
    assert site.store.owed_statuses() == []


def test_a_number_used_again_in_another_year_is_told_apart_by_its_recipient() -> None:
    site = MemorySite()
    old, new = invoice(1, lines=1, date="2025-09-30"), invoice(1, lines=1).replace(siret(500_001).encode(), siret(7).encode())
    flows = [site.flow(data, f"{n}.xml") for n, data in enumerate((old, new))]
    site.settle()
    end = "</CPPFactureStatutUnitaire>"
    named = f"<Debiteur><Identifiant>{siret(500_001)}</Identifiant></Debiteur>{end}"
    told(site, "s", a_status("F0000001", siret(1), "11").replace(end.encode(), named.encode()))
    assert [status_of(site, flow) for flow in flows] == ["11", ""]
    told(site, "t", a_status("F0000001", siret(1), "03"))
    assert [status_of(site, flow) for flow in flows] == ["11", "03"]


def test_statuses_of_one_collection_go_out_together() -> None:
    site, _ = integrated()
    for n in (1, 2):
        site.chorus.out[f"s{n}"] = a_status(f"F000000{n}", siret(n), "03")
    site.settle()
    (body,) = status_returns(site)
    assert b"F0000001" in body
    assert b"F0000002" in body


def test_out_of_order_the_states_own_date_decides_and_all_is_passed_on() -> None:
    site, flow = integrated()
    told(site, "b", a_status("F0000001", siret(1), "11", "2026-11-25T10:00:00"))
    told(site, "a", a_status("F0000001", siret(1), "03", "2026-11-23T10:00:00"))
    assert status_of(site, flow) == "11"
    assert [kept.news.code for kept in site.store.statuses(flow.number, 1)] == ["11", "03"]
    assert len(status_returns(site)) == 2


def test_a_repeated_status_is_told_once() -> None:
    site, flow = integrated()
    for n in range(3):
        told(site, f"s{n}", a_status("F0000001", siret(1), "03"))
    assert len(site.store.statuses(flow.number, 1)) == 1
    assert len(status_returns(site)) == 1


@pytest.mark.parametrize(("number", "supplier"), [("INCONNUE", siret(1)), ("F0000001", siret(9))])
def test_a_status_of_an_unknown_invoice_is_kept_and_shown(number: str, supplier: str) -> None:
    site, flow = integrated()
    told(site, "s", a_status(number, supplier, "03"))
    assert (status_of(site, flow), strays(site), status_returns(site)) == ("", ["CHO-010"], [])


def test_a_status_from_a_destination_that_never_got_the_invoice_is_a_stray() -> None:
    site, flow = integrated(destinations={"chorus": CHORUS, "other": replace(CHORUS, path="elsewhere", interfaces=("FSO1113A",))})
    told(site, "s", a_status("F0000001", siret(1), "05"), "other")
    assert (status_of(site, flow), strays(site)) == ("", ["CHO-010"])


def test_a_status_may_overtake_our_own_word_of_the_sending() -> None:
    site = MemorySite()
    flow = site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    taken(site, "s", a_status("F0000001", siret(1), "01"))
    assert status_of(site, flow) == "01"


def test_each_partner_gets_its_own_and_numbers_its_own() -> None:
    site, _ = integrated()
    site.flow(invoice(7, lines=1), "a.xml", partner="autre")
    site.settle()
    site.chorus.out["s1"] = a_status("F0000001", siret(1), "03")
    site.chorus.out["s7"] = a_status("F0000007", siret(7), "03")
    site.settle()
    names = sorted(name for _, _, name in site.channel.files if name.startswith("FEN"))
    assert names == ["FEN1200A_AUT001_AUT0011200000000000000001", "FEN1200A_DEM001_DEM0011200000000000000001"]


def test_many_statuses_of_a_partner_that_left_hide_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    site, _ = integrated()
    told(site, "s", a_status("F0000001", siret(1), "03"))
    site.flow(invoice(7, lines=1), "a.xml", partner="autre")
    site.confirm()
    del site.partners["demo"]
    site.reload()
    owed = site.store.owed_statuses
    monkeypatch.setattr(site.store, "owed_statuses", lambda limit=2, **without: owed(limit, **without))  # as if there were thousands
    for day in range(3, 6):
        site.chorus.out[f"s{day}"] = a_status("F0000001", siret(1), "08", f"2026-12-0{day}T10:00:00")
    site.chorus.out["t"] = a_status("F0000007", siret(7), "03")
    site.settle()
    assert [b"F0000007" in body for body in status_returns(site)] == [False, True]
    assert len(owed()) == 3


def test_a_partner_whose_file_is_gone_keeps_nobody_elses_statuses() -> None:
    site, _ = integrated()
    site.flow(invoice(7, lines=1), "a.xml", partner="autre")
    site.settle()
    gone = site.partners.pop("autre")
    site.reload()
    site.chorus.out["s1"] = a_status("F0000001", siret(1), "03")
    site.chorus.out["s7"] = a_status("F0000007", siret(7), "03")
    site.settle()
    assert (len(status_returns(site)), len(site.store.owed_statuses())) == (1, 1)
    site.partners["autre"] = gone
    site.reload()
    site.settle()
    assert (len(status_returns(site)), site.store.owed_statuses()) == (2, [])


def test_statuses_change_nothing_of_a_closed_flow() -> None:
    site, flow = integrated()
    before = site.present(flow)
    told(site, "s", a_status("F0000001", siret(1), "05"))
    assert site.present(flow) == before
    assert len(site.returned(flow, ReturnKind.FINAL)) == 1


def test_a_destination_out_of_reach_is_asked_again_later_and_keeps_no_other() -> None:
    site, flow, delivery = sent(destinations={"away": replace(CHORUS, interfaces=("FSO1113A",)), "chorus": CHORUS})
    site.accounts["away"].fails["answers"] = Unreachable("away: no answer; try later")
    site.report(delivery, "90")
    site.settle()
    assert site.present(flow).state is State.CLOSED
    site.accounts["away"].fails.clear()
    site.accounts["away"].out["r"] = b"<Autre/>"
    site.settle()
    assert strays(site) == []
    site.clock.advance(3)
    site.settle()
    assert strays(site) == ["CHO-011"]
