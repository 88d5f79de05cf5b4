"""The cases of the pack BR-FR-CPRO: for every rule at least one document that breaks it, and the nearest ones that do not."""

from __future__ import annotations

from tests.rules_cpro import places as at
from tests.rules_cpro.documents import CII, KINDS, Case, Edit, add, drop, longest, named, same, scheme, text

_UBL_SIRET = '<cac:PartyIdentification><cbc:ID schemeID="0009">90536214100236</cbc:ID></cac:PartyIdentification>'
_SIRET = '<ram:GlobalID schemeID="0009">90536214100236</ram:GlobalID>'
_UBL_PAYEE = (
    "<cac:PayeeParty>{}<cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName>"
    '<cac:PartyLegalEntity><cbc:CompanyID schemeID="0002">905362141</cbc:CompanyID></cac:PartyLegalEntity></cac:PayeeParty>'
)
_PAYEE = (
    "<ram:PayeeTradeParty>{}<ram:Name>{}</ram:Name>"
    '<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">905362141</ram:ID></ram:SpecifiedLegalOrganization></ram:PayeeTradeParty>'
)
_UBL_REFERENCE = (
    "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"
)
_REFERENCE = "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>{}</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>"
_UBL_PLACE = "<cac:Delivery><cac:DeliveryLocation><cbc:ID>{}</cbc:ID></cac:DeliveryLocation></cac:Delivery>"
_TERMS = "<ram:SpecifiedTradePaymentTerms><ram:Description>{}</ram:Description></ram:SpecifiedTradePaymentTerms>"
_CONTACT, _TRADE_CONTACT = "<cac:Contact/>", "<ram:DefinedTradeContact/>"


def longest_added(rule: str, most: int, ubl: tuple[str, str], cii: tuple[str, str]) -> tuple[Case, Case]:
    """An element added under a path ("{}" is its text): one character too many, and as many as there may be."""

    def added(where: tuple[str, str], length: int) -> tuple[Edit, ...]:
        return (add(where[0], where[1].format("9" * length)),)

    return (
        Case(rule, f"{most + 1} characters", added(ubl, most + 1), added(cii, most + 1)),
        Case(rule, f"{most} characters", added(ubl, most), added(cii, most), fires=False),
    )


def contract_type(what: str, value: str, *, fires: bool = True) -> Case:
    """The contract bears a type."""
    ubl = add(at.UBL_CONTRACT, f"<cbc:DocumentType>{value}</cbc:DocumentType>")
    return Case("BR-FR-CPRO-01", what, (ubl,), (add(at.CONTRACT, f"<ram:ReferenceTypeCode>{value}</ram:ReferenceTypeCode>"),), fires)


def other_reference(what: str, code: str, *, kinds: tuple[str, ...] = KINDS) -> Case:
    """A document reference of 51 characters that is no supporting document, by its type code."""
    typed = f"<cbc:ID>{'9' * 51}</cbc:ID><cbc:DocumentTypeCode>{code}</cbc:DocumentTypeCode>"
    ubl = f"<cac:AdditionalDocumentReference>{typed}</cac:AdditionalDocumentReference>"
    number = f"<ram:IssuerAssignedID>{'9' * 51}</ram:IssuerAssignedID><ram:TypeCode>{code}</ram:TypeCode>"
    cii = f"<ram:AdditionalReferencedDocument>{number}</ram:AdditionalReferencedDocument>"
    return Case("BR-FR-CPRO-30", what, (add("/*", ubl),), (add("//ram:ApplicableHeaderTradeAgreement", cii),), False, kinds)


REFERENCES = (
    contract_type("a code of the older samples", "CT"),
    contract_type("a market", "MARCHE", fires=False),
    contract_type("a contract", "CONTRAT", fires=False),
    *longest("BR-FR-CPRO-02", 20, at.UBL_NUMBER, at.NUMBER),
    *longest("BR-FR-CPRO-02", 20, at.UBL_PRECEDING, at.PRECEDING),
    *longest_added("BR-FR-CPRO-02", 20, (at.UBL_LINE, _UBL_REFERENCE), ("//ram:SpecifiedLineTradeSettlement", _REFERENCE)),
    *longest("BR-FR-CPRO-14", 50, f"{at.UBL_CONTRACT}/cbc:ID", f"{at.CONTRACT}/ram:IssuerAssignedID"),
    *longest("BR-FR-CPRO-15", 50, at.UBL_ORDER, at.ORDER),
    same("BR-FR-CPRO-24", "S5", at.UBL_FRAMEWORK, at.FRAMEWORK, "S5"),
    same("BR-FR-CPRO-24", "S3", at.UBL_FRAMEWORK, at.FRAMEWORK, "S3", fires=False),
    *longest("BR-FR-CPRO-30", 50, f"{at.UBL_PIECE}/cbc:ID", f"{at.PIECE}/ram:IssuerAssignedID"),
    other_reference("an object invoiced (BT-18)", "130"),
    other_reference("a call for tenders (BT-17)", "50", kinds=(CII,)),
    named("BR-FR-CPRO-41", "51 characters", "n" * 47 + ".pdf"),
    named("BR-FR-CPRO-41", "50 characters", "n" * 46 + ".pdf", fires=False),
    Case(
        "BR-FR-CPRO-20", "two preceding invoices", (add("/*", _UBL_REFERENCE.format("F2")),), (add(at.SETTLEMENT, _REFERENCE.format("F2")),)
    ),
    Case(
        "BR-FR-CPRO-20", "none", (drop("/*/cac:BillingReference"),), (drop(f"{at.SETTLEMENT}/ram:InvoiceReferencedDocument"),), fires=False
    ),
    Case(
        "BR-FR-CPRO-25",
        "two texts of payment terms",
        (add("//cac:PaymentTerms", "<cbc:Note>Escompte 2 %</cbc:Note>"),),
        (add(at.SETTLEMENT, _TERMS.format("Sous 30 jours"), times=2),),
    ),
    Case("BR-FR-CPRO-25", "one text", cii=(add(at.SETTLEMENT, _TERMS.format("Sous 30 jours")),), fires=False),
)


