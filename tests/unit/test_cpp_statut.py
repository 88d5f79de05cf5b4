"""What the State tells, read: reports on flows, statuses of invoices, and never one taken for the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.config import Destination
from gateway.errors import ConfigError
from gateway.formats.cpp_statut import Answer, read, read_answer
from gateway.markup import element, escaped, legible
from gateway.model import IntegrationReport, Party, ReportLine, StatusNews
from tests.unit.return_samples import LONG_TEXT, PATTERN, schema

ENVELOPE = """<Enveloppe><EnveloppeUnitaire NumOrdre="1"><Parametres>
<ParametreIndiv NumOrdre="0001"><Code>DtPrd</Code><Valeurparametre>2026-11-22T10:00:00</Valeurparametre></ParametreIndiv>
<ParametreIndiv NumOrdre="0002"><Code>IdFlx</Code><Valeurparametre>CPP0011200000000000000001</Valeurparametre></ParametreIndiv>
</Parametres><Partenaires><Recepteur><Id>DEM001</Id></Recepteur><Emetteur><Id>CPP001</Id></Emetteur></Partenaires>
</EnveloppeUnitaire></Enveloppe>"""
ERROR = "<LigneErreurDetail IdLigne='1'>{}</LigneErreurDetail>"


def document(branch: str) -> Any:
    return etree.fromstring(f'<CPPStatut Version="1.19">{ENVELOPE}{branch}</CPPStatut>'.encode())


def report_branch(status: str = "96", flow_id: str = "DEM0011100000000000000001", errors: str = "", count: int | None = None) -> str:
    n = errors.count("<LigneErreurDetail") if count is None else count
    details = f'<Details NbLignesErreur="{n}">{errors}</Details>' if errors else ""
    return (
        f'<CPPFluxStatuts compteur="1"><CPPFluxStatutUnitaire NumOrdre="1"><DonneesStatut><IdStatut>{status}</IdStatut>'
        f"<Commentaire>dit l'État</Commentaire><Horodatage>2026-11-22T10:00:00</Horodatage><IdFlux>{flow_id}</IdFlux>{details}"
        "</DonneesStatut></CPPFluxStatutUnitaire></CPPFluxStatuts>"
    )


def status_unit(code: str = "06", number: str = "FA-1", supplier: str = "00000000000727", order: int = 1) -> str:
    return (
        f'<CPPFactureStatutUnitaire NumOrdre="{order}">'
        f"<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{supplier}</Identifiant>"
        "<RaisonSociale>Fournisseur</RaisonSociale><CodePays>FR</CodePays></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>"
        "<Identifiant>11000201100044</Identifiant><CodeService>SRV01</CodeService></Debiteur>"
        f"<DonneesStatut><IdStatut>{code}</IdStatut><ComplementStatut>Pièce</ComplementStatut><Commentaire>BPU</Commentaire>"
        "<Horodatage>2018-12-18T16:51:55.000+01:00</Horodatage><Producteur Id='CPP001'/>"
        f"<IdFacture>{number}</IdFacture></DonneesStatut></CPPFactureStatutUnitaire>"
    )


def statuses(*units: str, count: int | None = None) -> str:
    return f'<CPPFactureStatuts compteur="{len(units) if count is None else count}">{"".join(units)}</CPPFactureStatuts>'


def answer(root: Any, pattern: str = PATTERN) -> Answer:
    return read_answer(root, number_pattern=pattern, name="CSO")


def rules(root: Any) -> list[str]:
    return [f.rule for f in answer(root).findings]


def an_error(label: str, description: str = "") -> str:
    fields = element("NatureErreur", "F") + element("CodeErreur", "ERR_1") + element("LibelleErreur", label)
    return ERROR.format(fields + (element("DescriptionErreur", description) if description else ""))


def test_the_samples_of_this_test_follow_our_schema() -> None:
    for branch in (report_branch(errors=an_error("x")), report_branch(), statuses(status_unit())):
        schema("chorus/CPPStatut.xsd").assertValid(document(branch))


def test_a_flow_branch_is_an_integration_report_with_its_error_lines() -> None:
    described = "numeroDP=FA-7;identifiantFournisseur=00000000000727"
    reports, news = read(document(report_branch(errors=an_error("trop long", described))), number_pattern=PATTERN)
    line = ReportLine("F", "ERR_1", "trop long", described, "FA-7", "00000000000727")
    assert reports == [IntegrationReport("DEM0011100000000000000001", "96", "2026-11-22T10:00:00", (line,), "dit l'État")]
    assert news == []


def test_an_invoice_branch_is_statuses() -> None:
    reports, news = read(document(statuses(status_unit())), number_pattern=PATTERN)
    assert reports == []
    assert news == [StatusNews(
        code="06", at="2018-12-18T16:51:55.000+01:00", number="FA-1", supplier=Party("1", "00000000000727", "Fournisseur", "FR"),
        recipient="11000201100044", service="SRV01", complement="Pièce", comment="BPU",
    )]  # fmt: skip


@pytest.mark.parametrize("code", ["90", "92", "96"])
def test_a_flow_status_is_never_taken_for_an_invoice_status(code: str) -> None:
    assert read(document(report_branch(status=code)), number_pattern=PATTERN)[1] == []
    found = answer(document(statuses(status_unit(code=code))))
    assert (found.reports, found.news, [f.rule for f in found.findings]) == ([], [], ["CHO-011"])


def test_an_invoice_status_is_never_taken_for_a_flow_status() -> None:
    assert read(document(report_branch(status="05")), number_pattern=PATTERN) == ([], [])


@pytest.mark.parametrize("code", ["13", "37", "41"])
def test_statuses_without_a_public_label_are_read_all_the_same(code: str) -> None:
    assert [n.code for n in read(document(statuses(status_unit(code=code))), number_pattern=PATTERN)[1]] == [code]


@pytest.mark.parametrize("unit", [status_unit(code="42"), status_unit(code=""), status_unit(number=" "), status_unit(supplier="")])
def test_an_unusable_entry_is_told_with_its_place_and_the_others_are_read(unit: str) -> None:
    found = answer(document(statuses(status_unit(number="A"), unit.replace('NumOrdre="1"', 'NumOrdre="2"'), status_unit(number="C"))))
    assert [n.number for n in found.news] == ["A", "C"]
    (wrong,) = found.findings
    assert (wrong.rule, wrong.location) == ("CHO-011", "CPPFactureStatutUnitaire[@NumOrdre='2']")
    assert wrong.line is not None


@pytest.mark.parametrize(
    "xml", ["<CPPStatut/>", "<CPPFacturePivot/>", "<CPPStatut xmlns='urn:x'/>", "<CPPStatut><CPPFluxStatuts/></CPPStatut>"]
)
def test_a_document_that_says_nothing_is_malformed(xml: str) -> None:
    root = etree.fromstring(xml)
    assert read(root, number_pattern=PATTERN) == ([], [])
    assert rules(root) == ["CHO-011"]


def test_counts_that_do_not_hold_are_told_and_what_is_there_is_used() -> None:
    root = document(statuses(status_unit(), count=3))
    assert rules(root) == ["CHO-013"]
    assert len(answer(root).news) == 1
    assert rules(document(report_branch(errors=an_error("x"), count=2))) == ["CHO-013"]
    assert rules(document(statuses(status_unit(), count=1).replace('compteur="1"', 'compteur="0001"'))) == []


def test_the_envelope_says_for_whom_it_is() -> None:
    found = answer(document(report_branch()))
    assert (found.recipient, found.flow_id) == ("DEM001", "CPP0011200000000000000001")


def test_the_pattern_is_tried_on_the_description_then_on_the_label() -> None:
    def named(label: str, description: str) -> tuple[str, str]:
        (report,), _ = read(document(report_branch(errors=an_error(label, description))), number_pattern=PATTERN)
        return report.lines[0].number, report.lines[0].supplier

    assert named("numeroDP=B", "numeroDP=A;identifiantFournisseur=S") == ("A", "S")
    assert named("numeroDP= B ", "rien") == ("B", "")
    assert named("rien", "rien") == ("", "")


def test_the_pattern_is_the_destinations_own() -> None:
    root = document(report_branch(errors=an_error("Facture [FA-9] refusée")))
    (report,), _ = read(root, number_pattern=r"\[(?P<number>[^\]]+)\]")
    assert (report.lines[0].number, report.lines[0].supplier) == ("FA-9", "")
    assert Destination().number_pattern == PATTERN


@pytest.mark.parametrize("pattern", ["(", "numeroDP=(.*)"])
def test_a_pattern_that_cannot_serve_is_an_error_of_the_settings(pattern: str) -> None:
    with pytest.raises(ConfigError, match="number_pattern"):
        read(document(report_branch()), number_pattern=pattern)


def test_comments_inside_a_text_do_not_cut_it() -> None:
    (report,), _ = read(document(report_branch(flow_id="DEM001<!-- x -->1100<?pi?>7")), number_pattern=PATTERN)
    assert report.flow_id == "DEM00111007"


def test_a_missing_time_is_kept_as_missing() -> None:
    branch = statuses(status_unit()).replace("<Horodatage>2018-12-18T16:51:55.000+01:00</Horodatage>", "")
    assert [n.at for n in answer(document(branch)).news] == [""]


@given(LONG_TEXT, LONG_TEXT)
def test_error_texts_are_never_cut(label: str, description: str) -> None:
    (report,), _ = read(document(report_branch(errors=an_error(label, description))), number_pattern=PATTERN)
    assert report.lines[0].label == legible(label).strip()
    assert report.lines[0].description == legible(description).strip()


TAGS = ["CPPFluxStatuts", "CPPFluxStatutUnitaire", "CPPFactureStatuts", "CPPFactureStatutUnitaire", "DonneesStatut", "IdStatut", "Details"]


@given(st.lists(st.sampled_from(TAGS), max_size=6), LONG_TEXT)
def test_no_shape_of_document_breaks_the_reader(tags: list[str], text: str) -> None:
    inner = escaped(text)
    for tag in tags:
        inner = f'<{tag} compteur="{escaped(text)}">{inner}</{tag}>'
    root = etree.fromstring(f"<CPPStatut>{inner}</CPPStatut>".encode())
    assert read(root, number_pattern=PATTERN) == ([], [])
