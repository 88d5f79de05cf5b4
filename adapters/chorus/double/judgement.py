"""Rules of the Chorus double: what it integrates, refuses or suspends. Made up for demos and tests; the real Chorus Pro knows many more.

A whole flow is refused (IdStatut 93, nothing integrated) when
  - its name breaks the grammar FSOnnnnA_AAA999_AAA999nnnn<15 digits>: noted under /control/refused, no report (there is no flow number)
  - its name was deposited before, with the same or other bytes: counted under /control/doubled         IRR_UNCITE
  - its interface is not known, or carries another syntax than the document's               IRR_CODE_INTER, IRR_SYNTAX
  - it is empty, over 1 GB, over 500 invoices                                               IRR_VIDE, IRR_TAILLE
  - its archive or XML or PDF cannot be read, a member is no plain file at the root         IRR_EXTRAC, IRR_SYNTAX, IRR_NOM_F, IRR_TYPE_F
One invoice is refused, the others integrated (96; 93 when none is left; 92 when all are), when
  - it has no number                                                                        REJ_SEMAN
  - its number contains REFUS                                                               REJ_RG
  - the same supplier, number and year is integrated already                                REJ_UNI
  - its recipient is 00000000000000 and no service code tells who it is for                 REJ_INEX
An integrated invoice then receives, along the schedule,
  - 01 Déposée, 03 Mise à disposition, 11 Mise en paiement
  - with SUSP in its number: 01, 03, 06 Suspendue, 12 Complétée
  - with REJ in its number: 01, 03, 05 Rejetée
one file for each status and flow; after the schedule's last delay everything is due at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.chorus.double.reading import Seen, Unreadable

RULES = __doc__ or ""

INTEGRATED, REFUSED, PARTLY = "92", "93", "96"
NOBODY = "0" * 14


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error line: why one invoice, or (`seen` None) the flow, is refused."""

    code: str
    label: str
    seen: Seen | None = None

    @property
    def nature(self) -> str:
        """Technical for a flow, functional for an invoice."""
        return "FONCTIONNELLE" if self.seen else "TECHNIQUE"

    @property
    def description(self) -> str:
        """How the line names its invoice."""
        return f"numeroDP={self.seen.number};identifiantFournisseur={self.seen.supplier}" if self.seen else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on one deposit. `whole` is False when the flow was refused unread."""

    status: str
    refusals: tuple[Refusal, ...]
    invoices: tuple[Seen, ...] = ()
    integrated: tuple[Seen, ...] = ()
    whole: bool = True


def refuse(unreadable: Unreadable) -> Answer:
    """Nothing is integrated."""
    return Answer(REFUSED, (Refusal(unreadable.code, unreadable.label),), whole=False)


def judge(invoices: Sequence[Seen], known: Callable[[str], bool]) -> Answer:
    """Invoice by invoice; `known` tells whether a key (see `Seen.key`) is integrated already."""
    refusals: list[Refusal] = []
    integrated: dict[str, Seen] = {}
    for seen in invoices:
        why = _why(seen, known(seen.key) or seen.key in integrated)
        if why:
            refusals.append(Refusal(*why, seen))
        else:
            integrated[seen.key] = seen
    status = PARTLY if refusals and integrated else REFUSED if refusals else INTEGRATED
    return Answer(status, tuple(refusals), tuple(invoices), tuple(integrated.values()))


def _why(seen: Seen, twice: bool) -> tuple[str, str] | None:
    if not seen.number:
        return "REJ_SEMAN", "numéro de facture absent"
    if "REFUS" in seen.number.upper():
        return "REJ_RG", f"facture {seen.number} refusée par le double (son numéro contient REFUS)"
    if twice:
        return "REJ_UNI", f"la facture {seen.number} du fournisseur {seen.supplier} existe déjà pour {seen.year}"
    if seen.recipient == NOBODY and not seen.service:
        return "REJ_INEX", "destinataire inconnu et aucun code service"
    return None
