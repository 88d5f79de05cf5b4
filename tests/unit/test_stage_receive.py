"""Custody of a drop: what is a new flow, what is "again", what a receipt says; one drop's fault holds no other back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from lxml import etree

from adapters.memory import MemorySpool
from gateway.catalogue import sentence
from gateway.errors import StorageRefused
from gateway.lifecycle import Event, State
from gateway.model import Blob, Box, Drop, Flow, Outcome, ReturnKind
from gateway.stages import admission, replay
from gateway.stages.receive import WireIntake, receive, receive_from
from tests.memory_site import BAD, TORN, MemorySite, archive, invoices
from tests.ubl_invoices import invoice

GOOD = invoice(1, lines=1)


def test_a_deposit_gives_a_flow_an_event_and_two_receipts_at_once() -> None:
    site = MemorySite()
    taken = site.take(GOOD)
    flow = site.present(taken.flow)
    assert (taken.again, flow.state, flow.generation, flow.size, flow.linked_to) == (False, State.RECEIVED, 1, len(GOOD), "")
    assert site.events(flow) == ["receive"]
    names = [owed.owed.name for owed in site.store.returns(flow=flow.number)]
    assert names == [f"RECEIPT_{flow.number}.xml", f"RECEIPT_{flow.number}.json"]
    assert flow.number == "F261122-000001"


def test_the_receipt_names_what_was_taken() -> None:
    site = MemorySite()
    flow = site.flow(GOOD, "lot été.xml")
    (told,) = site.receipts(flow)
    assert (told["flow"], told["sha256"], told["size"], told["again"]) == (flow.number, flow.sha256, flow.size, False)
    assert "lot été.xml" in json.dumps(told, ensure_ascii=False)
    assert etree.fromstring(site.returned(flow, ReturnKind.RECEIPT)[0]) is not None


def test_the_same_act_repeated_after_a_crash_changes_nothing() -> None:
    site = MemorySite()
    first = site.take(GOOD, act="upload-1")
    owed = site.store.returns()
    second = site.take(GOOD, act="upload-1")
    assert second.flow.number == first.flow.number
    assert site.store.returns() == owed
    assert site.events(first.flow) == ["receive"]


def test_the_same_act_of_another_partner_is_another_act() -> None:
    site = MemorySite()
    assert site.flow(GOOD, act="upload-1").number != site.flow(GOOD, act="upload-1", partner="autre").number


def test_the_same_bytes_by_another_act_are_answered_by_the_first_flow() -> None:
    site = MemorySite()
    first = site.take(GOOD, "un.xml")
    second = site.take(GOOD, "deux.xml")
    assert (second.flow.number, second.again) == (first.flow.number, True)
    assert len(site.store.flows()) == 1
    assert [told["again"] for told in site.receipts(first.flow)] == [False, True]
    assert site.events(first.flow) == ["receive", "receive_again"]


def test_each_further_time_the_partner_is_told_again() -> None:
    site = MemorySite()
    flow = site.flow(GOOD)
    for _ in range(3):
        site.take(GOOD)
    assert [told["again"] for told in site.receipts(flow)] == [False, True, True, True]


def test_the_test_box_and_the_real_one_never_answer_for_each_other() -> None:
    site = MemorySite()
    real, test = site.take(GOOD), site.take(GOOD, box=Box.TEST)
    assert not test.again
    assert (real.flow.number, test.flow.number) == ("F261122-000001", "T261122-000001")
    assert site.take(GOOD, box=Box.TEST).flow.number == test.flow.number


def test_another_partners_same_bytes_are_a_flow_of_its_own() -> None:
    site = MemorySite()
    first, second = site.take(GOOD), site.take(GOOD, partner="autre")
    assert (second.again, second.flow.linked_to) == (False, "")
    assert first.flow.number != second.flow.number


def received(site: MemorySite) -> Flow:
    return site.flow(GOOD)


def opened(site: MemorySite) -> Flow:
    flow = site.flow(GOOD)
    with site.store.transaction():
        return site.store.record(flow, Event.OPEN, at=site.clock.now(), who="test")


def delivered(site: MemorySite) -> Flow:
    flow = site.flow(GOOD)
    site.settle()
    return site.present(flow)


def closed(site: MemorySite) -> Flow:
    flow = site.flow(GOOD)
    site.confirm()
    return site.present(flow)


def parked(site: MemorySite) -> Flow:
    site.judging.outcomes["facture.xml"] = Outcome.LIMIT
    return delivered(site)


@pytest.mark.parametrize("reach", [received, opened, delivered, closed, parked])
def test_a_flow_that_is_open_parked_or_took_something_answers_for_its_bytes(reach: object) -> None:
    site = MemorySite()
    flow = reach(site)  # type: ignore[operator]  # one of the functions above
    assert site.take(GOOD).again, flow.state


def rejected(site: MemorySite) -> bytes:
    site.flow(BAD)
    site.settle()
    return BAD


def inadmissible(site: MemorySite) -> bytes:
    site.flow(TORN)
    site.settle()
    return TORN


def not_closed_yet(site: MemorySite) -> bytes:
    flow = site.flow(TORN)
    with site.store.transaction():
        site.store.record(flow, Event.DECLARE_INADMISSIBLE, at=site.clock.now(), who="test")
    return TORN


def abandoned(site: MemorySite) -> bytes:
    replay.abandon(site.gw, parked(site), who="eve", reason="hopeless")
    site.judging.outcomes.clear()
    return GOOD


def refused_by_the_state(site: MemorySite) -> bytes:
    delivered(site)
    site.report(site.deliveries()[0], "93")
    site.settle()
    return GOOD


@pytest.mark.parametrize("come_to_nothing", [rejected, inadmissible, not_closed_yet, abandoned, refused_by_the_state])
def test_a_flow_that_came_to_nothing_is_followed_by_a_new_one_linked_to_it(come_to_nothing: object) -> None:
    site = MemorySite()
    data = come_to_nothing(site)  # type: ignore[operator]  # one of the functions above
    (first,) = site.store.flows()
    again = site.take(data)
    assert (again.again, again.flow.linked_to) == (False, first.number)


def test_an_abandoned_flow_of_which_the_state_has_something_still_answers() -> None:
    site = MemorySite()
    site.judging.outcomes["2.xml"] = Outcome.CRASH
    data = invoices(1, 2)
    flow = site.flow(data, "lot.tar.gz")
    site.settle()
    replay.abandon(site.gw, site.present(flow), who="eve", reason="one of them crashes us")
    assert site.take(data, "lot.tar.gz").again


def test_what_an_abandoned_flow_left_undelivered_may_come_again_in_another_file() -> None:
    site = MemorySite(destinations={})
    flow = site.flow(GOOD)
    site.worked()
    assert site.present(flow).state is State.PARKED  # no destination takes it
    replay.abandon(site.gw, site.present(flow), who="eve", reason="wrong gateway")
    site = revived(site)
    other = site.flow(archive(("a.xml", GOOD)), "lot.tar.gz")
    site.settle()
    assert [row.accepted for row in site.rows(other)] == [True]


def revived(site: MemorySite) -> MemorySite:
    """The same store and spool with Chorus as destination."""
    after = MemorySite()
    after.store, after.spool = site.store, site.spool
    after.crash()
    return after


def test_place_in_line_counts_who_waits_before() -> None:
    site = MemorySite()
    flows = [site.flow(invoice(n, lines=1)) for n in range(3)]
    assert [site.receipts(flow)[0]["place"] for flow in flows] == [0, 1, 2]


# --- a door that is scanned


@dataclass
class Door:
    """Files in a folder, each a complete drop."""

    folder: Path
    name: str = "folder"
    released: list[str] = field(default_factory=list)

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        for path in sorted(self.folder.iterdir()):
            yield Drop("demo", Box.REAL, "folder", path.name, path.name), path

    def waiting(self) -> bool:
        return any(self.folder.iterdir())

    def release(self, drop: Drop, path: Path) -> None:
        path.unlink()
        self.released.append(drop.name)


def test_every_drop_of_a_door_is_taken_then_released(tmp_path: Path) -> None:
    site, door = MemorySite(), Door(tmp_path)
    for n in range(3):
        (tmp_path / f"{n}.xml").write_bytes(invoice(n, lines=1))
    assert receive_from(site.gw, door) == 3
    assert door.released == ["0.xml", "1.xml", "2.xml"]
    assert {"work", "send"} <= site.bell.rung


def test_a_drop_that_cannot_be_read_stays_and_holds_no_other_back(tmp_path: Path) -> None:
    site, door = MemorySite(), Door(tmp_path)
    (tmp_path / "a").mkdir()  # what open() refuses, even for root
    (tmp_path / "b.xml").write_bytes(GOOD)
    assert receive_from(site.gw, door) == 1
    assert door.released == ["b.xml"]
    assert (tmp_path / "a").exists()


def test_a_link_or_a_pipe_swapped_in_at_the_last_moment_is_not_taken(tmp_path: Path) -> None:
    site, door = MemorySite(), Door(tmp_path / "in")
    door.folder.mkdir()
    (tmp_path / "secret").write_bytes(b"of somebody else")
    (door.folder / "a.xml").symlink_to(tmp_path / "secret")
    os.mkfifo(door.folder / "b.xml")
    (door.folder / "c.xml").write_bytes(GOOD)
    assert receive_from(site.gw, door) == 1
    assert [(flow.name, flow.size) for flow in site.store.flows()] == [("c.xml", len(GOOD))]


class Late(MemorySpool):
    """Its sender writes on while the file is read."""

    growing: Path

    def put(self, data: bytes) -> Blob:
        self.growing.write_bytes(GOOD)
        return super().put(data)


def test_a_drop_that_grows_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    site, door = MemorySite(), Door(tmp_path)
    site.spool = spool = Late(site.clock)
    spool.growing = tmp_path / "a.xml"
    spool.growing.write_bytes(GOOD[:100])
    assert receive_from(site.gw, door) == 0
    assert (site.store.flows(), spool.growing.read_bytes()) == ([], GOOD)
    assert receive_from(site.gw, door) == 1


class FullSpool(MemorySpool):
    """A disk that refuses once."""

    refuses = True

    def put(self, data: bytes) -> Blob:
        if self.refuses:
            self.refuses = False
            raise StorageRefused("spool: the disk is full; make room")
        return super().put(data)


def test_a_refusing_disk_acknowledges_nothing_and_the_drop_is_taken_later(tmp_path: Path) -> None:
    site, door = MemorySite(), Door(tmp_path)
    site.spool = FullSpool(site.clock)
    (tmp_path / "a.xml").write_bytes(GOOD)
    assert receive_from(site.gw, door) == 0
    assert (site.store.flows(), door.released) == ([], [])
    assert receive_from(site.gw, door) == 1


def test_a_crash_between_custody_and_release_takes_the_drop_once(tmp_path: Path) -> None:
    site, door = MemorySite(), Door(tmp_path)
    (tmp_path / "a.xml").write_bytes(GOOD)
    receive(site.gw, Drop("demo", Box.REAL, "folder", "a.xml", "a.xml"), site.spool.put(GOOD))
    receive_from(site.gw, door)
    assert len(site.store.flows()) == 1
    assert door.released == ["a.xml"]


# --- a door on the wire


def test_the_wire_takes_a_staging_file_and_it_is_gone(tmp_path: Path) -> None:
    site = MemorySite()
    path = tmp_path / "staged"
    path.write_bytes(GOOD)
    blob = MemorySpool(site.clock).put(GOOD)
    taken = WireIntake(site.gw).take(Drop("demo", Box.REAL, "sftp", "u1", "a.xml"), path, blob.sha256)
    assert not path.exists()
    assert WireIntake(site.gw).accepted("demo", Box.REAL, "a.xml") == taken.flow.number
    assert WireIntake(site.gw).accepted("demo", Box.TEST, "a.xml") is None


def test_a_staging_file_that_is_gone_is_no_deposit(tmp_path: Path) -> None:
    site = MemorySite()
    with pytest.raises(StorageRefused, match="send the file again"):
        WireIntake(site.gw).take(Drop("demo", Box.REAL, "sftp", "u1", "a.xml"), tmp_path / "nothing", "0" * 64)
    assert site.store.flows() == []


def test_a_disk_nearly_full_takes_no_more() -> None:
    site = MemorySite()
    site.spool.free = site.settings.minimum_free_bytes + 10
    assert WireIntake(site.gw).refusal("demo", Box.REAL, "a.xml", 10) is None
    assert WireIntake(site.gw).refusal("demo", Box.REAL, "a.xml", 11)


def test_the_daily_quota_of_files_ends_at_midnight() -> None:
    site = MemorySite()
    site.partner(daily_files=2)
    for n in range(2):
        assert WireIntake(site.gw).refusal("demo", Box.REAL, "a.xml", 1) is None
        site.flow(invoice(n, lines=1))
    assert "2" in (WireIntake(site.gw).refusal("demo", Box.REAL, "a.xml", 1) or "")
    assert WireIntake(site.gw).refusal("autre", Box.REAL, "a.xml", 1) is None
    site.clock.advance(86_400)
    assert WireIntake(site.gw).refusal("demo", Box.REAL, "a.xml", 1) is None


def test_the_daily_quota_of_bytes_counts_the_file_to_come() -> None:
    site = MemorySite()
    site.partner(daily_bytes=len(GOOD) + 100)
    intake = WireIntake(site.gw)
    assert intake.refusal("demo", Box.REAL, "a.xml", len(GOOD) + 101)
    site.flow(GOOD)
    assert intake.refusal("demo", Box.REAL, "a.xml", 100) is None
    assert intake.refusal("demo", Box.REAL, "a.xml", 101)


# --- what waits at a door that cannot answer


def waits(site: MemorySite, name: str, *, partner: str = "demo", box: Box = Box.REAL) -> bool:
    return admission.postponement(site.gw, Drop(partner, box, "folder", "", name), 1) is not None


def notices(site: MemorySite) -> list[tuple[str, Box, str]]:
    return [(one.owed.partner, one.owed.box, one.owed.body.decode()) for one in site.store.returns(kind=ReturnKind.NOTICE)]


def test_the_first_file_that_waits_for_the_quota_is_told_in_both_languages_and_those_after_it_are_not() -> None:
    site = MemorySite()
    site.partner(daily_files=1)
    assert not waits(site, "0.xml")
    site.flow(GOOD)
    assert all(waits(site, f"{n}.xml") for n in range(1, 4))
    ((partner, box, body),) = notices(site)
    assert (partner, box) == ("demo", Box.REAL)
    assert "<n:name>1.xml</n:name>" in body
    assert 'code="DEP-025" test="false"' in body
    assert '(1). Prochain dépôt possible à 00:00. Le fichier "1.xml" et ceux qui viennent après lui attendent' in body
    assert '(1). The next deposit is possible at 00:00. The file "1.xml" and those that come after it wait' in body
    assert "send" in site.bell.rung


def test_each_partner_box_and_day_has_its_own_notice() -> None:
    site = MemorySite()
    for name in ("demo", "autre"):
        site.partner(name, daily_files=1)
        site.flow(GOOD, partner=name)
    for _ in range(2):
        for name, box in (("demo", Box.REAL), ("demo", Box.TEST), ("autre", Box.REAL)):
            assert waits(site, "a.xml", partner=name, box=box)
    assert [told[:2] for told in notices(site)] == [("demo", Box.REAL), ("demo", Box.TEST), ("autre", Box.REAL)]
    assert ['test="true"' in body for _, _, body in notices(site)] == [False, True, False]
    site.clock.advance(86_400)
    assert not waits(site, "a.xml")
    site.flow(invoice(7, lines=1))
    assert waits(site, "a.xml")
    assert len(notices(site)) == 4


def test_what_waits_on_and_was_told_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    site = MemorySite()
    site.partner(daily_bytes=1)
    site.flow(GOOD)
    assert waits(site, "a.xml")

    def writing() -> NoReturn:
        raise AssertionError("a transaction for nothing new")

    site.bell.rung.clear()
    monkeypatch.setattr(site.store, "transaction", writing)
    assert waits(site, "a.xml")
    assert site.bell.rung == set()


def test_a_disk_nearly_full_is_no_matter_of_the_partners() -> None:
    site = MemorySite()
    site.partner(daily_files=1)
    site.flow(GOOD)
    site.spool.free = 0
    assert waits(site, "a.xml")
    assert notices(site) == []


def test_a_door_that_answers_on_the_wire_sends_no_notice_as_well() -> None:
    site = MemorySite()
    site.partner(daily_files=1)
    site.flow(GOOD)
    assert WireIntake(site.gw).refusal("demo", Box.REAL, "a.xml", 1)
    assert notices(site) == []


def test_a_refusal_is_in_the_partners_language() -> None:
    site = MemorySite()
    site.partner("demo", language="fr")
    site.partner("autre", language="en")
    site.spool.free = 0
    said = {partner: WireIntake(site.gw).refusal(partner, Box.REAL, "a.xml", 0) for partner in ("demo", "autre")}
    assert said == {"demo": sentence("DEP-006", "fr"), "autre": sentence("DEP-006", "en")}
