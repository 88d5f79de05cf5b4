"""Several processes on one store: they write in turn, and one that is killed in the middle of a transaction leaves nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from adapters.sqlite import SqliteStore
from tests.stored import opened

ROOT = Path(__file__).parents[2]


def start(code: str, path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    head = "import sys\nfrom adapters.sqlite import SqliteStore\nfrom tests.stored import *\nstore = SqliteStore(sys.argv[1])\n"
    command = [sys.executable, "-c", head + code, str(path), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)


def line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


WRITE = """
for n in range(50):
    with store.transaction():
        number = store.next_number("flow")
        store.add_flow(a_flow(number), a_drop(number), who=sys.argv[2])
    print(number, flush=True)
"""


def test_processes_create_and_write_the_same_store_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    writers = [start(WRITE, path, f"writer-{n}") for n in range(3)]
    told = [[int(number) for number in writer.communicate()[0].split()] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sorted(number for numbers in told for number in numbers) == list(range(1, 151))
    store = SqliteStore(path)
    assert sorted(flow.number for flow in store.flows()) == [f"F261122-{n:06d}" for n in range(1, 151)]
    assert {store.history(flow.number)[0].who for flow in store.flows()} == {"writer-0", "writer-1", "writer-2"}


CUT = """
flow = store.flow("F261122-000001")
with store.transaction():
    store.put_invoices(flow, [a_row(flow, n) for n in range(1, 5000)], duplicate_key="identifier", reserve=True)
    store.owe(a_return(flow), NOON)
    print("half", flush=True)
    input()
"""


def test_a_process_killed_in_a_transaction_leaves_nothing_and_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    flow = opened(store)
    process = start(CUT, path)
    assert line(process) == b"half\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert store.counts(flow.number)["invoices"] == 0
    assert store.validated_documents(flow) == (0, 0)
    assert store.returns() == []
    assert opened(store, 2).number
    store.verify()


COMMITTED = """
flow = store.flow("F261122-000001")
for n in range(1, 100000):
    with store.transaction():
        store.put_invoices(flow, [a_row(flow, n)], duplicate_key="identifier", reserve=True)
    print(n, flush=True)
"""


def test_what_a_killed_process_had_committed_is_there(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    flow = opened(store)
    process = start(COMMITTED, path)
    for _ in range(20):
        line(process)
    os.kill(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    told = 20 + len(process.stdout.readlines())  # communicate() would pass over what is read ahead already
    process.communicate()
    documents, position = store.validated_documents(flow)
    assert documents == position == store.counts(flow.number)["invoices"]
    assert told <= position <= told + 1  # the last commit may not have been told
    store.verify()
