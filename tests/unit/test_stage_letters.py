"""Custody of what is published, without a broker: each act once, refusals told once, files that messages name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway import retry
from gateway.back_off import BackOff
from gateway.config import Amqp, Publisher
from gateway.errors import StorageRefused
from gateway.letter import POISON_AFTER, Letter
from gateway.model import Box, ReturnKind
from gateway.stages import letters
from gateway.stages.letters import Settled, fetch_awaited, take
from tests.memory_site import MemorySite

DATA = b"<a/>"
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MemorySite]:
    made = MemorySite(minimum_free_bytes=0, amqp=Amqp(reference_hours=24.0))
    made.partner(amqp=Publisher(vhost="v", references=str(tmp_path)))
    yield made
    made.store.close()


def a_letter(body: bytes = DATA, *, message_id: str = "m", deliveries: int = 0, **headers: Any) -> Letter:
    said = {"partner": "demo", "type": "flow", "name": "a.xml", **headers}
    return Letter(Box.REAL, body, said, message_id=message_id, deliveries=deliveries)


def a_reference(*, file: str = "big.zip", sha256: str = SHA, size: int = len(DATA), message_id: str = "r", **headers: Any) -> Letter:
    return a_letter(b"", type="reference", file=file, sha256=sha256, size=size, message_id=message_id, **headers)


def taken(site: MemorySite, letter: Letter) -> Settled:
    (settled,) = take(site.gw, site.partners["demo"], [letter])
    return settled


def fetched(site: MemorySite, later: BackOff | None = None) -> int:
    return fetch_awaited(site.gw, site.partners["demo"], later or BackOff(site.clock))


def notices(site: MemorySite) -> list[str]:
    return [one.owed.body.decode() for one in site.store.returns(kind=ReturnKind.NOTICE)]


def receipts(site: MemorySite) -> list[str]:
    return [one.owed.name for one in site.store.returns(kind=ReturnKind.RECEIPT)]


def test_a_deposit_is_a_flow_with_its_receipts(site: MemorySite) -> None:
    assert taken(site, a_letter()) is Settled.TAKEN
    (flow,) = site.store.flows()
    assert (flow.channel, flow.name, flow.sha256, site.spool.read(flow.sha256)) == ("amqp", "a.xml", SHA, DATA)
    assert len(receipts(site)) == 2
    assert site.bell.rung == {"work", "send"}


def test_delivered_again_after_a_cut_it_changes_nothing(site: MemorySite) -> None:
    for deliveries in range(4):
        with capture_logs() as logs:
            assert taken(site, a_letter(deliveries=deliveries)) is Settled.TAKEN
        assert [line["code"] for line in logs] == (["AMQ-006"] if deliveries == 3 else [])
    assert (len(site.store.flows()), len(receipts(site))) == (1, 2)


def test_without_an_id_it_is_the_same_bytes_again(site: MemorySite) -> None:
    for _ in range(2):
        assert taken(site, a_letter(message_id="")) is Settled.TAKEN
    assert (len(site.store.flows()), len(receipts(site))) == (1, 4)


def test_an_id_used_twice_for_other_bytes_loses_nothing(site: MemorySite) -> None:
    taken(site, a_letter())
    taken(site, a_letter(b"<b/>"))
    assert len(site.store.flows()) == 2


def test_a_refusal_is_told_once_however_often_it_comes(site: MemorySite) -> None:
    for _ in range(3):
        assert taken(site, a_letter(type="x")) is Settled.KEPT
    assert len(notices(site)) == 1
    assert taken(site, a_letter(b"")) is Settled.TAKEN
    assert len(notices(site)) == 2
    assert site.store.flows() == []


def test_a_refusal_that_could_not_be_committed_is_not_settled(site: MemorySite, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> bool:
        raise StorageRefused("store: full; free the disk")

    monkeypatch.setattr(site.store, "owe", full)
    with pytest.raises(StorageRefused):
        taken(site, a_letter(b""))


def test_where_the_disk_is_nearly_full_it_waits_with_the_broker(site: MemorySite) -> None:
    site.configure(minimum_free_bytes=2**62)
    with pytest.raises(StorageRefused, match="the message waits where it is"):
        taken(site, a_letter())
    assert site.store.flows() == []


def test_poison_is_answered_and_put_aside_unless_it_is_in_custody(site: MemorySite) -> None:
    assert taken(site, a_letter(deliveries=POISON_AFTER)) is Settled.KEPT
    assert "Message remis 100 fois" in notices(site)[0]
    taken(site, a_letter(b"<b/>"))
    assert taken(site, a_letter(b"<b/>", deliveries=POISON_AFTER)) is Settled.TAKEN


# --- files that messages name


def test_a_file_is_taken_when_it_comes_and_removed_then(site: MemorySite, tmp_path: Path) -> None:
    assert taken(site, a_reference()) is Settled.TAKEN
    assert fetched(site) == 0
    (tmp_path / "big.zip").write_bytes(DATA[:2])
    assert fetched(site) == 0  # still being written
    (tmp_path / "big.zip").write_bytes(DATA)
    assert fetched(site) == 1
    (flow,) = site.store.flows()
    assert (flow.name, site.spool.read(flow.sha256)) == ("a.xml", DATA)
    assert list(tmp_path.iterdir()) == []
    assert taken(site, a_reference()) is Settled.TAKEN  # redelivered
    assert (fetched(site), len(site.store.flows()), site.store.awaited_files("demo")) == (0, 1, [])


def test_a_file_that_is_gone_with_the_same_bytes_is_in_our_spool(site: MemorySite, tmp_path: Path) -> None:
    taken(site, a_letter())
    taken(site, a_reference())
    assert fetched(site) == 1
    assert len(site.store.flows()) == 1
    assert len(receipts(site)) == 4  # "again"


def test_the_bytes_of_another_partner_are_not_given(site: MemorySite) -> None:
    site.take(DATA, partner="autre")
    taken(site, a_reference())
    assert fetched(site) == 0


@pytest.mark.parametrize("found", [b"<b/>", b"<longer/>"])
def test_another_file_is_told_and_put_aside(site: MemorySite, tmp_path: Path, found: bytes) -> None:
    (tmp_path / "big.zip").write_bytes(found)
    taken(site, a_reference())
    assert fetched(site) == 1
    assert 'code="AMQ-004"' in notices(site)[0]
    assert [path.name[:9] for path in tmp_path.iterdir()] == [".refused-"]
    assert (fetched(site), site.store.flows()) == (0, [])


@pytest.mark.parametrize("other", [b"<b/>", b"<longer/>"])
def test_the_file_that_another_message_names_is_left_to_it(site: MemorySite, tmp_path: Path, other: bytes) -> None:
    """A message was published with a wrong hash, then one with the right one: the first is refused, and does not take the file along."""
    taken(site, a_reference(message_id="wrong", name="wrong.zip"))
    taken(site, a_reference(message_id="right", name="right.zip", sha256=hashlib.sha256(other).hexdigest(), size=len(other)))
    (tmp_path / "big.zip").write_bytes(other)
    assert fetched(site) == 2
    assert 'code="AMQ-004"' in notices(site)[0]
    assert [flow.name for flow in site.store.flows()] == ["right.zip"]
    assert list(tmp_path.iterdir()) == []


def test_one_file_for_both_boxes_is_taken_in_both(site: MemorySite, tmp_path: Path) -> None:
    (tmp_path / "big.zip").write_bytes(DATA)
    taken(site, a_reference())
    taken(site, replace(a_reference(), box=Box.TEST))
    assert fetched(site) == 2
    assert [flow.box for flow in site.store.flows()] == [Box.REAL, Box.TEST]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_takes_the_name_of_one_being_read_is_not_removed_with_it(
    site: MemorySite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two deposits under one name, by rename, as fast as they come: neither is lost."""
    for data in (DATA, b"<b/>"):
        taken(site, a_reference(message_id=repr(data), sha256=hashlib.sha256(data).hexdigest()))
    (tmp_path / "big.zip").write_bytes(DATA)
    spooled = letters.spooled

    def replaced(gw: Any, path: Path) -> Any:
        blob = spooled(gw, path)
        if blob.sha256 == SHA:
            (tmp_path / ".new").write_bytes(b"<b/>")
            (tmp_path / ".new").replace(path)
        return blob

    monkeypatch.setattr(letters, "spooled", replaced)
    assert fetched(site) + fetched(site) == 2
    assert sorted(site.spool.read(flow.sha256) for flow in site.store.flows()) == [DATA, b"<b/>"]
    assert (notices(site), list(tmp_path.iterdir())) == ([], [])


