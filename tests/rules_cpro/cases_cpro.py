"""The cases of the pack CPRO: for every rule at least one document that breaks it, and the nearest ones that do not."""

from __future__ import annotations

from tests.rules_cpro.documents import CII, CREDIT_NOTE, INVOICE, Case, add, attribute, drop, scheme, text

AGREEMENT = "//ram:ApplicableHeaderTradeAgreement"
SETTLEMENT = "//ram:ApplicableHeaderTradeSettlement"
HEAD = "//rsm:ExchangedDocument"

UBL_SUPPLIER = "//cac:AccountingSupplierParty/cac:Party"
UBL_SUPPLIER_ID = f"{UBL_SUPPLIER}/cac:PartyIdentification/cbc:ID"
UBL_SUPPLIER_VAT = f"{UBL_SUPPLIER}/cac:PartyTaxScheme/cbc:CompanyID"
UBL_RECIPIENT = "//cac:AccountingCustomerParty/cac:Party"
UBL_RECIPIENT_ID = f"{UBL_RECIPIENT}/cac:PartyIdentification/cbc:ID"
UBL_TYPE = "/*/cbc:InvoiceTypeCode | /*/cbc:CreditNoteTypeCode"
UBL_DUE = "//cbc:PayableAmount"
UBL_CODE = "//cbc:PaymentMeansCode"
UBL_ACCOUNT = "//cac:PayeeFinancialAccount"
UBL_PIECE = "//cac:AdditionalDocumentReference"
UBL_CONTENT = f"{UBL_PIECE}/cac:Attachment/cbc:EmbeddedDocumentBinaryObject"
UBL_ORDER = "/*/cac:OrderReference/cbc:ID"

SELLER = f"{AGREEMENT}/ram:SellerTradeParty"
SELLER_VAT = f"{SELLER}/ram:SpecifiedTaxRegistration/ram:ID"
BUYER = f"{AGREEMENT}/ram:BuyerTradeParty"
FRAMEWORK = "//ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"
TYPE = f"{HEAD}/ram:TypeCode"
DUE = "//ram:DuePayableAmount"
MEANS = f"{SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
ACCOUNT = f"{MEANS}/ram:PayeePartyCreditorFinancialAccount"
PIECE = f"{AGREEMENT}/ram:AdditionalReferencedDocument"
CONTENT = f"{PIECE}/ram:AttachmentBinaryObject"
ORDER = f"{AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"

MALTESE = "MT84MALT011000012345MTLCAST001S"


def supplier(rule: str, what: str, name: str, value: str, *, fires: bool = True) -> Case:
    """The supplier's identifier is another one, under another scheme."""
    return Case(rule, what, (scheme(UBL_SUPPLIER_ID, name, value),), (scheme(f"{SELLER}/ram:GlobalID", name, value),), fires)


def same(rule: str, what: str, ubl: str, cii: str, value: str, *, fires: bool = True) -> Case:
    """The same text at the place of each syntax."""
    return Case(rule, what, (text(ubl, value),), (text(cii, value),), fires)


