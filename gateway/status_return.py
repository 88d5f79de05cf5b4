"""Life-cycle statuses passed on to a partner: a CPPStatut in its invoice branch (FEN1200A); it decides no status.

What the State said is repeated: code, date as written, complement, comment. Facts of the invoice are those of the document we hold.

Limits: a recipient that is not a SIRET is written as fourteen zeroes, as the State's own samples do (chorus.md §6.1); a complement too
long for ComplementStatut is cut there and stands in full at the head of the comment; a date that is no xs:dateTime is replaced by the
time at which we took the message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from gateway import cpp_envelope
from gateway.config import Partner, Settings
from gateway.markup import attributes, element, legible, optional
from gateway.model import InvoiceRow, KeptStatus, StatusNews
from gateway.statuses import instant

INTERFACE: Final = "FEN1200A"
DIGITS: Final = "1200"
NOBODY: Final = "0" * 14

_SIRET: Final = re.compile(r"[0-9]{14}").fullmatch
_COUNTRY: Final = re.compile(r"[A-Z]{2}").fullmatch
_TYPE: Final = re.compile(r"[1-7]").fullmatch


def status_return(
    partner: Partner, statuses: Sequence[tuple[KeptStatus, InvoiceRow]], *, number: int, produced_at: datetime, settings: Settings,
) -> tuple[str, bytes]:  # fmt: skip
    """(name, XML) of one return on at least one status, in the order given; schema: schemas/chorus/CPPStatut.xsd.

    `number`: from the partner's own sequence, drawn by the caller.
    """
    if not statuses:
        raise ValueError("status_return: no status to tell; call it with at least one")
    identifier = cpp_envelope.flow_id(partner.application, DIGITS, number)
    units = "\n".join(_unit(order, kept, row) for order, (kept, row) in enumerate(statuses, 1))
    branch = f"<CPPFactureStatuts{attributes(compteur=len(statuses))}>\n{units}\n</CPPFactureStatuts>"
    body = cpp_envelope.document(
        identifier, recipient=partner.application, sender=settings.operator_code, produced_at=produced_at, branch=branch
    )
    return f"{INTERFACE}_{partner.application}_{identifier}", body


def _unit(order: int, kept: KeptStatus, row: InvoiceRow) -> str:
    inner = _supplier(kept.news, row) + _debtor(kept.news, row) + _status(kept, row)
    return f"<CPPFactureStatutUnitaire{attributes(NumOrdre=f'{order:04d}')}>{inner}</CPPFactureStatutUnitaire>"


def _supplier(news: StatusNews, row: InvoiceRow) -> str:
    ours, theirs = row.invoice.supplier, news.supplier
    identifier = ours.id or theirs.id
    kind = next(filter(_TYPE, (ours.type, theirs.type)), "1" if _SIRET(identifier) else "6")
    fields = element("TypeIdentifiant", kind) + element("Identifiant", identifier)
    country = ours.country or theirs.country
    fields += element("RaisonSociale", ours.name or theirs.name or identifier) + optional("CodePays", country if _COUNTRY(country) else "")
    return f"<Fournisseur>{fields}</Fournisseur>"


def _debtor(news: StatusNews, row: InvoiceRow) -> str:
    recipient = next(filter(_SIRET, (row.invoice.recipient, news.recipient)), NOBODY)
    service = legible(row.invoice.service or news.service)
    fields = element("TypeIdentifiant", "1") + element("Identifiant", recipient) + optional("Nom", row.invoice.recipient_name)
    return f"<Debiteur>{fields}{optional('CodeService', service if len(service) <= 100 else '')}</Debiteur>"


def _status(kept: KeptStatus, row: InvoiceRow) -> str:
    news = kept.news
    complement, comment = _fitted(legible(news.complement or news.label), legible(news.comment))
    at = news.at if instant(news.at) else cpp_envelope.timestamp(kept.received_at)
    fields = (
        element("IdStatut", news.code) + optional("ComplementStatut", complement) + optional("Commentaire", comment)
        + element("Horodatage", at) + element("IdFacture", row.invoice.number or news.number)
        + optional("DateFacture", _date(row.invoice.issue_date))
    )  # fmt: skip
    return f"<DonneesStatut>{fields}</DonneesStatut>"


def _fitted(complement: str, comment: str) -> tuple[str, str]:
    if len(complement) <= cpp_envelope.COMPLEMENT:
        return complement, comment
    return complement[: cpp_envelope.COMPLEMENT - 1] + "…", f"{complement} – {comment}" if comment else complement


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
