"""What the demo's operators send: flows made of the samples, each with a sentence that says what it is; it sends nothing."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

SAMPLES = Path(__file__).parent
BY_FOLDER, BY_SERVER, BY_BROKER = "ubl-fournitures-ville.xml", "ubl-deux-pieces.xml", "ubl-travaux-voirie.xml"
"""Invoices that come by the other doors; kept out of the archive, or they would be duplicates."""


def make_flows(folder: Path) -> Iterator[tuple[Path, str]]:
    """Flows as operators make them, each with what it is."""
    folder.mkdir(parents=True)
    accepted = sorted((SAMPLES / "accepted").iterdir())
    xml = [p for p in accepted if p.suffix == ".xml"]
    cii, own = ([p for p in xml if mark in p.read_bytes()] for mark in (b"CrossIndustryInvoice", b"CPPFactureMixte"))
    ubl = [p for p in xml if p not in cii and p not in own and p.name not in {BY_FOLDER, BY_SERVER, BY_BROKER}]
    pdf = next(p for p in accepted if p.suffix == ".pdf")
    yield (
        archive(folder / "FSO1100A_DEM001_DEM0011100000000000000001", ubl),
        f"tar.gz of {len(ubl)} UBL invoices and credit notes, Chorus's own name",
    )
    yield copy(own[0], folder / "FSO1113A_DEM001_DEM0011113000000000000001"), "one CPPFactureMixte, bare, Chorus's own name"
    yield copy(pdf, folder / pdf.name), "one Factur-X PDF"
    yield (
        zipped(folder / "mixed.zip", [*cii, *mistakes()]),
        "zip of CII invoices and of kept mistakes",
    )
    yield cut(folder / "cut.tar.gz", ubl), "tar.gz cut short by 200 bytes"


def mistakes() -> list[Path]:
    """Three mistakes that any operator makes one day."""
    return [p for p in sorted((SAMPLES / "mistakes").glob("*.xml")) if b"<!DOCTYPE" not in p.read_bytes()][:3]


def archive(path: Path, members: list[Path]) -> Path:
    """A tar.gz, the extension removed as Chorus wants it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member in members:
            tar.add(member, arcname=member.name)
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path


def cut(path: Path, members: list[Path]) -> Path:
    """What a broken line leaves."""
    path.write_bytes(archive(path, members).read_bytes()[:-200])
    return path


def zipped(path: Path, members: list[Path]) -> Path:
    """A zip of the same."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for member in members:
            made.write(member, member.name)
    return path


def copy(source: Path, target: Path) -> Path:
    """One file under another name."""
    shutil.copyfile(source, target)
    return target


def single(folder: Path, sample: str, name: str) -> tuple[Path, str]:
    """One invoice of the samples, bare, for one of the other doors."""
    folder.mkdir(parents=True, exist_ok=True)
    return copy(SAMPLES / "accepted" / sample, folder / name), f"one invoice ({sample}), bare"