def test_one_that_takes_the_name_of_a_refused_one_is_not_put_aside(
    site: MemorySite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "big.zip").write_bytes(b"<b/>")
    taken(site, a_reference())
    spooled = letters.spooled

    def replaced(gw: Any, path: Path) -> Any:
        blob = spooled(gw, path)
        (tmp_path / ".new").write_bytes(DATA)
        (tmp_path / ".new").replace(path)
        return blob

    with monkeypatch.context() as racing:
        racing.setattr(letters, "spooled", replaced)
        assert fetched(site) == 1
    assert 'code="AMQ-004"' in notices(site)[0]
    taken(site, a_reference(message_id="anew"))
    assert (fetched(site), len(site.store.flows()), list(tmp_path.iterdir())) == (1, 1, [])


def test_known_bytes_of_another_size_than_announced_are_not_taken(site: MemorySite) -> None:
    """Row 37: the receipt would tell the size that was announced."""
    taken(site, a_letter())
    taken(site, a_reference(size=len(DATA) + 1))
    assert (fetched(site), len(receipts(site))) == (0, 2)
    site.clock.advance(24 * 3600)
    assert fetched(site) == 1
    assert 'code="AMQ-005"' in notices(site)[0]


def test_without_an_id_each_reference_is_answered(site: MemorySite, tmp_path: Path) -> None:
    """As each deposit without one is (partner-guide): late twice it is told twice, taken twice it has two receipts."""
    for _ in range(2):
        taken(site, a_reference(message_id=""))
        site.clock.advance(24 * 3600)
        assert fetched(site) == 1
    assert len(notices(site)) == 2
    for _ in range(2):
        (tmp_path / "big.zip").write_bytes(DATA)
        taken(site, a_reference(message_id=""))
        assert (fetched(site), list(tmp_path.iterdir())) == (1, [])
    assert (len(site.store.flows()), len(receipts(site))) == (1, 4)


