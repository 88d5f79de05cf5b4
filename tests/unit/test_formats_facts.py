"""Where each syntax keeps its routing facts, and who a party is."""

from __future__ import annotations

import base64

import pytest

from gateway import formats
from gateway.formats import identifiers
from gateway.formats.attachments import measure
from gateway.formats.path_table import iso_date
from gateway.model import Attachment, Invoice, Party, Syntax
from gateway.parsing import parse

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"


def ubl(body: str, root: str = "Invoice") -> str:
    return f'<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2" xmlns:cac="{CAC}" xmlns:cbc="{CBC}">{body}</{root}>'


def cii(agreement: str = "", settlement: str = "", lines: int = 1, document: str = "", context: str = "") -> str:
    rsm, ram = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100", "urn:un:unece:uncefact:data:standard"
    return (
        f'<rsm:CrossIndustryInvoice xmlns:rsm="{rsm}" xmlns:ram="{ram}:ReusableAggregateBusinessInformationEntity:100"'
        f' xmlns:udt="{ram}:UnqualifiedDataType:100"><rsm:ExchangedDocumentContext>{context}</rsm:ExchangedDocumentContext>'
        f"<rsm:ExchangedDocument>{document}</rsm:ExchangedDocument><rsm:SupplyChainTradeTransaction>"
        f"{'<ram:IncludedSupplyChainTradeLineItem/>' * lines}"
        f"<ram:ApplicableHeaderTradeAgreement>{agreement}</ram:ApplicableHeaderTradeAgreement>"
        f"<ram:ApplicableHeaderTradeSettlement>{settlement}</ram:ApplicableHeaderTradeSettlement>"
        "</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"
    )


def read(text: str) -> list[Invoice]:
    root = parse(text.encode()).root
    assert root is not None
    return formats.read(formats.identify(root), root)


UBL = ubl(
    """<cbc:CustomizationID> urn:cen.eu:en16931:2017 </cbc:CustomizationID><cbc:ProfileID>A1</cbc:ProfileID><cbc:ID>F-1<!-- no --></cbc:ID>
<cbc:IssueDate>2026-09-15</cbc:IssueDate><cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cbc:BuyerReference>SERV</cbc:BuyerReference><cac:OrderReference><cbc:ID>1501966748</cbc:ID></cac:OrderReference>
<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>F-0</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>
<cac:ContractDocumentReference><cbc:ID>M-1</cbc:ID></cac:ContractDocumentReference>
<cac:AdditionalDocumentReference><cbc:ID>just a reference</cbc:ID></cac:AdditionalDocumentReference>
<cac:AdditionalDocumentReference><cbc:ID>PJ1</cbc:ID><cac:Attachment>
<cbc:EmbeddedDocumentBinaryObject filename="a.pdf" mimeCode="application/pdf"
>UEsDBA==</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>
<cac:AdditionalDocumentReference><cbc:ID>PJ2</cbc:ID><cac:Attachment><cac:ExternalReference><cbc:URI>http://h/x</cbc:URI></cac:ExternalReference>
</cac:Attachment></cac:AdditionalDocumentReference>
<cac:AccountingSupplierParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0009">10000000900015</cbc:ID></cac:PartyIdentification>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>Vendeur</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>Mairie</cbc:Name></cac:PartyName>
<cac:PartyLegalEntity><cbc:CompanyID>20000000800010</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="USD">22</cbc:TaxAmount></cac:TaxTotal>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">20</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount>100</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount>120</cbc:TaxInclusiveAmount>
<cbc:PrepaidAmount>20</cbc:PrepaidAmount><cbc:PayableRoundingAmount>0.01</cbc:PayableRoundingAmount><cbc:PayableAmount>100.01</cbc:PayableAmount>
</cac:LegalMonetaryTotal><cac:InvoiceLine/><cac:InvoiceLine/>"""
)


def test_every_routing_fact_of_a_ubl_invoice_is_read() -> None:
    (invoice,) = read(UBL)
    assert invoice == Invoice(
        number="F-1", issue_date="2026-09-15", type="380", framework="A1", profile="urn:cen.eu:en16931:2017", currency="EUR",
        supplier=Party("1", "10000000900015", "Vendeur", "FR"), recipient="20000000800010", recipient_name="Mairie", service="SERV",
        engagement="1501966748", market="M-1", preceding=("F-0",), total_without_vat="100", total_vat="20", total_with_vat="120",
        prepaid="20", payable="100.01", rounding="0.01", lines=2,
        attachments=(
            Attachment("a.pdf", 4, mime="application/pdf", zipped=True, line=10),
            Attachment("PJ2", 0, external="http://h/x", line=11),
        ),
    )  # fmt: skip


