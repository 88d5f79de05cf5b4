"""`gateway validate`: judge files, folders, archives and standard input without a site; it keeps nothing and sends nothing.

Every byte is parsed in the caged children of the validation pool, one document or a thousand. Lines come in the order of the paths given,
folders in the order of their names.

Limits: standard input is first copied to a temporary file, because an archive is read twice: to its end before its first member counts.
"""

from __future__ import annotations

import errno
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import click

from gateway import bootstrap, content, gate, policies
from gateway.catalogue import finding
from gateway.cli.options import Chosen, SiteCommand, chosen
from gateway.cli.verdicts import Lines, Printer, Sheet, Verdict
from gateway.config import Limits, Partner, Settings, load_settings
from gateway.errors import UsageError
from gateway.model import Document, Finding
from gateway.parsing import too_large
from gateway.ports import Validator

BATCH = 16
"""Documents a batch: small, so that a short list still keeps every child at work."""
STDIN = "-"
_CAUSES = {errno.EACCES: "permission refusée", errno.ENOENT: "il n'existe plus", errno.EIO: "erreur de lecture du disque"}
"""Why a file cannot be read, in French where the system says it in English."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One document to judge, or what is said of a file that holds none."""

    file: str
    data: bytes = b""
    findings: tuple[Finding, ...] = ()


