"""The seam between packs and what evaluates them: one protocol, and the best evaluator that is here. It evaluates nothing itself."""

from __future__ import annotations

from typing import Protocol

from gateway.model import Finding
from gateway.schematron import native, reference
from gateway.schematron.document import Document
from gateway.schematron.pack import Pack


class Evaluator(Protocol):
    """Every evaluator gives the same findings in the same order for the same pack and document.

    `walks_the_tree`: it wants the parser's tree beside the bytes. `troubles`: what it could not do and left to the readable one; never
    with a document's content.
    """

    name: str
    walks_the_tree: bool
    troubles: list[str]

    def evaluate(self, pack: Pack, document: Document) -> list[Finding]:
        """Findings of a pack on a document; one for each instance. `LimitReached` when our own limits do not suffice."""


def best() -> Evaluator:
    """The fastest evaluator of this installation. Keep it: it holds its packs ready."""
    return reference.Evaluator() if native.version() is None else native.Evaluator()


def name_and_version() -> str:
    """Which evaluator `best` gives, for people: `native 0.1.0`, or `python` where the library is not installed or does not load."""
    version = native.version()
    return reference.NAME if version is None else f"{native.NAME} {version}"
