"""The broker's door against the folder's, interleaved: flows taken into custody per second; and how long a publisher waits for its receipt.

Both doors find the same number of flows lying ready; the clock runs from the moment that *receive* goes on until the last one is in custody.
Receipts are timed from outside: from a publish to the JSON receipt in the reply queue, the whole gateway running.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pika

from bench.invoices import archive, invoices
from bench.pipeline import gateway, make_site

ADDRESS = ("127.0.0.1", 5672)
NAME = f"edi-bench-{os.getpid()}"
FLOWS = {1: 100, 10: 100, 1_000: 20}
"""Invoices in a flow, and flows in a round."""

RATES = {1: 20, 10: 150, 100: 600}
"""Flows published a second, and how many."""


def absent() -> str:
    """Why it cannot be measured here, "" when it can."""
    with socket.socket() as probe:
        if probe.connect_ex(ADDRESS):
            return f"not measured: no broker answers on {ADDRESS[0]}:{ADDRESS[1]}"
    return "" if os.geteuid() == 0 and shutil.which("rabbitmqctl") else "not measured: virtual hosts are made by root, with rabbitmqctl"


def measure(folder: Path, *, rounds: int = 5) -> dict[str, object]:
    """Ratios AMQP / folder, medians of interleaved rounds; p50 and p99 from publish to receipt by flows a second."""
    if why := absent():
        return {"amqp": why}
    folder.mkdir(parents=True, exist_ok=True)
    with published_site(folder / "site-intake") as site:
        figures = intake(folder, site, rounds)
    with published_site(folder / "site-receipts") as site:  # another one: what was taken in is not worked off here
        return figures | latencies(site)


@contextlib.contextmanager
def published_site(folder: Path) -> Iterator[Path]:
    """A site whose partner publishes to a virtual host of its own."""
    site = make_site(folder, f'[amqp]\nuser = "{NAME}-gateway"\npassword_file = "keys/broker"\n')
    (site / "keys" / "broker").write_text("bench\n")
    partner = site / "partners" / "bench.toml"
    table = f'\n[amqp]\nvhost = "{NAME}"\nuser = "{NAME}"\npassword_file = "keys/broker"\nlocal_box = false\n'
    partner.write_text(partner.read_text() + table, encoding="utf-8")
    try:
        gateway(site, "amqp", "declare")
        yield site
    finally:
        for words in (("delete_vhost", NAME), ("delete_user", NAME), ("delete_user", f"{NAME}-gateway")):
            subprocess.run(["rabbitmqctl", "-q", *words], capture_output=True, check=False)


@contextlib.contextmanager
def running(site: Path, *loops: str) -> Iterator[subprocess.Popen[bytes]]:
    """`gateway run`, connected to the broker."""
    with (site / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "--site", str(site), "run", *loops], stderr=log)
        try:
            with channel() as one:
                while not one.queue_declare("edi.in", passive=True).method.consumer_count:
                    time.sleep(0.1)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)


@contextlib.contextmanager
def channel() -> Iterator[Any]:
    """The partner's."""
    login = pika.PlainCredentials(NAME, "bench")
    connection = pika.BlockingConnection(pika.ConnectionParameters(*ADDRESS, virtual_host=NAME, credentials=login))
    try:
        yield connection.channel()
    finally:
        connection.close()


def message(name: str) -> Any:
    """Properties of one flow."""
    headers = {"partner": "bench", "type": "flow", "name": name}
    return pika.BasicProperties(headers=headers, message_id=name, delivery_mode=2)


# --- intake


def intake(folder: Path, site: Path, rounds: int) -> dict[str, object]:
    """Flows a second through each door."""
    figures: dict[str, object] = {}
    with running(site, "receive") as process:
        for size, count in FLOWS.items():
            rates: dict[str, list[float]] = {"folder": [], "amqp": []}
            for turn in range(2 * rounds):
                door = ("folder", "amqp", "amqp", "folder")[turn % 4]
                flows = prepared(folder, size, count, turn)
                rates[door].append(taken(site, process, door, flows))
            ratios = [amqp / plain for amqp, plain in zip(rates["amqp"], rates["folder"], strict=True)]
            medians = {door: round(statistics.median(seen)) for door, seen in rates.items()}
            figures[f"{size} invoices"] = f"{statistics.median(ratios):.2f} ({medians['amqp']}/s of {medians['folder']}/s)"
            print(f"  {size} invoices a flow: ratios {[round(ratio, 2) for ratio in ratios]}", flush=True)
    return figures


