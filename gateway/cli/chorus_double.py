"""`gateway chorus-double`: the State's side in a folder, for demos and tests; it needs no site."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gateway.bootstrap_double import Listening, double_rules, run_double
from gateway.cli.options import SiteCommand, chosen
from gateway.cli.words import said
from gateway.errors import UsageError

PORT = click.IntRange(0, 65535)
KEY_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("chorus-double", cls=SiteCommand)
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), help="Folder of the boxes in/ and out/; made when absent.")
@click.option("--port", type=PORT, default=0, help="Control port on 127.0.0.1; 0 (default): a free one, also in ROOT/.double/port.")
@click.option("--sftp-port", type=PORT, default=None, help="Serve the boxes over SFTP on 127.0.0.1 too; 0: a free port.")
@click.option("--key", "keys", multiple=True, type=KEY_FILE, help="Public key file; its owner may use SFTP.")
@click.option("--schedule", default="0.5,1,1.5", show_default=True, help="Seconds after a deposit at which its statuses are due.")
@click.option("--rules", is_flag=True, help="Print what the double integrates and refuses, and end.")
@click.pass_context
def chorus_double(ctx: click.Context, /, *, root: Path | None, rules: bool, schedule: str, **ports: Any) -> None:
    """Take deposits from ROOT/in, answer with integration reports and statuses in ROOT/out, count (GET /control/deposits)."""
    if rules:
        click.echo("\n".join(said(line, chosen(ctx).language) for line in double_rules().splitlines()))
        return
    if root is None:
        raise UsageError("chorus-double: no folder named; give --root DIR")
    if ports["sftp_port"] is not None and not ports["keys"]:
        raise UsageError("chorus-double: --sftp-port without --key lets nobody in; name a public key file")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    started = _announce_json if chosen(ctx).json else _announce
    run_double(root, schedule=_seconds(schedule), started=started, stop=stop, **ports)


def _seconds(schedule: str) -> list[float]:
    try:
        delays = [float(word) for word in schedule.split(",") if word.strip()]
    except ValueError:
        raise UsageError(f"--schedule {schedule!r}: not a list of seconds; write 0.5,1,1.5") from None
    if any(not 0 <= delay < 86_400 for delay in delays) or delays != sorted(delays):
        raise UsageError(f"--schedule {schedule!r}: seconds out of order or too long; they rise and stay below a day")
    return delays


def _announce(listening: Listening) -> None:
    click.echo(f"control: http://127.0.0.1:{listening.port}/control/deposits")
    if listening.sftp_port:
        click.echo(f"sftp: 127.0.0.1:{listening.sftp_port}  known_hosts: {listening.known_hosts}")


def _announce_json(listening: Listening) -> None:
    click.echo(json.dumps(asdict(listening)))
