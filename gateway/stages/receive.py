"""Custody of a drop: flow, event and receipt in one transaction; it reads no content (that is *open*)."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from datetime import datetime
from pathlib import Path

from gateway import acknowledgement
from gateway.errors import StaleFlow, StorageRefused, TransientError
from gateway.lifecycle import OPEN_STATES, State
from gateway.log import logger
from gateway.model import Blob, Box, Drop, Flow, Reception, Return, ReturnKind
from gateway.ports import DropSource
from gateway.stages import admission
from gateway.stages.desk import Gateway

_SEQUENCES = {Box.REAL: ("flow", "F"), Box.TEST: ("flow-test", "T")}


def receive(gw: Gateway, drop: Drop, blob: Blob, *, who: str = "receive") -> Reception:
    """Take durable bytes into custody. The same act of deposit, repeated after a crash, changes nothing."""
    with gw.store.transaction():
        seen = gw.store.deposit_seen(drop)
        if seen is not None:
            return Reception(seen, again=False)
        earlier = gw.store.flows_of_bytes(drop.partner, drop.box, blob.sha256)
        holder = next((f for f in reversed(earlier) if holds(gw, f)), None)
        if holder is not None:
            return _repeat(gw, holder, drop)
        return _take(gw, drop, blob, linked_to=earlier[-1].number if earlier else "", who=who)


def holds(gw: Gateway, flow: Flow) -> bool:
    """True while the flow answers for its bytes: open, parked, or over with an invoice that was not rejected (contract.md 2)."""
    if flow.state in (State.CLOSED, State.ABANDONED):
        return gw.store.has_unrejected(flow.number)
    return flow.state is State.PARKED or flow.state in OPEN_STATES - {State.INADMISSIBLE}


def _repeat(gw: Gateway, holder: Flow, drop: Drop) -> Reception:
    gw.store.add_repeat(holder, drop, gw.now())
    _owe_receipt(gw, holder, again=True, name=drop.name)
    return Reception(holder, again=True)


def _take(gw: Gateway, drop: Drop, blob: Blob, *, linked_to: str, who: str) -> Reception:
    now = gw.now()
    flow = Flow(
        number=_number(gw, drop.box, now), partner=drop.partner, box=drop.box, channel=drop.channel, name=drop.name, sha256=blob.sha256,
        size=blob.size, state=State.RECEIVED, generation=1, received_at=now, linked_to=linked_to,
    )  # fmt: skip
    gw.store.add_flow(flow, drop, who=who)
    _owe_receipt(gw, flow, again=False)
    return Reception(flow, again=False)


def _number(gw: Gateway, box: Box, now: datetime) -> str:
    sequence, letter = _SEQUENCES[box]
    return f"{letter}{now:%y%m%d}-{gw.store.next_number(sequence):06d}"


def _owe_receipt(gw: Gateway, flow: Flow, *, again: bool, name: str = "") -> None:
    place = gw.store.waiting_before(flow)
    repeat = f":again:{gw.store.next_number('repeat')}" if again else ""
    as_xml, as_json = acknowledgement.receipt(flow, place=place, again=again, repeated_name=name)
    for suffix, body in (("xml", as_xml), ("json", as_json)):
        file = f"RECEIPT_{flow.number}.{suffix}"
        owed = Return(flow.partner, flow.box, flow.number, ReturnKind.RECEIPT, file, body, f"{flow.number}:receipt:{suffix}{repeat}")
        gw.store.owe(owed, gw.now())


def receive_from(gw: Gateway, source: DropSource) -> int:
    """Take every complete drop of a door; one that cannot be taken now stays where it is and holds no other back. How many."""
    taken = 0
    for drop, path in source.drops():
        try:
            _take_drop(gw, source, drop, path)
        except (TransientError, StaleFlow) as refused:
            logger("receive").error("drop.postponed", stage="receive", source=drop.partner, name=drop.name, why=str(refused))
            continue
        gw.bell.ring("work")
        gw.bell.ring("send")
        taken += 1
    return taken


def _take_drop(gw: Gateway, source: DropSource, drop: Drop, path: Path) -> None:
    """Bytes to the spool, custody, and only then release."""
    receive(gw, drop, spooled(gw, path))
    source.release(drop, path)


def spooled(gw: Gateway, path: Path) -> Blob:
    """The file's bytes as a blob; not those of one that changes its size while it is read: it is read again."""
    try:
        with open(path, "rb", opener=_itself) as file, gw.spool.writer() as writer:  # Path.open takes no opener
            shutil.copyfileobj(file, writer, 1 << 20)
            blob = writer.commit()
            size = path.stat().st_size
    except OSError as closed:
        raise StorageRefused(f"{path}: {closed.strerror}; the gateway's user must be able to read what is dropped") from closed
    if size != blob.size:
        raise StorageRefused(f"{path}: grew from {blob.size} to {size} bytes while it was read; rename into the box what is whole")
    return blob


def _itself(path: str, flags: int) -> int:
    """Never through a link, never waiting for a pipe's other end: a partner may swap what was looked at before."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


class WireIntake:
    """The intake of doors that answer on the wire (ports.Intake): several threads, one store connection, one at a time."""

    def __init__(self, gw: Gateway) -> None:
        self.gw = gw
        self._turn = threading.Lock()

    def refusal(self, partner: str, box: Box, name: str, size: int) -> str | None:
        """Row 11 and 12 of reliability.md 3.1, in the partner's language."""
        language = self.gw.partner(partner).language
        with self._turn:
            why = admission.refusal(self.gw, partner, size)
        if why is None:
            return None
        return why.message_fr if language == "fr" else why.message_en

    def accepted(self, partner: str, box: Box, name: str) -> str | None:
        """The latest flow taken under that name."""
        with self._turn:
            flow = self.gw.store.flow_named(partner, box, name)
        return flow.number if flow else None

    def take(self, drop: Drop, path: Path, sha256: str) -> Reception:
        """Custody of a finished staging file."""
        if not path.exists():
            raise StorageRefused(f"{path.name}: the staging file is gone; send the file again")
        with self._turn:
            reception = receive(self.gw, drop, self.gw.spool.adopt(path, sha256))
        self.gw.bell.ring("work")
        self.gw.bell.ring("send")
        return reception
