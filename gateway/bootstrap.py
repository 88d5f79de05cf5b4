"""Builds a site's parts and hands them out; the only module that imports adapters. It decides nothing.

Adapters are imported by the function that needs them: a loop pays for its own only.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import bootstrap_poll
from gateway.config import Configuration, Partner, Settings, load_partners, load_settings
from gateway.errors import ConfigError, StorageRefused, TransientError, UsageError
from gateway.log import logger
from gateway.model import Box, Drop, Finding
from gateway.stages.desk import Gateway

if TYPE_CHECKING:
    from gateway.loops import Loop
    from gateway.policies import Panel
    from gateway.ports import Accounting, Validator

LOOPS = ("receive", "work", "send", "collect")
BEHIND_THE_DOOR = ("work", "send", "collect")
"""Loops that must know a partner before its first flow comes, by whatever door."""


def operator() -> str:
    """Who gives an order on the command line."""
    return getpass.getuser()


# --- a site


@contextmanager
def open_site(site: Path) -> Iterator[Gateway]:
    """The site's store and spool for a command; closed at the end."""
    settings, partners = load_settings(site), load_partners(site)
    gw = assemble(settings, partners, bell="command")
    try:
        yield gw
    finally:
        gw.close()


def assemble(settings: Settings, partners: dict[str, Any], *, bell: str) -> Gateway:
    """A gateway on the site's own disk, with no connection to the State."""
    from adapters.board import DiskBoard
    from adapters.spool import DiskSpool
    from adapters.sqlite import SqliteStore
    from adapters.system import SystemClock, UnixBell

    for part in ("run", "spool", "boxes"):
        (settings.var / part).mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    return Gateway(
        settings=settings, partners=partners, store=SqliteStore(settings.var / "gateway.db"), spool=DiskSpool(settings.var / "spool"),
        clock=clock, bell=UnixBell(settings.var / "run", bell), board=DiskBoard(settings.var / "run" / "board", clock),
        channel=_boxes(settings),
    )  # fmt: skip


# --- loops


