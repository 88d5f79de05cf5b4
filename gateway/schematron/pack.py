"""A rule pack: an official rule file compiled, with its name, version and digest; kept in a folder by digest, never committed.

The digest covers the rule file, the code lists beside it and the compiler: another release of any of them is another pack. Which packs
there are is data (`schemas/packs.toml`, table `files`). No pack is evaluated here, and which one judges is a matter of policy.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources, util
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError, EngineMissing
from gateway.schematron.plan import FORMAT, plan
from gateway.schematron.source import Beside, Source, read

OURS: Final = "schemas"
"""The package that holds our own rule files."""

COMPILER: Final = f"2.{FORMAT}"
"""Raised with whatever changes what is compiled."""

_VERSION: Final = re.compile(r"(?:schematron version|^\s*version:)\s+(\d[\w.-]*\w)", re.IGNORECASE | re.MULTILINE)
_IN_TITLE: Final = re.compile(r"(?:;\s*|\bv)(\d+(?:\.\d+)+)")


@dataclass(frozen=True, slots=True)
class Pack:
    """`rules` is the intermediate form (`plan.plan`), the lets and assertions of each rule folded into a text (`body` unfolds it): lists
    take twenty times the room, and of most packs a process needs few rules. `assertions` counts asserts and reports; `source` names
    the file it is from.
    """

    name: str
    version: str
    digest: str
    source: str
    assertions: int
    rules: dict[str, Any]

    def unfolded(self) -> dict[str, Any]:
        """The rules with every body unfolded: `plan.plan`'s own form, for an evaluator that reads the whole pack at once."""
        patterns = self.rules["patterns"]
        return {**self.rules, "patterns": [{**p, "rules": [_unfolded_rule(rule) for rule in p["rules"]]} for p in patterns]}


@dataclass(frozen=True, slots=True)
class PackFile:
    """A table of `schemas/packs.toml`: where an installed package has the file. `syntax`: what it judges; `pack`: whose rules it holds."""

    name: str
    pack: str
    package: str
    path: str
    syntax: str

    def locate(self) -> Path:
        """`EngineMissing` when the package or its file is not there: a pack that must judge is absent."""
        found = util.find_spec(self.package)
        file = Path(str(found.origin)).parent / self.path if found and found.origin else Path(self.package) / self.path
        if not file.is_file():
            raise EngineMissing(f"pack {self.name}: {file} is not there; install the package {self.package}")
        return file


@cache
def files() -> dict[str, PackFile]:
    """The rule files by name, in the order of the table."""
    table = tomllib.loads(resources.files("schemas").joinpath("packs.toml").read_text(encoding="utf-8"))["files"]
    return {name: PackFile(name, row.get("pack", name), row["package"], row["path"], row["syntax"]) for name, row in table.items()}


def others() -> dict[str, PackFile]:
    """The files that other packages bring: other people's rules, not ours."""
    return {name: file for name, file in files().items() if file.package != OURS}


def official(name: str, cache_folder: Path | None = None) -> Pack:
    """The pack of a rule file by the file's name: from the cache when this very file was compiled before, else compiled and put there.

    `ConfigError` for an unknown name, `EngineMissing` when its package is not installed, `RuleRefused` for rules that are not known.
    """
    if name not in files():
        raise ConfigError(f"pack {name}: unknown; one of {', '.join(files())}")
    file = files()[name]
    return load(file.pack, file.locate(), cache_folder, package=file.package)


def is_kept(name: str, cache_folder: Path) -> bool:
    """Whether the pack of a rule file lies compiled in the cache; errors as for `official`."""
    file = files()[name].locate()
    return (cache_folder / f"{_digest(file.read_bytes(), files_beside(file.parent))}.json").is_file()


