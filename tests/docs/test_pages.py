"""What the pages say exists: links, commands, files, words; and no page names a package registry."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from docs import from_click
from gateway.cli import cli
from gateway.directory_file import COLUMNS, read_directory
from gateway.flow_names import chorus_name, temporary
from tests.docs.pages import PAGES, ROOT, SOURCES, commands, fences, named, prose

_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_PATH = re.compile(r"`(?P<path>(?:gateway|adapters|schemas|config|docs|samples|tests)/[\w./-]+)`")
_IDENTIFIER = re.compile(r"^\| `(?P<word>\w+)` \|", re.MULTILINE)
_SHOWN = [(page, words) for page in PAGES for words in commands(page)]
REGISTRIES = ("pypi" + ".org", "python" + "hosted.org", "docker" + ".io", "ghcr" + ".io", "quay" + ".io", "npmjs" + ".com")
WHOLE_PAGES = ("partner-guide.fr.md", "partner-guide.en.md")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for found in _LINK.finditer(prose(page)):
        target, _, anchor = found["target"].partition("#")
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(found["target"])
    assert broken == []


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_named_in_a_page_exist(page: Path) -> None:
    made_by_reader = {"gateway/rules/due.py", "gateway/formats/NAME.py", "adapters/chorus/NAME.py", "tests/unit/test_rules_due.py"}
    named_files = {found["path"].rstrip("/") for found in _PATH.finditer(prose(page))} - made_by_reader
    assert {path for path in named_files if not (ROOT / path).exists()} == set()


def test_the_pages_show_commands() -> None:
    assert len(_SHOWN) > 20


@pytest.mark.parametrize(("page", "words"), _SHOWN, ids=lambda value: " ".join(value) if isinstance(value, list) else named(value))
def test_a_command_shown_exists(page: Path, words: list[str]) -> None:
    if words[0] == "make":
        assert set(words[1:]) <= targets()
    else:
        assert understood(words[1:]), f"{named(page)}: {' '.join(words)}"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def understood(words: list[str]) -> bool:
    """The words name a command that has every option and takes as many arguments; nothing is run."""
    command: click.Command = cli
    context = click.Context(cli, info_name="gateway")
    rest = list(words)
    while isinstance(command, click.Group):
        while rest and rest[0].startswith("--"):
            rest = rest[2:] if rest[0] in ("--site", "--lang") else rest[1:]
        following = command.get_command(context, rest.pop(0)) if rest else None
        if following is None:
            return False
        command = following
    options = {name: p for p in command.params if isinstance(p, click.Option) for name in p.opts}
    return all(word in options for word in rest if word.startswith("--"))


def test_an_invented_command_is_noticed() -> None:
    assert understood(["--site", "x", "inspect", "flows", "--limit", "3"])
    assert not understood(["inspect", "nothing"])
    assert not understood(["run", "--for-ever"])


def test_the_words_of_the_glossary_are_the_codes_own() -> None:
    words = _IDENTIFIER.findall((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert len(words) > 30
    assert [word for word in words if not re.search(rf"\b\w*{word}\w*\b", code)] == []
    classes = [word for word in words if word[0].isupper()]
    assert [word for word in classes if not re.search(rf"^class {word}\b", code, flags=re.MULTILINE)] == []


def test_every_page_of_docs_is_reached_from_another_one() -> None:
    reached = {(page.parent / m["target"].partition("#")[0]).resolve() for page in PAGES for m in _LINK.finditer(prose(page))}
    lonely = [named(page) for page in PAGES if page.parent != ROOT and page not in reached and page.parent.name != "decisions"]
    assert lonely == []


def test_decisions_are_numbered_without_a_hole() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_dependency_has_its_paragraph() -> None:
    said = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text(encoding="utf-8")
    wanted = re.findall(r"^([a-z][a-z0-9-]*)[>=<]", (ROOT / "requirements.in").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(wanted) >= 15
    assert [name for name in wanted if f"**{name}**" not in said] == []


def test_the_directory_shown_can_be_imported() -> None:
    shown = next(block for block in fences(ROOT / "docs" / "operations.md", "text") if block.startswith("SIRET"))
    assert shown.splitlines()[0] == ";".join(COLUMNS)
    assert [service.code for service in read_directory(shown, "shown")[0].services] == ["VOIRIE", "ECOLES", "ANCIEN"]


@pytest.mark.parametrize("name", WHOLE_PAGES)
def test_the_guides_tell_the_names_that_the_code_knows(name: str) -> None:
    guide = (ROOT / "docs" / name).read_text(encoding="utf-8")
    line = next(line for line in guide.splitlines() if line.startswith("1. "))
    shown = [word for word in re.findall(r"`([^`]+)`", line) if word != "."]
    assert len(shown) == 6
    assert all(temporary(f"a{ending}") for ending in shown)
    assert chorus_name(next(fences(ROOT / "docs" / name, "text")).strip())


def test_the_two_guides_have_the_same_sections() -> None:
    french, english = (shape(ROOT / "docs" / name) for name in WHOLE_PAGES)
    assert len(french) > 20
    assert french == english


def shape(page: Path) -> list[tuple[str, int]]:
    """Headings by level and table lines by their number of cells."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(("#", "|"))]
    return [(line.split(" ")[0], line.count("|")) for line in lines]


def test_no_file_names_a_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    texts = {path: path.read_bytes() for path in files if path.is_file() and path.suffix not in (".pdf", ".xsd")}
    assert [named(path) for path, data in texts.items() if any(host.encode() in data for host in REGISTRIES)] == []


def test_the_service_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    unit = (ROOT / "config" / "deploy" / "gateway.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/gateway/bin/gateway --site /var/lib/gateway run" in unit
    copy = tmp_path / "gateway.service"
    copy.write_text(unit.replace("/opt/gateway/bin/gateway", "/bin/true"), encoding="utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_service_lets_children_into_their_cage() -> None:
    unit = (ROOT / "config" / "deploy" / "gateway.service").read_text(encoding="utf-8")
    for call in ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"):
        assert re.search(rf"^SystemCallFilter=.*\b{call}\b", unit, flags=re.MULTILINE), call
    assert "NoNewPrivileges=yes" in unit


def test_the_guard_of_commands_knows_the_lazy_ones() -> None:
    assert "gateway partner key add" in dict(from_click.walk(cli))
