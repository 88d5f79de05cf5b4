"""Publishes invoices to the concentrator's RabbitMQ broker: for operators, to read and to change; needs pika only, and nothing of ours.

    python publish.py --url amqps://acme:PASSWORD@broker.example/acme --partner acme lot.tar.gz

Each file gets one `message_id`, the same however often we have to publish it: that is what makes a repeat harmless. "Published" is printed
when the broker has confirmed. It is not yet the concentrator's *yes*: that is the receipt, which comes to the reply queue (read.py).
The password may also stand in the environment, in AMQP_URL.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import time
import uuid
from pathlib import Path

import pika
from pika.exceptions import AMQPError, UnroutableError

INTAKE = "edi.in"
LARGEST_BODY = 16_000_000
ATTEMPTS = 8


def main() -> int:
    """Publish every file named; 1 when one was not."""
    options = arguments()
    failed = [file for file in options.files if not published(file, options)]
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default=os.environ.get("AMQP_URL"), required="AMQP_URL" not in os.environ)
    parser.add_argument("--partner", required=True, help="your name at the concentrator")
    parser.add_argument("--test", action="store_true", help="to the test box: checked, never passed on")
    parser.add_argument("--references", type=Path, help="the folder for files over 16 MB, which the concentrator reads")
    parser.add_argument("files", nargs="+", type=Path)
    return parser.parse_args()


def published(file: Path, options: argparse.Namespace) -> bool:
    """One file, tried again under the same id until the broker has confirmed it."""
    body, headers = message(file, options.partner, options.references)
    properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid.uuid4()), headers=headers)
    for attempt in range(ATTEMPTS):
        try:
            publish(options.url, "test.in" if options.test else "in", body, properties)
        except UnroutableError:
            print(f"{file}: no queue takes it; ask the concentrator's operator", file=sys.stderr)
            return False
        except (AMQPError, OSError) as lost:
            print(f"{file}: {lost!r}; again in {2**attempt} s, under the same id", file=sys.stderr)
            time.sleep(2**attempt)
        else:
            print(f"{file}: published as {properties.message_id}")
            return True
    return False


def message(file: Path, partner: str, references: Path | None) -> tuple[bytes, dict[str, str]]:
    """Body and headers: the file itself, or, when it is large, its name, hash and size."""
    headers = {"partner": partner, "type": "flow", "name": file.name}
    if file.stat().st_size <= LARGEST_BODY and references is None:
        return file.read_bytes(), headers
    if references is None:
        raise SystemExit(f"{file}: over {LARGEST_BODY} bytes; name the folder for large files with --references")
    left = leave(file, references)
    with left.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return b"", {**headers, "type": "reference", "file": left.name, "sha256": sha256, "size": str(left.stat().st_size)}


def leave(file: Path, folder: Path) -> Path:
    """A copy under a name of its own: whole before it has that name, and on disk before we speak of it."""
    left = folder / uuid.uuid4().hex  # the header `name` says what it is called
    part = folder / f".{left.name}.part"
    with file.open("rb") as source, part.open("wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    part.rename(left)
    if os.name == "posix":  # the name, too; Windows has no way to ask for that
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return left


def publish(url: str, key: str, body: bytes, properties: pika.BasicProperties) -> None:
    """Returns when the broker has confirmed; `mandatory`: it says when nobody takes the message."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(INTAKE, key, body, properties, mandatory=True)
    finally:
        if connection.is_open:
            connection.close()


if __name__ == "__main__":
    sys.exit(main())
