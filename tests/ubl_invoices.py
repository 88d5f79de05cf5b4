"""UBL invoices made for tests: valid, with sums that add up, every one different; sizes are chosen by the number of lines."""

from __future__ import annotations

from decimal import Decimal

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
         xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
         xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
  <cbc:ProfileID>A1</cbc:ProfileID>
  <cbc:ID>{number}</cbc:ID>
  <cbc:IssueDate>{date}</cbc:IssueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cbc:BuyerReference>ACHATS</cbc:BuyerReference>
  <cac:OrderReference>
    <cbc:ID>EJ{number}</cbc:ID>
  </cac:OrderReference>
"""

PARTY = """  <cac:Accounting{role}Party>
    <cac:Party>
      <cac:PartyIdentification>
        <cbc:ID schemeID="0009">{siret}</cbc:ID>
      </cac:PartyIdentification>
      <cac:PostalAddress>
        <cbc:StreetName>{street}</cbc:StreetName>
        <cbc:CityName>Nantes</cbc:CityName>
        <cbc:PostalZone>44000</cbc:PostalZone>
        <cac:Country>
          <cbc:IdentificationCode>FR</cbc:IdentificationCode>
        </cac:Country>
      </cac:PostalAddress>
      <cac:PartyTaxScheme>
        <cbc:CompanyID>FR{key:02d}{siren}</cbc:CompanyID>
        <cac:TaxScheme>
          <cbc:ID>VAT</cbc:ID>
        </cac:TaxScheme>
      </cac:PartyTaxScheme>
      <cac:PartyLegalEntity>
        <cbc:RegistrationName>{name}</cbc:RegistrationName>
        <cbc:CompanyID schemeID="0002">{siren}</cbc:CompanyID>
      </cac:PartyLegalEntity>
    </cac:Party>
  </cac:Accounting{role}Party>
"""

TAX = """<cbc:TaxableAmount currencyID="EUR">{net}</cbc:TaxableAmount>
      <cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount>
      <cac:TaxCategory>
        <cbc:ID>S</cbc:ID>
        <cbc:Percent>20.00</cbc:Percent>
        <cac:TaxScheme>
          <cbc:ID>VAT</cbc:ID>
        </cac:TaxScheme>
      </cac:TaxCategory>"""

SUMS = """  <cac:PaymentMeans>
    <cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
    <cac:PayeeFinancialAccount>
      <cbc:ID>FR7630006000011234567890189</cbc:ID>
    </cac:PayeeFinancialAccount>
  </cac:PaymentMeans>
  <cac:TaxTotal>
    <cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount>
    <cac:TaxSubtotal>
      {tax}
    </cac:TaxSubtotal>
  </cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="EUR">{net}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="EUR">{gross}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="EUR">{gross}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
"""

LINE = """  <cac:InvoiceLine>
    <cbc:ID>{n}</cbc:ID>
    <cbc:InvoicedQuantity unitCode="C62">{quantity}</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="EUR">{amount}</cbc:LineExtensionAmount>
    <cac:OrderLineReference>
      <cbc:LineID>{n}</cbc:LineID>
    </cac:OrderLineReference>
    <cac:Item>
      <cbc:Description>{padding}</cbc:Description>
      <cbc:Name>Fourniture {n}-{seed}</cbc:Name>
      <cac:SellersItemIdentification>
        <cbc:ID>REF-{seed}-{n}</cbc:ID>
      </cac:SellersItemIdentification>
      <cac:ClassifiedTaxCategory>
        <cbc:ID>S</cbc:ID>
        <cbc:Percent>20.00</cbc:Percent>
        <cac:TaxScheme>
          <cbc:ID>VAT</cbc:ID>
        </cac:TaxScheme>
      </cac:ClassifiedTaxCategory>
    </cac:Item>
    <cac:Price>
      <cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount>
    </cac:Price>
  </cac:InvoiceLine>
"""


def invoice(seed: int = 1, *, lines: int = 2, date: str = "2026-09-30", number: str = "", padding: str = "Article de bureau") -> bytes:
    """A valid invoice; ten lines with a padding of 108 characters make about 13.1 kB."""
    rows = [(n, (seed * 7 + n * 3) % 40 + 1, Decimal((seed * 131 + n * 977) % 90000 + 100) / 100) for n in range(1, lines + 1)]
    net = sum((quantity * price for _, quantity, price in rows), Decimal("0.00"))
    vat = (net / 5).quantize(Decimal("0.01"))
    parts = [HEAD.format(number=number or f"F{seed:07d}", date=date), _party("Supplier", seed), _party("Customer", seed + 500_000)]
    parts.append(SUMS.format(net=net, vat=vat, gross=net + vat, tax=TAX.format(net=net, vat=vat)))
    parts += [
        LINE.format(n=n, seed=seed, quantity=quantity, price=price, amount=quantity * price, padding=padding) for n, quantity, price in rows
    ]
    return ("".join(parts) + "</Invoice>\n").encode()


def siret(seed: int) -> str:
    """A SIRET whose SIREN and whole both pass Luhn's check."""
    siren = _with_key(f"{80_000_000 + seed:08d}")
    return _with_key(f"{siren}0001")


def _with_key(digits: str) -> str:
    doubled = (int(d) * (2 - n % 2) for n, d in enumerate(reversed(digits)))
    total = sum(d if d < 10 else d - 9 for d in doubled)
    return digits + str(-total % 10)


def _party(role: str, seed: int) -> str:
    number = siret(seed)
    siren = number[:9]
    key = (12 + 3 * (int(siren) % 97)) % 97
    return PARTY.format(role=role, siret=number, siren=siren, key=key, name=f"Société {seed}", street=f"{seed % 90 + 1} rue du Port")
