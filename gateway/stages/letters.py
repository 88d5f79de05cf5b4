"""Custody of what a partner published: deposit, reference or refusal, committed before the message is let go; it speaks no AMQP.

Whatever a message is, what it changes is one transaction known by its act: delivered again, it changes nothing (reliability.md 2.2).
"""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

from gateway import letter as letters
from gateway.back_off import BackOff
from gateway.catalogue import finding
from gateway.config import Partner
from gateway.errors import StorageRefused
from gateway.letter import Deposit, Letter, Reference, Refusal
from gateway.log import logger
from gateway.model import Blob, Drop, Finding
from gateway.stages import admission, housekeeping
from gateway.stages.desk import Gateway
from gateway.stages.receive import receive, spooled

REPEATED_OFTEN = 3
"""Deliveries after custody, from which an administrator hears of it (row 40)."""


class Settled(StrEnum):
    """What becomes of a message, now that we have committed what it changes."""

    TAKEN = "taken"  # ours now: acknowledged
    KEPT = "kept"  # answered; its bytes go to the dead-letter queue


def take(gw: Gateway, partner: Partner, group: Sequence[Letter]) -> list[Settled]:
    """Commit what messages change, all in one transaction. `TransientError` when that cannot be done now: none is to be acknowledged."""
    entries = [_weighed(gw, partner, letter) for letter in group]
    with gw.store.transaction():
        settled = [enter() for enter in entries]
    _ring(gw)
    return settled


def _weighed(gw: Gateway, partner: Partner, letter: Letter) -> Callable[[], Settled]:
    """What needs no transaction, bytes in the spool above all; what is left to be done in one."""
    if letter.echo:
        return partial(_echoed, partner, letter)
    judged = letters.judge(letter, partner, gw.settings, at=gw.now(), nonce=uuid.uuid4().hex)
    if isinstance(judged, Refusal):
        return partial(_refuse, gw, judged)
    if gw.store.deposit_seen(judged.drop) is not None:
        return partial(_repeated, letter, judged.drop)
    if (refusal := letters.poisoned(letter, judged, partner)) is not None:
        return partial(_refuse, gw, refusal)
    if isinstance(judged, Reference):
        return partial(_await, gw, judged)
    _must_not_wait(judged.drop, admission.postponement(gw, judged.drop, len(judged.body)))
    return partial(_take, gw, judged, gw.spool.put(judged.body))


def fetch_awaited(gw: Gateway, partner: Partner, later: BackOff) -> int:
    """Take what came of the files that messages name, and answer for those that did not; how many were taken or answered.

    One that cannot be taken now holds no other back: it is left alone for a while (`later`)."""
    folder = references_folder(gw, partner)
    waiting = [reference for reference in gw.store.awaited_files(partner.name) if not later.waits(reference.drop.transport_id)]
    return sum(_tried(gw, reference, folder, later) for reference in waiting)


def references_folder(gw: Gateway, partner: Partner) -> Path:
    """Where a partner leaves the files that its messages name."""
    return gw.settings.under(partner.amqp.references) if partner.amqp.references else gw.settings.var / "boxes" / partner.name / "ref"


# --- messages


def _take(gw: Gateway, deposit: Deposit, blob: Blob) -> Settled:
    why = admission.refusal(gw, deposit.drop.partner, len(deposit.body))  # once more: what is beside it in the transaction counts
    _must_not_wait(deposit.drop, why)
    receive(gw, deposit.drop, blob)
    return Settled.TAKEN


def _await(gw: Gateway, reference: Reference) -> Settled:
    gw.store.await_file(reference)
    return Settled.TAKEN


def _must_not_wait(drop: Drop, why: Finding | None) -> None:
    """Rows 11 and 12: it waits where it is."""
    if why is not None:
        raise StorageRefused(f"{drop.partner}: not taken now ({why.message_en}); the message waits where it is")


def _refuse(gw: Gateway, refusal: Refusal) -> Settled:
    """Tell the partner, once; administrators hear of all, loudly of who is somebody else."""
    why = refusal.finding
    housekeeping.owe_notices(gw, [refusal], key=f"notice:{letters.CHANNEL}:{refusal.partner}:{refusal.act}")
    said = {"source": refusal.partner, "name": refusal.name, "code": why.rule, "why": why.message_en, "motif": why.message_fr}
    log = logger("receive")
    (log.error if why.rule in ("SEC-011", "AMQ-007") else log.warning)("letter.refused", stage="receive", **said)
    return Settled.KEPT if refusal.kept else Settled.TAKEN


def _echoed(partner: Partner, letter: Letter) -> Settled:
    """Let go without an answer, which would come back as well, for ever: an administrator is told, and unbinds the queue."""
    logger("receive").error("letter.echoed", stage="receive", source=partner.name, name=letter.text("name"))
    return Settled.TAKEN


