"""Writes a sample sale as UBL 2.1 Invoice or CreditNote (EN 16931 binding, Chorus's fields); it computes nothing but what `Sale` says."""

from __future__ import annotations

from lxml import etree

from samples.ledger import ADDRESSING, ISO_SCHEMES, Attachment, Line, Sale
from samples.write_xml import Node, Writer, coded, document, plain

_COMMON: dict[str | None, str] = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_ROOT = "urn:oasis:names:specification:ubl:schema:xsd:{}-2"

w = Writer(_COMMON)


EN16931 = "urn:cen.eu:en16931:2017"


def write(sale: Sale, guideline: str = EN16931) -> bytes:
    """The whole document."""
    credit = sale.type == "381"
    name = "CreditNote" if credit else "Invoice"
    root = Writer({None: _ROOT.format(name), **_COMMON})(name)
    for part in _parts(sale, name, guideline):
        if part is not None:
            root.append(part)
    return document(root)


def _parts(sale: Sale, name: str, guideline: str) -> list[Node]:
    credit = name == "CreditNote"
    market = w("cac:ContractDocumentReference", w("cbc:ID", sale.market)) if sale.market else None
    dated = w.given("cbc:IssueDate", sale.preceding_date)
    origin = w("cac:BillingReference", w("cac:InvoiceDocumentReference", w("cbc:ID", sale.preceding), dated)) if sale.preceding else None
    return [
        w("cbc:CustomizationID", guideline),
        w("cbc:ProfileID", sale.framework),
        w("cbc:ID", sale.number),
        w("cbc:IssueDate", sale.date),
        None if credit else w("cbc:DueDate", sale.due),
        w(f"cbc:{name}TypeCode", sale.type),
        w.given("cbc:Note", sale.note),
        *(w("cbc:Note", f"#{code}#{text}") for code, text in sale.mentions.items()),
        w("cbc:DocumentCurrencyCode", sale.currency),
        w.given("cbc:BuyerReference", sale.service),
        w("cac:OrderReference", w("cbc:ID", sale.engagement)) if sale.engagement else None,
        origin,
        market,
        *(_attachment(piece) for piece in sale.attachments),
        w("cac:AccountingSupplierParty", _supplier(sale)),
        w("cac:AccountingCustomerParty", _buyer(sale)),
        None if credit else w("cac:Delivery", w("cbc:ActualDeliveryDate", sale.date)),
        _payment(sale),
        w("cac:PaymentTerms", w("cbc:Note", "Paiement à 30 jours par virement")),
        _taxes(sale),
        _totals(sale),
        *(_line(n, line, sale, name) for n, line in enumerate(sale.lines, 1)),
    ]


def _attachment(piece: Attachment) -> etree._Element:
    content = w("cbc:EmbeddedDocumentBinaryObject", coded(piece.content), mimeCode=piece.mime, filename=piece.name)
    return w("cac:AdditionalDocumentReference", w("cbc:ID", piece.name), w("cac:Attachment", content))


def _address(street: str, town: str, postcode: str, country: str) -> etree._Element:
    where = w("cac:Country", w("cbc:IdentificationCode", country))
    return w("cac:PostalAddress", w("cbc:StreetName", street), w("cbc:CityName", town), w("cbc:PostalZone", postcode), where)


def _supplier(sale: Sale) -> etree._Element:
    supplier = sale.supplier
    french = supplier.type == "1"
    registered = w("cbc:CompanyID", supplier.id[:9], schemeID="0002") if french else None
    scheme = w("cac:TaxScheme", w("cbc:ID", "VAT"))
    return w(
        "cac:Party",
        w.given("cbc:EndpointID", sale.address(supplier.id), schemeID=ADDRESSING),
        w("cac:PartyIdentification", w("cbc:ID", supplier.id, schemeID=ISO_SCHEMES[supplier.type])),
        w("cac:PartyName", w("cbc:Name", supplier.name)),
        _address(supplier.street, supplier.town, supplier.postcode, supplier.country),
        w("cac:PartyTaxScheme", w("cbc:CompanyID", supplier.vat), scheme) if supplier.vat else None,
        w("cac:PartyLegalEntity", w("cbc:RegistrationName", supplier.name), registered),
    )


def _buyer(sale: Sale) -> etree._Element:
    buyer = sale.buyer
    return w(
        "cac:Party",
        w.given("cbc:EndpointID", sale.address(buyer.siret), schemeID=ADDRESSING),
        w("cac:PartyIdentification", w("cbc:ID", buyer.siret, schemeID="0009")),
        w("cac:PartyName", w("cbc:Name", buyer.name)),
        _address(buyer.street, buyer.town, buyer.postcode, "FR"),
        w("cac:PartyLegalEntity", w("cbc:RegistrationName", buyer.name), w("cbc:CompanyID", buyer.siret[:9], schemeID="0002")),
    )


def _payment(sale: Sale) -> etree._Element:
    account = w("cac:PayeeFinancialAccount", w("cbc:ID", sale.supplier.iban))
    return w("cac:PaymentMeans", w("cbc:PaymentMeansCode", "30"), w("cbc:PaymentID", sale.number), account)


def _category(name: str, sale: Sale, rate: str, reason: bool) -> etree._Element:
    percent = None if sale.category == "O" else w("cbc:Percent", rate)
    why = w.given("cbc:TaxExemptionReason", sale.exemption) if reason else None
    return w(name, w("cbc:ID", sale.category), percent, why, w("cac:TaxScheme", w("cbc:ID", "VAT")))


def _taxes(sale: Sale) -> etree._Element:
    subtotals = [
        w(
            "cac:TaxSubtotal",
            w("cbc:TaxableAmount", plain(base), currencyID=sale.currency),
            w("cbc:TaxAmount", plain(tax), currencyID=sale.currency),
            _category("cac:TaxCategory", sale, plain(rate), reason=True),
        )
        for rate, base, tax in sale.taxes
    ]
    return w("cac:TaxTotal", w("cbc:TaxAmount", plain(sale.tax), currencyID=sale.currency), *subtotals)


def _totals(sale: Sale) -> etree._Element:
    amounts = [
        ("LineExtensionAmount", sale.net),
        ("TaxExclusiveAmount", sale.net),
        ("TaxInclusiveAmount", sale.gross),
        *([("PrepaidAmount", sale.prepaid)] if sale.paid else []),
        ("PayableAmount", sale.payable),
    ]
    return w("cac:LegalMonetaryTotal", *(w(f"cbc:{name}", plain(amount), currencyID=sale.currency) for name, amount in amounts))


def _line(n: int, line: Line, sale: Sale, name: str) -> etree._Element:
    quantity = "CreditedQuantity" if name == "CreditNote" else "InvoicedQuantity"
    item = w("cac:Item", w("cbc:Name", line.text), _category("cac:ClassifiedTaxCategory", sale, plain(line.rate), reason=False))
    return w(
        f"cac:{name}Line",
        w("cbc:ID", str(n)),
        w(f"cbc:{quantity}", plain(line.quantity), unitCode=line.unit),
        w("cbc:LineExtensionAmount", plain(line.amount), currencyID=sale.currency),
        item,
        w("cac:Price", w("cbc:PriceAmount", plain(line.price), currencyID=sale.currency)),
    )
