"""The workshop of this session: prepared sites, and each phase recorded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import gang
from tests.faults.calls import Call, Point, required_strace
from tests.faults.phases import PHASES, record


class Workshop:
    """Sites prepared under `folder`; recordings are made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        yield Workshop(folder / "workshop")
