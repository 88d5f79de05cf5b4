"""Making a site and its partners' files: whole or not at all, never over something, nothing secret readable or printed."""

from __future__ import annotations

import os
import stat
import tempfile
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from gateway import config, sites
from gateway.errors import ConfigError, UnknownSubject


@pytest.fixture
def made(tmp_path: Path) -> Path:
    sites.make(tmp_path / "site", demo=False)
    return tmp_path / "site"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_site_loads_and_has_no_partner(made: Path) -> None:
    assert config.load_settings(made) == config.Settings(site=made)
    assert config.load_partners(made) == {}


def test_keys_and_state_are_the_owners_only(made: Path) -> None:
    assert [mode(made / part) for part in ("keys", "var")] == [0o700, 0o700]
    assert [mode(made / part) for part in ("keys/ssh_host_ed25519_key", "gateway.toml")] == [0o600, 0o600]


@pytest.mark.parametrize("part", sites.PARTS)
def test_init_never_overwrites(tmp_path: Path, part: str) -> None:
    (tmp_path / part).write_text("mine")
    with pytest.raises(ConfigError, match="never overwrites"):
        sites.make(tmp_path, demo=True)
    assert [path.name for path in tmp_path.iterdir()] == [part]
    assert (tmp_path / part).read_text() == "mine"


def test_other_files_of_the_folder_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("mine")
    sites.make(tmp_path, demo=False)
    assert (tmp_path / "README").read_text() == "mine"


def test_a_demo_is_told_as_the_contract_has_it(tmp_path: Path) -> None:
    told = sites.make(tmp_path / "site", demo=True)
    assert set(told) >= {"site", "partner", "host", "port", "key", "samples"}
    settings, partners = config.load_settings(tmp_path / "site"), config.load_partners(tmp_path / "site")
    assert (settings.sftp.port, settings.double.enabled, sum(settings.double.schedule_seconds) <= 5) == (told["port"], True, True)
    assert told["double"] == f"http://127.0.0.1:{settings.double.port}"
    assert (partners["demo"].application, list(settings.destinations)) == ("DEM001", ["chorus"])
    assert any(Path(told["samples"]).iterdir())
    assert mode(Path(told["key"])) == 0o600
    public = Path(f"{told['key']}.pub").read_text()
    assert partners["demo"].keys == (public.strip(),)


def test_a_key_pair_belongs_together(tmp_path: Path) -> None:
    line = sites.new_key(tmp_path / "k", comment="demo partner")
    private = serialization.load_ssh_private_key((tmp_path / "k").read_bytes(), None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert line == f"{public.decode()} demo partner"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    sites.new_key(tmp_path / "k", comment="x")
    before = (tmp_path / "k").read_bytes()
    with pytest.raises(FileExistsError):
        sites.new_key(tmp_path / "k", comment="x")
    assert (tmp_path / "k").read_bytes() == before


# --- partners


def test_a_partner_is_added_with_its_boxes(made: Path) -> None:
    partner = sites.add_partner(made, "mairie-nord_2", application="MAI001", label="Mairie « Nord »", suppliers=("123", "456"))
    assert config.load_partners(made) == {"mairie-nord_2": partner}
    assert (partner.label, partner.suppliers) == ("Mairie « Nord »", ("123", "456"))
    assert all((made / "var" / "boxes" / "mairie-nord_2" / box).is_dir() for box in sites.BOXES)
    assert mode(made / "partners" / "mairie-nord_2.toml") == 0o600


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", ".a", "-a", "é", "a" * 33, "a b", "a\n"])
def test_a_name_that_is_no_folders_name_is_refused(made: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="not a name"):
        sites.add_partner(made, name, application="DEM001")
    assert list((made / "partners").iterdir()) == []


@pytest.mark.parametrize("code", ["", "dem001", "DEM1", "DEM0011"])
def test_a_code_that_is_none_is_refused(made: Path, code: str) -> None:
    with pytest.raises(ConfigError, match="application code"):
        sites.add_partner(made, "demo", application=code)


def test_names_and_codes_are_given_once(made: Path) -> None:
    sites.add_partner(made, "demo", application="DEM001")
    with pytest.raises(ConfigError, match="exists already"):
        sites.add_partner(made, "demo", application="DEM002")
    with pytest.raises(ConfigError, match="another partner's"):
        sites.add_partner(made, "autre", application="DEM001")
    assert list(config.load_partners(made)) == ["demo"]


def test_a_change_keeps_everything_else(made: Path) -> None:
    before = sites.add_partner(made, "demo", application="DEM001", label="x", daily_files=3)
    after = sites.change_partner(made, "demo", enabled=False)
    assert (after.enabled, after.label, after.daily_files) == (False, "x", 3)
    assert config.load_partners(made)["demo"] == after
    assert sites.change_partner(made, "demo", enabled=True) == before


def test_a_change_keeps_the_partners_own_server(made: Path) -> None:
    poll = config.Poll("h", 2022, "u", "k", known_hosts="n", local_box=False, stable_seconds=2.5)
    before = sites.add_partner(made, "demo", application="DEM001", poll=poll)
    assert before.poll == poll
    assert sites.change_partner(made, "demo", keys=("ssh-ed25519 AAAA x",)).poll == poll
    assert config.load_partners(made)["demo"].poll == poll
    assert sites.partner_line(before)["poll"] == "h"


def test_a_change_keeps_the_partners_virtual_host(made: Path) -> None:
    before = sites.add_partner(made, "demo", application="DEM001", amqp=config.Publisher("acme", password_file="keys/acme", returns=False))
    after = sites.change_partner(made, "demo", enabled=False)
    assert (after.amqp, after.enabled) == (before.amqp, False)
    assert config.load_partners(made)["demo"] == after
    assert sites.partner_line(after)["amqp"] == "acme"


@pytest.mark.parametrize("name", [field.name for field in fields(config.Partner) if is_dataclass(getattr(config.Partner(), field.name))])
def test_every_table_of_a_partners_file_is_written_as_one(made: Path, name: str) -> None:
    default: Any = getattr(config.Partner(), name)
    text = next(field.name for field in fields(default) if field.default == "")
    tables: Any = {name: replace(default, **{text: "x"})}
    sites._write_partner(made, config.Partner(name="demo", **tables))
    assert tomllib.loads((made / "partners" / "demo.toml").read_text()) == {name: {text: "x"}}


def test_an_unknown_partner_is_not_made_by_a_change(made: Path) -> None:
    with pytest.raises(UnknownSubject):
        sites.change_partner(made, "demo", enabled=False)
    assert list((made / "partners").iterdir()) == []


def test_what_is_printed_of_a_partner_holds_no_secret(made: Path) -> None:
    partner = sites.add_partner(made, "demo", application="DEM001", password="scrypt$secret", keys=("ssh-ed25519 AAAA x",))
    printed = sites.partner_line(partner)
    assert "secret" not in str(printed)
    assert "AAAA" not in str(printed)
    assert (printed["password"], printed["keys"]) == (True, 1)


def test_a_cut_write_leaves_the_old_file(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sites.add_partner(made, "demo", application="DEM001")

    def no(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", no)
    monkeypatch.setattr(Path, "replace", no)
    with pytest.raises(OSError, match="No space"):
        sites.change_partner(made, "demo", enabled=False)
    assert config.load_partners(made) == {"demo": before}


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=3))
def test_any_text_comes_back_as_it_was(label: str, suppliers: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        (site / "partners").mkdir()
        written = sites.add_partner(site, "demo", application="DEM001", label=label, suppliers=tuple(suppliers))
        assert (written.label, written.suppliers) == (label, tuple(suppliers))
