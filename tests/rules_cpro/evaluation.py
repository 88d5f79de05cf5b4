"""Our own packs, compiled once a process, and what they find in a document; nothing is expected here."""

from __future__ import annotations

from functools import cache

from gateway.model import Finding
from gateway.own_rules import schematron
from gateway.schematron import document, evaluator
from gateway.schematron.pack import Pack, compile_pack

_EVALUATOR = evaluator.best()


@cache
def compiled(pack: str, twin: str) -> Pack:
    """One of our packs for one syntax."""
    return compile_pack(pack, schematron(pack, twin))


def findings(pack: str, twin: str, data: bytes) -> list[Finding]:
    """What a pack finds in the bytes of a document."""
    return _EVALUATOR.evaluate(compiled(pack, twin), document.read(data))