def identified(rule: str, what: str, name: str, value: str, *, fires: bool = True) -> Case:
    """The seller bears one identifier more; its SIRET stays."""
    ubl = f'<cac:PartyIdentification><cbc:ID schemeID="{name}">{value}</cbc:ID></cac:PartyIdentification>'
    return Case(
        rule, what, (add(at.UBL_SUPPLIER, ubl),), (add(at.SELLER, f'<ram:GlobalID schemeID="{name}">{value}</ram:GlobalID>'),), fires
    )


def without_siren(what: str, name: str, value: str, *, fires: bool = True) -> Case:
    """The seller bears one identifier only."""
    ubl = (scheme(at.UBL_SUPPLIER_ID, name, value), drop(at.UBL_SUPPLIER_SIREN))
    return Case("BR-FR-CPRO-03", what, ubl, (scheme(at.SELLER_ID, name, value), drop(at.SELLER_SIREN)), fires)


SELLERS = (
    without_siren("an identifier of another scheme", "0088", "7300010000001"),
    without_siren("a RIDET", "0228", "0123456001", fires=False),
    without_siren("a Belgian VAT number", "0223", "BE0429958042", fires=False),
    without_siren("an individual, 10 digits and nothing more", "0226", "1234567890", fires=False),
    without_siren("a Korean company", "0227", "KRSAMSUNGMOBILEPHO", fires=False),
    without_siren("a TAHITI number", "0229", "350041679", fires=False),
    identified("BR-FR-CPRO-04-08-0223", "19 characters", "0223", "BE12345678901234567"),
    identified("BR-FR-CPRO-04-08-0223", "18 characters", "0223", "BE1234567890123456", fires=False),
    identified("BR-FR-CPRO-04-08-0226", "9 digits first", "0226", "123456789DURAND"),
    identified("BR-FR-CPRO-04-08-0226", "81 characters", "0226", "1234567890" + "D" * 71),
    identified("BR-FR-CPRO-04-08-0226", "80 characters", "0226", "1234567890" + "D" * 70, fires=False),
    identified("BR-FR-CPRO-04-08-0227", "19 characters", "0227", "KRSAMSUNGMOBILEPHON"),
    identified("BR-FR-CPRO-04-08-0227", "18 characters", "0227", "KRSAMSUNGMOBILEPHO", fires=False),
    identified("BR-FR-CPRO-04-08-0228", "8 characters", "0228", "12345678"),
    identified("BR-FR-CPRO-04-08-0228", "11 characters", "0228", "12345678901"),
    identified("BR-FR-CPRO-04-08-0228", "9 characters", "0228", "123456789", fires=False),
    identified("BR-FR-CPRO-04-08-0228", "10 characters", "0228", "1234567890", fires=False),
    identified("BR-FR-CPRO-04-08-0229", "8 characters", "0229", "35004167"),
    identified("BR-FR-CPRO-04-08-0229", "11 characters", "0229", "35004167901"),
    identified("BR-FR-CPRO-04-08-0229", "9 characters", "0229", "350041679", fires=False),
    Case(
        "BR-FR-CPRO-09",
        "the SIREN, and a VAT number for SIRET",
        (scheme(at.UBL_SUPPLIER_ID, "0223", "BE0429958042"),),
        (scheme(at.SELLER_ID, "0223", "BE0429958042"),),
    ),
    Case("BR-FR-CPRO-26", "two contacts", (add(at.UBL_SUPPLIER, _CONTACT, times=2),), (add(at.SELLER, _TRADE_CONTACT, times=2),)),
    Case("BR-FR-CPRO-26", "one contact", (add(at.UBL_SUPPLIER, _CONTACT),), (add(at.SELLER, _TRADE_CONTACT),), fires=False),
    *longest("BR-FR-CPRO-32", 400, f"{at.UBL_SUPPLIER}//cbc:StreetName", f"{at.SELLER}//ram:LineOne"),
    *longest("BR-FR-CPRO-33", 400, f"{at.UBL_SUPPLIER}//cbc:CityName", f"{at.SELLER}//ram:CityName"),
    *longest_added(
        "BR-FR-CPRO-36",
        99,
        (at.UBL_SUPPLIER, "<cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName>"),
        (at.SELLER_SIREN, "<ram:TradingBusinessName>{}</ram:TradingBusinessName>"),
    ),
    *longest("BR-FR-CPRO-43", 99, f"{at.UBL_SUPPLIER}//cbc:RegistrationName", f"{at.SELLER}/ram:Name"),
)

