"""A line that breaks just as a call is made (paramiko says "Socket is closed") is no *no* of the State's; on a real OpenSSH server."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.chorus.edi import EdiAccounting, remote_folder
from adapters.chorus.remote import SftpFolder
from gateway.config import Destination
from gateway.errors import Unreachable
from gateway.lifecycle import DeliveryState
from gateway.stages import dispatch
from tests.memory_site import MemorySite, invoices
from tests.sshd import Sshd, openssh_destination

pytestmark = pytest.mark.services  # a real OpenSSH server


class Line:
    """An account at the State whose line can be cut between our last look at it and the next call of one kind."""

    def __init__(self, root: Path, server: Sshd) -> None:
        self.root = root
        for box in ("in", "out"):
            (root / box).mkdir(parents=True)
        self.destination: Destination = replace(openssh_destination(server, root, server.port), batch_seconds=0.0)
        folder = remote_folder(self.destination, Path("/"))
        assert isinstance(folder, SftpFolder)
        self.folder = folder
        self.account = EdiAccounting("chorus", self.destination, folder)
        self.cuts: list[str] = []

    def cut_at(self, call: str) -> None:
        """Once, at the next such call, whose request then never leaves."""
        with self.folder.link.calling("") as client:
            setattr(client, call, self._cutting(client, call, getattr(client, call)))

    def _cutting(self, client: Any, call: str, real: Callable[..., object]) -> Callable[..., object]:
        def cut(*words: object, **more: object) -> object:
            channel = client.get_channel()
            channel.get_transport().sock.shutdown(socket.SHUT_RDWR)
            deadline = time.monotonic() + 30
            while not channel.closed and time.monotonic() < deadline:
                time.sleep(0.005)
            self.cuts.append(call)
            return real(*words, **more)

        return cut


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    server = Sshd(tmp_path / "sshd")
    server.start()
    found = Line(tmp_path / "state", server)
    yield found
    found.account.close()
    server.stop()


def test_an_answer_whose_removal_broke_off_is_removed_later(line: Line) -> None:
    (line.root / "out" / "CPP_a").write_bytes(b"<a/>")
    assert [name for name, _ in line.account.answers()] == ["CPP_a"]
    line.cut_at("remove")
    with pytest.raises(Unreachable, match="Socket is closed"):
        line.account.forget("CPP_a")
    assert line.cuts == ["remove"]
    assert [name for name, _ in line.account.answers()] == ["CPP_a"], "it was not refused: it is given again, and known by then"
    line.account.forget("CPP_a")
    assert list((line.root / "out").iterdir()) == []


def test_a_line_that_breaks_while_answers_are_read_is_no_answer_that_cannot_be_read(line: Line) -> None:
    for name in ("CPP_a", "CPP_b"):
        (line.root / "out" / name).write_bytes(b"<a/>")
    line.cut_at("stat")
    with pytest.raises(Unreachable, match="Socket is closed"):
        list(line.account.answers())
    assert [name for name, _ in line.account.answers()] == ["CPP_a", "CPP_b"]


def test_a_no_of_the_state_is_still_a_no(line: Line) -> None:
    (line.root / "out" / "CPP_a").write_bytes(b"<a/>")
    assert [name for name, _ in line.account.answers()] == ["CPP_a"]
    (line.root / "out" / "CPP_a").unlink()
    (line.root / "out" / "CPP_a").mkdir()  # REMOVE answers FAILURE
    with pytest.raises(Unreachable) as no:
        line.account.forget("CPP_a")
    assert line.folder.refused(no.value)


def test_a_deposit_whose_publication_broke_off_is_unknown_and_found_by_looking(line: Line) -> None:
    site = MemorySite(destinations={"chorus": line.destination})
    site.accounts["chorus"] = line.account  # type: ignore[assignment]  # a real one in place of the twin
    site.reload()
    site.flow(invoices(1, 2), "lot.tar.gz")
    site.worked()
    line.cut_at("rename")
    (sealed,) = site.deliveries()
    assert dispatch.dispatch(site.gw, sealed).state is DeliveryState.UNKNOWN
    assert line.cuts == ["rename"]
    assert [path.name for path in (line.root / "in").iterdir()] == [f"{sealed.name}.part"]
    assert dispatch.reconcile(site.gw, site.gw.now()) == 1
    assert [(d.state, d.name) for d in site.deliveries()] == [(DeliveryState.SENT, sealed.name)]
    assert [path.name for path in (line.root / "in").iterdir()] == [sealed.name]
