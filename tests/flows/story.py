"""The flows that the tests of the contract tell about: one of every outcome, deposited together; it judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.flows.site import ROOT, Site, tar_gz, zipped
from tests.ubl_invoices import invoice

MISTAKES = ROOT / "samples" / "mistakes"
PARKED = ("FSO1110A_DEM001_DEM0011110000000000000001", "FSO1110A_DEM001_DEM0011110000000000000002")
CHORUS_CUT = "FSO1100A_DEM001_DEM0011100000000000000077"
CHORUS_GOOD = "FSO1100A_DEM001_DEM0011100000000000000078"


@dataclass
class Story:
    """Flow numbers and bytes by the name of the plot."""

    flow: dict[str, str]
    data: dict[str, bytes]
    file: dict[str, str]
    answer: dict[str, dict[str, Any]]


def mistake(name: str) -> bytes:
    return (MISTAKES / name).read_bytes()


def plots(sample: Callable[[str], bytes]) -> dict[str, tuple[str, bytes]]:
    """Plot → (file name, bytes)."""
    good, other = sample("ubl-maintenance-etat.xml"), sample("cii-fibre-lycee.xml")
    cut = tar_gz(("a.xml", invoice(900, number="CUT-1")), ("b.xml", invoice(901, number="CUT-2")))[:-9]
    return {
        "good": ("maintenance.xml", good),
        "mixed": ("melange.tar.gz", tar_gz(("lot/ubl.xml", sample("ubl-polynesie.xml")), ("lot/cii.xml", sample("cii-belgique.xml")),
                                           ("gaz.pdf", sample("fx-gaz.pdf")), ("deux.xml", sample("cpp-deux-factures.xml")))),
        "named": (CHORUS_GOOD, tar_gz(("one.xml", invoice(910, number="NAMED-1")), ("two.xml", invoice(911, number="NAMED-2")))),
        "partial": ("partiel.zip", zipped(("bon.xml", other), ("mauvais.xml", mistake("number-too-long.xml")),
                                          ("coupe.xml", mistake("cut-short.xml")), ("bon2.xml", invoice(912, number="PART-2")))),
        "rejected": ("rejetes.zip", zipped(("a.xml", mistake("supplier-siret-key.xml")), ("b.xml", mistake("type-corrective.xml")))),
        "alone": ("seul.xml", mistake("supplier-siret-length.xml")),
        "cut": ("coupe.tar.gz", cut),
        "named cut": (CHORUS_CUT, cut + b"junk"),
        "unformed": ("mal-forme.xml", mistake("not-well-formed.xml")),
        "refused in part": ("refus.zip", zipped(("a.xml", invoice(920, number="2026REFUS1")), ("b.xml", invoice(921, number="TAKEN-1")))),
        "refused": ("refus.xml", invoice(922, number="2026REFUS2")),
        "suspended": ("susp.xml", invoice(923, number="SUSP-1")),
        "rejected later": ("rej.xml", invoice(924, number="REJ-1")),
        "parked": (PARKED[0], invoice(930, number="PARK-1")),
        "abandoned": (PARKED[1], invoice(931, number="PARK-2")),
    }  # fmt: skip


def tell(site: Site) -> Story:
    """Deposit them with one command."""
    told = plots(lambda name: (site.samples / name).read_bytes())
    folder = Path(site.folder).parent / "outgoing"
    folder.mkdir()
    for name, data in told.values():
        (folder / name).write_bytes(data)
    answers = site.deposit(*(folder / name for name, _ in told.values()))
    flow = {plot: answer["flow"] for plot, answer in zip(told, answers, strict=True)}
    return Story(
        flow, {plot: data for plot, (_, data) in told.items()}, {plot: name for plot, (name, _) in told.items()},
        dict(zip(told, answers, strict=True)),
    )  # fmt: skip