BUYERS = (
    Case("BR-FR-CPRO-10", "the SIREN alone", (drop(f"{at.UBL_RECIPIENT}/cac:PartyIdentification"),), (drop(at.BUYER_ID),)),
    Case(
        "BR-FR-CPRO-10",
        "the SIRET as registration",
        (drop(f"{at.UBL_RECIPIENT}/cac:PartyIdentification"), scheme(f"{at.UBL_RECIPIENT}//cbc:CompanyID", "0009", "21350999500014")),
        (drop(at.BUYER_ID), scheme(f"{at.BUYER}/ram:SpecifiedLegalOrganization/ram:ID", "0009", "21350999500014")),
        fires=False,
    ),
    Case("BR-FR-CPRO-27", "two contacts", (add(at.UBL_RECIPIENT, _CONTACT, times=2),), (add(at.BUYER, _TRADE_CONTACT, times=2),)),
    Case("BR-FR-CPRO-27", "one contact", (add(at.UBL_RECIPIENT, _CONTACT),), (add(at.BUYER, _TRADE_CONTACT),), fires=False),
    *longest_added(
        "BR-FR-CPRO-34",
        99,
        (at.UBL_RECIPIENT, "<cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName>"),
        (f"{at.BUYER}/ram:SpecifiedLegalOrganization", "<ram:TradingBusinessName>{}</ram:TradingBusinessName>"),
    ),
    *longest("BR-FR-CPRO-44", 99, f"{at.UBL_RECIPIENT}//cbc:RegistrationName", f"{at.BUYER}/ram:Name"),
)

PAYEES = (
    Case(
        "BR-FR-CPRO-17",
        "the SIREN alone",
        (add("/*", _UBL_PAYEE.format("", "Affacturage SA")),),
        (add(at.SETTLEMENT, _PAYEE.format("", "Affacturage SA")),),
    ),
    Case(
        "BR-FR-CPRO-17",
        "SIREN and SIRET",
        (add("/*", _UBL_PAYEE.format(_UBL_SIRET, "Affacturage SA")),),
        (add(at.SETTLEMENT, _PAYEE.format(_SIRET, "Affacturage SA")),),
        fires=False,
    ),
    *longest_added("BR-FR-CPRO-37", 99, ("/*", _UBL_PAYEE.format(_UBL_SIRET, "{}")), (at.SETTLEMENT, _PAYEE.format(_SIRET, "{}"))),
    same("BR-FR-CPRO-39", "a Maltese IBAN", at.UBL_ACCOUNT, at.ACCOUNT, at.MALTESE),
    same("BR-FR-CPRO-39", "28 characters, a Polish IBAN", at.UBL_ACCOUNT, at.ACCOUNT, "PL61109010140000071219812874"),
    same("BR-FR-CPRO-39", "27 characters in groups", at.UBL_ACCOUNT, at.ACCOUNT, "FR76 3000 6000 0112 3456 7890 189", fires=False),
)


def terms_of(length: int, *, fires: bool) -> Case:
    """The payment terms have that many characters."""
    ubl = text("//cac:PaymentTerms/cbc:Note", "9" * length)
    return Case("BR-FR-CPRO-35", f"{length} characters", (ubl,), (add(at.SETTLEMENT, _TERMS.format("9" * length)),), fires)


TEXTS = (
    terms_of(1025, fires=True),
    terms_of(1024, fires=False),
    *longest_added(
        "BR-FR-CPRO-42",
        1024,
        ("/*", "<cbc:Note>{}</cbc:Note>"),
        (at.HEAD, "<ram:IncludedNote><ram:Content>{}</ram:Content></ram:IncludedNote>"),
    ),
    *longest_added(
        "BR-FR-CPRO-31",
        1024,
        ("//cac:Item", "<cbc:Description>{}</cbc:Description>"),
        ("//ram:SpecifiedTradeProduct", "<ram:Description>{}</ram:Description>"),
    ),
    *longest_added(
        "BR-FR-CPRO-38", 20, ("/*", _UBL_PLACE), (at.DELIVERY, "<ram:ShipToTradeParty><ram:ID>{}</ram:ID></ram:ShipToTradeParty>")
    ),
    *longest_added(
        "BR-FR-CPRO-40",
        20,
        (at.UBL_LINE, _UBL_PLACE),
        ("//ram:SpecifiedLineTradeDelivery", "<ram:ShipToTradeParty><ram:GlobalID>{}</ram:GlobalID></ram:ShipToTradeParty>"),
    ),
)

CASES = REFERENCES + SELLERS + BUYERS + PAYEES + TEXTS