@pytest.mark.parametrize("there", [None, DATA[:2]])
def test_a_file_that_does_not_come_is_told_after_its_time(site: MemorySite, tmp_path: Path, there: bytes | None) -> None:
    if there:
        (tmp_path / "big.zip").write_bytes(there)
    taken(site, a_reference())
    site.clock.advance(24 * 3600 - 1)
    assert fetched(site) == 0
    site.clock.advance(1)
    assert fetched(site) == 1
    assert 'code="AMQ-005"' in notices(site)[0]
    assert (fetched(site), len(notices(site))) == (0, 1)


def test_a_link_is_never_followed(site: MemorySite, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(DATA)
    (tmp_path / "big.zip").symlink_to(tmp_path / "elsewhere")
    taken(site, a_reference())
    assert fetched(site) == 0


def test_a_file_that_cannot_be_taken_now_holds_no_other_back(site: MemorySite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(DATA)
        taken(site, a_reference(file=name, message_id=name))
    spooled = letters.spooled

    def refusing(gw: Any, path: Path) -> Any:
        if path.name == "a.zip":
            raise StorageRefused("a.zip: Permission denied; let us read it")
        return spooled(gw, path)

    monkeypatch.setattr(letters, "spooled", refusing)
    with capture_logs() as logs:
        assert fetched(site) == 1
    assert [line["event"] for line in logs] == ["drop.postponed"]
    assert [one.file for one in site.store.awaited_files("demo")] == ["a.zip"]


def test_a_file_that_cannot_be_taken_is_told_less_and_less_often_and_taken_when_it_can(site: MemorySite, tmp_path: Path) -> None:
    (tmp_path / "big.zip").write_bytes(DATA)
    taken(site, a_reference())
    later = BackOff(site.clock)
    site.configure(minimum_free_bytes=2**62)
    with capture_logs() as logs:
        for _ in range(3600):
            assert fetched(site, later) == 0
            site.clock.advance(2)
    assert 5 < len(logs) < 40
    site.configure(minimum_free_bytes=0)
    site.clock.advance(1.25 * retry.CEILING.total_seconds())  # the longest pause, spread
    assert fetched(site, later) == 1


def test_where_we_cannot_look_a_file_is_not_absent(site: MemorySite, tmp_path: Path) -> None:
    """Its partner is not told that it did not leave it."""
    taken(site, a_reference())
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    tmp_path.write_bytes(b"a file where the folder was")
    site.clock.advance(25 * 3600)
    with capture_logs() as logs:
        assert fetched(site) == 0
    assert ("Not a directory" in logs[0]["why"], notices(site)) == (True, [])
    tmp_path.unlink()
    tmp_path.with_name("elsewhere").rename(tmp_path)
    (tmp_path / "big.zip").write_bytes(DATA)
    assert fetched(site) == 1


def test_a_crash_between_custody_and_removal_leaves_a_file_that_is_not_taken_twice(site: MemorySite, tmp_path: Path) -> None:
    (tmp_path / "big.zip").write_bytes(DATA)
    tmp_path.chmod(0o500)
    taken(site, a_reference())
    fetched(site)
    tmp_path.chmod(0o700)
    (tmp_path / "big.zip").write_bytes(DATA)
    assert (fetched(site), len(site.store.flows())) == (0, 1)


def test_the_default_folder_is_in_the_partners_box(site: MemorySite) -> None:
    plain = replace(site.partners["demo"], amqp=Publisher(vhost="v"))
    assert letters.references_folder(site.gw, plain) == site.settings.var / "boxes" / "demo" / "ref"


def test_who_is_past_the_quota_is_told_once_a_day_and_the_message_waits(site: MemorySite) -> None:
    site.partner(amqp=Publisher(vhost="v"), daily_files=1)
    assert taken(site, a_letter(message_id="first")) is Settled.TAKEN
    for _ in range(3):
        with pytest.raises(StorageRefused, match="the message waits where it is"):
            taken(site, a_letter(b"<b/>", message_id="second", name="b.xml"))
    (said,) = notices(site)
    assert "DEP-025" in said
    assert "b.xml" in said


def test_messages_of_one_transaction_count_for_the_quota_together(site: MemorySite) -> None:
    site.partner(amqp=Publisher(vhost="v"), daily_files=1)
    two = [a_letter(message_id="one"), a_letter(b"<b/>", message_id="two", name="b.xml")]
    with pytest.raises(StorageRefused):
        take(site.gw, site.partners["demo"], two)
    assert receipts(site) == []
