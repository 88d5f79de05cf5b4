"""The cases of the pack CPRO: for every rule at least one document that breaks it, and the nearest ones that do not."""

from __future__ import annotations

from tests.rules_cpro import places as at
from tests.rules_cpro.documents import CII, CREDIT_NOTE, INVOICE, Case, add, attribute, drop, longest, named, same, scheme, text


def supplier(rule: str, what: str, name: str, value: str, *, fires: bool = True) -> Case:
    """The supplier's identifier is another one, under another scheme."""
    return Case(rule, what, (scheme(at.UBL_SUPPLIER_ID, name, value),), (scheme(at.SELLER_ID, name, value),), fires)


IDENTIFIERS = (
    Case(
        "CPRO-ID-01",
        "no identifier at all",
        (drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification", f"{at.UBL_SUPPLIER}/cac:PartyTaxScheme", at.UBL_SUPPLIER_SIREN),),
        (drop(at.SELLER_ID, at.SELLER_SIREN, f"{at.SELLER}/ram:SpecifiedTaxRegistration"),),
    ),
    Case(
        "CPRO-ID-01",
        "an unknown scheme alone",
        (scheme(at.UBL_SUPPLIER_ID, "0088", "7300010000001"), drop(f"{at.UBL_SUPPLIER}/cac:PartyTaxScheme", at.UBL_SUPPLIER_SIREN)),
        (scheme(at.SELLER_ID, "0088", "7300010000001"), drop(at.SELLER_SIREN, f"{at.SELLER}/ram:SpecifiedTaxRegistration")),
    ),
    Case(
        "CPRO-ID-01",
        "a Belgian VAT number alone",
        (drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification", at.UBL_SUPPLIER_SIREN), text(at.UBL_SUPPLIER_VAT, "BE0429958042")),
        (drop(at.SELLER_ID, at.SELLER_SIREN), text(at.SELLER_VAT, "BE0429958042")),
        fires=False,
    ),
    Case("CPRO-ID-02", "the SIREN alone", (drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification"),), (drop(at.SELLER_ID),)),
    Case(
        "CPRO-ID-02",
        "a French VAT number alone",
        (drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification", at.UBL_SUPPLIER_SIREN),),
        (drop(at.SELLER_ID, at.SELLER_SIREN),),
    ),
    supplier("CPRO-ID-02", "a SIRET under the SIREN's scheme", "0002", "90536214100236", fires=False),
    supplier("CPRO-ID-02", "a SIRET without scheme", "", "90536214100236", fires=False),
    Case(
        "CPRO-ID-02",
        "a SIRET as electronic address alone",
        (
            drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification"),
            add(at.UBL_SUPPLIER, '<cbc:EndpointID schemeID="0009">90536214100236</cbc:EndpointID>'),
        ),
        (
            drop(at.SELLER_ID),
            add(
                at.SELLER,
                '<ram:URIUniversalCommunication><ram:URIID schemeID="0009">90536214100236</ram:URIID></ram:URIUniversalCommunication>',
            ),
        ),
        fires=False,
    ),
    supplier("CPRO-ID-03", "13 digits", "0009", "9053621410023"),
    supplier("CPRO-ID-03", "spaces inside", "1", "905 362 141 00236"),
    supplier("CPRO-ID-03", "14 digits under the schemes of 2018", "1", "90536214100236", fires=False),
    supplier("CPRO-ID-04", "digits without a country", "0223", "0429958042"),
    supplier("CPRO-ID-04", "a country outside the Union", "2", "CH123456789"),
    supplier("CPRO-ID-04", "a Belgian number", "2", "BE0429958042", fires=False),
    supplier("CPRO-ID-05", "a French number", "0223", "FR20905362141"),
    supplier("CPRO-ID-06", "no country", "0227", "1SAMSUNGMOBILEPHO"),
    supplier("CPRO-ID-06", "nothing but the country", "ETR", "KR"),
    supplier("CPRO-ID-06", "19 characters", "ETR", "KRSAMSUNGMOBILEPHON"),
    supplier("CPRO-ID-06", "18 characters", "ETR", "KRSAMSUNGMOBILEPHO", fires=False),
    supplier("CPRO-ID-07", "8 digits", "0228", "12345678"),
    supplier("CPRO-ID-07", "a letter", "RIDET", "12345678A"),
    supplier("CPRO-ID-07", "10 digits", "4", "1234567890", fires=False),
    supplier("CPRO-ID-08", "7 characters", "0229", "3500416"),
    supplier("CPRO-ID-08", "9 characters", "TAHITI", "350041679", fires=False),
    same("CPRO-ID-09", "a wrong key", at.UBL_SUPPLIER_VAT, at.SELLER_VAT, "FR21905362141"),
    same("CPRO-ID-09", "a SIREN too short", at.UBL_SUPPLIER_VAT, at.SELLER_VAT, "FR2090536214"),
    same("CPRO-ID-09", "a key of letters", at.UBL_SUPPLIER_VAT, at.SELLER_VAT, "FRK7905362141", fires=False),
    Case("CPRO-ID-10", "the SIREN alone", (drop(f"{at.UBL_RECIPIENT}/cac:PartyIdentification"),), (drop(at.BUYER_ID),)),
    Case(
        "CPRO-ID-10", "13 digits", (scheme(at.UBL_RECIPIENT_ID, "0009", "2135099950001"),), (scheme(at.BUYER_ID, "0009", "2135099950001"),)
    ),
    Case(
        "CPRO-ID-10",
        "a SIRET without scheme",
        (scheme(at.UBL_RECIPIENT_ID, "", "21350999500014"),),
        (scheme(at.BUYER_ID, "", "21350999500014"),),
        fires=False,
    ),
    Case(
        "CPRO-ID-10",
        "a SIRET as electronic address alone",
        (
            drop(f"{at.UBL_RECIPIENT}/cac:PartyIdentification"),
            add(at.UBL_RECIPIENT, '<cbc:EndpointID schemeID="0009">21350999500014</cbc:EndpointID>'),
        ),
        (
            drop(at.BUYER_ID),
            add(
                at.BUYER,
                '<ram:URIUniversalCommunication><ram:URIID schemeID="0009">21350999500014</ram:URIID></ram:URIUniversalCommunication>',
            ),
        ),
        fires=False,
    ),
)


def to_the_state(siret: str, engagement: str, what: str, *, fires: bool = True) -> Case:
    """The recipient is the State."""
    return Case(
        "CPRO-RT-04",
        what,
        (text(at.UBL_RECIPIENT_ID, siret), text(at.UBL_ORDER, engagement)),
        (text(at.BUYER_ID, siret), text(at.ORDER, engagement)),
        fires,
    )


VALIDATOR = "<ram:InvoiceeTradeParty><ram:ID{}>{}</ram:ID></ram:InvoiceeTradeParty>"

ROUTING = (
    *longest("CPRO-RT-01", 100, "/*/cbc:BuyerReference", f"{at.AGREEMENT}/ram:BuyerReference"),
    *longest("CPRO-RT-02", 50, at.UBL_ORDER, at.ORDER),
    *longest("CPRO-RT-03", 50, f"{at.UBL_CONTRACT}/cbc:ID", f"{at.CONTRACT}/ram:IssuerAssignedID"),
    to_the_state("11000201100044", "2026VO0091", "letters in the engagement"),
    to_the_state("00000000000000", "150196674", "9 digits, SIRET not told"),
    to_the_state("11000201100044", "1501966748", "10 digits", fires=False),
    to_the_state("11000201100044", "", "no engagement", fires=False),
    *longest("CPRO-RT-05", 20, at.UBL_PRECEDING, at.PRECEDING),
    Case("CPRO-RT-06", "a validator by its SIREN", cii=(add(at.SETTLEMENT, VALIDATOR.format(' schemeID="0002"', "905362141")),)),
    Case("CPRO-RT-06", "a validator by its SIRET", cii=(add(at.SETTLEMENT, VALIDATOR.format("", "90536214100236")),), fires=False),
    same("CPRO-FW-01", "A26", at.UBL_FRAMEWORK, at.FRAMEWORK, "A26"),
    same("CPRO-FW-01", "a framework of 2026", at.UBL_FRAMEWORK, at.FRAMEWORK, "S1"),
    same("CPRO-FW-01", "A22", at.UBL_FRAMEWORK, at.FRAMEWORK, "A22", fires=False),
    Case("CPRO-FW-01", "absent", (drop(at.UBL_FRAMEWORK),), (drop("//ram:BusinessProcessSpecifiedDocumentContextParameter"),), fires=False),
    same("CPRO-FW-02", "already paid, something due", at.UBL_FRAMEWORK, at.FRAMEWORK, "A2"),
    Case(
        "CPRO-FW-02",
        "already paid, nothing due",
        (text(at.UBL_FRAMEWORK, "A2"), text(at.UBL_DUE, "0.00")),
        (text(at.FRAMEWORK, "A2"), text(at.DUE, "0")),
        fires=False,
    ),
    same("CPRO-FW-03", "A5", at.UBL_FRAMEWORK, at.FRAMEWORK, "A5"),
    same("CPRO-FW-03", "A11", at.UBL_FRAMEWORK, at.FRAMEWORK, "A11"),
    same("CPRO-FW-03", "A9", at.UBL_FRAMEWORK, at.FRAMEWORK, "A9", fires=False),
)

DOCUMENT = (
    same("CPRO-NUM-01", "empty", at.UBL_NUMBER, at.NUMBER, " "),
    Case("CPRO-NUM-01", "absent", (drop(at.UBL_NUMBER),), (drop(at.NUMBER),)),
    *longest("CPRO-NUM-02", 20, at.UBL_NUMBER, at.NUMBER),
    same("CPRO-NUM-03", "a full stop", at.UBL_NUMBER, at.NUMBER, "TPO.26"),
    same("CPRO-NUM-03", "an accent", at.UBL_NUMBER, at.NUMBER, "ÉTÉ 26"),
    same("CPRO-NUM-03", "every sign", at.UBL_NUMBER, at.NUMBER, "a Z-0+1_2/3;4", fires=False),
    same("CPRO-DOC-01", "386", at.UBL_TYPE, at.TYPE, "386"),
    same("CPRO-DOC-01", "384", at.UBL_TYPE, at.TYPE, "384"),
    same("CPRO-DOC-01", "381", at.UBL_TYPE, at.TYPE, "381", fires=False),
    Case("CPRO-DOC-02", "absent", (drop(at.UBL_TYPE),), (drop(at.TYPE),)),
    same("CPRO-DOC-02", "empty", at.UBL_TYPE, at.TYPE, ""),
    same("CPRO-DOC-03", "small letters", "/*/cbc:DocumentCurrencyCode", f"{at.SETTLEMENT}/ram:InvoiceCurrencyCode", "eur"),
    same("CPRO-DOC-03", "a dinar", "/*/cbc:DocumentCurrencyCode", f"{at.SETTLEMENT}/ram:InvoiceCurrencyCode", "RSD", fires=False),
    Case("CPRO-DOC-04", "as the other syntax writes it", (text(at.UBL_DATE, "20260320"),), (text(at.DATE, "2026-03-20"),)),
    Case("CPRO-DOC-04", "month 13", (text(at.UBL_DATE, "2026-13-20"),), (text(at.DATE, "20261320"),)),
    Case("CPRO-DOC-04", "the last day", (text(at.UBL_DATE, "2026-12-31"),), (text(at.DATE, "20261231"),), fires=False),
    Case(
        "CPRO-DOC-05",
        "a credit note below zero",
        (text(at.UBL_TYPE, "381"), text(at.UBL_DUE, "-5.00")),
        (text(at.TYPE, "381"), text(at.DUE, "-5.00")),
    ),
    Case("CPRO-DOC-05", "an invoice below zero", (text(at.UBL_DUE, "-5.00"),), (text(at.DUE, "-5.00"),), fires=False, kinds=(INVOICE, CII)),
)

GROSS = "<ram:GrossPriceProductTradePrice><ram:ChargeAmount>98.40</ram:ChargeAmount>{}</ram:GrossPriceProductTradePrice>"
DISCOUNT = "<ram:AppliedTradeAllowanceCharge><ram:ActualAmount>0.00</ram:ActualAmount></ram:AppliedTradeAllowanceCharge>"
PRICES = "//ram:SpecifiedLineTradeAgreement"
GUIDELINE = "//ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"

PAYMENT = (
    Case("CPRO-PAY-01", "absent", (drop("//cac:PaymentMeans"),), (drop(at.MEANS),), kinds=(INVOICE, CII)),
    Case("CPRO-PAY-01", "empty", (text(at.UBL_CODE, ""),), (text(at.CODE, ""),), kinds=(INVOICE, CII)),
    Case(
        "CPRO-PAY-01",
        "absent from a credit note",
        (drop("//cac:PaymentMeans"),),
        (drop(at.MEANS), text(at.TYPE, "381")),
        fires=False,
        kinds=(CREDIT_NOTE, CII),
    ),
    Case("CPRO-PAY-01", "absent, type 381", (drop("//cac:PaymentMeans"), text(at.UBL_TYPE, "381")), fires=False, kinds=(INVOICE,)),
    Case(
        "CPRO-PAY-01", "absent from the profile MINIMUM", cii=(drop(at.MEANS), text(GUIDELINE, "urn:factur-x.eu:1p0:minimum")), fires=False
    ),
    same("CPRO-PAY-02", "57", at.UBL_CODE, at.CODE, "57"),
    same("CPRO-PAY-02", "netting", at.UBL_CODE, at.CODE, "97", fires=False),
    Case("CPRO-PAY-03", "a transfer without account", (drop("//cac:PayeeFinancialAccount"),), (drop(at.ACCOUNT),)),
    Case(
        "CPRO-PAY-03",
        "a cheque without account",
        (drop(at.UBL_ACCOUNT), text(at.UBL_CODE, "20")),
        (drop(at.ACCOUNT), text(at.CODE, "20")),
        fires=False,
    ),
    same("CPRO-PAY-04", "a Maltese IBAN", at.UBL_ACCOUNT, at.ACCOUNT, at.MALTESE),
    same("CPRO-PAY-05", "a national account", at.UBL_ACCOUNT, at.ACCOUNT, "44421800"),
    same("CPRO-PAY-05", "letters of the key", at.UBL_ACCOUNT, at.ACCOUNT, "FRAA30006000011234567890189"),
    same("CPRO-PAY-06", "a wrong key", at.UBL_ACCOUNT, at.ACCOUNT, "FR7730006000011234567890189"),
    same("CPRO-PAY-06", "two letters exchanged", at.UBL_ACCOUNT, at.ACCOUNT, "GB82WSET12345698765432"),
    same("CPRO-PAY-06", "groups of four", at.UBL_ACCOUNT, at.ACCOUNT, "FR76 3000 6000 0112 3456 7890 189", fires=False),
    same("CPRO-PAY-06", "letters in the account", at.UBL_ACCOUNT, at.ACCOUNT, "GB82WEST12345698765432", fires=False),
    Case("CPRO-PRI-01", "a gross price alone", cii=(add(PRICES, GROSS.format("")),)),
    Case("CPRO-PRI-01", "a gross price and its discount", cii=(add(PRICES, GROSS.format(DISCOUNT)),), fires=False),
)

LINK = "https://exemple.fr/planning.pdf"

ATTACHMENTS = (
    named("CPRO-ATT-01", "51 characters", "n" * 47 + ".pdf"),
    named("CPRO-ATT-01", "50 characters", "n" * 46 + ".pdf", fires=False),
    named("CPRO-ATT-01", "a folder", "dossier/plan.pdf"),
    named("CPRO-ATT-01", "a folder, the other way", "dossier\\plan.pdf"),
    named("CPRO-ATT-02", "a program", "plan.exe"),
    named("CPRO-ATT-02", "no extension", "plan"),
    named("CPRO-ATT-02", "nothing but letters at the end", "planpdf"),
    named("CPRO-ATT-02", "a sheet", "plan.v2.xlsx", fires=False),
    same("CPRO-ATT-03", "nothing", at.UBL_CONTENT, at.CONTENT, ""),
    same("CPRO-ATT-03", "blanks", at.UBL_CONTENT, at.CONTENT, "\n   \n"),
    Case(
        "CPRO-ATT-04",
        "a link",
        (
            drop(at.UBL_CONTENT),
            add(f"{at.UBL_PIECE}/cac:Attachment", f"<cac:ExternalReference><cbc:URI>{LINK}</cbc:URI></cac:ExternalReference>"),
        ),
        (drop(at.CONTENT), add(at.PIECE, f"<ram:URIID>{LINK}</ram:URIID>")),
    ),
    Case("CPRO-ATT-04", "neither link nor content", (drop(at.UBL_CONTENT),), (drop(at.CONTENT),), fires=False),
    Case(
        "CPRO-ATT-05",
        "no name",
        (attribute(at.UBL_CONTENT, "filename", ""), text(f"{at.UBL_PIECE}/cbc:ID", "")),
        (attribute(at.CONTENT, "filename", ""), text(f"{at.PIECE}/ram:IssuerAssignedID", "")),
    ),
    Case(
        "CPRO-ATT-05",
        "named by its reference",
        (attribute(at.UBL_CONTENT, "filename", ""),),
        (attribute(at.CONTENT, "filename", ""),),
        fires=False,
    ),
)

CASES = IDENTIFIERS + ROUTING + DOCUMENT + PAYMENT + ATTACHMENTS
