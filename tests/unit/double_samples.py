"""Small invoices for the tests of the Chorus double: enough to be read, no more."""

from __future__ import annotations

import io
import tarfile

_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
_RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"


def ubl(number: str, *, root: str = "Invoice", recipient: str = "11000201100044", service: str = "DSJPFGU057") -> bytes:
    buyer = f"<cbc:BuyerReference>{service}</cbc:BuyerReference>" if service else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2" xmlns:cac="{_CAC}" xmlns:cbc="{_CBC}">
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-03-04</cbc:IssueDate>{buyer}
<cac:AccountingSupplierParty><cac:Party>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>Fournisseur</cbc:RegistrationName>
<cbc:CompanyID schemeID="1">12345678200077</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="1">{recipient}</cbc:ID></cac:PartyIdentification>
<cac:PartyName><cbc:Name>Ministère</cbc:Name></cac:PartyName></cac:Party></cac:AccountingCustomerParty>
</{root}>""".encode()


def cii(number: str) -> bytes:
    return f"""<rsm:CrossIndustryInvoice xmlns:rsm="{_RSM}" xmlns:ram="{_RAM}" xmlns:udt="{_UDT}">
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:IssueDateTime><udt:DateTimeString>20260304</udt:DateTimeString></ram:IssueDateTime>
</rsm:ExchangedDocument><rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement><ram:BuyerReference>SERVICE1</ram:BuyerReference>
<ram:SellerTradeParty><ram:ID schemeID="2">BE0429958042</ram:ID><ram:Name>Vendeur</ram:Name></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:SpecifiedLegalOrganization><ram:ID schemeID="1">11000201100044</ram:ID></ram:SpecifiedLegalOrganization>
</ram:BuyerTradeParty></ram:ApplicableHeaderTradeAgreement></rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>""".encode()


def mixte(*numbers: str) -> bytes:
    units = "".join(
        f"""<CPPFactureMixteUnitaire NumOrdre="{order}"><Fournisseur><TypeIdentifiant>1</TypeIdentifiant>
<Identifiant>12345678200077</Identifiant><RaisonSociale>Fournisseur</RaisonSociale><CodePays>FR</CodePays></Fournisseur>
<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>11000201100044</Identifiant></Debiteur>
<DonneesFacture><Id>{number}</Id><DateEmissionFacture>2026-03-04</DateEmissionFacture></DonneesFacture></CPPFactureMixteUnitaire>"""
        for order, number in enumerate(numbers, 1)
    )
    return f'<CPPFactureMixte Version="1.14"><CPPFactures Compteur="{len(numbers)}">{units}</CPPFactures></CPPFactureMixte>'.encode()


def tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
