"""Builds what `gateway packs` and `gateway check` say of rule packs: which there are, two releases compared, one tried on the past."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

from adapters import pack_cache
from gateway import bootstrap, policies
from gateway.errors import ConfigError, EngineMissing, UsageError
from gateway.formats import ROOTS
from gateway.model import Syntax
from gateway.packs import FAMILIES, files_of, known, names
from gateway.schematron import difference, evaluator, pack
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import Source, read
from gateway.stages import shadow
from gateway.stages.desk import Gateway


def rows() -> Iterator[dict[str, Any]]:
    """Every rule file: name, version, digest, number of rules, under which policies, who evaluates. `missing`: why it cannot judge."""
    cache, who = pack_cache.folder(), evaluator.best().name
    for name in names():
        for file in files_of(name):
            yield _row(file, cache) | {"policies": _policies(name), "evaluator": who}


def _row(file: str, cache: Path | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": pack.files()[file].pack, "syntax": pack.files()[file].syntax, "version": None, "source": None}
    row |= {"digest": None, "rules": None, "missing": None}
    try:
        found = pack.official(file, cache)
    except (EngineMissing, ConfigError) as why:
        return row | {"missing": str(why)}
    return row | {"version": found.version, "source": found.source, "digest": found.digest, "rules": found.assertions}


def _policies(name: str) -> list[dict[str, Any]]:
    """Under which policies a pack judges, how hard at most, and when it is in force."""
    return [
        {
            "policy": policy.name, "severity": str(judge.severity or "as flagged"), "kinds": sorted(row.kinds),
            "recipients": "b2g" if row.b2g else "all", "first": _day(row.first, date.min), "last": _day(row.last, date.max),
        }
        for policy in policies.table().values() for row in policy.rows for judge in row.judges if judge.pack == name
    ]  # fmt: skip


def _day(day: date, never: date) -> str | None:
    return None if day == never else day.isoformat()


def compared(old: str, new: str) -> list[dict[str, Any]]:
    """What changed between two rule files, each a file or a name of a pack (its twins one after the other)."""
    befores, afters = _sources(old), _sources(new)
    if len(befores) != len(afters):
        raise UsageError(f"packs diff: {old} is {len(befores)} rule files and {new} is {len(afters)}; name two files, or two packs alike")
    found = [one for before, after in zip(befores, afters, strict=True) for one in difference.differences(before, after)]
    return [{"rule": one.rule, "change": one.change, "what": list(one.what), "message": one.message} for one in found]


def _sources(wanted: str) -> list[Source]:
    if Path(wanted).is_file():
        places = [Path(wanted)]
    else:
        places = [pack.files()[file].locate() for name in known([wanted]) for file in files_of(name)]
    return [_source(place) for place in places]


def _source(place: Path) -> Source:
    try:
        return read(place.read_bytes(), beside=pack.files_beside(place.parent))
    except RuleRefused as refused:
        raise refused.within(str(place)) from refused


def shadowed(gw: Gateway, wanted: str, since: datetime) -> Iterator[dict[str, Any]]:
    """Accepted invoices that a pack (a name or a rule file) would refuse; the last object counts them, and those not judged."""
    syntaxes, panel = _syntaxes(wanted), _panel(wanted)
    judged = refused = failed = 0
    validation = dataclasses.replace(gw.settings.validation, packs=True)  # asked for by name
    with closing(bootstrap.validation_pool(dataclasses.replace(gw.settings, validation=validation), panel=panel)) as pool:
        for trial in shadow.trials(gw, pool, since, syntaxes):
            judged, refused, failed = judged + trial.judged, refused + len(trial.refusals), failed + trial.failed
            yield from (_refusal(one) for one in trial.refusals)
    yield {"pack": wanted, "since": since.isoformat(), "invoices": judged, "refused": refused, "failed": failed}


def _panel(wanted: str) -> policies.Panel:
    if not Path(wanted).is_file():
        return policies.Panel(known([wanted]), rules_only=True)
    cache = pack_cache.folder()
    if cache is None:
        raise UsageError("packs shadow: no cache folder can be written; set CACHE_DIRECTORY to one")
    name = Path(wanted).stem
    return policies.Panel((name,), rules_only=True, tried=((name, str(pack_cache.tried(Path(wanted), cache))),))


def _syntaxes(wanted: str) -> tuple[Syntax, ...]:
    """What a rule file is written for: the syntaxes whose namespace it declares; all for a pack by name, which knows its own."""
    if not Path(wanted).is_file():
        return tuple(Syntax)
    declared = set(_source(Path(wanted)).namespaces.values())
    families = {FAMILIES[syntax] for root, syntax in ROOTS.items() if syntax in FAMILIES and root[1:].partition("}")[0] in declared}
    return tuple(syntax for syntax, family in FAMILIES.items() if family in families) or tuple(Syntax)


def _refusal(one: shadow.Refusal) -> dict[str, Any]:
    row = one.row
    return {
        "flow": row.flow, "position": row.position, "number": row.invoice.number, "supplier": row.invoice.supplier.id,
        "findings": [finding.as_json() for finding in one.findings],
    }  # fmt: skip
