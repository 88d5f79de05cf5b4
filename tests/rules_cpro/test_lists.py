"""The code lists of the pack CPRO, code by code: schemes, frameworks, payment means, extensions are those of the rest of the code."""

from __future__ import annotations

import pytest

from gateway.formats.identifiers import SCHEMES
from gateway.rules.attachments import EXTENSIONS
from gateway.rules.framework import FRAMEWORKS
from tests.rules_cpro import places as at
from tests.rules_cpro.documents import CII, INVOICE, TWIN, Edit, attribute, changed, drop, scheme, text
from tests.rules_cpro.evaluation import findings

FORMS = {"1": "CPRO-ID-03", "2": "CPRO-ID-04", "3": "CPRO-ID-06", "4": "CPRO-ID-07", "5": "CPRO-ID-08"}
"""The rule on the form of each identifier type; types 6 and 7 are free."""

BY_EDI = {"A1", "A2", "A4", "A7", "A8", "A9", "A10", "A12", "A13", "A14", "A22"}
MEANS = ("01", "10", "20", "30", "31", "42", "48", "49", "58", "59", "97")
TO_AN_ACCOUNT = {"30", "31", "42"}

BOUNDS = (
    ("2", "BE12", True), ("2", "BE1", False), ("2", "BE" + "1" * 13, True), ("2", "BE" + "1" * 14, False),
    ("3", "KRS", True), ("4", "123456789", True), ("4", "12345678901", False), ("5", "3500416790", False),
)  # fmt: skip
"""(identifier type, value, whether it is formed as it must be)."""


def both(ubl: tuple[Edit, ...], cii: tuple[Edit, ...]) -> set[str]:
    """The rules that fire on both changed invoices; AssertionError when the twins differ."""
    first, second = ({f.rule for f in findings("CPRO", TWIN[kind], changed(kind, edits))} for kind, edits in ((INVOICE, ubl), (CII, cii)))
    assert first == second
    return first


def alone(name: str, value: str) -> set[str]:
    """The supplier bears this identifier and no other."""
    ubl = (scheme(at.UBL_SUPPLIER_ID, name, value), drop(at.UBL_SUPPLIER_SIREN, f"{at.UBL_SUPPLIER}/cac:PartyTaxScheme"))
    return both(ubl, (scheme(at.SELLER_ID, name, value), drop(at.SELLER_SIREN, f"{at.SELLER}/ram:SpecifiedTaxRegistration")))


@pytest.mark.parametrize(("name", "kind"), sorted(SCHEMES.items()))
def test_every_scheme_of_a_supplier_is_known_and_its_form_is_checked(name: str, kind: str) -> None:
    assert alone(name, "?") == ({FORMS[kind]} if kind in FORMS else set())


@pytest.mark.parametrize(("kind", "value", "formed"), BOUNDS)
def test_the_shortest_and_the_longest_identifiers(kind: str, value: str, formed: bool) -> None:
    assert alone(kind, value) == (set() if formed else {FORMS[kind]})


def test_the_meaning_of_type_2_is_told_under_both_schemes() -> None:
    assert alone("0223", "FR20905362141") == alone("2", "FR20905362141") == {"CPRO-ID-05"}


@pytest.mark.parametrize("number", ["BE12", "BE" + "1" * 13])
def test_a_vat_number_of_the_union_is_identifier_enough(number: str) -> None:
    ubl = (drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification", at.UBL_SUPPLIER_SIREN), text(at.UBL_SUPPLIER_VAT, number))
    for name in ("VA", "VAT"):
        assert both(ubl, (drop(at.SELLER_ID, at.SELLER_SIREN), scheme(at.SELLER_VAT, name, number))) == set()


@pytest.mark.parametrize("number", ["BE1", "BE" + "1" * 14, "CH123456789", "123"])
def test_another_tax_number_is_not(number: str) -> None:
    ubl = (drop(f"{at.UBL_SUPPLIER}/cac:PartyIdentification", at.UBL_SUPPLIER_SIREN), text(at.UBL_SUPPLIER_VAT, number))
    assert both(ubl, (drop(at.SELLER_ID, at.SELLER_SIREN), text(at.SELLER_VAT, number))) == {"CPRO-ID-01"}


@pytest.mark.parametrize("number", ["90536214", "9053621410"])
def test_a_number_without_scheme_that_is_no_siren_is_no_identifier(number: str) -> None:
    assert alone("", number) == {"CPRO-ID-01"}


def test_a_siren_without_scheme_is_told_as_a_siren() -> None:
    assert alone("", "905362141") == {"CPRO-ID-02"}


def test_the_key_of_a_french_vat_number_is_checked_under_both_names_of_the_scheme() -> None:
    for name in ("VA", "VAT"):
        assert both((text(at.UBL_SUPPLIER_VAT, "FR21905362141"),), (scheme(at.SELLER_VAT, name, "FR21905362141"),)) == {"CPRO-ID-09"}


@pytest.mark.parametrize("name", sorted(name for name, kind in SCHEMES.items() if kind == "1"))
@pytest.mark.parametrize(("value", "expected"), [("21350999500014", set()), ("2135099950001", {"CPRO-ID-10"})])
def test_every_scheme_of_a_recipient_is_known(name: str, value: str, expected: set[str]) -> None:
    assert both((scheme(at.UBL_RECIPIENT_ID, name, value),), (scheme(at.BUYER_ID, name, value),)) == expected


@pytest.mark.parametrize("code", sorted(FRAMEWORKS))
def test_every_framework_is_known_and_edi_takes_some(code: str) -> None:
    found = both((text(at.UBL_FRAMEWORK, code), text(at.UBL_DUE, "0")), (text(at.FRAMEWORK, code), text(at.DUE, "0")))
    assert found == (set() if code in BY_EDI else {"CPRO-FW-03"})


@pytest.mark.parametrize("code", MEANS)
def test_every_payment_means_is_known_and_some_ask_for_an_account(code: str) -> None:
    assert both((text(at.UBL_CODE, code),), (text(at.CODE, code),)) == set()
    without = both((text(at.UBL_CODE, code), drop("//cac:PayeeFinancialAccount")), (text(at.CODE, code), drop(at.ACCOUNT)))
    assert without == ({"CPRO-PAY-03"} if code in TO_AN_ACCOUNT else set())
    wrong = both((text(at.UBL_CODE, code), text(at.UBL_ACCOUNT, "44421800")), (text(at.CODE, code), text(at.ACCOUNT, "44421800")))
    assert wrong == ({"CPRO-PAY-05"} if code in TO_AN_ACCOUNT else set())


@pytest.mark.parametrize(
    ("iban", "expected"),
    [
        ("NO9386011117947", set()), ("NO938601111794", {"CPRO-PAY-05"}), ("PL61109010140000071219812874", {"CPRO-PAY-04"}),
        ("ZZ29" + "9" * 30, {"CPRO-PAY-04"}), ("ZZ05" + "9" * 31, {"CPRO-PAY-04", "CPRO-PAY-05"}),
    ],
)  # fmt: skip
def test_the_shortest_and_the_longest_ibans(iban: str, expected: set[str]) -> None:
    assert both((text(at.UBL_ACCOUNT, iban),), (text(at.ACCOUNT, iban),)) == expected


@pytest.mark.parametrize("extension", sorted(EXTENSIONS))
def test_every_extension_is_taken_in_capitals_and_not(extension: str) -> None:
    for name in (f"a.{extension}", f"a.{extension.lower()}"):
        assert both((attribute(at.UBL_CONTENT, "filename", name),), (attribute(at.CONTENT, "filename", name),)) == set()
