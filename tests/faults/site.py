"""A small site for faults: what was dropped, the State beside it, a restart of every loop, and the verdict from outside; it kills nobody.

A restart forks this process, which has imported everything: each loop is `gateway.cli.run.run_one`, the code of `gateway run LOOP`, in a
process of its own. So this module must not be used where threads run.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from adapters.chorus.double import Double
from gateway import bootstrap, sites
from gateway.bootstrap_double import WallClock
from gateway.cli.run import run_one
from gateway.lifecycle import State
from gateway.model import Flow

for _part in ("chorus.edi", "folder", "polled_door", "sftp_server", "spool", "sqlite", "validation_pool"):
    importlib.import_module(f"adapters.{_part}")  # once here, and not in each forked loop

PATIENCE = 30.0
"""Seconds after which a restarted site that still owes something counts as stuck."""

SETTINGS = """\
name = "faults"
[sftp]
enabled = {sftp}
port = {port}
[folder]
scan_seconds = 0.05
[validation]
children = 1
[destinations.chorus]
kind = "folder"
path = "var/chorus"
batch_seconds = 0.0
collect_seconds = 0.05
"""

FILES = {
    "flow.tar.gz": ("ubl-travaux-voirie.xml", "ubl-belgique.xml", "ubl-analyses.xml"),
    "cpp-deux-factures.xml": (),
}
"""What the partner drops, and the samples that an archive holds."""

POLLED = "server/in"
"""Where a partner's own server keeps them: inside the site, so that a copy of the site is one of the server too."""

INVOICES = {"flow.tar.gz": 3, "cpp-deux-factures.xml": 2}
EXPECTED_STATUSES = ("01", "03", "11")


def make(site: Path, *, sftp: bool = False) -> None:
    """A site with one partner, samples and an empty State."""
    made = sites.make(site, demo=True)
    write_settings(site, int(made["port"]), sftp=sftp)


def write_settings(site: Path, port: int, *, sftp: bool) -> None:
    """Quick scans, one child, no double of its own: the harness steps the State."""
    sites.write(site / "gateway.toml", SETTINGS.format(sftp=str(sftp).lower(), port=port))


def dropped(site: Path) -> dict[str, bytes]:
    """The files of the partner, by name; the same bytes each time."""
    samples = site / "samples"
    return {name: _archive([samples / m for m in members]) if members else (samples / name).read_bytes() for name, members in FILES.items()}


