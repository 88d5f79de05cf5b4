"""The probes behind `gateway check`: settings, disk, store, sandbox, schemas, what answers outside; it mends nothing."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gateway import bootstrap, bootstrap_amqp, bootstrap_packs, bootstrap_poll
from gateway.config import Partner, Settings, load_partners, load_settings
from gateway.errors import GatewayError
from gateway.interfaces import interfaces
from gateway.model import Syntax
from gateway.rules import off_checks
from gateway.stages.desk import Gateway

SECRETS = ("password", "key", "secret", "token")


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One answer. `ok` false: something that must work does not."""

    what: str
    answer: str
    ok: bool = True

    def as_json(self) -> dict[str, Any]:
        """As a JSON line."""
        return {"check": self.what, "answer": self.answer, "ok": self.ok}


def probe(site: Path) -> Iterator[Result]:
    """Every check, cheap ones first. `ConfigError` when the site's files are wrong."""
    settings, partners = load_settings(site), load_partners(site)
    yield from _settings(settings)
    yield Result(
        "partners", ", ".join(f"{p.name} ({p.application}{'' if p.enabled else ', disabled'})" for p in partners.values()) or "none"
    )
    yield from _logins(partners)
    with bootstrap.open_site(site) as gw:
        yield from _off(gw)
        yield _disk(settings)
        yield Result("store", f"SQLite {gw.store.engine()}, WAL, synchronous FULL")
    yield from _engines(settings)
    yield from _destinations(settings)
    yield from _polled(settings, partners)
    yield from _brokered(settings, partners)
    yield _port(settings)


def _settings(settings: Settings) -> Iterator[Result]:
    for name, value in _flat("", dataclasses.asdict(settings)):
        secret = value and any(word in name.rsplit(".", 1)[-1] for word in SECRETS) and not name.startswith("sftp.host_key")
        yield Result(f"setting {name}", "***" if secret else _written(value))


def _written(value: Any) -> str:
    """A value as its TOML file writes it, a text without its quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(one) for one in value)}]"
    return str(value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else _written(value)


def _flat(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _logins(partners: dict[str, Partner]) -> Iterator[Result]:
    """Keys and passwords that open nothing: the counter passes over them without a word."""
    for partner in partners.values():
        for unusable in bootstrap.unusable_logins(partner):
            yield Result(f"login {partner.name}", unusable, ok=False)


def _off(gw: Gateway) -> Iterator[Result]:
    for line in off_checks(gw.settings.rules, gw.store.directory_age() is not None):
        yield Result("off", line)
    if not gw.settings.validation.packs:
        yield Result("off", "validation.packs: off, no rule pack judges")


def _disk(settings: Settings) -> Result:
    """Time of an fsync: one that costs nothing is one that keeps nothing."""
    path = settings.var / "spool" / ".check"
    try:
        with path.open("wb") as file:
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            bootstrap.sync(file.fileno())
            took = (time.perf_counter() - started) * 1000
    except OSError as failed:
        return Result("disk", f"{path.parent}: {failed.strerror}; the gateway must write there", ok=False)
    finally:
        path.unlink(missing_ok=True)
    kind = bootstrap.file_system(path.parent)
    lying = kind in ("tmpfs", "ramfs", "nfs", "nfs4", "overlay-ram")
    warning = "; keeps nothing over a power cut or a lost server: custody is not promised here" if lying else ""
    return Result("disk", f"{kind}, fsync of 4 kB {took:.2f} ms{warning}")


def _engines(settings: Settings) -> Iterator[Result]:
    for layer, answer in bootstrap.cage(settings).items():
        yield Result(f"sandbox {layer}", answer)
    mounted = settings.under(settings.validation.schemas)
    if not mounted.is_dir():
        yield Result("validation.schemas", f"{mounted}: no such folder; a folder of schemas is expected", ok=False)
    try:
        schemas = bootstrap.schemas(settings)
        for syntax in (Syntax.UBL_INVOICE, Syntax.UBL_CREDIT_NOTE, Syntax.CII, Syntax.CPP_MIXTE, Syntax.CPP_STATUT, Syntax.CDAR):
            known = schemas.known(syntax, "")
            yield Result(f"schema {syntax}", "present" if known else "absent: documents of this syntax cannot be judged", ok=known)
    except GatewayError as missing:
        yield Result("schemas", str(missing), ok=False)
    yield from _packs(settings)


def _packs(settings: Settings) -> Iterator[Result]:
    """The packs that the policy has judge; one that is absent is a failed check."""
    wanted = bootstrap.judging_packs(settings)
    for row in bootstrap_packs.rows():
        if row["name"] in wanted:
            what = f"pack {row['name']} {row['syntax']}"
            answer = row["missing"] or f"{row['version']}, {row['rules']} rules, evaluator {row['evaluator']}"
            yield Result(what, answer, ok=row["missing"] is None)


def _destinations(settings: Settings) -> Iterator[Result]:
    with ExitStack() as held:
        for name, account in bootstrap.accounts(settings, held).items():
            try:
                account.probe()
                yield Result(f"destination {name}", "answers")
            except GatewayError as why:
                yield Result(f"destination {name}", str(why), ok=False)
    for name, destination in settings.destinations.items():
        if unknown := [code for code in destination.interfaces if code not in interfaces()]:
            yield Result(f"destination {name}", f"interface {unknown[0]}: unknown; known: {', '.join(interfaces())}", ok=False)
    if not settings.destinations:
        yield Result("destinations", "none: accepted invoices will park their flow; add [destinations.NAME] to gateway.toml")


def _polled(settings: Settings, partners: dict[str, Partner]) -> Iterator[Result]:
    for partner in partners.values():
        if not partner.poll.host or not (partner.enabled or bootstrap_poll.is_brought(partner)):
            continue
        try:
            yield Result(f"poll {partner.name}", bootstrap_poll.probe(partner, settings))
        except GatewayError as why:
            yield Result(f"poll {partner.name}", str(why), ok=False)


def _brokered(settings: Settings, partners: dict[str, Partner]) -> Iterator[Result]:
    for partner in partners.values():
        if not bootstrap_amqp.publishes(partner) and not partner.publishes_back:
            continue
        try:
            yield Result(f"amqp {partner.name}", bootstrap_amqp.probe(partner, settings))
        except GatewayError as why:
            yield Result(f"amqp {partner.name}", str(why), ok=False)


def _port(settings: Settings) -> Result:
    where = f"{settings.sftp.host}:{settings.sftp.port}"
    if not settings.sftp.enabled:
        return Result("counter", "off")
    with socket.socket() as probe:
        probe.settimeout(2)
        answers = probe.connect_ex((settings.sftp.host, settings.sftp.port)) == 0
    return Result("counter", f"{where} {'answers' if answers else 'is silent (the gateway does not run)'}")
