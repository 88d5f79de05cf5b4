"""Writes a sample sale as UN/CEFACT Cross Industry Invoice, alone (Chorus E1) or for a Factur-X PDF; the choice is the guideline."""

from __future__ import annotations

from lxml import etree

from samples.ledger import ADDRESSING, ISO_SCHEMES, Attachment, Line, Sale
from samples.write_xml import Node, Writer, coded, compact, document, plain

EN16931 = "urn:cen.eu:en16931:2017"

_NAMESPACES: dict[str | None, str] = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}

w = Writer(_NAMESPACES)


def write(sale: Sale, guideline: str = EN16931, *, lines: bool = True) -> bytes:
    """The whole document; `lines` False for profiles without lines."""
    context = w(
        "rsm:ExchangedDocumentContext",
        w("ram:BusinessProcessSpecifiedDocumentContextParameter", w("ram:ID", sale.framework)),
        w("ram:GuidelineSpecifiedDocumentContextParameter", w("ram:ID", guideline)),
    )
    head = w(
        "rsm:ExchangedDocument",
        w("ram:ID", sale.number),
        w("ram:TypeCode", sale.type),
        w("ram:IssueDateTime", _date(sale.date)),
        *(w("ram:IncludedNote", w("ram:Content", text), w("ram:SubjectCode", code)) for code, text in sale.mentions.items()),
    )
    transaction = w(
        "rsm:SupplyChainTradeTransaction",
        *(_line(n, line, sale) for n, line in enumerate(sale.lines, 1) if lines),
        _agreement(sale),
        w("ram:ApplicableHeaderTradeDelivery", w("ram:ActualDeliverySupplyChainEvent", w("ram:OccurrenceDateTime", _date(sale.date)))),
        _settlement(sale),
    )
    return document(w("rsm:CrossIndustryInvoice", context, head, transaction))


def _date(day: str) -> etree._Element:
    return w("udt:DateTimeString", compact(day), format="102")


def _line(n: int, line: Line, sale: Sale) -> etree._Element:
    rate = None if sale.category == "O" else w("ram:RateApplicablePercent", plain(line.rate))
    tax = w("ram:ApplicableTradeTax", w("ram:TypeCode", "VAT"), w("ram:CategoryCode", sale.category), rate)
    total = w("ram:SpecifiedTradeSettlementLineMonetarySummation", w("ram:LineTotalAmount", plain(line.amount)))
    return w(
        "ram:IncludedSupplyChainTradeLineItem",
        w("ram:AssociatedDocumentLineDocument", w("ram:LineID", str(n))),
        w("ram:SpecifiedTradeProduct", w("ram:Name", line.text)),
        w("ram:SpecifiedLineTradeAgreement", w("ram:NetPriceProductTradePrice", w("ram:ChargeAmount", plain(line.price)))),
        w("ram:SpecifiedLineTradeDelivery", w("ram:BilledQuantity", plain(line.quantity), unitCode=line.unit)),
        w("ram:SpecifiedLineTradeSettlement", tax, total),
    )


def _referenced(name: str, number: str) -> Node:
    return w(f"ram:{name}", w("ram:IssuerAssignedID", number)) if number else None


def _attachment(piece: Attachment) -> etree._Element:
    content = w("ram:AttachmentBinaryObject", coded(piece.content), mimeCode=piece.mime, filename=piece.name)
    return w("ram:AdditionalReferencedDocument", w("ram:IssuerAssignedID", piece.name), w("ram:TypeCode", "916"), content)


def _agreement(sale: Sale) -> etree._Element:
    return w(
        "ram:ApplicableHeaderTradeAgreement",
        w.given("ram:BuyerReference", sale.service),
        _seller(sale),
        _buyer(sale),
        _referenced("BuyerOrderReferencedDocument", sale.engagement),
        _referenced("ContractReferencedDocument", sale.market),
        *(_attachment(piece) for piece in sale.attachments),
    )


def _address(street: str, town: str, postcode: str, country: str) -> etree._Element:
    return w(
        "ram:PostalTradeAddress",
        w("ram:PostcodeCode", postcode),
        w("ram:LineOne", street),
        w("ram:CityName", town),
        w("ram:CountryID", country),
    )


def _reached(address: str) -> Node:
    return w("ram:URIUniversalCommunication", w("ram:URIID", address, schemeID=ADDRESSING)) if address else None


def _seller(sale: Sale) -> etree._Element:
    supplier = sale.supplier
    legal = w("ram:SpecifiedLegalOrganization", w("ram:ID", supplier.id[:9], schemeID="0002")) if supplier.type == "1" else None
    return w(
        "ram:SellerTradeParty",
        w("ram:GlobalID", supplier.id, schemeID=ISO_SCHEMES[supplier.type]),
        w("ram:Name", supplier.name),
        legal,
        _address(supplier.street, supplier.town, supplier.postcode, supplier.country),
        _reached(sale.address(supplier.id)),
        w("ram:SpecifiedTaxRegistration", w("ram:ID", supplier.vat, schemeID="VA")) if supplier.vat else None,
    )


def _buyer(sale: Sale) -> etree._Element:
    buyer = sale.buyer
    return w(
        "ram:BuyerTradeParty",
        w("ram:GlobalID", buyer.siret, schemeID="0009"),
        w("ram:Name", buyer.name),
        w("ram:SpecifiedLegalOrganization", w("ram:ID", buyer.siret[:9], schemeID="0002")),
        _address(buyer.street, buyer.town, buyer.postcode, "FR"),
        _reached(sale.address(buyer.siret)),
    )


def _settlement(sale: Sale) -> etree._Element:
    account = w("ram:PayeePartyCreditorFinancialAccount", w("ram:IBANID", sale.supplier.iban))
    validator = w("ram:InvoiceeTradeParty", w("ram:GlobalID", sale.validator, schemeID="0009")) if sale.validator else None
    return w(
        "ram:ApplicableHeaderTradeSettlement",
        w("ram:PaymentReference", sale.number),
        w("ram:InvoiceCurrencyCode", sale.currency),
        validator,
        w("ram:SpecifiedTradeSettlementPaymentMeans", w("ram:TypeCode", "30"), account),
        *_taxes(sale),
        w("ram:SpecifiedTradePaymentTerms", w("ram:DueDateDateTime", _date(sale.due))),
        _totals(sale),
        _referenced("InvoiceReferencedDocument", sale.preceding),
    )


def _taxes(sale: Sale) -> list[etree._Element]:
    return [
        w(
            "ram:ApplicableTradeTax",
            w("ram:CalculatedAmount", plain(tax)),
            w("ram:TypeCode", "VAT"),
            w.given("ram:ExemptionReason", sale.exemption),
            w("ram:BasisAmount", plain(base)),
            w("ram:CategoryCode", sale.category),
            None if sale.category == "O" else w("ram:RateApplicablePercent", plain(rate)),
        )
        for rate, base, tax in sale.taxes
    ]


def _totals(sale: Sale) -> etree._Element:
    return w(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
        w("ram:LineTotalAmount", plain(sale.net)),
        w("ram:TaxBasisTotalAmount", plain(sale.net)),
        w("ram:TaxTotalAmount", plain(sale.tax), currencyID=sale.currency),
        w("ram:GrandTotalAmount", plain(sale.gross)),
        w("ram:TotalPrepaidAmount", plain(sale.prepaid)) if sale.paid else None,
        w("ram:DuePayableAmount", plain(sale.payable)),
    )