def loops_of(site: Path, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The loops to run: those chosen, else all, the demo's double included where the settings say so."""
    settings = load_settings(site)
    return chosen or (LOOPS + (("double",) if settings.double.enabled else ()))


@contextmanager
def loop_lock(site: Path, name: str) -> Iterator[None]:
    """Only one process turns a loop of a site; `LockHeld` otherwise."""
    from adapters.system import hold_lock

    run = site / "var" / "run"
    run.mkdir(parents=True, exist_ok=True)
    with hold_lock(run / f"{name}.lock", what=f"{site}: loop {name}"):
        yield


@contextmanager
def loops(configuration: Configuration, name: str) -> Iterator[tuple[Loop, ...]]:
    """The loops that one process turns, the first in its main thread; each with a store connection of its own."""
    with ExitStack() as held:
        build = {"receive": _receive, "work": _work, "send": _send, "collect": _collect, "double": _double}[name]
        yield build(configuration.settings, configuration.partners, held)


def configuration(site: Path) -> Configuration:
    """The site's files as they stand; `ConfigError` when they would not be taken."""
    return Configuration(load_settings(site), load_partners(site))


def _assembled(settings: Settings, partners: dict[str, Any], held: ExitStack, bell: str) -> Gateway:
    gw = assemble(settings, partners, bell=bell)
    held.callback(gw.close)
    return gw


def _receive(settings: Settings, partners: dict[str, Any], held: ExitStack) -> tuple[Loop, ...]:
    from gateway.loops import Housekeeping, Receive

    gw = _assembled(settings, partners, held, "receive")
    loop = Receive(gw, ())
    loop.sources = doors = sources(lambda: loop.gw, tell=True)
    discards = [source.notices for source in doors]
    _ensure_boxes(gw)
    loop.follow(_ensure_boxes)
    if settings.sftp.enabled:
        counter, follow = _counter(settings, partners, held)
        loop.follow(follow)
        discards.append(counter.sweep)
    sweeping = _assembled(settings, partners, held, "sweep")
    polling = bootstrap_poll.polling(Configuration(settings, partners), assemble)
    held.callback(polling.close)
    taking = bootstrap_poll.taking(Configuration(settings, partners), assemble)
    held.callback(taking.close)
    return (loop, Housekeeping(sweeping, discards, _boxes(settings).purge), polling, taking)


def _ensure_boxes(gw: Gateway) -> None:
    """Every partner that may deposit finds its boxes, however its file came to be."""
    boxes = _boxes(gw.settings)
    for partner in gw.partners.values():
        if partner.enabled:
            try:
                boxes.ensure(partner.name)
            except TransientError as refused:  # one partner's disk keeps no other waiting
                logger("receive").error("box.missing", source=partner.name, why=str(refused))


def _boxes(settings: Settings) -> Any:
    from adapters.folder import Boxes

    return Boxes(settings)


def sources(present: Callable[[], Gateway], *, tell: bool) -> tuple[Any, ...]:
    """The doors that are scanned; `present`: the site's gateway as it is after each reload; `tell`: partners hear what waits."""
    from adapters.folder import WatchedFolder
    from gateway.stages import admission

    def seen(drop: Drop) -> bool:
        return present().store.deposit_seen(drop) is not None

    def refusal(drop: Drop, size: int) -> Finding | None:
        return admission.postponement(present(), drop, size) if tell else admission.refusal(present(), drop.partner, size)

    gw = present()
    door = WatchedFolder(gw.settings, lambda: dict(present().partners), gw.clock, seen=seen, refusal=refusal)
    return (door,) if gw.settings.folder.enabled else ()


def _counter(settings: Settings, partners: dict[str, Any], held: ExitStack) -> tuple[Any, Callable[[Gateway], None]]:
    """The SFTP counter, started, with a store connection of its own; and how it follows a reload."""
    from adapters.sftp_server import SftpCounter
    from gateway.stages.receive import WireIntake

    intake = WireIntake(_assembled(settings, partners, held, "counter"))
    counter = SftpCounter(settings, lambda: dict(intake.gw.partners), intake, intake.gw.clock)
    counter.start()
    held.callback(counter.stop)

    def follow(gw: Gateway) -> None:
        intake.gw = dataclasses.replace(intake.gw, settings=gw.settings, partners=gw.partners)
        counter.reload()

    return counter, follow


def _work(settings: Settings, partners: dict[str, Any], held: ExitStack) -> tuple[Loop, ...]:
    from gateway.loops import Work

    pool = validation_pool(settings)  # children first: they come from a clean process, before any connection
    gw = _assembled(settings, partners, held, "work")
    loop = Work(gw, pool)
    held.callback(loop.close)
    return (loop,)


def _send(settings: Settings, partners: dict[str, Any], held: ExitStack) -> tuple[Loop, ...]:
    from gateway.loops import Deposit, Send

    gw = _assembled(settings, partners, held, "send")
    beside = _assembled(settings, partners, held, "deposit")
    bringing = bootstrap_poll.bringing(Configuration(settings, partners), assemble)
    held.callback(bringing.close)
    return (Send(gw, bringing.nudge), Deposit(dataclasses.replace(beside, accounts=accounts(settings, held))), bringing)


def _collect(settings: Settings, partners: dict[str, Any], held: ExitStack) -> tuple[Loop, ...]:
    from gateway.loops import Collect

    gw = _assembled(settings, partners, held, "collect")
    return (Collect(dataclasses.replace(gw, accounts=accounts(settings, held))),)


def accounts(settings: Settings, held: ExitStack) -> dict[str, Accounting]:
    """A connection to each destination, made when first used."""
    from adapters.chorus.edi import EdiAccounting, remote_folder

    made = {n: EdiAccounting(n, d, remote_folder(d, settings.site)) for n, d in settings.destinations.items()}
    for account in made.values():
        held.callback(account.close)
    return dict(made)


def validation_pool(settings: Settings, children: int = 0, *, is_deposit: bool = True, panel: Panel | None = None) -> Validator:
    """The pool of validation children; the packs that may judge are compiled before the first one starts."""
    from adapters import pack_cache
    from adapters.system import SystemClock
    from adapters.validation_pool import ValidationPool
    from gateway.policies import ALL

    clock, cache = SystemClock(), pack_cache.folder()
    pack_cache.prepare(judging_packs(settings, panel), cache)
    return ValidationPool(
        settings, today=lambda: clock.now().date(), children=children, is_deposit=is_deposit, panel=panel or ALL, packs=cache
    )


def judging_packs(settings: Settings, panel: Panel | None = None) -> tuple[str, ...]:
    """Names of the packs that may judge: those named, else the policy's, none where they are switched off."""
    from gateway import packs, policies

    if not settings.validation.packs:
        return ()
    if panel is not None and panel.named is not None:
        return packs.known(name for name in panel.named if name not in dict(panel.tried))
    return policies.named(settings.validation.policy).packs


def _double(settings: Settings, partners: dict[str, Any], held: ExitStack) -> tuple[Loop, ...]:
    from gateway.bootstrap_double import DemoDouble

    loop = DemoDouble(settings.under(settings.double.root), settings.double.schedule_seconds, settings.double.port)
    held.callback(loop.close)
    return (loop,)


def die_with_parent(parent: int) -> bool:
    """A supervised loop ends at once when its supervisor (process `parent`) is gone; what it was doing is safe to cut anywhere.

    False when it is gone already: the loop is not to begin then, it would keep its lock from the next gateway."""
    from adapters.system import die_with_parent as ask_kernel

    return ask_kernel(parent)


# --- what commands do


def deposit_file(gw: Gateway, partner: str, file: Path, box: Box) -> dict[str, Any]:
    """Custody of a local file; the file stays. The object that `gateway deposit --json` prints."""
    import uuid

    from gateway.stages.receive import WireIntake, receive

    if not gw.partner(partner).enabled:
        raise UsageError(f"partner {partner}: is disabled; gateway partner enable {partner} lets it deposit again")
    why = WireIntake(gw).refusal(partner, box, file.name, file.stat().st_size)
    if why is not None:
        raise StorageRefused(f"{_readable(str(file))}: not taken now ({why}); the file waits where it is")
    with gw.spool.writer() as writer, file.open("rb") as source:
        shutil.copyfileobj(source, writer, 1 << 20)
        blob = writer.commit()
    drop = Drop(partner, box, "command", uuid.uuid4().hex, _readable(file.name))
    reception = receive(gw, drop, blob, who=operator())
    gw.bell.ring("work")
    gw.bell.ring("send")
    return {"flow": reception.flow.number, "file": _readable(str(file)), "sha256": blob.sha256, "again": reception.again}


def _readable(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 shown as U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def import_directory(gw: Gateway, file: Path) -> dict[str, Any]:
    """Replace the recipients' directory by a file."""
    import hashlib

    from gateway.directory_file import read_directory

    data = file.read_bytes()
    try:
        recipients = read_directory(data.decode("utf-8"), str(file))
    except UnicodeDecodeError as other:
        raise UsageError(f"{file}: byte {other.start} is not UTF-8; save the directory as CSV in UTF-8") from other
    digest = hashlib.sha256(data).hexdigest()
    with gw.store.transaction():
        count = gw.store.import_directory(recipients, at=gw.now(), file=file.name, sha256=digest)
    return {"file": str(file), "recipients": count, "sha256": digest}


def directory_status(gw: Gateway) -> dict[str, Any]:
    """Which file the directory is from, its age, size and use."""
    imported, kept = gw.store.directory_age(), gw.store.directory_status() or {"recipients": 0}
    stale = imported is not None and (gw.now() - imported).days >= gw.settings.rules.directory_stale_days
    told = {"imported_at": imported.isoformat() if imported else None, "rule": gw.settings.rules.directory, "stale": stale}
    return told | {"file": kept.get("file"), "recipients": kept["recipients"], "sha256": kept.get("sha256")}


def public_key(text: str) -> str:
    """One OpenSSH public key line, checked for kind and length; `ConfigError` when the counter would refuse it."""
    from adapters.sftp_accounts import read_public_key

    line = " ".join(text.split())
    read_public_key(line)
    return line


def hash_password(password: str) -> str:
    """The scrypt string kept in a partner's file."""
    from adapters.sftp_accounts import hash_password as hashed

    return hashed(password)


def unusable_logins(partner: Partner) -> Iterator[str]:
    """Why a key or the password in a partner's file opens nothing at the counter; neither is repeated."""
    from adapters.sftp_accounts import read_public_key, verify_password

    tests: list[Callable[[], object]] = [partial(read_public_key, line) for line in partner.keys]
    if partner.password:
        tests.append(partial(verify_password, "", partner.password))
    for test in tests:
        try:
            test()
        except ConfigError as unusable:
            yield str(unusable)


def signal_reload(site: Path, loops: tuple[str, ...] = LOOPS) -> list[str]:
    """Tell the running ones of these loops to re-read their configuration; their names."""
    from adapters.system import lock_holder

    told = []
    for name in loops:
        pid = lock_holder(site / "var" / "run" / f"{name}.lock")
        if pid is not None:
            os.kill(pid, signal.SIGHUP)
            told.append(name)
    return told


def backup(gw: Gateway, folder: Path) -> dict[str, Any]:
    """Database first, blobs after: blobs never change, so they are a superset of what the snapshot needs (reliability.md 2.14)."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: is not empty; name a new folder, a backup never overwrites")
    (folder / "var").mkdir(parents=True)
    gw.store.backup(folder / "var" / "gateway.db")
    site = gw.settings.site
    shutil.copytree(site / "var" / "spool", folder / "var" / "spool", ignore=shutil.ignore_patterns("staging"))
    shutil.copytree(site / "partners", folder / "partners")
    shutil.copytree(site / "keys", folder / "keys", dirs_exist_ok=True)
    shutil.copy2(site / "gateway.toml", folder / "gateway.toml")
    taken: datetime = gw.now()
    return {"backup": str(folder), "at": taken.isoformat(), "flows": len(gw.store.flows())}


def migrate(site: Path) -> dict[str, Any]:
    """The store to the current schema; every loop's lock is held meanwhile."""
    from adapters.sqlite import migrate as migrate_store

    with ExitStack() as held:
        for name in LOOPS:
            held.enter_context(loop_lock(site, name))
        before, now = migrate_store(load_settings(site).var / "gateway.db")
        return {"site": str(site), "schema": now, "before": before}


# --- what `check` asks


def sync(descriptor: int) -> None:
    """fsync, as the spool does it."""
    os.fsync(descriptor)


def file_system(folder: Path) -> str:
    """Kind of the file system that holds a folder."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, point, name, *_ = line.split()
        if (str(folder.resolve()) + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, name
    return kind


def cage(settings: Settings) -> dict[str, str]:
    """Which layers hold a validation child, tried in a real one."""
    pool = validation_pool(settings, children=1)
    try:
        return dict(pool.cage())
    finally:
        pool.close()


def schemas(settings: Settings) -> Any:
    """The schemas that judge."""
    from gateway.schema_check import SchemaSet

    return SchemaSet(settings.under(settings.validation.schemas) if settings.validation.schemas else None)