IDENTIFIERS = (
    Case("CPRO-ID-01", "no identifier at all", (drop(f"{UBL_SUPPLIER}/cac:PartyIdentification", f"{UBL_SUPPLIER}/cac:PartyTaxScheme",
         f"{UBL_SUPPLIER}/cac:PartyLegalEntity/cbc:CompanyID"),),
         (drop(f"{SELLER}/ram:GlobalID", f"{SELLER}/ram:SpecifiedLegalOrganization", f"{SELLER}/ram:SpecifiedTaxRegistration"),)),
    Case("CPRO-ID-01", "an unknown scheme alone", (scheme(UBL_SUPPLIER_ID, "0088", "7300010000001"),
         drop(f"{UBL_SUPPLIER}/cac:PartyTaxScheme", f"{UBL_SUPPLIER}/cac:PartyLegalEntity/cbc:CompanyID")),
         (scheme(f"{SELLER}/ram:GlobalID", "0088", "7300010000001"),
          drop(f"{SELLER}/ram:SpecifiedLegalOrganization", f"{SELLER}/ram:SpecifiedTaxRegistration"))),
    Case("CPRO-ID-01", "a Belgian VAT number alone", (drop(f"{UBL_SUPPLIER}/cac:PartyIdentification",
         f"{UBL_SUPPLIER}/cac:PartyLegalEntity/cbc:CompanyID"), text(UBL_SUPPLIER_VAT, "BE0429958042")),
         (drop(f"{SELLER}/ram:GlobalID", f"{SELLER}/ram:SpecifiedLegalOrganization"), text(SELLER_VAT, "BE0429958042")), fires=False),
    Case("CPRO-ID-02", "the SIREN alone", (drop(f"{UBL_SUPPLIER}/cac:PartyIdentification"),), (drop(f"{SELLER}/ram:GlobalID"),)),
    Case("CPRO-ID-02", "a French VAT number alone",
         (drop(f"{UBL_SUPPLIER}/cac:PartyIdentification", f"{UBL_SUPPLIER}/cac:PartyLegalEntity/cbc:CompanyID"),),
         (drop(f"{SELLER}/ram:GlobalID", f"{SELLER}/ram:SpecifiedLegalOrganization"),)),
    supplier("CPRO-ID-02", "a SIRET under the SIREN's scheme", "0002", "90536214100236", fires=False),
    supplier("CPRO-ID-02", "a SIRET without scheme", "", "90536214100236", fires=False),
    Case("CPRO-ID-02", "a SIRET as electronic address alone",
         (drop(f"{UBL_SUPPLIER}/cac:PartyIdentification"), add(UBL_SUPPLIER, '<cbc:EndpointID schemeID="0009">90536214100236</cbc:EndpointID>')),
         (drop(f"{SELLER}/ram:GlobalID"), add(SELLER, '<ram:URIUniversalCommunication><ram:URIID schemeID="0009">90536214100236</ram:URIID>'
          "</ram:URIUniversalCommunication>")), fires=False),
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
    same("CPRO-ID-09", "a wrong key", UBL_SUPPLIER_VAT, SELLER_VAT, "FR21905362141"),
    same("CPRO-ID-09", "a SIREN too short", UBL_SUPPLIER_VAT, SELLER_VAT, "FR2090536214"),
    same("CPRO-ID-09", "a key of letters", UBL_SUPPLIER_VAT, SELLER_VAT, "FRK7905362141", fires=False),
    Case("CPRO-ID-10", "the SIREN alone", (drop(f"{UBL_RECIPIENT}/cac:PartyIdentification"),), (drop(f"{BUYER}/ram:GlobalID"),)),
    Case("CPRO-ID-10", "13 digits", (scheme(UBL_RECIPIENT_ID, "0009", "2135099950001"),),
         (scheme(f"{BUYER}/ram:GlobalID", "0009", "2135099950001"),)),
    Case("CPRO-ID-10", "a SIRET without scheme", (scheme(UBL_RECIPIENT_ID, "", "21350999500014"),),
         (scheme(f"{BUYER}/ram:GlobalID", "", "21350999500014"),), fires=False),
    Case("CPRO-ID-10", "a SIRET as electronic address alone",
         (drop(f"{UBL_RECIPIENT}/cac:PartyIdentification"), add(UBL_RECIPIENT, '<cbc:EndpointID schemeID="0009">21350999500014</cbc:EndpointID>')),
         (drop(f"{BUYER}/ram:GlobalID"), add(BUYER, '<ram:URIUniversalCommunication><ram:URIID schemeID="0009">21350999500014</ram:URIID>'
          "</ram:URIUniversalCommunication>")), fires=False),
)  # fmt: skip


def to_the_state(siret: str, engagement: str, what: str, *, fires: bool = True) -> Case:
    """The recipient is the State."""
    return Case("CPRO-RT-04", what, (text(UBL_RECIPIENT_ID, siret), text(UBL_ORDER, engagement)),
                (text(f"{BUYER}/ram:GlobalID", siret), text(ORDER, engagement)), fires)  # fmt: skip


def longest(rule: str, ubl: str, cii: str, most: int) -> tuple[Case, Case]:
    """One character too many, and the longest text there may be."""
    return same(rule, f"{most + 1} characters", ubl, cii, "9" * (most + 1)), same(rule, f"{most} characters", ubl, cii, "9" * most, fires=False)


VALIDATOR = "<ram:InvoiceeTradeParty><ram:ID{}>{}</ram:ID></ram:InvoiceeTradeParty>"

