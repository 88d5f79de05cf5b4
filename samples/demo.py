"""`make demo`: an operator's day in a minute. It makes a site, drops flows over SFTP, waits, collects the returns and says what they mean.

Nothing is simulated but the State (the Chorus double): a real gateway, a real SFTP client. The site stays, to be looked at.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

SAMPLES = Path(__file__).parent
PATIENCE_SECONDS = 90
FLOW_STATUSES = {"90": "received", "92": "everything integrated", "93": "nothing integrated", "96": "partly integrated"}


def main() -> int:
    """The whole story; 0 when every flow was answered."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-site").absolute()
    shutil.rmtree(home, ignore_errors=True)
    site = json.loads(gateway("init", str(home), "--demo", "--json"))
    print(f"1. a site: {home}\n   partner {site['partner']}, SFTP on {site['host']}:{site['port']}, key {site['key']}")
    flows = list(make_flows(home / "outgoing"))
    with running(home, site):
        drop(site, [path for path, _ in flows])
        wait_for_answers(home, len(flows))
    gateway("--site", str(home), "run", "--until-idle")
    with running(home, site):
        returned = collect(site, home / "collected")
    show(home, flows, returned)
    return 0 if len(returned) >= 3 * len(flows) else 1


def gateway(*words: str) -> str:
    """One command of ours; its stdout."""
    done = subprocess.run([sys.executable, "-m", "gateway", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"gateway {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


# --- what the operator sends


def make_flows(folder: Path) -> Iterator[tuple[Path, str]]:
    """Flows as operators make them, each with what it is."""
    folder.mkdir(parents=True)
    accepted = sorted((SAMPLES / "accepted").iterdir())
    xml = [p for p in accepted if p.suffix == ".xml"]
    ubl = [p for p in xml if b"CrossIndustryInvoice" not in p.read_bytes() and b"CPPFactureMixte" not in p.read_bytes()]
    mixte = next(p for p in xml if b"CPPFactureMixte" in p.read_bytes())
    pdf = next(p for p in accepted if p.suffix == ".pdf")
    yield (
        archive(folder / "FSO1100A_DEM001_DEM0011100000000000000001", ubl),
        f"tar.gz of {len(ubl)} UBL invoices and credit notes, Chorus's own name",
    )
    yield copy(mixte, folder / "FSO1113A_DEM001_DEM0011113000000000000001"), "one CPPFactureMixte, bare, Chorus's own name"
    yield copy(pdf, folder / pdf.name), "one Factur-X PDF"
    yield (
        zipped(folder / "mixed.zip", [*[p for p in xml if p not in ubl and p != mixte], *mistakes()]),
        "zip of CII invoices and of kept mistakes",
    )
    yield cut(folder / "cut.tar.gz", ubl), "tar.gz cut short by 200 bytes"


def mistakes() -> list[Path]:
    """Three mistakes that any operator makes one day."""
    return [p for p in sorted((SAMPLES / "mistakes").glob("*.xml")) if b"<!DOCTYPE" not in p.read_bytes()][:3]


def archive(path: Path, members: list[Path]) -> Path:
    """A tar.gz, the extension removed as Chorus wants it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member in members:
            tar.add(member, arcname=member.name)
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path


def cut(path: Path, members: list[Path]) -> Path:
    """What a broken line leaves."""
    path.write_bytes(archive(path, members).read_bytes()[:-200])
    return path


def zipped(path: Path, members: list[Path]) -> Path:
    """A zip of the same."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for member in members:
            made.write(member, member.name)
    return path


def copy(source: Path, target: Path) -> Path:
    """One file under another name."""
    shutil.copyfile(source, target)
    return target


# --- the wire


@contextmanager
def running(home: Path, site: dict[str, Any]) -> Iterator[None]:
    """`gateway run` beside us, until its counter answers; stopped by SIGTERM."""
    with (home / "gateway.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "--site", str(home), "run"], stderr=log)
        try:
            wait_for(lambda: answers(site), "the SFTP counter")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def answers(site: dict[str, Any]) -> bool:
    """True once the counter greets."""
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((site["host"], site["port"])):
            return False
        return probe.recv(4) == b"SSH-"


def wait_for(condition: Any, what: str) -> None:
    """Until it holds; the demo fails past its patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"demo: {what} did not come within {PATIENCE_SECONDS} s; see gateway.log in the site")
        time.sleep(0.5)


def drop(site: dict[str, Any], files: list[Path]) -> None:
    """Put the files in the operator's in/ box, with OpenSSH's client where there is one."""
    if shutil.which("sftp"):
        print(f"2. {len(files)} flows dropped with OpenSSH's sftp")
        sftp(site, "".join(f'put "{file}" "in/{file.name}"\n' for file in files))
        return
    print(f"2. {len(files)} flows dropped with paramiko's client (no sftp on the PATH; apt-get install openssh-client)")
    with paramiko_client(site) as client:
        for file in files:
            client.put(str(file), f"/in/{file.name}")


def sftp(site: dict[str, Any], batch: str) -> None:
    """One batch of OpenSSH's client, the host key pinned."""
    known = Path(site["site"]) / "keys" / "known_hosts"
    options = ["-oBatchMode=yes", "-oStrictHostKeyChecking=yes", f"-oUserKnownHostsFile={known}", "-oIdentitiesOnly=yes"]
    command = ["sftp", "-q", "-b", "-", "-i", site["key"], "-P", str(site["port"]), *options, f"{site['partner']}@{site['host']}"]
    done = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"demo: sftp ended with {done.returncode}: {done.stderr}")


@contextmanager
def paramiko_client(site: dict[str, Any]) -> Iterator[Any]:
    """The same with paramiko."""
    import paramiko

    client = paramiko.SSHClient()
    client.load_host_keys(str(Path(site["site"]) / "keys" / "known_hosts"))
    client.connect(site["host"], site["port"], site["partner"], key_filename=site["key"], allow_agent=False, look_for_keys=False)
    try:
        yield client.open_sftp()
    finally:
        client.close()


def collect(site: dict[str, Any], folder: Path) -> list[Path]:
    """Fetch everything from the operator's out/ box."""
    folder.mkdir(parents=True)
    if shutil.which("sftp"):
        sftp(site, f'get out/* "{folder}/"\n')
    else:
        with paramiko_client(site) as client:
            for name in client.listdir("/out"):
                client.get(f"/out/{name}", str(folder / name))
    return sorted(folder.iterdir())


def wait_for_answers(home: Path, flows: int) -> None:
    """Until every flow is closed: the State has answered what it was sent."""

    def closed() -> bool:
        lines = [json.loads(line) for line in gateway("--site", str(home), "inspect", "flows", "--json").splitlines()]
        return len(lines) == flows and all(line["state"] == "closed" for line in lines)

    wait_for(closed, "the State's answers")


# --- what came back


def show(home: Path, flows: list[tuple[Path, str]], returned: list[Path]) -> None:
    """Every flow with what became of it, every returned file with what it says."""
    print("3. what was dropped, and what became of it")
    by_name = {path.name: what for path, what in flows}
    for line in reversed(gateway("--site", str(home), "inspect", "flows", "--json").splitlines()):
        flow = json.loads(line)
        counts = ", ".join(f"{flow[word]} {word}" for word in ("accepted", "rejected", "held"))
        print(f"   {flow['flow']}  {flow['state']}: {counts}\n      {flow['file']}: {by_name[flow['file']]}")
    print("4. what the operator found in out/ (each file, and what it says)")
    for path in returned:
        print(f"   {path}\n      {meaning(path)}")
    print(f"5. the State's double holds the deposits under {home / 'var/chorus/.double/kept'}")
    print(f"   look around: .venv/bin/gateway --site {home} inspect flows")


def meaning(path: Path) -> str:
    """One line for one returned file."""
    if path.suffix == ".json":
        receipt = json.loads(path.read_text(encoding="utf-8"))
        return f"receipt: {receipt['name']}, {receipt['size']} bytes, SHA-256 {receipt['sha256'][:16]}…, flow {receipt['flow']}"
    root = etree.fromstring(path.read_bytes())
    if path.name.startswith("RECEIPT_"):
        return "receipt: the same, in XML"
    if path.name.startswith("CONTROL_"):
        verdicts = root.xpath("//*[local-name()='Invoice']/@verdict")
        told = ", ".join(f"{verdicts.count(word)} {word}" for word in ("accepted", "rejected", "held") if word in verdicts)
        return f"control report: {told or 'inadmissible'}" + first_sentence(root)
    statuses = root.xpath("//IdStatut/text()")
    if path.name.startswith("CSO"):
        lines = root.xpath("//LigneErreurDetail/LibelleErreur/text()")
        return f"final report: {FLOW_STATUSES.get(statuses[0], statuses[0])}" + "".join(f"\n         {line}" for line in lines[:4])
    words = sorted(set(root.xpath("//ComplementStatut/text()"))) or sorted(set(statuses))
    return f"status return: {len(statuses)} statuses, {', '.join(words)}"


def first_sentence(root: Any) -> str:
    """The first finding's French sentence, where there is one."""
    found = root.xpath("//*[local-name()='Finding'][@severity='fatal']/*[local-name()='Fr']/text()")
    return f"\n         {found[0]}" if found else ""


if __name__ == "__main__":
    sys.exit(main())