def _repeated(letter: Letter, drop: Drop) -> Settled:
    if letter.deliveries >= REPEATED_OFTEN:
        why = finding("AMQ-006", n=letter.deliveries)
        said = {"code": why.rule, "why": why.message_en, "motif": why.message_fr}
        logger("receive").error("letter.repeated", stage="receive", source=drop.partner, name=drop.name, **said)
    return Settled.TAKEN


def _ring(gw: Gateway) -> None:
    gw.bell.ring("work")
    gw.bell.ring("send")


# --- files that messages name


def _tried(gw: Gateway, reference: Reference, folder: Path, later: BackOff) -> bool:
    drop = reference.drop
    try:
        done = _fetch(gw, reference, folder)
    except StorageRefused as why:
        seconds = round(later.failed(drop.transport_id).total_seconds(), 1)
        logger("receive").error("drop.postponed", stage="receive", source=drop.partner, name=drop.name, why=str(why), seconds=seconds)
        return False
    later.forget(drop.transport_id)
    return done


def _fetch(gw: Gateway, reference: Reference, folder: Path) -> bool:
    path = folder / reference.file
    there = _standing(path)
    if there is None and _known(gw, reference):
        return _received(gw, reference, Blob(reference.sha256, reference.size))
    if there is None or there.st_size < reference.size:
        return _waited_enough(gw, reference) and _answered(gw, reference, letters.late(reference))
    if there.st_size > reference.size:
        return _other(gw, reference, path, there, f"{there.st_size} octets")
    return _compare(gw, reference, path, there)


def _compare(gw: Gateway, reference: Reference, path: Path, there: os.stat_result) -> bool:
    """Row 37: the same size; the same bytes?"""
    _must_not_wait(reference.drop, admission.postponement(gw, reference.drop, reference.size))
    blob = spooled(gw, path)
    if blob.sha256 != reference.sha256:
        return _other(gw, reference, path, there, blob.sha256)
    taken = _received(gw, reference, blob)
    if reference.sha256 in _awaited(gw, reference):
        return taken  # the other box's too: removed by the last one
    with suppress(OSError):  # it may be read-only there; it is taken once all the same
        if (withdrawn := _withdrawn(path, there, f".taken-{reference.drop.transport_id}")) is not None:
            withdrawn.unlink()
    return taken


def _other(gw: Gateway, reference: Reference, path: Path, there: os.stat_result, found: str) -> bool:
    """Another file than announced stays beside, for who looks into it; under its name, where another message waits for that one."""
    answered = _answered(gw, reference, letters.altered(reference, found))
    if not _awaited(gw, reference):
        with suppress(OSError):
            _withdrawn(path, there, f".refused-{reference.drop.transport_id}-{path.name[:40]}")
    return answered


def _awaited(gw: Gateway, answered: Reference) -> set[str]:
    """The hashes for which other messages wait under the same name."""
    return {other.sha256 for other in gw.store.awaited_files(answered.drop.partner) if other.file == answered.file}


def _withdrawn(path: Path, there: os.stat_result, name: str) -> Path | None:
    """Give the file that was looked at another name; one that took its place meanwhile gets its own back, unless a third one has it."""
    aside = path.with_name(name)
    path.rename(aside)
    if _identity(aside.lstat()) == _identity(there):
        return aside
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        pass
    except OSError:  # no links on that file system
        aside.rename(path)
        return None
    aside.unlink()
    return None


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _standing(path: Path) -> os.stat_result | None:
    """None while no regular file stands there; links are never followed. `StorageRefused` when we cannot look: that is not *absent*."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as closed:
        raise StorageRefused(f"{path}: {closed.strerror}; the gateway's user must be able to look there") from closed
    return status if stat.S_ISREG(status.st_mode) else None


def _known(gw: Gateway, reference: Reference) -> bool:
    """True when these bytes came from the same partner before: the spool has them. Never another partner's."""
    drop = reference.drop
    earlier = gw.store.flows_of_bytes(drop.partner, drop.box, reference.sha256)
    return any(flow.size == reference.size for flow in earlier) and gw.spool.has(reference.sha256)


def _received(gw: Gateway, reference: Reference, blob: Blob) -> bool:
    with gw.store.transaction():
        receive(gw, reference.drop, blob)
        gw.store.file_answered(reference.drop)
    _ring(gw)
    return True


def _waited_enough(gw: Gateway, reference: Reference) -> bool:
    return gw.now() - reference.asked_at >= timedelta(hours=gw.settings.amqp.reference_hours)


def _answered(gw: Gateway, reference: Reference, refusal: Refusal) -> bool:
    """The notice and the end of waiting are one transaction."""
    with gw.store.transaction():
        _refuse(gw, refusal)
        gw.store.file_answered(reference.drop)
    return True