@click.command(cls=SiteCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--policy", type=click.Choice(sorted(policies.table())), help="Which schemas and packs judge, and how hard.")
@click.option("--packs", metavar="A,B", help="These rule packs judge instead of the policy's, as hard as their own flags say.")
@click.option("--rules-only", is_flag=True, help="Rule packs and nothing else: no schema, no checks of our own.")
@click.option("--jobs", type=click.IntRange(min=1), help="Validation processes; one per core by default.")
@click.option("--explain", is_flag=True, help="Say what a schema expected in full; takes some seconds at the first broken document.")
@click.pass_context
def validate(
    ctx: click.Context, paths: tuple[str, ...], policy: str | None, packs: str | None, rules_only: bool, jobs: int | None, explain: bool
) -> None:
    """Judge each PATH (file, folder, archive, - for standard input); exit 1 when one document is not accepted."""
    options = chosen(ctx)
    for path in paths:
        if path != STDIN and not (path and Path(path).exists()):
            raise UsageError(f"{path or 'validate'}: no such file or folder; give what can be read, or - for standard input")
    settings = _settings(options, policy, judging=bool(packs) or rules_only)
    printer: Printer = Lines() if options.json else Sheet(options.language)
    children = jobs or (1 if len(paths) == 1 and not Path(paths[0]).is_dir() and not _may_hold_many(paths[0]) else 0)
    accepted = True
    pool = bootstrap.validation_pool(settings, children=children, is_deposit=False, panel=policies.Panel(_named(packs), rules_only))
    try:
        for verdict in judged(pool, subjects(paths, settings.limits), explain=explain):
            printer.show(verdict)
            accepted = accepted and verdict.accepted
    finally:
        pool.close()
        printer.end()
    ctx.exit(0 if accepted else 1)


def _settings(options: Chosen, policy: str | None, *, judging: bool) -> Settings:
    """The defaults, or the settings of the site named with --site; what is named on the line wins. `judging`: packs are asked for."""
    settings = load_settings(options.site_folder) if options.site else Settings()
    validation = replace(settings.validation, policy=policy or settings.validation.policy, packs=settings.validation.packs or judging)
    return replace(settings, validation=validation)


def _named(packs: str | None) -> tuple[str, ...] | None:
    """The packs of `--packs`; None when the policy chooses. `UsageError` when it names none: nothing would judge."""
    if packs is None:
        return None
    named = tuple(name.strip() for name in packs.split(",") if name.strip())
    if not named:
        raise UsageError("validate: --packs names no pack; see gateway packs list")
    return named


def _may_hold_many(path: str) -> bool:
    """A cheap guess, only for the number of children: an archive is no plain XML and no PDF."""
    if path == STDIN:
        return False
    try:
        with Path(path).open("rb") as stream:
            return is_archive(stream)
    except OSError:
        return False


def judged(pool: Validator, found: Iterator[Subject], *, explain: bool = False) -> Iterator[Verdict]:
    """Verdicts in the order of the subjects; the pool is kept full."""
    said: dict[int, list[Verdict]] = {}
    subjects_of: dict[int, list[Subject]] = {}
    sent = shown = 0
    batches = _batches(found)
    while True:
        while pool.room() and (batch := next(batches, None)) is not None:
            subjects_of[sent] = batch
            documents = [Document(n, s.file, s.data, explain=explain) for n, s in enumerate(batch, start=1) if not s.findings]
            pool.submit(sent, documents)
            sent += 1
        for token, judgements in pool.results(60.0):
            assert isinstance(token, int)
            answers = iter(judgements)
            batch = subjects_of.pop(token)
            said[token] = [Verdict.refused(s.file, s.findings) if s.findings else Verdict.of(s.file, next(answers)) for s in batch]
        while shown in said:
            yield from said.pop(shown)
            shown += 1
        if shown == sent and not pool.pending():
            rest = next(batches, None)
            if rest is None:
                return
            batches = _chain(rest, batches)


def _chain(first: list[Subject], rest: Iterator[list[Subject]]) -> Iterator[list[Subject]]:
    yield first
    yield from rest


def _batches(found: Iterator[Subject]) -> Iterator[list[Subject]]:
    """Batches of at most BATCH documents and about 8 MB."""
    batch: list[Subject] = []
    for subject in found:
        batch.append(subject)
        if len(batch) >= BATCH or sum(len(s.data) for s in batch) >= 8_000_000:
            yield batch
            batch = []
    if batch:
        yield batch


# --- what the paths hold


def subjects(paths: tuple[str, ...], limits: Limits) -> Iterator[Subject]:
    """Every document below the paths, in order."""
    for path in paths:
        if path == STDIN:
            with tempfile.TemporaryFile() as copy:
                while piece := sys.stdin.buffer.read(1024 * 1024):
                    copy.write(piece)
                yield from _of_stream(STDIN, copy, limits)
        else:
            for file in _files(path):
                yield from _of_file(file, limits)


def _files(path: str) -> Iterator[str]:
    """The file itself, or the files below a folder in the order of their names, hidden ones left out."""
    folder = Path(path)
    if not folder.is_dir():
        yield path
        return
    for child in sorted(folder.iterdir(), key=lambda p: p.name):
        if not child.name.startswith(".") and not (child.is_dir() and child.is_symlink()):
            yield from _files(f"{path.rstrip('/') or '/'}/{child.name}".replace("//", "/"))


def _of_file(file: str, limits: Limits) -> Iterator[Subject]:
    try:
        if not Path(file).is_file():
            yield _unreadable(file, "ni un fichier ni un dossier", "neither a file nor a folder")
            return
        with Path(file).open("rb") as stream:
            yield from _of_stream(file, stream, limits)
    except OSError as refused:
        cause = refused.strerror or type(refused).__name__
        yield _unreadable(file, _CAUSES.get(refused.errno or 0, cause), cause)


def _unreadable(file: str, french: str, english: str) -> Subject:
    return Subject(file, findings=(finding("DEP-030", nom=Path(file).name, cause=french, english={"cause": english}),))


def _of_stream(file: str, stream: BinaryIO, limits: Limits) -> Iterator[Subject]:
    if is_archive(stream):
        yield from _of_archive(file, stream, limits)
        return
    size = stream.seek(0, 2)
    if size > limits.document_bytes:
        yield Subject(file, findings=(too_large(Path(file).name, size, limits.document_bytes),))
        return
    stream.seek(0)
    yield Subject(file, stream.read(limits.document_bytes + 1))


def _of_archive(file: str, stream: BinaryIO, limits: Limits) -> Iterator[Subject]:
    size = stream.seek(0, 2)
    opening = gate.open_flow("archive", stream, size, partner=Partner(), limits=limits)  # the name is no deposit's: not judged
    if not opening.admissible:
        yield Subject(file, findings=opening.findings)
        return
    for read in gate.documents(stream, opening, limits=limits):
        yield Subject(f"{file}!{read.member}", read.data)


def is_archive(stream: BinaryIO) -> bool:
    """An archive of any sort by its first bytes; which sorts are taken is the gate's to say."""
    stream.seek(0)
    return content.detect(stream.read(content.HEAD)) in content.ARCHIVES
