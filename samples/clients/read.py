"""Takes returns from the concentrator's reply queue into a folder: for operators, to read and to change; needs pika only.

    python read.py --url amqps://acme:PASSWORD@broker.example/acme --folder returns

A return is acknowledged once it is on disk. It may come twice (same `message_id`, same name, same bytes): the second replaces the first.
Without `--follow` it ends when the queue is empty.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

import pika

SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
EMPTY_AFTER_SECONDS = 2.0


def main() -> int:
    """Take what is there."""
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    connection = pika.BlockingConnection(pika.URLParameters(options.url))
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=20)
        waiting = None if options.follow else EMPTY_AFTER_SECONDS
        for method, properties, body in channel.consume("edi.test.out" if options.test else "edi.out", inactivity_timeout=waiting):
            if method is None:
                break
            keep(options.folder, properties, body)
            channel.basic_ack(method.delivery_tag)
        channel.cancel()
    finally:
        if connection.is_open:
            connection.close()
    return 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default=os.environ.get("AMQP_URL"), required="AMQP_URL" not in os.environ)
    parser.add_argument("--folder", type=Path, default=Path("returns"))
    parser.add_argument("--test", action="store_true", help="returns of the test box")
    parser.add_argument("--follow", action="store_true", help="go on for ever")
    return parser.parse_args()


def keep(folder: Path, properties: Any, body: bytes) -> None:
    """One return, whole under its name, on disk."""
    name = str(properties.headers["name"])
    if not SAFE.fullmatch(name):
        raise SystemExit(f"{name!r}: no name for a file; ask the concentrator's operator")
    part = folder / f".{name}.part"
    with part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / name)
    sync(folder)
    print(f"{properties.headers['kind']}: {folder / name}", flush=True)


def sync(folder: Path) -> None:
    """The name, too, is on disk; Windows has no way to ask for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
