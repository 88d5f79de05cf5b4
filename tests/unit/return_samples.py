"""Flows, invoices and schemas that the tests of returns share."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import resources
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from gateway.config import Partner, Returns
from gateway.lifecycle import State
from gateway.model import Box, Finding, Flow, Invoice, InvoiceRow, Party, Severity, Syntax

PARIS = timezone(timedelta(hours=1))
AT = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=PARIS)
PARTNER = Partner(name="demo", application="DEM001")
RETURNS = Returns()
PATTERN = r"numeroDP=(?P<number>[^;]+)(?:;identifiantFournisseur=(?P<supplier>[^;]*))?"

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
"""Everything Python can hold: control characters, lone surrogates, U+FFFF, astral planes, markup."""

LONG_TEXT = st.one_of(ANY_TEXT, st.text("a<é𝄞\x00", min_size=200, max_size=3_000))


def flow(**changes: Any) -> Flow:
    given: dict[str, Any] = {
        "number": "F261122-000007", "partner": "demo", "box": Box.REAL, "channel": "sftp", "name": "lot 7.tar.gz", "sha256": "ab" * 32,
        "size": 1234, "state": State.DELIVERED, "generation": 1, "received_at": AT, "interface": "FSO1100A",
    }  # fmt: skip
    return Flow(**{**given, **changes})


def row(position: int = 1, *, accepted: bool = True, invoice: Invoice | None = None, **changes: Any) -> InvoiceRow:
    given: dict[str, Any] = {
        "flow": "F261122-000007", "position": position, "document": position, "member": f"a/{position}.xml", "sha256": "cd" * 32,
        "syntax": Syntax.UBL_INVOICE, "interface": "FSO1100A", "accepted": accepted,
        "invoice": invoice or an_invoice(number=f"FA-{position}"),
    }  # fmt: skip
    return InvoiceRow(**{**given, **changes})


def an_invoice(**changes: Any) -> Invoice:
    given: dict[str, Any] = {
        "number": "FA-1", "issue_date": "2026-11-20", "currency": "EUR", "total_with_vat": "120.00", "service": "SRV01",
        "supplier": Party("1", "00000000000727", "Fournisseur & fils", "FR"), "recipient": "11000201100044", "recipient_name": "État",
    }  # fmt: skip
    return Invoice(**{**given, **changes})


def a_finding(rule: str = "BR-CO-15", *, pack: str = "EN16931-UBL", severity: Severity = Severity.FATAL, **changes: Any) -> Finding:
    given: dict[str, Any] = {"message": "Sums differ", "message_fr": "Les sommes diffèrent", "message_en": "Sums differ"}
    return Finding(pack=pack, rule=rule, severity=severity, **{**given, **changes})


@cache
def schema(path: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(resources.files("schemas").joinpath(path).read_bytes()))


def valid(body: bytes, path: str) -> Any:
    """The parsed document, once its schema has nothing against it."""
    assert re.match(rb"<\?xml version=.1\.0. encoding=.UTF-8.\?>\n", body)
    root = etree.fromstring(body)
    schema(path).assertValid(root)
    return root


def statut(body: bytes) -> Any:
    """A valid CPPStatut."""
    return valid(body, "chorus/CPPStatut.xsd")
