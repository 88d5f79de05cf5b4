"""A whole site in memory for tests: the store on ":memory:", the twins of adapters/memory.py, a clock that stands still.

`MemorySite.crash()` throws away everything that a process keeps for itself and keeps what a disk keeps. It opens no file and no connection.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from adapters.memory import MemoryAccounting, MemoryBell, MemoryBoard, MemoryReturnChannel, MemorySpool, SettableClock
from adapters.sqlite import SqliteStore
from gateway.config import Destination, Partner, Rules, Settings
from gateway.judging import Desk, judge
from gateway.loops import Collect, Deposit, Send, Work
from gateway.model import Box, Delivery, Document, Drop, Flow, InvoiceRow, Judgement, Outcome, Reception, ReturnKind
from gateway.stages.desk import Gateway
from gateway.stages.receive import receive
from tests.ubl_invoices import invoice

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARTNERS = {"demo": Partner(name="demo", application="DEM001"), "autre": Partner(name="autre", application="AUT001")}
CHORUS = Destination(batch_seconds=0.0)


@dataclass
class Judging:
    """The port Validator without children: `judge` at once, answers when asked. `outcomes`: members on which a child fails."""

    desk: Desk
    places: int = 4
    newest_first: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    submitted: list[tuple[object, int]] = field(default_factory=list)
    _done: list[tuple[object, list[Judgement]]] = field(default_factory=list)

    def room(self) -> int:
        return self.places - len(self._done)

    def submit(self, token: object, documents: Sequence[Document]) -> None:
        self.submitted.append((token, len(documents)))
        self._done.append((token, [self._judged(document) for document in documents]))

    def _judged(self, document: Document) -> Judgement:
        judged = judge(document, self.desk)
        outcome = self.outcomes.get(document.member)
        if outcome is None:
            return judged
        return replace(judged, outcome=outcome, invoices=(), findings=(), segment=b"", segment_size=0, detail=f"{outcome} in a test")

    def results(self, timeout: float) -> list[tuple[object, list[Judgement]]]:
        done, self._done = self._done, []
        return done[::-1] if self.newest_first else done

    def pending(self) -> int:
        return len(self._done)

    def cage(self) -> dict[str, str]:
        return {}

    def read_answer(self, data: bytes) -> list[Judgement]:
        return [judge(Document(1, "answer", data), self.desk)]

    def close(self) -> None:
        self._done = []


@cache
def a_desk(policy: str, rules: Rules) -> Desk:
    """Schemas are read once for all sites of a test run."""
    return Desk.build(policy=policy, rules=rules, today=NOON.date())


class MemorySite:
    """One site. `gw` has the settings of the moment."""

    def __init__(self, partners: dict[str, Partner] | None = None, **settings: Any) -> None:
        settings.setdefault("destinations", {"chorus": CHORUS})
        self.clock = SettableClock(NOON)
        self.settings = Settings(**settings)
        self.partners = dict(partners or PARTNERS)
        self.bell = MemoryBell("test", self.clock)
        self.board = MemoryBoard(self.clock)
        self.store = SqliteStore()
        self.spool = MemorySpool(self.clock)
        self.channel = MemoryReturnChannel()
        self.accounts = {name: MemoryAccounting(name) for name in self.settings.destinations}
        self.chorus = self.accounts.get("chorus", MemoryAccounting())
        self._acts = itertools.count(1)
        self.crash()

    def crash(self) -> None:
        """The processes die; what they had not committed never was."""
        self.judging = Judging(a_desk(self.settings.validation.policy, self.settings.rules))
        self.work, self.send, self.deposit_loop, self.collect_loop = self._loops()

    def _loops(self) -> tuple[Work, Send, Deposit, Collect]:
        return Work(self.gw, self.judging), Send(self.gw), Deposit(self.gw), Collect(self.gw)

    @property
    def gw(self) -> Gateway:
        return Gateway(
            self.settings, self.partners, self.store, self.spool, self.clock, self.bell, self.board, self.channel, dict(self.accounts)
        )  # fmt: skip

    def configure(self, **settings: Any) -> None:
        """Other settings, as after a reload."""
        self.settings = replace(self.settings, **settings)
        self.reload()

    def reload(self) -> None:
        for loop in (self.work, self.send, self.deposit_loop, self.collect_loop):
            loop.gw = self.gw

    def partner(self, name: str = "demo", **changes: Any) -> None:
        self.partners[name] = replace(self.partners[name], **changes)
        self.reload()

    # --- acts
    def take(self, data: bytes, name: str = "facture.xml", *, partner: str = "demo", box: Box = Box.REAL, act: str = "") -> Reception:
        """A deposit, custody taken."""
        drop = Drop(partner, box, "sftp", act or f"act-{next(self._acts)}", name)
        return receive(self.gw, drop, self.spool.put(data))

    def flow(self, data: bytes, name: str = "facture.xml", **given: Any) -> Flow:
        return self.take(data, name, **given).flow

    def present(self, flow: Flow | str) -> Flow:
        return self.store.flow(flow if isinstance(flow, str) else flow.number)

    def turn(self) -> bool:
        """Every loop once."""
        busy = self.work.step()
        busy |= self.deposit_loop.step()
        busy |= self.collect_loop.step()
        return self.send.step() or busy

    def settle(self) -> None:
        """Every loop until none has anything to do now."""
        for _ in range(2_000):
            if not self.turn():
                return
        raise AssertionError("the loops do not come to rest")

    def worked(self) -> None:
        """The work loop alone until it rests: nothing is sent."""
        for _ in range(2_000):
            if not self.work.step():
                return
        raise AssertionError("the work loop does not come to rest")

    # --- what there is
    def rows(self, flow: Flow | str) -> list[InvoiceRow]:
        return list(self.store.invoices(flow=flow if isinstance(flow, str) else flow.number))

    def codes(self, flow: Flow | str) -> list[list[str]]:
        """Codes of the findings, row by row, schema and CPRO left out."""
        return [[f.rule for f in row.findings if f.pack in ("FACTS", "GATE", "XML")] for row in self.rows(flow)]

    def deliveries(self, flow: Flow | None = None) -> list[Delivery]:
        return self.store.deliveries(flow=flow.number if flow else "")

    def returned(self, flow: Flow | str, kind: ReturnKind) -> list[bytes]:
        """Bodies owed for a flow, oldest first."""
        number = flow if isinstance(flow, str) else flow.number
        return [owed.owed.body for owed in self.store.returns(flow=number, kind=kind)]

    def receipts(self, flow: Flow) -> list[dict[str, Any]]:
        owed = self.store.returns(flow=flow.number, kind=ReturnKind.RECEIPT)
        return [json.loads(one.owed.body) for one in owed if one.owed.name.endswith(".json")]

    def events(self, flow: Flow | str) -> list[str]:
        return [entry.what for entry in self.store.history(flow if isinstance(flow, str) else flow.number)]

    # --- what the State does
    def report(self, delivery: Delivery, status: str, lines: Sequence[tuple[str, str]] = (), *, name: str = "", to: str = "chorus") -> None:
        """An integration report is left for us; `lines`: (invoice number, label)."""
        self.accounts[to].out[name or f"CPP_{delivery.number}_{status}_{len(lines)}"] = a_report(delivery.number, status, lines)

    def confirm(self) -> None:
        """The State integrates everything that it was sent, as often as there is something."""
        for _ in range(50):
            self.settle()
            sent = [d for d in self.deliveries() if d.state == "sent"]
            if not sent:
                return
            for delivery in sent:
                self.report(delivery, "90")


def a_report(number: str, status: str, lines: Sequence[tuple[str, str]] = ()) -> bytes:
    """The flow branch of a CPPStatut, as the State writes it."""
    details = "".join(
        f'<LigneErreurDetail IdLigne="{n}"><NatureErreur>F</NatureErreur><CodeErreur>ERR</CodeErreur><LibelleErreur>{label}</LibelleErreur>'
        f"<DescriptionErreur>numeroDP={invoice_number}</DescriptionErreur></LigneErreurDetail>"
        for n, (invoice_number, label) in enumerate(lines, 1)
    )
    told = f'<Details NbLignesErreur="{len(lines)}">{details}</Details>' if lines else ""
    data = f"<IdStatut>{status}</IdStatut><Horodatage>2026-11-22T12:00:00</Horodatage><IdFlux>{number}</IdFlux>{told}"
    unit = f'<CPPFluxStatutUnitaire NumOrdre="0001"><DonneesStatut>{data}</DonneesStatut></CPPFluxStatutUnitaire>'
    return f'<CPPStatut><CPPFluxStatuts compteur="1">{unit}</CPPFluxStatuts></CPPStatut>'.encode()


def a_status(number: str, supplier: str, code: str, at: str = "2026-11-22T13:00:00") -> bytes:
    """The invoice branch of a CPPStatut."""
    data = f"<IdStatut>{code}</IdStatut><Horodatage>{at}</Horodatage><IdFacture>{number}</IdFacture>"
    who = f"<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{supplier}</Identifiant></Fournisseur>"
    unit = f'<CPPFactureStatutUnitaire NumOrdre="0001"><DonneesStatut>{data}</DonneesStatut>{who}</CPPFactureStatutUnitaire>'
    return f'<CPPStatut><CPPFactureStatuts compteur="1">{unit}</CPPFactureStatuts></CPPStatut>'.encode()


def archive(*members: tuple[str, bytes]) -> bytes:
    """A tar.gz of these files, the same bytes each time."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(body.getvalue(), mtime=0)


def invoices(*seeds: int) -> bytes:
    """A tar.gz of valid UBL invoices of as many suppliers."""
    return archive(*((f"{seed}.xml", invoice(seed, lines=1)) for seed in seeds))


def members(content: bytes) -> dict[str, bytes]:
    """The files of a tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar.getmembers()}  # type: ignore[union-attr]  # regular files


BAD = invoice(900, lines=1).replace(b"80000900", b"80000901")
"""A supplier's SIRET with a wrong key: rejected."""

TORN = invoice(901, lines=1)[:-40]
"""Not well formed."""

MIXED = (resources.files("samples") / "accepted" / "cpp-deux-factures.xml").read_bytes()
"""One CPPFactureMixte file of two invoices, LMA26007001 and LMA26007002."""
