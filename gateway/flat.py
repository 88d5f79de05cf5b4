"""An invoice as a flat list of JSON values and back: the form in which it crosses a pipe and lies in the store; it checks no type.

Records travel in the order of the model's fields. Fields are only ever added at the end: a shorter list, written by an earlier version,
reads with the rest absent.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from operator import attrgetter
from typing import Any, Final

from gateway.model import Attachment, Invoice, Party, maker

NAMES: Final = tuple(f.name for f in fields(Invoice))
ABSENT: Final[dict[str, Any]] = {f.name: f.default if f.default is not MISSING else Party() for f in fields(Invoice)}
"""What an invoice that says nothing says, by field."""

SUPPLIER, PRECEDING, ATTACHMENTS = (NAMES.index(n) for n in ("supplier", "preceding", "attachments"))

_DEFAULTS: Final = tuple(ABSENT.values())
_values: Final = attrgetter(*NAMES)
_party_values: Final = attrgetter(*(f.name for f in fields(Party)))
_attachment_values: Final = attrgetter(*(f.name for f in fields(Attachment)))
_make: Final = maker(Invoice)


def flat(invoice: Invoice) -> list[Any]:
    """The values of every field, parties and attachments as lists of theirs."""
    row = list(_values(invoice))
    row[SUPPLIER] = _party_values(invoice.supplier)
    if invoice.attachments:
        row[ATTACHMENTS] = [_attachment_values(a) for a in invoice.attachments]
    return row


def whole(row: list[Any]) -> Invoice:
    """The inverse of `flat`; takes the list over."""
    row += _DEFAULTS[len(row) :]
    row[SUPPLIER] = Party(*row[SUPPLIER]) if type(row[SUPPLIER]) is list else row[SUPPLIER]
    row[PRECEDING] = tuple(row[PRECEDING])
    row[ATTACHMENTS] = tuple([Attachment(*a) for a in row[ATTACHMENTS]]) if row[ATTACHMENTS] else ()
    return _make(row)