def test_a_credit_note_is_read_by_the_same_table() -> None:
    (note,) = read(ubl("<cbc:ID>A-1</cbc:ID><cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode><cac:CreditNoteLine/>", "CreditNote"))
    assert (note.number, note.type, note.lines) == ("A-1", "381", 1)


def test_an_empty_invoice_is_all_absent() -> None:
    assert read(ubl("")) == [Invoice()]
    assert read(cii(lines=0)) == [Invoice()]


def test_every_routing_fact_of_a_cii_invoice_is_read() -> None:
    agreement = """<ram:BuyerReference>SERV</ram:BuyerReference>
<ram:SellerTradeParty><ram:Name>Vendeur</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="1">10000000900015</ram:ID></ram:SpecifiedLegalOrganization>
<ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:GlobalID schemeID="0002">20000000800010</ram:GlobalID><ram:Name>Mairie</ram:Name></ram:BuyerTradeParty>
<ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>EJ</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>
<ram:ContractReferencedDocument><ram:IssuerAssignedID>M-1</ram:IssuerAssignedID></ram:ContractReferencedDocument>
<ram:AdditionalReferencedDocument><ram:IssuerAssignedID>aa.pdf</ram:IssuerAssignedID><ram:Name>ZZZ</ram:Name>
<ram:AttachmentBinaryObject mimeCode="application/pdf">UEsDBA==</ram:AttachmentBinaryObject></ram:AdditionalReferencedDocument>"""
    settlement = """<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:InvoiceeTradeParty><ram:GlobalID schemeID="1">30000000700010</ram:GlobalID></ram:InvoiceeTradeParty>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:TaxBasisTotalAmount>100</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">20</ram:TaxTotalAmount><ram:GrandTotalAmount>120</ram:GrandTotalAmount>
<ram:TotalPrepaidAmount>120</ram:TotalPrepaidAmount><ram:DuePayableAmount>0</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlementHeaderMonetarySummation>
<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>F-0</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>"""
    document = (
        "<ram:ID>F-2</ram:ID><ram:TypeCode>381</ram:TypeCode>"
        "<ram:IssueDateTime><udt:DateTimeString>20260915</udt:DateTimeString></ram:IssueDateTime>"
    )
    context = (
        "<ram:BusinessProcessSpecifiedDocumentContextParameter><ram:ID>A2</ram:ID></ram:BusinessProcessSpecifiedDocumentContextParameter>"
        "<ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>p</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>"
    )
    (invoice,) = read(cii(agreement, settlement, 3, document, context))
    assert invoice == Invoice(
        number="F-2", issue_date="2026-09-15", type="381", framework="A2", profile="p", currency="EUR",
        supplier=Party("1", "10000000900015", "Vendeur", "FR"), recipient="20000000800010", recipient_name="Mairie", service="SERV",
        engagement="EJ", market="M-1", validator="30000000700010", preceding=("F-0",), total_without_vat="100", total_vat="20",
        total_with_vat="120", prepaid="120", payable="0", lines=3,
        attachments=(Attachment("aa.pdf", 4, mime="application/pdf", zipped=True, line=9),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "value", "kind"),
    [
        ("0009", "10000000900015", "1"), ("1", "10000000900015", "1"), ("0002", "10000000900015", "1"), ("", "10000000900015", "1"),
        ("SIRET", "10000000900015", "1"), ("2", "BE0429958042", "2"), ("0223", "BE0429958042", "2"), ("ETR", "KRSAMSUNGMOBILEPHO", "3"),
        ("0227", "KRSAMSUNGMOBILEPHO", "3"), ("RIDET", "1234567890", "4"), ("4", "1234567890", "4"), ("0228", "1234567890", "4"),
        ("5", "350041679", "5"), ("0229", "350041679", "5"), ("0226", "1234567890X", "7"),
    ],
)  # fmt: skip
def test_a_suppliers_type_comes_from_its_scheme(scheme: str, value: str, kind: str) -> None:
    assert identifiers.supplier({"ids": [(scheme, value)]}) == Party(kind, value)


def test_a_siret_wins_over_a_siren_and_a_vat_number() -> None:
    facts = {"ids": [("0002", "100000009"), ("0009", "10000000900015")], "vat": "FR88100000009"}
    assert identifiers.supplier(facts) == Party("1", "10000000900015")


def test_a_foreign_vat_number_is_a_european_supplier_and_a_french_one_gives_the_siren() -> None:
    assert identifiers.supplier({"vat": "BE0429958042"}) == Party("2", "BE0429958042")
    assert identifiers.supplier({"vat": "FR88100000009"}) == Party("", "100000009")
    assert identifiers.supplier({"ids": [("0002", "100000009")]}) == Party("", "100000009")
    assert identifiers.supplier({}) == Party()


