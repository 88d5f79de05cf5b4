"""`make demo`: operators' day in a minute. It makes a site, drops flows by every door, waits, collects the returns and says what they mean.

Nothing is simulated but the State (the Chorus double): a real gateway, real clients and servers. The site stays, to be looked at.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from samples import demo_broker
from samples.demo_doors import PATIENCE_SECONDS, Counter, OwnServer, WatchedFolder, greets, wait_for
from samples.demo_flows import BY_FOLDER, make_flows, single

FLOW_STATUSES = {"90": "received", "92": "everything integrated", "93": "nothing integrated", "96": "partly integrated"}


def main() -> int:
    """The whole story; 0 when every flow was answered."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-site").absolute()
    shutil.rmtree(home, ignore_errors=True)
    site = json.loads(gateway("init", str(home), "--demo", "--json"))
    print(f"1. a site: {home}\n   partner {site['partner']}, SFTP on {site['host']}:{site['port']}, key {site['key']}")
    with ExitStack() as open_doors:
        flows, places = story(home, site, open_doors)
    returned = [path for place in places for path in sorted(place.iterdir())]
    show(home, flows, returned)
    return 0 if len(returned) >= 3 * len(flows) else 1


def story(home: Path, site: dict[str, Any], doors: ExitStack) -> tuple[list[tuple[Path, str]], list[Path]]:
    """Flows in by every door, answers waited for, returns collected: the flows with what they are, the folders of the returns."""
    outgoing, counter, folder = home / "outgoing", Counter(site), WatchedFolder(home)
    server = None if OwnServer.absent else OwnServer(home, gateway)
    no_broker = demo_broker.absent()
    broker = None if no_broker else demo_broker.Broker(home, gateway)
    flows, places = list(make_flows(outgoing)), [home / "collected"]
    print("2. flows dropped, by each door")
    with running(home, site):
        counter.drop([path for path, _ in flows])
        print(f"   {len(flows)} over SFTP at the gateway's counter, with {counter.how}")
        flows.append(single(outgoing, BY_FOLDER, "dossier-1.xml"))
        folder.drop(flows[-1][0])
        print("   1 by rename into the watched folder")
        if server is None:
            print(f"   none from an operator's own SFTP server: {OwnServer.absent}")
        else:
            doors.enter_context(server.running())
            flows.append(server.flow(outgoing))
            server.drop(flows[-1][0])
            places.append(server.returns)
            print("   1 left on the operator's own SFTP server, which the gateway polls")
        if broker is None:
            print(f"   none through a broker: {no_broker}")
        else:
            doors.callback(broker.remove)
            flows.append(broker.flow(outgoing))
            broker.drop(flows[-1][0])
            places.append(broker.returns)
            print("   1 published to RabbitMQ with samples/clients/publish.py")
        wait_for_answers(home, len(flows))
    gateway("--site", str(home), "run", "--until-idle")
    with running(home, site):
        counter.collect(home / "collected")
    if broker is not None:
        broker.collect()
    return flows, places


def gateway(*words: str) -> str:
    """One command of ours; its stdout."""
    done = subprocess.run([sys.executable, "-m", "gateway", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"gateway {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


@contextmanager
def running(home: Path, site: dict[str, Any]) -> Iterator[None]:
    """`gateway run` beside us, until its counter answers; stopped by SIGTERM."""
    with (home / "gateway.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "--site", str(home), "run"], stderr=log)
        try:
            wait_for(lambda: greets(site["host"], site["port"]), "the SFTP counter")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)


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
    print("4. what the operators found (each file, and what it says)")
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
    return f"status return: {len(statuses)} status{'es' if len(statuses) != 1 else ''}, {', '.join(words)}"


def first_sentence(root: Any) -> str:
    """The first finding's French sentence, where there is one."""
    found = root.xpath("//*[local-name()='Finding'][@severity='fatal']/*[local-name()='Fr']/text()")
    return f"\n         {found[0]}" if found else ""


if __name__ == "__main__":
    sys.exit(main())
