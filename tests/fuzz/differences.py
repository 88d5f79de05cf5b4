"""The two evaluators beside each other on documents drawn at random, and the library's reader beside lxml; it stops at what differs."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lxml import etree

from gateway import parsing
from gateway.schematron import document, native, pack, reference
from gateway.schematron.pack import Pack
from tests.corpora import FOLDER
from tests.fuzz import mutants
from tests.verdicts.comparison import official

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "accepted"
EVERYTHING = Path(__file__).with_name("everything.sch")
_LARGEST_SEED = 60_000
_READ_FOR_ONE_JUDGED = 5
_NO_URI = etree.ErrorTypes.WAR_NS_URI
"""libxml2 refuses a namespace that is no URI; the standard asks for no such check, and the library makes none."""
_ENCODINGS = frozenset({"XML-006", "XML-007"})
"""The gateway refuses an encoding by its name before anybody reads: the library is given UTF-8, whatever the declaration says."""
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=True)
_SYNTAXES = {"Invoice": "ubl", "CreditNote": "ubl", "CrossIndustryInvoice": "cii", "CrossDomainAcknowledgementAndResponse": "cdar"}


@dataclass(slots=True)
class Figures:
    """What was tried. `read`: documents given to both readers, `taken` by both; `judged`: runs of a pack; `findings` in them, alike."""

    read: int = 0
    taken: int = 0
    judged: int = 0
    findings: int = 0
    unevaluable: int = 0
    different: list[tuple[str, bytes]] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.read} documents read by both readers, {self.taken} taken by both; {self.judged} runs judged by both evaluators, "
            f"{self.findings} findings alike, {self.unevaluable} of them unevaluable; {len(self.different)} differences"
        )


@cache
def seeds() -> tuple[bytes, ...]:
    """Real invoices: our samples, and the shared corpora where they are."""
    files = sorted(SAMPLES.glob("*.xml"))
    if FOLDER.is_dir():
        files += sorted(file for file in FOLDER.rglob("*") if file.suffix.lower() == ".xml" and file.stat().st_size < _LARGEST_SEED)
    return tuple(data for data in (file.read_bytes() for file in files) if _whole(data) is not None)


@cache
def everything() -> Pack:
    """A pack that tells all of a document."""
    return pack.compile_pack("EVERYTHING", EVERYTHING.read_bytes())


def search(seconds: float, seed: int) -> Figures:
    """Draws, and compares, until the time is up or something differs."""
    figures, draw = Figures(), random.Random(seed)
    ours, theirs = native.Evaluator(), reference.Evaluator()
    end = time.monotonic() + seconds
    while not figures.different and time.monotonic() < end:
        data = draw.choice(seeds())
        for _ in range(_READ_FOR_ONE_JUDGED):
            _compare_readers(mutants.of_bytes(data, draw), ours, theirs, figures)
        _compare_verdicts(mutants.of_elements(data, draw), draw, ours, theirs, figures)
    return figures


def _compare_readers(data: bytes, ours: native.Evaluator, theirs: reference.Evaluator, figures: Figures) -> None:
    root = _whole(data)
    figures.read += 1
    if root is None:
        taken = _taken(data)
        if taken:
            figures.different.append(("lxml refuses what the library takes", data))
        return
    figures.taken += 1
    _compare(everything(), document.Document(data, root), data, ours, theirs, figures)


def _compare_verdicts(data: bytes, draw: random.Random, ours: native.Evaluator, theirs: reference.Evaluator, figures: Figures) -> None:
    root = _whole(data)
    if root is None:
        return
    for name, file in pack.files().items():
        if file.syntax == _SYNTAXES.get(etree.QName(root).localname) or draw.random() < 0.05:
            _compare(official(name), document.Document(data, root), data, ours, theirs, figures)


def _compare(
    judging: Pack, found: document.Document, data: bytes, ours: native.Evaluator, theirs: reference.Evaluator, figures: Figures
) -> None:
    figures.judged += 1
    mine, right = ours.evaluate(judging, found), theirs.evaluate(judging, found)
    if ours.troubles:
        figures.different.append((f"the library did not do its work: {ours.troubles[0]}", data))
    elif mine != right:
        wrong = next((pair for pair in zip(mine, right, strict=False) if pair[0] != pair[1]), (len(mine), len(right)))
        figures.different.append((f"{judging.name}: {wrong[0]} instead of {wrong[1]}", data))
    figures.findings += len(right)
    figures.unevaluable += sum(finding.unevaluable for finding in right)


def _whole(data: bytes) -> etree._Element | None:
    """The root as lxml reads it, None when it or the gateway's parser refuses; what only the latter refuses is not compared."""
    return parsing.parse(data).root


def _taken(data: bytes) -> bool:
    """Does the library take what lxml itself refuses?"""
    if any(finding.rule in _ENCODINGS for finding in parsing.parse(data).findings):
        return False
    try:
        etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError as refused:
        return refused.code != _NO_URI and native.reads(data)
    return False
