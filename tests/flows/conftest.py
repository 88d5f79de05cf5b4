"""One running site for all tests of the contract: starting it costs seconds, sharing it costs nothing (every test has its own numbers)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.site import Site, running
from tests.flows.story import Story, tell

TAKEN = ["FSO1100A", "FSO1106A", "FSO1113A", "FSO1116A", "FSO1117A"]
"""What the destination takes: not FSO1110A, whose flows are parked."""


def prepare(site: Site) -> None:
    """More partners, and a destination that does not take everything."""
    settings = site.folder / "gateway.toml"
    settings.write_text(f"{settings.read_text()}interfaces = {TAKEN!r}\n".replace("'", '"'))
    partners = {
        "strict": 'application = "STR001"\nnaming = "strict"\n',
        "packed": 'application = "PAC001"\nreturn_envelope = "tar.gz"\n',
        "rival": 'application = "RIV001"\n',
    }
    for name, text in partners.items():
        (site.folder / "partners" / f"{name}.toml").write_text(text)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("contract") / "site", prepare) as site:
        yield site


@pytest.fixture(scope="session")
def story(site: Site) -> Story:
    """Flows of every outcome, deposited together."""
    return tell(site)
