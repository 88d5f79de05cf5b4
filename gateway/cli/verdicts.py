"""How `gateway validate` speaks: the JSON line of contract.md, chapter 3, or a sheet for people; it judges nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

import click
import orjson

from gateway.catalogue import echo
from gateway.cli.output import safe
from gateway.model import Finding, Judgement, Outcome, Severity, Syntax, is_fatal, is_valid

_WORDS = {
    "fr": {True: "acceptée", False: "non acceptée", "documents": "document(s) :", "accepted": "accepté(s)", "refused": "non accepté(s)",
           Severity.FATAL: "erreur", Severity.WARNING: "avertissement", Severity.INFORMATION: "information", "line": "ligne"},
    "en": {True: "accepted", False: "not accepted", "documents": "document(s):", "accepted": "accepted", "refused": "not accepted",
           Severity.FATAL: "error", Severity.WARNING: "warning", Severity.INFORMATION: "information", "line": "line"},
}  # fmt: skip
_COLOURS = {Severity.FATAL: "red", Severity.WARNING: "yellow", Severity.INFORMATION: "blue"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one document. `file` as contract.md gives it, text that any terminal takes.

    `valid` is the rules' own word, `accepted` the destination's, by its policy.
    """

    file: str
    syntax: Syntax
    profile: str
    accepted: bool
    valid: bool
    packs: tuple[dict[str, str], ...]
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, file: str, judgement: Judgement) -> Verdict:
        """From a child's judgement; a document that could not be judged is not accepted."""
        findings = (*judgement.findings, *(f for judged in judgement.invoices for f in judged.findings))
        packs = tuple({"name": p.name, "version": p.version, "digest": p.digest} for p in judgement.packs)
        accepted = judgement.outcome is Outcome.JUDGED and not is_fatal(findings)
        valid = judgement.outcome is Outcome.JUDGED and is_valid(findings)
        return cls(_text(file), judgement.syntax, judgement.profile, accepted, valid, packs, findings)

    @classmethod
    def refused(cls, file: str, findings: tuple[Finding, ...]) -> Verdict:
        """For a file that no document was read from."""
        return cls(_text(file), Syntax.UNKNOWN, "", False, False, (), findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file, "syntax": str(self.syntax), "profile": self.profile, "accepted": self.accepted,
            "valid": self.valid, "packs": list(self.packs), "findings": [f.as_json() for f in self.findings],
        }  # fmt: skip


class Printer(Protocol):
    """Where verdicts go as they come."""

    def show(self, verdict: Verdict) -> None: ...

    def end(self) -> None: ...


class Lines:
    """JSON Lines on standard output, one a document, nothing else."""

    def show(self, verdict: Verdict) -> None:
        sys.stdout.buffer.write(orjson.dumps(verdict.as_json()) + b"\n")

    def end(self) -> None:
        sys.stdout.buffer.flush()


class Sheet:
    """For people: a line a document, its findings below it, the same mistake once with its count; a sum at the end."""

    def __init__(self, language: str, out: TextIO | None = None) -> None:
        self._language = language
        self._words = _WORDS[language]
        self._out = out
        self._accepted = self._refused = 0

    def show(self, verdict: Verdict) -> None:
        self._accepted += verdict.accepted
        self._refused += not verdict.accepted
        word = click.style(self._words[verdict.accepted], fg="green" if verdict.accepted else "red", bold=True)
        what = ", ".join(part for part in (str(verdict.syntax), echo(verdict.profile)) if part)
        self._say(f"{word}  {safe(verdict.file)}  ({what})")
        for count, found in once(verdict.findings):
            self._say(f"    {self._finding(found, count)}")

    def _finding(self, found: Finding, count: int) -> str:
        severity = click.style(self._words[found.severity], fg=_COLOURS[found.severity])
        message = found.message_fr if self._language == "fr" else found.message_en
        where = " ".join(part for part in (f"{self._words['line']} {found.line}" if found.line else "", found.location) if part)
        times = f" ×{count}" if count > 1 else ""
        return f"{severity} {found.rule}{times}  {safe(message)}" + (f"  [{safe(where)}]" if where else "")

    def end(self) -> None:
        total = self._accepted + self._refused
        words = self._words
        self._say(f"{total} {words['documents']} {self._accepted} {words['accepted']}, {self._refused} {words['refused']}")

    def _say(self, line: str) -> None:
        click.echo(line, file=self._out)


def once(findings: Iterable[Finding]) -> list[tuple[int, Finding]]:
    """Each mistake once, fatal ones first: (how often, its first instance). Same pack, rule and words are the same mistake."""
    seen: dict[tuple[str, str, Severity, str], list[Finding]] = {}
    for found in findings:
        seen.setdefault((found.pack, found.rule, found.severity, found.message), []).append(found)
    order = list(Severity)
    return sorted(((len(group), group[0]) for group in seen.values()), key=lambda pair: order.index(pair[1].severity))


def _text(name: str) -> str:
    """A path as text: bytes of a name that are none are replaced."""
    return name.encode("utf-8", "replace").decode("utf-8")
