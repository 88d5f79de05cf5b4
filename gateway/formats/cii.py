"""UN/CEFACT Cross Industry Invoice (D16B, D22B) → routing facts (chorus.md §6.2, EN 16931 syntax binding); it judges nothing.

Also reads what a Factur-X PDF embeds. Dates are YYYYMMDD with or without `format`, as in the official samples.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from gateway.formats import identifiers, ubl
from gateway.formats.attachments import referenced_document
from gateway.formats.path_table import Facts, Table, content, count, endpoint, identifier, iso_date, listed, nested, text, walk
from gateway.model import Invoice

ROOT: Final = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice"
ZUGFERD_1: Final = "{urn:ferd:CrossIndustryDocument:invoice:1p0}CrossIndustryDocument"
_RSM: Final = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"
_RAM: Final = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_UDT: Final = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100}"
ZUGFERD_1_GUIDELINE: Final = (
    "{urn:ferd:CrossIndustryDocument:invoice:1p0}SpecifiedExchangedDocumentContext",
    "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:12}GuidelineSpecifiedDocumentContextParameter",
    "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:12}ID",
)
CONTEXT: Final = f"{_RSM}ExchangedDocumentContext"
GUIDELINE: Final = f"{_RAM}GuidelineSpecifiedDocumentContextParameter"
ID: Final = f"{_RAM}ID"
_ASSIGNED: Final[Table] = {f"{_RAM}IssuerAssignedID": "text"}


def _vat(element: etree._Element, facts: Facts) -> None:
    if element.get("schemeID", "") in ("VA", "VAT"):
        facts.setdefault("vat", text(element))


def _tax(element: etree._Element, facts: Facts) -> None:
    facts.setdefault("taxes", []).append((element.get("currencyID", ""), text(element)))


def _attachment(element: etree._Element, facts: Facts) -> None:
    """In the official E2 samples the file's name is IssuerAssignedID (chorus.md §2.4)."""
    referenced_document(element, _DOCUMENT, facts)


_DOCUMENT: Final[Table] = {f"{_RAM}IssuerAssignedID": "id", f"{_RAM}URIID": "link", f"{_RAM}AttachmentBinaryObject": content}
_PARTY: Final[Table] = {
    f"{_RAM}GlobalID": identifier,
    f"{_RAM}ID": identifier,
    f"{_RAM}Name": "name",
    f"{_RAM}SpecifiedLegalOrganization": {ID: identifier},
    f"{_RAM}PostalTradeAddress": {f"{_RAM}CountryID": "country"},
    f"{_RAM}URIUniversalCommunication": {f"{_RAM}URIID": endpoint},
    f"{_RAM}SpecifiedTaxRegistration": {ID: _vat},
}
_TABLE: Final[Table] = {
    CONTEXT: {
        f"{_RAM}BusinessProcessSpecifiedDocumentContextParameter": {ID: "framework"},
        GUIDELINE: {ID: "profile"},
    },
    f"{_RSM}ExchangedDocument": {
        ID: "number",
        f"{_RAM}TypeCode": "type",
        f"{_RAM}IssueDateTime": {f"{_UDT}DateTimeString": "issue_date"},
    },
    f"{_RSM}SupplyChainTradeTransaction": {
        f"{_RAM}IncludedSupplyChainTradeLineItem": count,
        f"{_RAM}ApplicableHeaderTradeAgreement": {
            f"{_RAM}BuyerReference": "service",
            f"{_RAM}SellerTradeParty": nested("supplier", _PARTY),
            f"{_RAM}BuyerTradeParty": nested("buyer", _PARTY),
            f"{_RAM}BuyerOrderReferencedDocument": {f"{_RAM}IssuerAssignedID": "engagement"},
            f"{_RAM}ContractReferencedDocument": {f"{_RAM}IssuerAssignedID": "market"},
            f"{_RAM}AdditionalReferencedDocument": _attachment,
        },
        f"{_RAM}ApplicableHeaderTradeSettlement": {
            f"{_RAM}InvoiceCurrencyCode": "currency",
            f"{_RAM}InvoiceeTradeParty": nested("validator_party", _PARTY),
            f"{_RAM}InvoiceReferencedDocument": listed("preceding", _ASSIGNED),
            f"{_RAM}SpecifiedTradeSettlementHeaderMonetarySummation": {
                f"{_RAM}TaxBasisTotalAmount": "total_without_vat",
                f"{_RAM}TaxTotalAmount": _tax,
                f"{_RAM}GrandTotalAmount": "total_with_vat",
                f"{_RAM}TotalPrepaidAmount": "prepaid",
                f"{_RAM}RoundingAmount": "rounding",
                f"{_RAM}DuePayableAmount": "payable",
            },
        },
    },
}


def read(root: etree._Element) -> list[Invoice]:
    """The one invoice of a CII document; a field that is absent is ""."""
    facts: Facts = {}
    walk(root, _TABLE, facts)
    facts["issue_date"] = iso_date(facts.get("issue_date", ""))
    facts["validator"] = identifiers.siret(facts.get("validator_party", {}).get("ids", []))
    return [ubl.made(facts)]