def test_a_recipient_is_its_siret_even_a_malformed_one_announced_as_such() -> None:
    assert identifiers.recipient({"ids": [("0009", "123")]}) == "123"
    assert identifiers.recipient({"ids": [("0088", "12345678901234")]}) == ""
    assert identifiers.recipient({"endpoint": [("0009", "20000000800010")]}) == "20000000800010"
    assert identifiers.recipient({"endpoint": [("0225", "20000000800010")]}) == ""


def test_dates_of_eight_digits_become_iso_and_others_stay() -> None:
    assert [iso_date(d) for d in ("20260930", "2026-09-30", "202609", "")] == ["2026-09-30", "2026-09-30", "202609", ""]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1_000, 3_145_727, 3_145_728, 9_000_001])
def test_a_decoded_size_is_exact_across_chunks_and_line_breaks(size: int) -> None:
    plain = base64.b64encode(b"PK\x03\x04".ljust(size, b"x")[:size]).decode()
    wrapped = "\n".join(plain[i : i + 76] for i in range(0, len(plain), 76)) + "\n  "
    assert measure(plain)[::2] == (size, -1)
    assert measure(wrapped)[::2] == (size, -1)


@pytest.mark.parametrize(
    ("text", "position"),
    [("QU!D", 2), ("QUJD*", 4), ("QUJ", 3), ("QUé=", 2), ("QQ==QUJD", 4), ("=QUI", 1), ("QUJD" * 1_100_000 + "?", 4_400_000)],
)
def test_a_wrong_base64_tells_where(text: str, position: int) -> None:
    size, _, error = measure(text)
    assert (size, error) == (-1, position)


def test_padding_in_the_middle_is_found_across_chunks() -> None:
    assert measure("A" * (4 * 1024 * 1024 - 2) + "==" + "AAAA")[0] == -1


def test_roots_are_recognised_by_namespace_and_name() -> None:
    for tag, syntax in formats.ROOTS.items():
        namespace, _, name = tag.rpartition("}")
        root = parse(f'<{name} xmlns="{namespace[1:]}"/>'.encode()).root if namespace else parse(f"<{name}/>".encode()).root
        assert root is not None
        assert formats.identify(root) is syntax


@pytest.mark.parametrize(
    ("text", "syntax", "rule"),
    [
        ("<html/>", Syntax.UNKNOWN, "XML-010"),
        ('<Invoice xmlns="urn:other"/>', Syntax.UNKNOWN, "XML-011"),
        ("<CPPFacturePivot/>", Syntax.UNKNOWN, "XML-011"),
        ('<CrossIndustryInvoice xmlns="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:2"/>', Syntax.UNKNOWN, "XML-011"),
        ('<CrossIndustryDocument xmlns="urn:ferd:CrossIndustryDocument:invoice:1p0"/>', Syntax.ZUGFERD_1, "TYP-011"),
        ("UNA:+.?*'UNB+UNOW:4+A+B+1'UNH+1+INVOIC:D:14B:UN'", Syntax.EDIFACT_INVOIC, "TYP-010"),
        ("\r\nUNB+UNOW:4+A+B+1'\r\nUNH+1+INVOIC:D:14B:UN'", Syntax.EDIFACT_INVOIC, "TYP-010"),
        ("UNB+UNOW:4+A+B+1'UNH+1+ORDERS:D:14B:UN'", Syntax.UNKNOWN, "TYP-010"),
        ("MZ not an invoice", Syntax.UNKNOWN, "XML-001"),
    ],
)
def test_what_we_do_not_take_is_refused_with_its_reason(text: str, syntax: Syntax, rule: str) -> None:
    opened = formats.open_document(text.encode(), member="m")
    assert (opened.syntax, opened.root, [f.rule for f in opened.findings]) == (syntax, None, [rule])
    assert opened.invoices() == []


def test_every_invoice_syntax_has_its_reader() -> None:
    assert set(formats.READERS) >= formats.INVOICES


def test_the_vat_number_of_a_ubl_supplier_is_that_of_the_scheme_vat() -> None:
    def number(value: str, scheme: str) -> str:
        tax = f"<cac:TaxScheme><cbc:ID>{scheme}</cbc:ID></cac:TaxScheme>"
        return f"<cac:PartyTaxScheme><cbc:CompanyID>{value}</cbc:CompanyID>{tax}</cac:PartyTaxScheme>"

    schemes = number("Godkänd för F-skatt", "TAX") + number("SE556677889901", "VAT")
    (invoice,) = read(ubl(f"<cac:AccountingSupplierParty><cac:Party>{schemes}</cac:Party></cac:AccountingSupplierParty>"))
    assert invoice.supplier == Party("2", "SE556677889901")
