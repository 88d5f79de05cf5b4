"""Where compiled packs are kept: the folder that can be written, filled beforehand by a process of its own, never needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import pack_cache
from gateway.errors import ConfigError, EngineMissing
from gateway.schematron import pack
from gateway.schematron.pack import PackFile
from tests.rules_asked import schema

RULES = schema('<pattern><rule context="/*"><assert id="R" test="true()">Said.</assert></rule></pattern>')
UNKNOWN = schema('<pattern><rule context="/*"><assert id="R" test="unheard-of(.)">Said.</assert></rule></pattern>')
PLACES = ("CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A folder for each place."""
    made = {name: tmp_path / name.lower() for name in PLACES}
    for name, folder in made.items():
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    return made


def below(places: dict[str, Path]) -> list[Path]:
    return [
        places["CACHE_DIRECTORY"] / "packs", places["XDG_CACHE_HOME"] / "gateway/packs", places["HOME"] / ".cache/gateway/packs",
    ]  # fmt: skip


# --- where


@pytest.mark.parametrize("n", range(3))
def test_the_service_managers_folder_then_the_users_cache(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    for name in PLACES[:n]:
        monkeypatch.delenv(name)
    found = pack_cache.folder()
    assert found == below(places)[n]
    assert found.stat().st_mode & 0o777 == 0o700


def test_the_first_of_several_folders_of_the_service_manager(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", f"{places['CACHE_DIRECTORY']}:/nowhere")
    assert pack_cache.folder() == places["CACHE_DIRECTORY"] / "packs"


def test_a_place_where_no_folder_can_be_made_is_passed_over(places: dict[str, Path]) -> None:
    (places["CACHE_DIRECTORY"] / "packs").write_text("a file in the way")
    assert pack_cache.folder() == below(places)[1]


def test_a_place_that_may_not_be_written_is_passed_over(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != below(places)[0] and may(path, mode))  # root may write anywhere
    assert pack_cache.folder() == below(places)[1]


def test_nowhere_when_there_is_no_place(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for path in below(places):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a file in the way")
    assert pack_cache.folder() is None
    for name in PLACES:
        monkeypatch.delenv(name)
    assert pack_cache.folder() is None


# --- filled beforehand


def test_packs_are_compiled_in_a_process_of_their_own_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    run = subprocess.run

    def told(command: list[str], **options: object) -> object:
        started.append(command)
        return run(command, **options)  # type: ignore[call-overload]  # as it came

    monkeypatch.setattr(subprocess, "run", told)
    pack_cache.prepare(["BR-FR-CPRO"], tmp_path)
    assert [command[0] for command in started] == [sys.executable, sys.executable]
    assert [command[-2:] for command in started] == [["BR-FR-CPRO-UBL", str(tmp_path)], ["BR-FR-CPRO-CII", str(tmp_path)]]
    assert all(pack.is_kept(file, tmp_path) for file in ("BR-FR-CPRO-UBL", "BR-FR-CPRO-CII"))
    pack_cache.prepare(["BR-FR-CPRO"], tmp_path)
    assert len(started) == 2
    assert not list(tmp_path.glob("*.part"))


def test_without_a_folder_nothing_is_compiled_and_absence_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("compiled"))
    pack_cache.prepare(["CPRO"], None)
    gone = {"CPRO-UBL": PackFile("CPRO-UBL", "CPRO", "schemas", "none.sch", "ubl")}
    monkeypatch.setattr(pack_cache, "files", lambda: gone | {"CPRO-CII": gone["CPRO-UBL"]})
    with pytest.raises(EngineMissing, match=r"none\.sch is not there"):
        pack_cache.prepare(["CPRO"], None)


def test_what_the_compiler_refuses_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_cache, "is_kept", lambda *_: False)
    monkeypatch.setattr(pack_cache, "files_of", lambda _: ("no-such-file",))
    (tmp_path / "there").write_text("")
    monkeypatch.setattr(pack_cache, "files", lambda: {"no-such-file": PackFile("x", "x", str(tmp_path), "there", "ubl")})
    monkeypatch.setattr("gateway.schematron.pack.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pack no-such-file: .*unknown; one of CPRO-UBL.*; a rule file that this version knows"):
        pack_cache.prepare(["x"], tmp_path)


# --- a release that is tried


def test_a_tried_rule_file_is_compiled_into_the_cache(tmp_path: Path) -> None:
    (tmp_path / "next.sch").write_bytes(RULES)
    kept = pack_cache.tried(tmp_path / "next.sch", tmp_path / "cache")
    assert kept.parent == tmp_path / "cache"
    assert pack.read_kept("next", kept).assertions == 1


def test_a_tried_rule_file_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    (tmp_path / "next.sch").write_bytes(UNKNOWN)
    with pytest.raises(ConfigError, match="unheard-of"):
        pack_cache.tried(tmp_path / "next.sch", tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "next.sch").write_bytes(RULES)
    (tmp_path / "cache").write_text("a file in the way")
    assert pack.load("next", tmp_path / "next.sch", tmp_path / "cache").assertions == 1
