"""The outbox to the boxes: order, a box that refuses, the same bytes again; and what time does to a site."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from gateway.catalogue import finding
from gateway.errors import StoreBusy, TransientError
from gateway.lifecycle import State
from gateway.loops import Housekeeping
from gateway.model import Box, Finding, Return, ReturnKind
from gateway.stages import housekeeping, send
from tests.memory_site import CHORUS, MemorySite, invoices
from tests.ubl_invoices import invoice


def owe(site: MemorySite, count: int, *, partner: str = "demo", box: Box = Box.REAL, prefix: str = "r") -> None:
    with site.store.transaction():
        for n in range(count):
            name = f"{prefix}{n:04d}"
            site.store.owe(Return(partner, box, "", ReturnKind.NOTICE, name, name.encode(), f"{partner}:{box}:{name}"), site.clock.now())


def pending(site: MemorySite) -> int:
    return len(site.store.returns(pending=True))


def test_returns_are_written_in_the_order_in_which_they_were_owed() -> None:
    site = MemorySite()
    owe(site, 5)
    assert send.send_returns(site.gw) == 5
    assert site.channel.written == [f"r{n:04d}" for n in range(5)]
    assert site.channel.files["demo", Box.REAL, "r0003"] == b"r0003"
    assert (pending(site), send.send_returns(site.gw)) == (0, 0)


def test_a_box_that_refuses_holds_back_its_own_partner_only() -> None:
    site = MemorySite()
    site.channel.closed.add("demo")
    owe(site, 3)
    owe(site, 2, partner="autre")
    assert send.send_returns(site.gw) == 2
    assert {partner for partner, _, _ in site.channel.files} == {"autre"}
    assert pending(site) == 3
    site.channel.closed.clear()
    assert send.send_returns(site.gw) == 3


def test_a_closed_box_with_a_crowd_of_returns_starves_nobody() -> None:
    site = MemorySite()
    site.channel.closed.add("demo")
    owe(site, send.BATCH * 2)
    owe(site, 1, partner="autre")
    assert send.send_returns(site.gw) == 1
    assert list(site.channel.files) == [("autre", Box.REAL, "r0000")]


def test_nothing_but_closed_boxes_comes_to_an_end() -> None:
    site = MemorySite()
    site.channel.closed |= {"demo", "autre"}
    for partner in ("demo", "autre"):
        owe(site, send.BATCH + 1, partner=partner)
    assert send.send_returns(site.gw) == 0


def test_a_refusing_box_is_asked_once_a_turn_and_stays_in_order() -> None:
    site = MemorySite()
    owe(site, 3)
    asked: list[str] = []
    write = site.channel.write

    def once(partner: str, box: Box, name: str, body: bytes) -> None:
        asked.append(name)
        if len(asked) == 2:
            raise TransientError("box: full; make room")
        write(partner, box, name, body)

    site.channel.write = once  # type: ignore[method-assign]  # the second file does not fit
    assert send.send_returns(site.gw) == 1
    assert asked == ["r0000", "r0001"]
    send.send_returns(site.gw)
    assert site.channel.written == ["r0000", "r0001", "r0002"]


def test_the_test_box_may_refuse_while_the_real_one_takes() -> None:
    site = MemorySite()
    owe(site, 1)
    owe(site, 1, box=Box.TEST)
    write = site.channel.write

    def no_test(partner: str, box: Box, name: str, body: bytes) -> None:
        if box is Box.TEST:
            raise TransientError("box: no such folder; make it")
        write(partner, box, name, body)

    site.channel.write = no_test  # type: ignore[method-assign]
    assert send.send_returns(site.gw) == 1


def test_written_again_the_bytes_are_the_same() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.confirm()
    before = dict(site.channel.files)
    site.channel.files.clear()
    with site.store.transaction():
        assert site.store.owe_again(flow.number) == len(before)
    site.settle()
    assert site.channel.files == before


def test_a_crash_before_the_mark_writes_the_same_file_again() -> None:
    site = MemorySite()
    owe(site, 1)
    site.channel.write("demo", Box.REAL, "r0000", b"r0000")
    send.send_returns(site.gw)
    assert site.channel.written == ["r0000", "r0000"]
    assert len(site.channel.files) == 1


# --- housekeeping


@dataclass
class Discard:
    partner: str
    box: Box
    name: str
    finding: Finding


GIVEN_UP = Discard("demo", Box.REAL, "gros.tar.gz.part", finding("DEP-004", nom="gros.tar.gz"))


def test_a_dead_upload_is_told_to_its_partner() -> None:
    site = MemorySite()
    assert housekeeping.owe_notices(site.gw, [GIVEN_UP, replace(GIVEN_UP, box=Box.TEST)]) == 2
    send.send_returns(site.gw)
    names = [name for _, _, name in site.channel.files]
    assert names == ["NOTICE_261122-000001.xml", "NOTICE_261122-000002.xml"]
    root = etree.fromstring(site.channel.files["demo", Box.REAL, names[0]])
    assert root.get("code") == "DEP-004"
    assert "send" in site.bell.rung


def test_what_was_told_under_a_key_is_told_once_and_draws_no_number_again() -> None:
    site = MemorySite()
    told = [housekeeping.owe_notices(site.gw, [GIVEN_UP], key="notice:x") for _ in range(3)]
    assert (told, pending(site)) == ([1, 0, 0], 1)
    with site.store.transaction():
        assert site.store.next_number("notice") == 2


def test_no_discard_no_notice() -> None:
    site = MemorySite()
    assert housekeeping.owe_notices(site.gw, []) == 0
    assert (pending(site), site.bell.rung) == (0, set())


def test_what_no_row_names_leaves_the_spool_after_a_while() -> None:
    site = MemorySite()
    flow = site.flow(invoice(1, lines=1), "a.xml")
    orphan = site.spool.put(b"nobody's")
    swept(site)
    assert site.spool.has(orphan.sha256)
    site.clock.advance((housekeeping.ORPHAN_HOURS + 1) * 3600)
    swept(site)
    assert (site.spool.has(orphan.sha256), site.spool.has(flow.sha256)) == (False, True)


def swept(site: MemorySite) -> list[datetime]:
    asked: list[datetime] = []

    def purge(before: datetime) -> int:
        asked.append(before)
        return 0

    housekeeping.sweep(site.gw, purge)
    return asked


def test_old_returns_leave_the_boxes() -> None:
    site = MemorySite()
    assert swept(site) == [site.clock.now() - timedelta(days=30)]


def test_an_overdue_report_is_told_once() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, report_overdue_hours=24.0)})
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    site.clock.advance(24 * 3600)
    assert housekeeping.watch_reports(site.gw) == 0
    site.clock.advance(1)
    assert [housekeeping.watch_reports(site.gw) for _ in range(3)] == [1, 0, 0]
    last = site.store.history(flow.number)[-1]
    assert (last.what, last.detail["code"], last.detail["delivery"]) == (housekeeping.OVERDUE, "CHO-008", site.deliveries()[0].name)
    assert (site.present(flow).state, len(site.chorus.taken)) == (State.DELIVERED, 1)


def test_an_answered_delivery_is_never_overdue() -> None:
    site = MemorySite()
    site.flow(invoices(1), "lot.tar.gz")
    site.confirm()
    site.clock.advance(1_000_000)
    assert housekeeping.watch_reports(site.gw) == 0


def test_a_notice_that_the_store_refuses_is_owed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    site = MemorySite()
    discards = [[GIVEN_UP, GIVEN_UP], []]
    loop = Housekeeping(site.gw, [lambda: discards.pop(0) if discards else []], lambda before: 0)
    with monkeypatch.context() as busy:
        busy.setattr(site.store, "next_number", _busy)
        with pytest.raises(StoreBusy):
            loop.step()
    loop.step()
    assert pending(site) == 2


def _busy(sequence: str) -> int:
    raise StoreBusy("store: another process writes; try again")


def test_the_loop_sweeps_every_ten_minutes_and_hears_of_discards_at_once(tmp_path: Path) -> None:
    site = MemorySite()
    sweeps: list[datetime] = []
    discards = [[GIVEN_UP], []]

    def purge(before: datetime) -> int:
        sweeps.append(before)
        return 0

    loop = Housekeeping(site.gw, [lambda: discards.pop(0) if discards else []], purge)
    for seconds in (0, 300, 299, 1):
        site.clock.advance(seconds)
        assert loop.step() is False
    assert (len(sweeps), pending(site), loop.idle()) == (2, 1, True)