def load(name: str, file: Path, cache_folder: Path | None = None, package: str = "") -> Pack:
    """A pack from a rule file; the version of `package` counts when the file names none.

    The cache holds one file a digest, placed by rename; where nothing can be written, the pack is compiled anew in each process.
    """
    data = file.read_bytes()
    beside = files_beside(file.parent)
    digest = _digest(data, beside)
    kept = cache_folder / f"{digest}.json" if cache_folder else None
    if kept and kept.is_file():
        held = json.loads(kept.read_bytes())
        return Pack(name, held["version"], digest, file.name, held["assertions"], held["rules"])
    pack = compile_pack(name, data, beside=beside, version=_distribution(package), source=file.name)
    if kept:
        with suppress(OSError):
            _keep(pack, kept)
    return pack


def _keep(pack: Pack, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps({"version": pack.version, "assertions": pack.assertions, "rules": pack.rules}), encoding="utf-8")
    partial.replace(kept)


def read_kept(name: str, kept: Path) -> Pack:
    """A pack from a file of the cache, whatever rule file it was compiled from."""
    held = json.loads(kept.read_bytes())
    return Pack(name, held["version"], kept.stem, kept.name, held["assertions"], held["rules"])


def compile_pack(name: str, data: bytes, *, beside: Beside | None = None, version: str = "", source: str = "") -> Pack:
    """A pack from the bytes of a rule file, XSLT 2 or Schematron; `beside` gives the files that it names."""
    written = read(data, beside=beside)
    planned = plan(written, beside=beside)
    count = sum(len(rule["assertions"]) for pattern in planned["patterns"] for rule in pattern["rules"])
    return Pack(name, _version(written) or version, _digest(data, beside), source, count, _folded(planned))


def body(rule: dict[str, Any]) -> dict[str, Any]:
    """`{"lets": [[slot, form]], "assertions": […]}` of a rule of a pack."""
    unfolded: dict[str, Any] = json.loads(rule["body"])
    return unfolded


def _unfolded_rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in rule.items() if key != "body"}, **body(rule)}


def _folded(planned: dict[str, Any]) -> dict[str, Any]:
    patterns = [{**pattern, "rules": [_folded_rule(rule) for rule in pattern["rules"]]} for pattern in planned["patterns"]]
    return {**planned, "patterns": patterns}


def _folded_rule(rule: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps({"lets": rule["lets"], "assertions": rule["assertions"]}, ensure_ascii=False, separators=(",", ":"))
    return {"context": rule["context"], "line": rule["line"], "match": rule["match"], "visits": rule["visits"], "body": text}


def _version(source: Source) -> str:
    """As the publisher writes it: in a comment, or in the title. A licence has a version too."""
    for note in source.notes:
        if "licen" in note.lower():
            continue
        if found := _VERSION.search(note) or re.fullmatch(r"\s*(\d[\w.-]*)\s*", note):
            return found.group(1)
    found = _IN_TITLE.search(source.title)
    return found.group(1) if found else ""


def _digest(data: bytes, beside: Beside | None) -> str:
    """SHA-256 over the compiler, the file and the files it names, in the order in which they are named."""
    total = hashlib.sha256(f"{COMPILER}\n".encode() + data)
    for href in dict.fromkeys(re.findall(rb"document\('([^']+)'\)|<(?:\w+:)?include[^>]*\shref=[\"']([^\"']+)", data)):
        total.update((beside or _nowhere)((href[0] or href[1]).decode()))
    return total.hexdigest()


def _nowhere(href: str) -> bytes:
    return href.encode()


def files_beside(folder: Path) -> Beside:
    def beside(href: str) -> bytes:
        file = (folder / href).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise ConfigError(f"rule file {href}: it lies outside of {folder}; a file beside the rules is expected")
        return file.read_bytes()

    return beside


def _distribution(package: str) -> str:
    """Name and version of the installed distribution that has a package, for rule files that name no version."""
    for name in importlib.metadata.packages_distributions().get(package, []):
        return f"{name} {importlib.metadata.version(name)}"
    return ""
