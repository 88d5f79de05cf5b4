"""UBL 2.1 Invoice and CreditNote → routing facts (chorus.md §6.2, EN 16931 syntax binding); it judges nothing.

Limits: attachments are looked for in the header, where EN 16931 puts them, not in the lines. Chorus names no UBL place for the
validator: it stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from lxml import etree

from gateway.flat import ABSENT, NAMES
from gateway.formats import identifiers
from gateway.formats.attachments import referenced_document
from gateway.formats.path_table import Facts, Table, content, count, endpoint, identifier, listed, nested, text, walk
from gateway.model import Invoice, maker

INVOICE: Final = "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice"
CREDIT_NOTE: Final = "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote"
_CAC: Final = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
_CBC: Final = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
_TAX_AMOUNT: Final = f"{_CBC}TaxAmount"
PROFILE: Final = f"{_CBC}CustomizationID"


def _tax(element: etree._Element, facts: Facts) -> None:
    """Tax totals may come in two currencies (BT-110, BT-111): the one in the invoice's own is kept."""
    for child in element:
        if child.tag == _TAX_AMOUNT:
            facts.setdefault("taxes", []).append((child.get("currencyID", ""), text(child)))
            return


def _attachment(element: etree._Element, facts: Facts) -> None:
    referenced_document(element, _DOCUMENT, facts)


def _tax_number(element: etree._Element, facts: Facts) -> None:
    """BT-31 is the number of the scheme VAT; others (BT-32) may stand before it."""
    found: Facts = {}
    walk(element, _TAX_SCHEME, found)
    if found.get("scheme", "VAT") == "VAT":
        facts.setdefault("vat", found.get("number", ""))


_TAX_SCHEME: Final[Table] = {f"{_CBC}CompanyID": "number", f"{_CAC}TaxScheme": {f"{_CBC}ID": "scheme"}}
_DOCUMENT: Final[Table] = {
    f"{_CBC}ID": "id",
    f"{_CAC}Attachment": {
        f"{_CBC}EmbeddedDocumentBinaryObject": content,
        f"{_CAC}ExternalReference": {f"{_CBC}URI": "link"},
    },
}
_PARTY: Final[Table] = {
    f"{_CAC}Party": {
        f"{_CBC}EndpointID": endpoint,
        f"{_CAC}PartyIdentification": {f"{_CBC}ID": identifier},
        f"{_CAC}PartyName": {f"{_CBC}Name": "name"},
        f"{_CAC}PostalAddress": {f"{_CAC}Country": {f"{_CBC}IdentificationCode": "country"}},
        f"{_CAC}PartyTaxScheme": _tax_number,
        f"{_CAC}PartyLegalEntity": {f"{_CBC}RegistrationName": "legal_name", f"{_CBC}CompanyID": identifier},
    },
}
_PRECEDING: Final[Table] = {f"{_CBC}ID": "text"}
_TABLE: Final[Table] = {
    PROFILE: "profile",
    f"{_CBC}ProfileID": "framework",
    f"{_CBC}ID": "number",
    f"{_CBC}IssueDate": "issue_date",
    f"{_CBC}InvoiceTypeCode": "type",
    f"{_CBC}CreditNoteTypeCode": "type",
    f"{_CBC}DocumentCurrencyCode": "currency",
    f"{_CBC}BuyerReference": "service",
    f"{_CAC}OrderReference": {f"{_CBC}ID": "engagement"},
    f"{_CAC}ContractDocumentReference": {f"{_CBC}ID": "market"},
    f"{_CAC}BillingReference": {
        f"{_CAC}InvoiceDocumentReference": listed("preceding", _PRECEDING),
        f"{_CAC}CreditNoteDocumentReference": listed("preceding", _PRECEDING),
    },
    f"{_CAC}AdditionalDocumentReference": _attachment,
    f"{_CAC}AccountingSupplierParty": nested("supplier", _PARTY),
    f"{_CAC}AccountingCustomerParty": nested("buyer", _PARTY),
    f"{_CAC}TaxTotal": _tax,
    f"{_CAC}LegalMonetaryTotal": {
        f"{_CBC}TaxExclusiveAmount": "total_without_vat",
        f"{_CBC}TaxInclusiveAmount": "total_with_vat",
        f"{_CBC}PrepaidAmount": "prepaid",
        f"{_CBC}PayableRoundingAmount": "rounding",
        f"{_CBC}PayableAmount": "payable",
    },
    f"{_CAC}InvoiceLine": count,
    f"{_CAC}CreditNoteLine": count,
}


def read(root: etree._Element) -> list[Invoice]:
    """The one invoice of a UBL document; a field that is absent is ""."""
    facts: Facts = {}
    walk(root, _TABLE, facts)
    return [made(facts)]


_values: Final = itemgetter(*NAMES)
_make: Final = maker(Invoice)


def made(facts: Facts) -> Invoice:
    """The invoice from collected facts; the words are those of `Invoice`, parties and taxes apart."""
    whole = ABSENT | facts
    buyer = whole.get("buyer", {})
    whole["supplier"] = identifiers.supplier(facts.get("supplier", {}))
    whole["recipient"], whole["recipient_name"] = identifiers.recipient(buyer), identifiers.name(buyer)
    whole["total_vat"] = _vat(whole.get("taxes", ()), whole["currency"])
    whole["preceding"], whole["attachments"] = tuple(whole["preceding"]), tuple(whole["attachments"])
    return _make(_values(whole))


def _vat(taxes: Sequence[tuple[str, str]], currency: str) -> str:
    """The amount in the invoice's currency, else the first one."""
    return next((amount for code, amount in taxes if code == currency), taxes[0][1] if taxes else "")