def _archive(members: Sequence[Path]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member in members:
            entry = tarfile.TarInfo(member.name)
            entry.size = member.stat().st_size
            archive.addfile(entry, io.BytesIO(member.read_bytes()))
    return gzip.compress(plain.getvalue(), mtime=0)


def drop(site: Path, box: str = "var/boxes/demo/in") -> None:
    """Every file into in/, or into another box of the site, by rename."""
    _put(site, site / box)


def poll(site: Path, table: str) -> None:
    """The partner has a server of its own from now on (`table`: a `[poll]` without its deposit folder), and its files lie there."""
    file = site / "partners/demo.toml"
    file.write_text(f"{file.read_text()}\n{table}deposit = {json.dumps(str(site / POLLED))}\n")


def _put(site: Path, box: Path) -> None:
    box.mkdir(parents=True, exist_ok=True)
    for name, data in dropped(site).items():
        part = box / f".{name}.part"
        part.write_bytes(data)
        part.rename(box / name)


# --- running


@contextlib.contextmanager
def the_state(site: Path) -> Iterator[Double]:
    """The double, to be stepped."""
    double = Double(site / "var/chorus", (0.0, 0.0, 0.0), WallClock())
    try:
        yield double
    finally:
        double.close()


def step_state(site: Path) -> None:
    """Let the State take what lies there and answer all of it."""
    with the_state(site) as double:
        while double.step() or not double.idle():
            time.sleep(0.001)


def fork_loop(site: Path, name: str) -> int:
    """`gateway run NAME` in a process of its own; its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, *([] if os.environ.get("FAULTS_LOUD") else [2])):
            os.dup2(silence, descriptor)
        code = run_one(site, name, until_idle=False)
    except BaseException:  # noqa: BLE001 - told, then this process ends
        traceback.print_exc()
    finally:
        os._exit(code)


def run_loop(site: Path, name: str) -> None:
    """`gateway run NAME --until-idle`, for preparing a site."""
    subprocess.run([sys.executable, "-m", "gateway", "--site", str(site), "run", name, "--until-idle"], check=True, timeout=60)


def restart(site: Path, *, state_first: bool = False) -> bool:
    """Start all loops again, the State too, until nothing is owed; False when that does not come about in `PATIENCE` seconds."""
    if state_first:
        step_state(site)
    children = [fork_loop(site, name) for name in bootstrap.LOOPS]
    try:
        with the_state(site) as double, bootstrap.open_site(site) as gw:
            deadline = time.monotonic() + PATIENCE
            quiet = 0
            while quiet < 3 and time.monotonic() < deadline:
                double.step()
                quiet = quiet + 1 if _nothing_in_boxes(site) and gw.store.idle() and double.idle() else 0
                time.sleep(0.03)
        return quiet >= 3
    finally:
        _end(children)


def _nothing_in_boxes(site: Path) -> bool:
    boxes = (site / "var/boxes/demo/in", site / "var/chorus/in", site / "var/chorus/out", site / POLLED)
    return not any(path.is_file() for box in boxes if box.exists() for path in box.iterdir())


def _end(children: Sequence[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + 5.0
    left = list(children)
    while left and time.monotonic() < deadline:
        left = [child for child in left if os.waitpid(child, os.WNOHANG) == (0, 0)]
        time.sleep(0.005)
    for child in left:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not left, "a loop did not end within 5 seconds of SIGTERM"


# --- the verdict


@dataclass(slots=True)
class Verdict:
    """What an outsider counts: sentences for each thing lost, each thing doubled."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def count(self, what: str, found: int) -> None:
        """Exactly one is right."""
        if found < 1:
            self.lost.append(f"{what}: none")
        if found > 1:
            self.doubled.append(f"{what}: {found} times")


def verdict(site: Path, given: dict[str, bytes], *, settled: bool) -> Verdict:
    """`given`: every file whose sender had a yes, or sent it until there was one."""
    found = Verdict()
    if not settled:
        found.lost.append(f"the site still owes something after {PATIENCE:.0f} s")
    out = site / "var/boxes/demo/out"
    with bootstrap.open_site(site) as gw:
        flows = gw.store.flows()
        for name, data in given.items():
            sha256 = hashlib.sha256(data).hexdigest()
            own = [flow for flow in flows if flow.sha256 == sha256]
            found.count(f"flow of {name}", len(own))
            for flow in own:
                _flow(found, flow, name, out)
                if gw.spool.read(sha256) != data:
                    found.lost.append(f"bytes of {name}: not those sent")
                counted = gw.store.counts(flow.number)
                if counted != {"invoices": INVOICES[name], "accepted": INVOICES[name], "rejected": 0, "held": 0}:
                    found.lost.append(f"invoices of {name}: {counted}")
        numbers = sorted({row.invoice.number for flow in flows for row in gw.store.invoices(flow=flow.number)})
    _final_reports(found, out, [flow.number for flow in flows])
    _at_the_state(found, site, numbers, sum(INVOICES[name] for name in given))
    _statuses(found, out, numbers)
    return found


def _flow(found: Verdict, flow: Flow, name: str, out: Path) -> None:
    if flow.state is not State.CLOSED:
        found.lost.append(f"flow of {name}: {flow.state}, {flow.reason}")
    for kept in (f"RECEIPT_{flow.number}.xml", f"CONTROL_{flow.number}_1.xml"):
        if _parsed(out / kept) is None:
            found.lost.append(f"{kept}: absent or torn")
    try:
        receipt = json.loads((out / f"RECEIPT_{flow.number}.json").read_bytes())
        if receipt["sha256"] != flow.sha256:
            found.lost.append(f"receipt of {name}: {receipt}")
    except (OSError, ValueError) as torn:
        found.lost.append(f"receipt of {name}: {torn}")


def _parsed(path: Path) -> Any:
    try:
        return etree.parse(path).getroot()
    except (OSError, etree.XMLSyntaxError):
        return None


def _final_reports(found: Verdict, out: Path, flows: Sequence[str]) -> None:
    told: Counter[str] = Counter()
    for path in out.glob("CSO*"):
        root = _parsed(path)
        if root is None:
            found.lost.append(f"{path.name}: torn")
            continue
        told.update(str(node.text) for node in root.iter("{*}IdFlux"))
        if [node.text for node in root.iter("{*}IdStatut")] != ["92"]:
            found.lost.append(f"{path.name}: does not say that all is integrated")
    for number in flows:
        found.count(f"final report of {number}", told[number])


def _at_the_state(found: Verdict, site: Path, numbers: Sequence[str], expected: int) -> None:
    """The double's own ledger: what GET /control/deposits counts."""
    with the_state(site) as double:
        seen = Counter(invoice["number"] for deposit in double.deposits() for invoice in deposit["numbers"])
        for kind in ("doubled", "refused"):
            found.doubled += [f"at the State: {deposit['name']} {kind}" for deposit in double.deposits(kind)]
    for number in numbers:
        found.count(f"invoice {number} at the State", seen[number])
    if len(seen) < expected:
        found.lost.append(f"at the State: {len(seen)} invoices of {expected}")


def _statuses(found: Verdict, out: Path, numbers: Sequence[str]) -> None:
    told: Counter[tuple[str, str]] = Counter()
    for path in out.glob("FEN*"):
        root = _parsed(path)
        if root is None:
            found.lost.append(f"{path.name}: torn")
            continue
        for news in root.iter("{*}DonneesStatut"):
            told[str(news.findtext("{*}IdFacture")), str(news.findtext("{*}IdStatut"))] += 1
    for number in numbers:
        for code in EXPECTED_STATUSES:
            found.count(f"status {code} of invoice {number}", told[number, code])


def copy(source: Path, target: Path) -> None:
    """A prepared site as it stands, times and all; sockets of dead loops are left behind."""
    shutil.copytree(source, target, symlinks=True, ignore=lambda _, names: [n for n in names if n.endswith(".bell")])
