"""Ten-line UBL invoices from scratch, varied and adding up, for the benches only; the samples are the ones to read."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

_NS = (
    'xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" '
    'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
    'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
)
_GOODS = ("Ramette de papier A4 80 g", "Cartouche d'encre noire", "Prestation de nettoyage, bâtiment B", "Câble réseau 10 m", "Gants de protection, paire")
_TOWNS = (("Rennes", "35000"), ("Limoges", "87000"), ("Cayenne", "97300"), ("Lille", "59000"), ("Bastia", "20200"))
SUPPLIER = "90855027000015"
RECIPIENT = "11000201100044"


def _party(name: str, siret: str, town: str, code: str, vat: str) -> str:
    return (
        f'<cac:Party><cbc:EndpointID schemeID="0009">{siret}</cbc:EndpointID>'
        f'<cac:PartyIdentification><cbc:ID schemeID="0009">{siret}</cbc:ID></cac:PartyIdentification>'
        f"<cac:PartyName><cbc:Name>{name}</cbc:Name></cac:PartyName>"
        f"<cac:PostalAddress><cbc:StreetName>12 rue des Ateliers</cbc:StreetName><cbc:CityName>{town}</cbc:CityName>"
        f"<cbc:PostalZone>{code}</cbc:PostalZone><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>"
        f"<cac:PartyTaxScheme><cbc:CompanyID>{vat}</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
        f'<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName><cbc:CompanyID schemeID="0002">{siret[:9]}</cbc:CompanyID>'
        f"</cac:PartyLegalEntity><cac:Contact><cbc:Name>Comptabilité</cbc:Name><cbc:Telephone>+33 2 99 00 00 00</cbc:Telephone></cac:Contact></cac:Party>"
    )


def _line(n: int, seed: int) -> tuple[str, Decimal]:
    quantity, price = 1 + (seed + n) % 9, Decimal((seed * 37 + n * 113) % 9_900 + 100) / 100
    amount = quantity * price
    good = _GOODS[(seed + n) % len(_GOODS)]
    text = (
        f"<cac:InvoiceLine><cbc:ID>{n}</cbc:ID><cbc:Note>Bon de livraison {seed:06d}-{n}, réception sans réserve par le magasin central</cbc:Note>"
        f'<cbc:InvoicedQuantity unitCode="C62">{quantity}</cbc:InvoicedQuantity>'
        f'<cbc:LineExtensionAmount currencyID="EUR">{amount}</cbc:LineExtensionAmount>'
        f"<cac:OrderLineReference><cbc:LineID>{n}</cbc:LineID></cac:OrderLineReference>"
        f"<cac:Item><cbc:Description>{good}, conditionnement standard, référence catalogue {seed * 7 + n}</cbc:Description><cbc:Name>{good}</cbc:Name>"
        f"<cac:SellersItemIdentification><cbc:ID>REF-{seed % 997:04d}-{n:02d}</cbc:ID></cac:SellersItemIdentification>"
        f"<cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory>"
        f"<cac:AdditionalItemProperty><cbc:Name>Lot</cbc:Name><cbc:Value>L{seed % 89:03d}</cbc:Value></cac:AdditionalItemProperty></cac:Item>"
        f'<cac:Price><cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount><cbc:BaseQuantity unitCode="C62">1</cbc:BaseQuantity></cac:Price>'
        "</cac:InvoiceLine>\n"
    )
    return text, amount


def invoice(seed: int, *, lines: int = 10, attachment: str = "", prefix: str = "B") -> bytes:
    """One invoice of about 13 kB for ten lines; `seed` varies number, amounts and names; `attachment` is base64."""
    town, code = _TOWNS[seed % len(_TOWNS)]
    drawn = [_line(n, seed) for n in range(1, lines + 1)]
    net = sum((amount for _, amount in drawn), Decimal(0))
    vat = (net * Decimal("0.2")).quantize(Decimal("0.01"))
    joined = (
        f'<cac:AdditionalDocumentReference><cbc:ID>annexe</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" '
        f'filename="annexe.pdf">{attachment}</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>'
        if attachment
        else ""
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Invoice {_NS}><cbc:UBLVersionID>2.1</cbc:UBLVersionID>'
        "<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ProfileID>A1</cbc:ProfileID>"
        f"<cbc:ID>{prefix}{seed:08d}</cbc:ID><cbc:IssueDate>2026-10-{1 + seed % 28:02d}</cbc:IssueDate><cbc:DueDate>2026-12-15</cbc:DueDate>"
        "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
        f"<cbc:BuyerReference>SERVICE{seed % 40}</cbc:BuyerReference><cac:OrderReference><cbc:ID>15{seed:08d}</cbc:ID></cac:OrderReference>{joined}"
        f"<cac:AccountingSupplierParty>{_party('Ateliers de la Vilaine ' + str(seed % 50), SUPPLIER, town, code, 'FR01908550270')}</cac:AccountingSupplierParty>"
        f"<cac:AccountingCustomerParty>{_party('Direction départementale ' + str(seed % 90), RECIPIENT, 'Paris', '75012', 'FR17110002011')}</cac:AccountingCustomerParty>"
        "<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cac:PayeeFinancialAccount><cbc:ID>FR7630006000011234567890189</cbc:ID>"
        "</cac:PayeeFinancialAccount></cac:PaymentMeans>"
        f'<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">{net}</cbc:TaxableAmount>'
        f'<cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent>'
        "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"
        f'<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount>'
        f'<cbc:TaxExclusiveAmount currencyID="EUR">{net}</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount currencyID="EUR">{net + vat}</cbc:TaxInclusiveAmount>'
        f'<cbc:PayableAmount currencyID="EUR">{net + vat}</cbc:PayableAmount></cac:LegalMonetaryTotal>\n'
        f"{''.join(line for line, _ in drawn)}</Invoice>"
    ).encode()


def invoices(count: int, *, start: int = 0, prefix: str = "B") -> Iterator[bytes]:
    """Varied invoices, numbers from `start`."""
    return (invoice(seed, prefix=prefix) for seed in range(start, start + count))


def archive(path: Path, documents: Iterator[bytes], *, level: int = 6) -> Path:
    """A tar.gz of documents under running names."""
    with gzip.open(path, "wb", compresslevel=level) as packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        for n, data in enumerate(documents, start=1):
            member = tarfile.TarInfo(f"facture-{n:06d}.xml")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path