def prepared(folder: Path, size: int, count: int, turn: int) -> dict[str, bytes]:
    """So many flows of so many invoices, each with bytes of its own."""
    path, prefix = folder / "flow.tar.gz", f"A{size}T{turn}N"
    if size == 1_000:  # the same invoices, another file: nothing is opened here
        body = archive(path, invoices(size, prefix=prefix)).read_bytes()
        return {f"{prefix}{n}.tar.gz": body + n.to_bytes(4, "big") for n in range(count)}
    return {f"{prefix}{n}.tar.gz": archive(path, invoices(size, start=n * size, prefix=prefix)).read_bytes() for n in range(count)}


def taken(site: Path, process: subprocess.Popen[bytes], door: str, flows: dict[str, bytes]) -> float:
    """Flows a second, once all of them lie ready."""
    box = site / "var/boxes/bench/in"
    process.send_signal(signal.SIGSTOP)
    if door == "folder":
        for name, body in flows.items():
            (box / f".{name}.part").write_bytes(body)
            (box / f".{name}.part").rename(box / name)
    else:
        with channel() as one:
            one.confirm_delivery()
            for name, body in flows.items():
                one.basic_publish("edi.in", "in", body, message(name))
    os.sync()
    started = time.time()
    process.send_signal(signal.SIGCONT)
    return len(flows) / (last(site, flows) - started)


def last(site: Path, flows: dict[str, bytes]) -> float:
    """When the last of them was received, seconds since the epoch."""
    while True:
        time.sleep(0.5)
        seen = [json.loads(line) for line in gateway(site, "inspect", "flows", "--limit", str(len(flows)), "--json").splitlines()]
        times = [datetime.fromisoformat(flow["received_at"]).timestamp() for flow in seen if flow["file"] in flows]
        if len(times) == len(flows):
            return max(times)


# --- receipts


def latencies(site: Path) -> dict[str, object]:
    """Milliseconds from publish to receipt."""
    figures: dict[str, object] = {}
    with running(site):
        for rate, count in RATES.items():
            waits = sorted(published(rate, count).values())
            p50, p99 = waits[len(waits) // 2], waits[min(len(waits) - 1, round(0.99 * len(waits)))]
            figures[f"receipt at {rate}/s"] = f"p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
    return figures


def published(rate: int, count: int) -> dict[str, float]:
    """Seconds from publish to receipt of each."""
    flows = {f"R{rate}N{n}.xml": body for n, body in enumerate(invoices(count, start=rate * 10_000, prefix="R"))}
    sent: dict[str, float] = {}
    waits: dict[str, float] = {}
    reader = threading.Thread(target=read, args=(sent, waits, count), daemon=True)
    reader.start()
    with channel() as one:
        started = time.perf_counter()
        for n, (name, body) in enumerate(flows.items()):
            one.connection.sleep(max(0.0, started + n / rate - time.perf_counter()))
            sent[name] = time.perf_counter()
            one.basic_publish("edi.in", "in", body, message(name))
        while reader.is_alive():
            one.connection.sleep(0.5)
    return waits


def read(sent: dict[str, float], waits: dict[str, float], count: int) -> None:
    """Note when each receipt comes."""
    with channel() as one:
        for method, properties, body in one.consume("edi.out"):
            if properties.headers["kind"] == "receipt" and body.startswith(b"{"):
                name = json.loads(body)["name"]
                if name in sent:
                    waits[name] = time.perf_counter() - sent[name]
            one.basic_ack(method.delivery_tag)
            if len(waits) == count:
                return


if __name__ == "__main__":
    print(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/bench"), rounds=int(sys.argv[2]) if len(sys.argv) > 2 else 3))
