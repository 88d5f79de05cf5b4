"""The control report: every invoice, every finding, exact sums, bounded memory."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acknowledgement import control_report
from gateway.catalogue import finding
from gateway.lifecycle import State
from gateway.markup import legible
from gateway.model import Box, Flow, InvoiceRow, Party, Severity
from tests.unit.return_samples import ANY_TEXT, LONG_TEXT, a_finding, an_invoice, flow, row, valid

SPACE = {"c": "urn:edi-concentrator:control:1"}


def written(rows: Iterable[InvoiceRow], of: Flow | None = None) -> bytes:
    out = io.BytesIO()
    control_report(of or flow(), rows, out)
    return out.getvalue()


def report(rows: Iterable[InvoiceRow], of: Flow | None = None) -> Any:
    return valid(written(rows, of), "control.xsd")


def sums(root: Any) -> dict[tuple[str | None, str], tuple[int, Decimal, int]]:
    return {
        (a.get("currency"), a.get("verdict")): (int(a.get("invoices")), Decimal(a.get("total")), int(a.get("unreadable")))
        for a in root.findall("c:Summary/c:Amount", SPACE)
    }


def test_an_accepted_invoice_is_one_empty_element_with_its_facts() -> None:
    (only,) = report([row(4)]).findall("c:Invoices/c:Invoice", SPACE)
    assert dict(only.attrib) == {
        "position": "4", "member": "a/4.xml", "number": "FA-4", "supplierType": "1", "supplier": "00000000000727",
        "recipient": "11000201100044", "total": "120.00", "currency": "EUR", "verdict": "accepted",
    }  # fmt: skip
    assert len(only) == 0


def test_the_member_of_a_flow_that_is_one_file_is_the_flows_name() -> None:
    assert report([row(member="")]).find("c:Invoices/c:Invoice", SPACE).get("member") == "lot 7.tar.gz"


def test_every_finding_is_listed_however_many() -> None:
    findings = tuple(a_finding(f"R-{n}") for n in range(2_000))
    assert len(report([row(accepted=False, findings=findings)]).findall(".//c:Finding", SPACE)) == 2_000


def test_a_finding_says_rule_place_sentences_and_official_codes() -> None:
    found = finding("DEP-004", nom="a.xml", location="/Invoice", line=7, column=2, terms=("BT-1", "BT-2"))
    (shown,) = report([row(accepted=False, findings=(found,))]).findall(".//c:Finding", SPACE)
    facts = {**shown.attrib}
    place = (facts["location"], facts["line"], facts["column"])
    assert (facts["rule"], facts["severity"], place) == ("DEP-004", "fatal", ("/Invoice", "7", "2"))
    assert (facts["terms"], facts["gate"], facts["reason"]) == ("BT-1 BT-2", "IRR_VIDE", "IRR_VIDE_F")
    assert shown.findtext("c:Fr", namespaces=SPACE) == 'Le fichier "a.xml" est vide (0 octet).'
    assert shown.findtext("c:En", namespaces=SPACE) == 'The file "a.xml" is empty (0 bytes).'
    assert shown.find("c:Source", SPACE) is None


@pytest.mark.parametrize(
    ("pack", "gate", "reason"),
    [("XSD", "IRR_SYNTAX", "IRR_SYNTAX"), ("BR-FR-CPRO", "REJ_SEMAN", "REJ_CONT_B2G"), ("EN16931-UBL", "REJ_SEMAN", "REJ_SEMAN")],
)
def test_a_packs_rule_bears_the_official_codes_of_its_family(pack: str, gate: str, reason: str) -> None:
    (shown,) = report([row(accepted=False, findings=(a_finding(pack=pack),))]).findall(".//c:Finding", SPACE)
    assert (shown.get("gate"), shown.get("reason")) == (gate, reason)


def test_a_rules_official_text_is_given_where_our_sentences_are_not_it() -> None:
    found = a_finding(message="[BR-CO-15] official", unevaluable=True)
    (shown,) = report([row(accepted=False, findings=(found,))]).findall(".//c:Finding", SPACE)
    assert shown.findtext("c:Source", namespaces=SPACE) == "[BR-CO-15] official"
    assert shown.get("unevaluable") == "true"


def test_a_warning_leaves_an_invoice_accepted() -> None:
    root = report([row(findings=(a_finding(severity=Severity.WARNING),))])
    assert root.find("c:Invoices/c:Invoice", SPACE).get("verdict") == "accepted"


def test_a_held_invoice_is_neither_accepted_nor_rejected_and_hides_our_technical_reason() -> None:
    body = written([row(accepted=False, held="RLIMIT_AS 1073741824")])
    only = valid(body, "control.xsd").find("c:Invoices/c:Invoice", SPACE)
    assert only.get("verdict") == "held"
    assert only.find("c:Held/c:Fr", SPACE).text.startswith("Facture en attente")
    assert b"RLIMIT" not in body


def test_the_summary_counts_and_adds_by_currency_and_verdict() -> None:
    rows = [
        row(1), row(2, invoice=an_invoice(total_with_vat="-0.10")), row(3, accepted=False), row(4, accepted=False, held="limit"),
        row(5, invoice=an_invoice(currency="RSD", total_with_vat="1.005")),
    ]  # fmt: skip
    root = report(rows)
    summary = root.find("c:Summary", SPACE)
    assert dict(summary.attrib) == {"admissible": "true", "invoices": "5", "accepted": "3", "rejected": "1", "held": "1"}
    assert sums(root) == {
        ("EUR", "accepted"): (2, Decimal("119.90"), 0), ("EUR", "rejected"): (1, Decimal(120), 0), ("EUR", "held"): (1, Decimal(120), 0),
        ("RSD", "accepted"): (1, Decimal("1.005"), 0),
    }  # fmt: skip


@given(st.lists(st.decimals(min_value=-(10**19), max_value=10**19, places=6), max_size=30))
def test_sums_are_exact(totals: list[Decimal]) -> None:
    found = sums(report(row(n, invoice=an_invoice(total_with_vat=f"{total:f}")) for n, total in enumerate(totals, 1)))
    assert found.get(("EUR", "accepted"), (0, Decimal(0), 0)) == (len(totals), sum(totals, Decimal(0)), 0)


@pytest.mark.parametrize("text", ["", "douze", "NaN", "Infinity", "1e9", "1,50", "1_000", "٣", "1.2.3", "+", ".", "9" * 33, " 1"])
def test_what_is_no_plain_decimal_is_counted_as_unreadable_and_spoils_no_sum(text: str) -> None:
    rows = [row(1), row(2, accepted=True, invoice=an_invoice(total_with_vat=text)), row(3)]
    assert sums(report(rows))["EUR", "accepted"] == (3, Decimal(240), 1)


@given(st.lists(st.text("0123456789.+-e, ", max_size=34), min_size=1, max_size=8))
def test_a_total_reads_the_same_alone_and_among_others(totals: list[str]) -> None:
    alone = [sums(report([row(invoice=an_invoice(total_with_vat=total))]))["EUR", "accepted"] for total in totals]
    together = sums(report(row(n, invoice=an_invoice(total_with_vat=total)) for n, total in enumerate(totals, 1)))["EUR", "accepted"]
    with localcontext(Context(prec=80)):
        added = sum((a[1] for a in alone), Decimal(0))
    assert together == (len(totals), added, sum(a[2] for a in alone))


def test_currencies_that_are_none_are_counted_together_so_that_memory_stays_bounded() -> None:
    rows = (row(n, invoice=an_invoice(currency=f"X{n}")) for n in range(1, 2_000))
    assert sums(report(rows)) == {(None, "accepted"): (1_999, Decimal(120 * 1_999), 0)}


def test_an_inadmissible_flow_says_why_and_has_no_invoice() -> None:
    why = finding("DEP-004", nom="vide.tar.gz")
    root = report([], flow(state=State.INADMISSIBLE, findings=(why,), interface=""))
    assert root.find("c:Flow/c:Finding", SPACE).get("rule") == "DEP-004"
    assert root.find("c:Summary", SPACE).get("admissible") == "false"
    assert "irrecevable" in root.find("c:Summary/c:Inadmissible/c:Fr", SPACE).text


def test_the_test_box_is_marked() -> None:
    assert report([], flow(box=Box.TEST)).find("c:Flow", SPACE).get("test") == "true"
    assert report([]).find("c:Flow", SPACE).get("test") == "false"


@given(LONG_TEXT, ANY_TEXT, ANY_TEXT)
def test_whatever_a_partner_writes_the_report_stays_valid_and_says_it(number: str, name: str, text: str) -> None:
    invoice = an_invoice(number=number, currency=name, total_with_vat=text, supplier=Party(text, name), recipient=text)
    found = a_finding(rule=f"R{name}", pack=f"P{text}", message=text, message_fr=number, location=name, terms=(text,))
    root = report([row(invoice=invoice, member=name, accepted=False, findings=(found,))], flow(name=name, findings=(found,)))
    assert root.find("c:Invoices/c:Invoice", SPACE).get("number") == legible(number)
    assert (root.find("c:Invoices/c:Invoice/c:Finding/c:Fr", SPACE).text or "") == legible(number)


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = [row(n, accepted=n % 3 > 0, findings=(a_finding(),) if n % 3 == 0 else ()) for n in range(1, 2_000)]
    assert written(rows) == written(iter(rows))


class Sink(io.RawIOBase):
    """Counts and forgets."""

    total = 0

    def write(self, data: Any) -> int:
        self.total += len(data)
        return len(data)


def test_a_hundred_thousand_invoices_are_written_in_bounded_memory() -> None:
    rows = (replace(row(), position=n) for n in range(1, 100_001))
    sink = Sink()
    tracemalloc.start()
    try:
        control_report(flow(), rows, sink)  # type: ignore[arg-type]  # a raw stream that takes every byte is enough
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sink.total > 15_000_000
    assert peak < 2_000_000
