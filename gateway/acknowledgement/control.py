"""The control report, our own verdict on every invoice of a flow, written as a stream; it judges nothing and keeps nothing in memory.

Every finding of every invoice is listed (contract.md 1): this is the complete report, for programs. A sum per currency adds the totals as
the invoices write them, credit notes (positive by convention) included.

Limits: a total that is not a plain decimal of at most 32 characters is counted as unreadable and not added; currencies that are not three
capitals are counted together, without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation, localcontext
from itertools import islice
from typing import BinaryIO, Final

from gateway.acknowledgement.official import official
from gateway.catalogue import sentence
from gateway.markup import DECLARATION, attributes, element, escaped, is_plain
from gateway.model import Box, Finding, Flow, InvoiceRow

NAMESPACE: Final = "urn:edi-concentrator:control:1"
VERDICTS: Final = ("accepted", "rejected", "held")

_CHUNK: Final = 512
_LONGEST: Final = 32
_DECIMAL: Final = re.compile(r"(?=.{1,32}\Z)[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)").fullmatch
_DECIMAL_CHARACTERS: Final = re.compile(r"[0-9.,+-]*").fullmatch
_CURRENCY: Final = re.compile(r"[A-Z]{3}").fullmatch
_EXACT: Final = Context(prec=60)


class _Sum:
    """Invoices of one currency and verdict. `texts`: totals not yet added, added together because that is much faster."""

    __slots__ = ("count", "texts", "total", "unreadable")

    def __init__(self) -> None:
        self.count = 0
        self.total = Decimal(0)
        self.unreadable = 0
        self.texts: list[str] = []

    def settle(self) -> None:
        """Add what waits."""
        with localcontext(_EXACT):
            try:
                self.total = sum(map(Decimal, self._all_plain()), self.total)
            except InvalidOperation:
                readable = [text for text in self.texts if _DECIMAL(text)]
                self.unreadable += len(self.texts) - len(readable)
                self.total = sum(map(Decimal, readable), self.total)
        self.texts.clear()

    def _all_plain(self) -> list[str]:
        """The texts, unless one of them holds what Decimal reads and an invoice may not write (exponents, NaN, other digits)."""
        if not _DECIMAL_CHARACTERS(",".join(self.texts)) or max(map(len, self.texts), default=0) > _LONGEST:
            raise InvalidOperation
        return self.texts


class _Tally(dict[tuple[str, str], _Sum]):
    """Sums by (currency, verdict)."""

    def __missing__(self, key: tuple[str, str]) -> _Sum:
        currency, verdict = key
        return self.setdefault((currency if _CURRENCY(currency) else "", verdict), _Sum())

    def settle(self) -> None:
        """Bring every sum up to date."""
        for found in self.values():
            found.settle()


class ControlLines:
    """The invoices' part of a report, written while verdicts become known, in order of position; the sums are kept for its end."""

    def __init__(self, name: str) -> None:
        """`name`: the flow's, which is the member's where a flow is one file."""
        self._name = name
        self._tally = _Tally()

    def written(self, rows: Iterable[InvoiceRow]) -> bytes:
        """The elements of some more rows."""
        elements = "".join([_invoice(self._name, row, self._tally) for row in rows])
        self._tally.settle()
        return elements.encode()

    def around(self, flow: Flow) -> tuple[bytes, bytes]:
        """What stands before and after the elements, once all of them were written."""
        return _head(flow).encode(), f"</Invoices>\n{_summary(flow, self._tally)}</ControlReport>\n".encode()


def control_report(flow: Flow, rows: Iterable[InvoiceRow], out: BinaryIO) -> None:
    """Write the report of `flow` on `rows` (in order of position) to `out`; schema: schemas/control.xsd.

    Memory does not grow with the number of rows. The same rows give the same bytes.
    """
    lines, left = ControlLines(flow.name), iter(rows)
    out.write(_head(flow).encode())
    while chunk := list(islice(left, _CHUNK)):
        out.write(lines.written(chunk))
    out.write(lines.around(flow)[1])


def _head(flow: Flow) -> str:
    facts = attributes(
        number=flow.number, generation=flow.generation, partner=flow.partner, name=flow.name, sha256=flow.sha256, size=flow.size,
        interface=flow.interface, receivedAt=flow.received_at.isoformat(), test=flow.box is Box.TEST,
    )  # fmt: skip
    findings = "".join(map(_finding, flow.findings))
    return f'{DECLARATION}<ControlReport xmlns="{NAMESPACE}" version="1">\n<Flow{facts}>{findings}</Flow>\n<Invoices>\n'


def _invoice(name: str, row: InvoiceRow, tally: _Tally) -> str:
    invoice = row.invoice
    verdict = "held" if row.held else "accepted" if row.accepted else "rejected"
    found = tally[invoice.currency, verdict]
    found.count += 1
    found.texts.append(invoice.total_with_vat)
    texts = (
        row.member or name, invoice.number, invoice.supplier.type, invoice.supplier.id, invoice.recipient, invoice.total_with_vat,
        invoice.currency,
    )  # fmt: skip
    member, number, kind, supplier, recipient, total, currency = texts if is_plain("".join(texts)) else map(escaped, texts)
    start = (
        f'<Invoice position="{row.position}" member="{member}" number="{number}" supplierType="{kind}" supplier="{supplier}"'
        f' recipient="{recipient}" total="{total}" currency="{currency}" verdict="{verdict}"'
    )
    if not row.findings and not row.held:
        return start + "/>\n"
    held = f"<Held>{_both('RET-001')}</Held>" if row.held else ""
    return f"{start}>{held}{''.join(map(_finding, row.findings))}</Invoice>\n"


def _finding(found: Finding) -> str:
    codes = official(found)
    facts = attributes(
        pack=found.pack, rule=found.rule, severity=str(found.severity), location=found.location, line=found.line, column=found.column,
        terms=" ".join(found.terms), gate=codes.gate, reason=codes.reason, unevaluable=found.unevaluable or None,
    )  # fmt: skip
    source = "" if found.message in (found.message_fr, found.message_en) else element("Source", found.message)
    return f"\n<Finding{facts}>{element('Fr', found.message_fr)}{element('En', found.message_en)}{source}</Finding>"


def _both(code: str) -> str:
    return element("Fr", sentence(code, "fr")) + element("En", sentence(code, "en"))


def _summary(flow: Flow, tally: _Tally) -> str:
    admissible = not flow.inadmissible
    counts = {verdict: sum(s.count for (_, v), s in tally.items() if v == verdict) for verdict in VERDICTS}
    facts = attributes(admissible=admissible, invoices=sum(counts.values()), **counts)
    reason = "" if admissible else f"<Inadmissible>{_both('RET-004')}</Inadmissible>\n"
    amounts = "".join(_amount(currency, verdict, found) for (currency, verdict), found in sorted(tally.items()))
    return f"<Summary{facts}>\n{reason}{amounts}</Summary>\n"


def _amount(currency: str, verdict: str, found: _Sum) -> str:
    facts = attributes(currency=currency, verdict=verdict, invoices=found.count, total=f"{found.total:f}", unreadable=found.unreadable)
    return f"<Amount{facts}/>\n"
