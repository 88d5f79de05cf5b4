"""The workshop of this session: prepared sites, each phase recorded once, and a partner's own server beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sshd
from tests.faults import gang
from tests.faults.calls import Call, Point, required_strace
from tests.faults.phases import PHASES, SERVER, record
from tests.sshd import Sshd


class Workshop:
    """Sites prepared under `folder`; recordings are made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = _server(folder)
        self.phases = [name for name in PHASES if name != "polled" or self.server]
        self._recorded: dict[str, tuple[list[Call], list[Point], int]] = {}
        gang.prepare(folder)

    def site(self, name: str) -> Path:
        """Where a copy for that purpose lies; letters and digits only."""
        return self.folder / "played" / "".join(c for c in name if c.isalnum())

    def recording(self, phase: str) -> tuple[list[Call], list[Point], int]:
        """Calls, points and calls that cannot be aimed at, of the real product."""
        if phase not in self._recorded:
            self._recorded[phase] = record(PHASES[phase], self.folder, self.site(f"recorded {phase}"))
        return self._recorded[phase]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Needs strace. Byte code lies in the workshop: whatever is written beside the sources meanwhile, starts make the same calls."""
    required_strace()
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPYCACHEPREFIX", str(folder / "compiled"))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        made = Workshop(folder / "workshop")
        yield made
        if made.server:
            made.server.stop()


def _server(workshop: Path) -> Sshd | None:
    """A real OpenSSH server, and how it is reached, told beside the workshop; None where there is no sshd and none is required."""
    if sshd.SSHD is None and os.environ.get("CI") != "true":
        print("sshd: not on this machine (apt-get install openssh-server); nothing is killed while it polls")
        return None
    server = Sshd(workshop.with_name("sshd"))
    server.start()
    login = {"host": "127.0.0.1", "port": server.port, "user": server.user, "key": str(server.key), "interval_seconds": 0.1, "returns": ""}
    table = {**login, "known_hosts": str(server.known_hosts(server.port))}
    workshop.with_name(SERVER).write_text("[poll]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    return server
