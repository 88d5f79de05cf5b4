"""Status returns: what the State said of an invoice, repeated to the partner in the invoice branch of CPPStatut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Settings
from gateway.formats import cpp_statut
from gateway.markup import legible
from gateway.model import InvoiceRow, KeptStatus, Party, StatusNews
from gateway.status_return import status_return
from gateway.statuses import CODES
from tests.unit.return_samples import ANY_TEXT, AT, LONG_TEXT, PARTNER, PATTERN, an_invoice, row, statut

UNIT = "CPPFactureStatuts/CPPFactureStatutUnitaire"


def news(**changes: Any) -> StatusNews:
    given: dict[str, Any] = {"code": "03", "at": "2026-11-22T10:00:00.000+01:00", "number": "FA-1"}
    return StatusNews(**{**given, "supplier": Party("1", "00000000000727"), **changes})


def kept(said: StatusNews | None = None) -> KeptStatus:
    return KeptStatus(1, "F261122-000007", 1, "demo", said or news(), AT, "CSO")


def told(*pairs: tuple[KeptStatus, InvoiceRow], **settings: Any) -> tuple[str, Any]:
    name, body = status_return(PARTNER, pairs, number=9, produced_at=AT, settings=Settings(**settings))
    return name, statut(body)


def test_its_name_is_of_fen1200a_and_its_envelope_names_both_ends() -> None:
    name, root = told((kept(), row()), operator_code="OPE007")
    assert name == "FEN1200A_DEM001_DEM0011200000000000000009"
    assert (root.findtext(".//Recepteur/Id"), root.findtext(".//Emetteur/Id")) == ("DEM001", "OPE007")
    assert [p.findtext("Code") for p in root.iter("ParametreIndiv")] == ["DtPrd", "IdFlx"]
    assert root.findtext(".//ParametreIndiv[2]/Valeurparametre") == "DEM0011200000000000000009"


def test_what_the_state_said_is_repeated_with_its_own_date_as_written() -> None:
    said = news(code="06", at="2018-02-22T16:06:38", complement="Pièce manquante", comment="BPU absent")
    _, root = told((kept(said), row()))
    data = {child.tag: child.text for child in root.find(f"{UNIT}/DonneesStatut")}
    assert data == {
        "IdStatut": "06", "ComplementStatut": "Pièce manquante", "Commentaire": "BPU absent", "Horodatage": "2018-02-22T16:06:38",
        "IdFacture": "FA-1", "DateFacture": "2026-11-20",
    }  # fmt: skip


def test_invoice_supplier_and_recipient_are_those_of_the_document_we_hold() -> None:
    _, root = told((kept(), row()))
    assert [c.text for c in root.find(f"{UNIT}/Fournisseur")] == ["1", "00000000000727", "Fournisseur & fils", "FR"]
    assert [c.text for c in root.find(f"{UNIT}/Debiteur")] == ["1", "11000201100044", "État", "SRV01"]


def test_statuses_are_counted_and_stay_in_order() -> None:
    pairs = [(kept(news(code=f"{n:02d}")), row(n)) for n in range(1, 13)]
    _, root = told(*pairs)
    assert root.find("CPPFactureStatuts").get("compteur") == "12"
    assert [u.get("NumOrdre") for u in root.findall(UNIT)] == [f"{n:04d}" for n in range(1, 13)]
    assert [u.findtext("DonneesStatut/IdStatut") for u in root.findall(UNIT)] == [f"{n:02d}" for n in range(1, 13)]


def test_a_complement_too_long_for_its_field_stands_in_full_in_the_comment() -> None:
    said = news(complement="é" * 41, comment="suite")
    _, root = told((kept(said), row()))
    assert root.findtext(f"{UNIT}/DonneesStatut/ComplementStatut") == "é" * 39 + "…"
    assert root.findtext(f"{UNIT}/DonneesStatut/Commentaire") == "é" * 41 + " – suite"


@pytest.mark.parametrize("at", ["", "22/11/2026", "2026-02-30T00:00:00"])
def test_a_date_that_is_none_is_replaced_by_the_time_at_which_we_took_the_message(at: str) -> None:
    _, root = told((kept(news(at=at)), row()))
    assert root.findtext(f"{UNIT}/DonneesStatut/Horodatage") == "2026-11-22T09:30:15.123+01:00"


def test_a_recipient_that_is_no_siret_becomes_fourteen_zeroes() -> None:
    _, root = told((kept(), row(invoice=an_invoice(recipient="SIRET inconnu"))))
    assert root.findtext(f"{UNIT}/Debiteur/Identifiant") == "0" * 14


@pytest.mark.parametrize(("identifier", "kind"), [("00000000000727", "1"), ("BE0429958042", "6")])
def test_a_supplier_without_a_known_type_gets_the_one_its_form_allows(identifier: str, kind: str) -> None:
    _, root = told((kept(news(supplier=Party())), row(invoice=an_invoice(supplier=Party("", identifier)))))
    assert root.findtext(f"{UNIT}/Fournisseur/TypeIdentifiant") == kind
    assert root.findtext(f"{UNIT}/Fournisseur/RaisonSociale") == identifier


def test_a_return_about_nothing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one"):
        status_return(PARTNER, [], number=1, produced_at=AT, settings=Settings())


@given(st.sampled_from(sorted(CODES)), LONG_TEXT, LONG_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_gives_a_valid_return(code: str, complement: str, comment: str, name: str, anything: str) -> None:
    said = news(code=code, at=anything, complement=complement, comment=comment, service=anything)
    invoice = an_invoice(
        number=f"N{anything}", issue_date=anything, recipient=anything, recipient_name=name, service=anything * 4,
        supplier=Party(anything, f"S{name}", name, anything),
    )  # fmt: skip
    _, root = told((kept(said), row(invoice=invoice)))
    assert root.findtext(f"{UNIT}/DonneesStatut/IdFacture") == legible(f"N{anything}")
    assert legible(complement) in (root.findtext(f"{UNIT}/DonneesStatut/{tag}") or "" for tag in ("ComplementStatut", "Commentaire")) or (
        legible(complement) in root.findtext(f"{UNIT}/DonneesStatut/Commentaire")
    )


@given(st.sampled_from(sorted(CODES)), st.text("abc é€", max_size=40), st.text("abc é€", max_size=200))
def test_our_own_reader_reads_back_what_we_pass_on(code: str, complement: str, comment: str) -> None:
    said = news(code=code, complement=complement.strip(), comment=comment.strip())
    _, root = told((kept(said), row()))
    reports, (read,) = cpp_statut.read(root, number_pattern=PATTERN)
    assert reports == []
    assert (read.code, read.at, read.number, read.supplier.id) == (said.code, said.at, said.number, said.supplier.id)
    assert (read.complement, read.comment) == (said.complement, said.comment)
