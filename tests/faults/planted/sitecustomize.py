"""Faults planted into the product from outside, by GATEWAY_PLANT: the harness must see each of them. Nothing of the product knows of it.

Python imports this module at its start when its folder stands on PYTHONPATH.
"""

from __future__ import annotations

import os
from typing import Any


def yes_before_commit() -> None:
    """The drop is released before its flow is committed."""
    from gateway.stages import receive

    def receive_from(gw: Any, source: Any) -> int:
        taken = 0
        for drop, path in source.drops():
            blob = gw.spool.put(path.read_bytes())
            source.release(drop, path)
            receive.receive(gw, drop, blob)
            taken += 1
        return taken

    receive.receive_from = receive_from


def early_unlink() -> None:
    """The claimed source is removed as soon as it is read."""
    from gateway.stages import receive

    def receive_from(gw: Any, source: Any) -> int:
        taken = 0
        for drop, path in source.drops():
            data = path.read_bytes()
            path.unlink()
            receive.receive(gw, drop, gw.spool.put(data))
            source.release(drop, path)
            taken += 1
        return taken

    receive.receive_from = receive_from


def yes_on_the_wire_before_commit() -> None:
    """The counter answers at once; the flow is committed a little later."""
    import threading

    from gateway.model import Reception
    from gateway.stages import receive

    def take(intake: Any, drop: Any, path: Any, sha256: str) -> Any:
        blob = intake.gw.spool.adopt(path, sha256)

        def commit() -> None:
            with intake._turn:
                receive.receive(intake.gw, drop, blob)

        threading.Timer(0.2, commit).start()
        return Reception(_unwritten(intake.gw, drop, blob), again=False)

    receive.WireIntake.take = take  # type: ignore[method-assign,assignment]  # that is what planting means


def _unwritten(gw: Any, drop: Any, blob: Any) -> Any:
    from gateway.lifecycle import State
    from gateway.model import Flow

    return Flow("F0-0", drop.partner, drop.box, drop.channel, drop.name, blob.sha256, blob.size, State.RECEIVED, 1, gw.now())


def resend_on_unknown() -> None:
    """A delivery of unknown outcome is sent again under another name."""
    from dataclasses import replace

    from gateway.delivering import Decision
    from gateway.stages import dispatch

    def unknown(gw: Any, delivery: Any, why: str) -> Any:
        number = f"{delivery.number[:10]}9{delivery.number[11:]}"
        again = replace(delivery, number=number, name=delivery.name.replace(delivery.number, number))
        account = gw.accounts[delivery.destination]
        with gw.spool.open(delivery.sha256) as content:
            account.upload(again, content)
            account.publish(again)
        return dispatch._conclude(gw, delivery, Decision.SENT)

    dispatch._unknown = unknown


def no_blob_fsync() -> None:
    """Bytes get their name without fsync."""
    from adapters import spool

    spool._fsync_file = lambda descriptor: None


def no_folder_fsync() -> None:
    """Names under blobs/ are not synced."""
    from adapters import spool

    spool._fsync_folder = lambda folder: None


PLANTS = {
    plant.__name__.replace("_", "-"): plant
    for plant in (yes_before_commit, yes_on_the_wire_before_commit, early_unlink, resend_on_unknown, no_blob_fsync, no_folder_fsync)
}

if os.environ.get("GATEWAY_PLANT"):
    PLANTS[os.environ["GATEWAY_PLANT"]]()