ROUTING = (
    *longest("CPRO-RT-01", "/*/cbc:BuyerReference", f"{AGREEMENT}/ram:BuyerReference", 100),
    *longest("CPRO-RT-02", UBL_ORDER, ORDER, 50),
    *longest("CPRO-RT-03", "/*/cac:ContractDocumentReference/cbc:ID", f"{AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID", 50),
    to_the_state("11000201100044", "2026VO0091", "letters in the engagement"),
    to_the_state("00000000000000", "150196674", "9 digits, SIRET not told"),
    to_the_state("11000201100044", "1501966748", "10 digits", fires=False),
    to_the_state("11000201100044", "", "no engagement", fires=False),
    *longest("CPRO-RT-05", "//cac:InvoiceDocumentReference/cbc:ID", f"{SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID", 20),
    Case("CPRO-RT-06", "a validator by its SIREN", cii=(add(SETTLEMENT, VALIDATOR.format(' schemeID="0002"', "905362141")),)),
    Case("CPRO-RT-06", "a validator by its SIRET", cii=(add(SETTLEMENT, VALIDATOR.format("", "90536214100236")),), fires=False),
    same("CPRO-FW-01", "A26", "/*/cbc:ProfileID", FRAMEWORK, "A26"),
    same("CPRO-FW-01", "a framework of 2026", "/*/cbc:ProfileID", FRAMEWORK, "S1"),
    same("CPRO-FW-01", "A22", "/*/cbc:ProfileID", FRAMEWORK, "A22", fires=False),
    Case("CPRO-FW-01", "absent", (drop("/*/cbc:ProfileID"),), (drop("//ram:BusinessProcessSpecifiedDocumentContextParameter"),), fires=False),
    same("CPRO-FW-02", "already paid, something due", "/*/cbc:ProfileID", FRAMEWORK, "A2"),
    Case("CPRO-FW-02", "already paid, nothing due", (text("/*/cbc:ProfileID", "A2"), text(UBL_DUE, "0.00")),
         (text(FRAMEWORK, "A2"), text(DUE, "0")), fires=False),
    same("CPRO-FW-03", "A5", "/*/cbc:ProfileID", FRAMEWORK, "A5"),
    same("CPRO-FW-03", "A11", "/*/cbc:ProfileID", FRAMEWORK, "A11"),
    same("CPRO-FW-03", "A9", "/*/cbc:ProfileID", FRAMEWORK, "A9", fires=False),
)  # fmt: skip

DOCUMENT = (
    same("CPRO-NUM-01", "empty", "/*/cbc:ID", f"{HEAD}/ram:ID", " "),
    Case("CPRO-NUM-01", "absent", (drop("/*/cbc:ID"),), (drop(f"{HEAD}/ram:ID"),)),
    *longest("CPRO-NUM-02", "/*/cbc:ID", f"{HEAD}/ram:ID", 20),
    same("CPRO-NUM-03", "a full stop", "/*/cbc:ID", f"{HEAD}/ram:ID", "TPO.26"),
    same("CPRO-NUM-03", "an accent", "/*/cbc:ID", f"{HEAD}/ram:ID", "ÉTÉ 26"),
    same("CPRO-NUM-03", "every sign", "/*/cbc:ID", f"{HEAD}/ram:ID", "a Z-0+1_2/3;4", fires=False),
    same("CPRO-DOC-01", "386", UBL_TYPE, TYPE, "386"),
    same("CPRO-DOC-01", "384", UBL_TYPE, TYPE, "384"),
    same("CPRO-DOC-01", "381", UBL_TYPE, TYPE, "381", fires=False),
    Case("CPRO-DOC-02", "absent", (drop(UBL_TYPE),), (drop(TYPE),)),
    same("CPRO-DOC-02", "empty", UBL_TYPE, TYPE, ""),
    same("CPRO-DOC-03", "small letters", "/*/cbc:DocumentCurrencyCode", f"{SETTLEMENT}/ram:InvoiceCurrencyCode", "eur"),
    same("CPRO-DOC-03", "a dinar", "/*/cbc:DocumentCurrencyCode", f"{SETTLEMENT}/ram:InvoiceCurrencyCode", "RSD", fires=False),
    Case("CPRO-DOC-04", "as the other syntax writes it", (text("/*/cbc:IssueDate", "20260320"),),
         (text(f"{HEAD}/ram:IssueDateTime/*", "2026-03-20"),)),
    Case("CPRO-DOC-04", "month 13", (text("/*/cbc:IssueDate", "2026-13-20"),), (text(f"{HEAD}/ram:IssueDateTime/*", "20261320"),)),
    Case("CPRO-DOC-04", "the last day", (text("/*/cbc:IssueDate", "2026-12-31"),), (text(f"{HEAD}/ram:IssueDateTime/*", "20261231"),),
         fires=False),
    Case("CPRO-DOC-05", "a credit note below zero", (text(UBL_TYPE, "381"), text(UBL_DUE, "-5.00")), (text(TYPE, "381"), text(DUE, "-5.00"))),
    Case("CPRO-DOC-05", "an invoice below zero", (text(UBL_DUE, "-5.00"),), (text(DUE, "-5.00"),), fires=False, kinds=(INVOICE, CII)),
)  # fmt: skip

