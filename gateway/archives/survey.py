"""What the files of an archive are: documents, their signatures, strays, the manifest; it reads no archive and inflates nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway import content
from gateway.archives.fault import ArchiveFault, Member, too_many
from gateway.catalogue import finding
from gateway.config import Limits
from gateway.flow_names import unsafe_name
from gateway.model import Finding

MANIFEST = "manifest.json"

_NAME_CODES = {"DEP-011": "ARC-021", "DEP-012": "ARC-019", "DEP-017": "ARC-021", "DEP-014": "DEP-014"}
_STRAY = re.compile(r"(?:.*/)?(?:thumbs\.db|desktop\.ini|\.ds_store|\._[^/]*|__macosx/.*)", re.IGNORECASE)
_SIGNATURE = re.compile(r"(.+)[._-](?:xades|xsig|sig|signature)(?:\.xml)?", re.IGNORECASE)


class Side(NamedTuple):
    """A signature: the index of its file in the archive, its base name (as in the outbound archive), its size in bytes."""

    at: int
    name: str
    size: int


class Plan(NamedTuple):
    """Where the documents are: every file index but those of `others`; `sides` by the document's index."""

    others: frozenset[int]
    sides: Mapping[int, tuple[Side, ...]]

    def index_after(self, ordinal: int) -> int:
        """File index from which on documents come after number `ordinal`."""
        index = ordinal
        for other in sorted(self.others):
            if other > index:
                break
            index += 1
        return index


class Survey:
    """Takes an archive's files one by one, in order, with their heads (`content.HEAD` bytes); raises `ArchiveFault` at the first fault."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._files = 0
        self._seen: dict[str, int] = {}
        self._signatures: list[tuple[int, str, int]] = []
        self._others: set[int] = set()
        self.ignored: list[str] = []
        self.announced: int | None = None
        self.sides: dict[str, tuple[str, ...]] = {}

    @property
    def documents(self) -> int:
        return self._files - len(self._others)

    def add(self, member: Member) -> None:
        """One more file."""
        index, name, size, head = member
        self._files += 1
        if index >= self._limits.members:
            raise too_many(index + 1, self._limits)
        self._check_name(name, index)
        key = _key(name)
        other = self._seen.setdefault(key, index)
        if other != index:
            raise ArchiveFault("ARC-020", location=name, membre=name, n=2, i=other + 1, j=index + 1)
        kind = content.detect(head)
        if kind == content.XML:
            if "sig" in key or "xades" in key:
                self._perhaps_signature(index, name, size, head)
            if name == "[Content_Types].xml":  # an Office document is a zip of XML too
                raise ArchiveFault("TYP-001", location=name, liste=content.ACCEPTED, détecté=content.OFFICE)
        elif kind != content.PDF:
            self._no_document(index, name, size, head, kind)

    def _check_name(self, name: str, index: int) -> None:
        bare = name.removeprefix("./")
        parts = bare.split("/") if "/" in bare else (bare,)
        code = next((code for part in parts if (code := unsafe_name(part, self._limits.name_bytes))), None)
        if len(name) > self._limits.name_bytes // 4 and len(name.encode("utf-8", "replace")) > self._limits.name_bytes:
            code = code or "DEP-014"
        if code is None and name[1:2] == ":":
            code = "DEP-012"  # a drive letter
        if code:
            raise ArchiveFault(_NAME_CODES[code], location=name, membre=name, i=index + 1)

    def _perhaps_signature(self, index: int, name: str, size: int, head: bytes) -> None:
        if _SIGNATURE.fullmatch(name) and content.is_signature(head):
            self._signatures.append((index, name, size))

    def _no_document(self, index: int, name: str, size: int, head: bytes, kind: str) -> None:
        """A stray or the manifest is set aside; anything else refuses the archive."""
        self._others.add(index)
        if _STRAY.fullmatch(name):
            self.ignored.append(name)
        elif name.removeprefix("./") == MANIFEST and size == len(head) and (announced := _announced(head)) is not None:
            self.announced = announced
        elif kind == content.EMPTY:
            raise ArchiveFault("DEP-004", location=name, nom=name)
        elif kind == content.EDIFACT:
            raise ArchiveFault("TYP-010", location=name)
        elif kind in content.ARCHIVES:
            raise ArchiveFault("ARC-013", location=name, nom=name)
        else:
            raise ArchiveFault("TYP-001", location=name, liste=content.ACCEPTED, détecté=f'{kind} ("{name}")')

    def plan(self) -> Plan:
        """Call when every file was added: who signs whom; ARC-024 when there is no document."""
        by_document: dict[int, list[Side]] = {}
        signing = {index for index, _, _ in self._signatures}
        for index, name, size in self._signatures:
            signed = self._signed_by(name)
            if signed is not None and signed not in signing | self._others:
                by_document.setdefault(signed, []).append(Side(index, _base(name), size))
        for sides in by_document.values():
            self._others.update(side.at for side in sides)
        if not self.documents:
            raise ArchiveFault("ARC-024")
        self._name_sides(by_document)
        return Plan(frozenset(self._others), MappingProxyType({index: tuple(by_document[index]) for index in sorted(by_document)}))

    def _signed_by(self, name: str) -> int | None:
        found = _SIGNATURE.fullmatch(name)
        stems = [found[1] + suffix for suffix in ("", ".xml", ".pdf")] if found else []
        return next((self._seen[_key(stem)] for stem in stems if _key(stem) in self._seen), None)

    def _name_sides(self, by_document: dict[int, list[Side]]) -> None:
        """Signed documents leave under their base names, which must therefore be unique whatever folder they came in."""
        names = {index: name for name, index in self._seen.items() if index in by_document} if by_document else {}
        bases: dict[str, int] = {}
        for index, sides in by_document.items():
            self.sides[names[index]] = tuple(side.name for side in sides)
            for name, at in [(_base(names[index]), index), *((side.name, side.at) for side in sides)]:
                other = bases.setdefault(_key(name), at)
                if other != at:
                    raise ArchiveFault("ARC-020", location=name, membre=name, n=2, i=min(other, at) + 1, j=max(other, at) + 1)

    def findings(self) -> tuple[Finding, ...]:
        """What does not hinder: the files passed over."""
        if not self.ignored:
            return ()
        return (finding("ARC-025", n=len(self.ignored), liste=", ".join(self.ignored)),)


def _key(name: str) -> str:
    """What two names that a file system or a person takes for one have in common (row 57)."""
    plain = name.removeprefix("./")
    return plain.lower() if plain.isascii() else unicodedata.normalize("NFC", plain.casefold())


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _announced(manifest: bytes) -> int | None:
    try:
        told = json.loads(manifest)
    except (ValueError, RecursionError):  # four thousand brackets fit into a head
        return None
    count = told.get("invoices") if isinstance(told, dict) else None
    return count if type(count) is int and count >= 0 else None