GROSS = "<ram:GrossPriceProductTradePrice><ram:ChargeAmount>98.40</ram:ChargeAmount>{}</ram:GrossPriceProductTradePrice>"
DISCOUNT = "<ram:AppliedTradeAllowanceCharge><ram:ActualAmount>0.00</ram:ActualAmount></ram:AppliedTradeAllowanceCharge>"
PRICES = "//ram:SpecifiedLineTradeAgreement"
GUIDELINE = "//ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"

PAYMENT = (
    Case("CPRO-PAY-01", "absent", (drop("//cac:PaymentMeans"),), (drop(MEANS),), kinds=(INVOICE, CII)),
    Case("CPRO-PAY-01", "empty", (text(UBL_CODE, ""),), (text(f"{MEANS}/ram:TypeCode", ""),), kinds=(INVOICE, CII)),
    Case("CPRO-PAY-01", "absent from a credit note", (drop("//cac:PaymentMeans"),), (drop(MEANS), text(TYPE, "381")), fires=False,
         kinds=(CREDIT_NOTE, CII)),
    Case("CPRO-PAY-01", "absent from the profile MINIMUM", cii=(drop(MEANS), text(GUIDELINE, "urn:factur-x.eu:1p0:minimum")), fires=False),
    same("CPRO-PAY-02", "57", UBL_CODE, f"{MEANS}/ram:TypeCode", "57"),
    same("CPRO-PAY-02", "netting", UBL_CODE, f"{MEANS}/ram:TypeCode", "97", fires=False),
    Case("CPRO-PAY-03", "a transfer without account", (drop(UBL_ACCOUNT),), (drop(ACCOUNT),)),
    Case("CPRO-PAY-03", "a cheque without account", (drop(UBL_ACCOUNT), text(UBL_CODE, "20")), (drop(ACCOUNT), text(f"{MEANS}/ram:TypeCode", "20")),
         fires=False),
    same("CPRO-PAY-04", "a Maltese IBAN", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", MALTESE),
    same("CPRO-PAY-05", "a national account", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", "44421800"),
    same("CPRO-PAY-05", "letters of the key", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", "FRAA30006000011234567890189"),
    same("CPRO-PAY-06", "a wrong key", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", "FR7730006000011234567890189"),
    same("CPRO-PAY-06", "two letters exchanged", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", "GB82WSET12345698765432"),
    same("CPRO-PAY-06", "groups of four", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", "FR76 3000 6000 0112 3456 7890 189", fires=False),
    same("CPRO-PAY-06", "letters in the account", f"{UBL_ACCOUNT}/cbc:ID", f"{ACCOUNT}/ram:IBANID", "GB82WEST12345698765432", fires=False),
    Case("CPRO-PRI-01", "a gross price alone", cii=(add(PRICES, GROSS.format("")),)),
    Case("CPRO-PRI-01", "a gross price and its discount", cii=(add(PRICES, GROSS.format(DISCOUNT)),), fires=False),
)  # fmt: skip


def named(rule: str, what: str, name: str, *, fires: bool = True) -> Case:
    """The attachment bears another name."""
    return Case(rule, what, (attribute(UBL_CONTENT, "filename", name),), (attribute(CONTENT, "filename", name),), fires)


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
    same("CPRO-ATT-03", "nothing", UBL_CONTENT, CONTENT, ""),
    same("CPRO-ATT-03", "blanks", UBL_CONTENT, CONTENT, "\n   \n"),
    Case("CPRO-ATT-04", "a link", (drop(UBL_CONTENT), add(f"{UBL_PIECE}/cac:Attachment",
         f"<cac:ExternalReference><cbc:URI>{LINK}</cbc:URI></cac:ExternalReference>")), (drop(CONTENT), add(PIECE, f"<ram:URIID>{LINK}</ram:URIID>"))),
    Case("CPRO-ATT-04", "neither link nor content", (drop(UBL_CONTENT),), (drop(CONTENT),), fires=False),
    Case("CPRO-ATT-05", "no name", (attribute(UBL_CONTENT, "filename", ""), text(f"{UBL_PIECE}/cbc:ID", "")),
         (attribute(CONTENT, "filename", ""), text(f"{PIECE}/ram:IssuerAssignedID", ""))),
    Case("CPRO-ATT-05", "named by its reference", (attribute(UBL_CONTENT, "filename", ""),), (attribute(CONTENT, "filename", ""),), fires=False),
)  # fmt: skip

CASES = IDENTIFIERS + ROUTING + DOCUMENT + PAYMENT + ATTACHMENTS
