"""The final report: the partner's word for what became of its flow, and one line for each error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acknowledgement import FinalAnswers, final_report
from gateway.catalogue import finding
from gateway.config import Returns
from gateway.formats import cpp_statut
from gateway.lifecycle import State
from gateway.markup import legible
from gateway.model import Flow, InvoiceRow, Party, ReportLine, Severity
from tests.unit.return_samples import AT, LONG_TEXT, PARTNER, PATTERN, RETURNS, a_finding, an_invoice, flow, row, statut

DATA = "CPPFluxStatuts/CPPFluxStatutUnitaire/DonneesStatut"


def final(answers: FinalAnswers | None = None, of: Flow | None = None, number: int = 42) -> tuple[str, Any]:
    name, body = final_report(of or flow(), PARTNER, answers or all_in(), number=number, returns=RETURNS, produced_at=AT)
    return name, statut(body)


def all_in(count: int = 3) -> FinalAnswers:
    return FinalAnswers(deposited=count, integrated=count)


def rejected(*rows: InvoiceRow) -> FinalAnswers:
    return FinalAnswers(deposited=1, integrated=1, rejected=len(rows), rejected_rows=iter(rows))


def lines(root: Any) -> list[dict[str, str]]:
    details = root.find(f"{DATA}/Details")
    found = root.findall(f"{DATA}/Details/LigneErreurDetail")
    assert len(found) == (int(details.get("NbLignesErreur")) if details is not None else 0)
    assert [line.get("IdLigne") for line in found] == [str(n) for n in range(1, len(found) + 1)]
    return [{child.tag: child.text or "" for child in line} for line in found]


def status(answers: FinalAnswers, **changes: Any) -> str:
    return str(final(answers, flow(**changes))[1].findtext(f"{DATA}/IdStatut"))


def test_its_name_answers_the_flows_interface_and_bears_the_partners_sequence() -> None:
    name, root = final(number=42)
    assert name == "CSO1100A_DEM001_DEM0011100000000000000042"
    assert len(name.rsplit("_", 1)[1]) == 25
    assert [p.findtext("Valeurparametre") for p in root.iter("ParametreIndiv")] == [
        "2026-11-22T09:30:15.123+01:00", "DEM0011100000000000000042"
    ]  # fmt: skip
    assert (root.findtext(".//Recepteur/Id"), root.findtext(".//Emetteur/Id")) == ("DEM001", "CPP001")


@pytest.mark.parametrize("interface", ["", "FSO11A", "nonsense", "FSO1100A\n"])
def test_an_interface_that_could_not_be_read_is_answered_by_cso0000a(interface: str) -> None:
    assert final(of=flow(interface=interface))[0] == "CSO0000A_DEM001_DEM0010000000000000000042"


def test_id_flux_is_the_partners_own_identifier_when_the_deposit_bore_a_chorus_name() -> None:
    own = "ABC1231100000000000000077"
    for name in (f"FSO1100A_ABC123_{own}", f"FSO1100A_ABC123_{own}.tar.gz"):
        assert final(of=flow(name=name))[1].findtext(f"{DATA}/IdFlux") == own


@pytest.mark.parametrize("name", ["lot.tar.gz", "FSO1100A_ABC123_XYZ1231100000000000000077", "FSO1100A_ABC123_ABC12311000000000000000770"])
def test_id_flux_is_our_number_otherwise(name: str) -> None:
    assert final(of=flow(name=name))[1].findtext(f"{DATA}/IdFlux") == "F261122-000007"


def test_the_status_tells_nothing_partly_or_all_integrated() -> None:
    assert status(all_in()) == "92"
    assert status(FinalAnswers(deposited=2, integrated=2, rejected=1)) == "96"
    assert status(FinalAnswers(deposited=2, integrated=1, refused=1)) == "96"
    assert status(FinalAnswers(deposited=2, integrated=2, held=1)) == "96"
    assert status(FinalAnswers(deposited=2, integrated=1)) == "96"
    assert status(FinalAnswers(deposited=2, integrated=0, refused=2)) == "93"
    assert status(FinalAnswers(rejected=2)) == "93"
    assert status(FinalAnswers(), state=State.INADMISSIBLE) == "93"
    assert status(all_in(), state=State.ABANDONED, reason="x") == "96"


def test_the_three_codes_are_settings() -> None:
    returns = Returns(status_all="90", status_part="95", status_none="94")
    for answers, code in ((all_in(), "90"), (FinalAnswers(deposited=2, integrated=1), "95"), (FinalAnswers(), "94")):
        _, body = final_report(flow(), PARTNER, answers, number=1, returns=returns, produced_at=AT)
        assert statut(body).findtext(f"{DATA}/IdStatut") == code


def test_a_flow_without_error_has_no_details() -> None:
    assert final()[1].find(f"{DATA}/Details") is None


def test_each_fatal_finding_is_a_line_with_its_full_text_and_warnings_are_none() -> None:
    long = "é" * 3_000
    findings = (a_finding(message_fr=long), a_finding("BR-2"), a_finding("W", severity=Severity.WARNING))
    found = lines(final(rejected(row(2, accepted=False, findings=findings)))[1])
    assert [line["LibelleErreur"] for line in found] == [long, "Les sommes diffèrent"]
    assert [line["CodeErreur"] for line in found] == ["EN16931-UBL:BR-CO-15", "EN16931-UBL:BR-2"]
    assert {line["NatureErreur"] for line in found} == {"FONCTIONNELLE"}


def test_a_line_names_invoice_parties_position_file_rule_and_place() -> None:
    found = a_finding(location="/Invoice/cbc:ID", line=12)
    (line,) = lines(final(rejected(row(2, accepted=False, findings=(found,))))[1])
    assert line["DescriptionErreur"] == (
        "numeroDP=FA-2;identifiantFournisseur=00000000000727;identifiantDestinataire=11000201100044;position=2;fichier=a/2.xml"
        ";regle=EN16931-UBL:BR-CO-15;emplacement=/Invoice/cbc:ID;ligne=12"
    )


def test_our_own_codes_and_natures_come_from_the_catalogue_and_schema_errors_bear_err_xsd() -> None:
    findings = (finding("DEP-004", nom="a.xml"), a_finding("cvc-type", pack="XSD"))
    found = lines(final(rejected(row(accepted=False, findings=findings)))[1])
    assert [(line["NatureErreur"], line["CodeErreur"]) for line in found] == [("TECHNIQUE", "DEP-004"), ("TECHNIQUE", "ERR_XSD_001")]


def test_an_inadmissible_flow_tells_why() -> None:
    answers = FinalAnswers(findings=(finding("DEP-004", nom="vide.tar.gz"),))
    _, root = final(answers, flow(state=State.INADMISSIBLE, interface=""))
    assert root.findtext(f"{DATA}/ComplementStatut") == "Flux irrecevable"
    (line,) = lines(root)
    assert line["LibelleErreur"] == 'Le fichier "vide.tar.gz" est vide (0 octet).'


def test_an_abandoned_flow_tells_the_reason_in_full() -> None:
    reason = "doublon du flux F261120-000001, convenu avec le partenaire " * 3
    held = row(2, accepted=False, held="limit")
    _, root = final(FinalAnswers(held=1, rejected_rows=(held,)), flow(state=State.ABANDONED, reason=reason))
    assert root.findtext(f"{DATA}/IdStatut") == "93"
    assert root.findtext(f"{DATA}/ComplementStatut") == "Flux abandonné"
    assert root.findtext(f"{DATA}/Note") == reason
    assert [line["CodeErreur"] for line in lines(root)] == ["RET-002", "RET-001"]


def test_the_states_own_lines_are_passed_on_as_they_are() -> None:
    said = ReportLine("FONCTIONNELLE", "GDP_MSG_11.022", "Facture FA-1 trop longue", "numeroDP=FA-1;identifiantFournisseur=00000000000727")
    answers = FinalAnswers(deposited=1, refused=1, refused_rows=[(row(1), (said,))])
    assert lines(final(answers)[1]) == [{
        "NatureErreur": said.nature, "CodeErreur": said.code, "LibelleErreur": said.label, "DescriptionErreur": said.description,
    }]  # fmt: skip


def test_a_line_of_the_state_that_names_no_invoice_gets_ours_named_before_it() -> None:
    answers = FinalAnswers(deposited=1, refused=1, refused_rows=[(row(1), (ReportLine("T", "ERR_XSD_001", "cvc", "ligne 3"),))])
    (line,) = lines(final(answers)[1])
    assert line["DescriptionErreur"].startswith("numeroDP=FA-1;")
    assert line["DescriptionErreur"].endswith(";ligne 3")


def test_an_invoice_refused_or_rejected_without_a_word_is_still_named() -> None:
    answers = FinalAnswers(deposited=1, refused=1, rejected=1, rejected_rows=[row(1, accepted=False)], refused_rows=[(row(2), ())])
    found = lines(final(answers)[1])
    assert [line["CodeErreur"] for line in found] == ["RET-003", "RET-009"]
    assert "numeroDP=FA-2" in found[1]["DescriptionErreur"]


def test_fifty_errors_of_an_invoice_are_listed_then_the_number_of_others() -> None:
    findings = tuple(a_finding(f"R{n}") for n in range(57))
    found = lines(final(rejected(row(accepted=False, findings=findings)))[1])
    assert len(found) == 51
    assert found[-1]["LibelleErreur"] == "et 7 autres"
    assert "numeroDP=FA-1" in found[-1]["DescriptionErreur"]


def test_past_a_thousand_errors_of_a_flow_every_further_invoice_is_named_once() -> None:
    rows = [row(n, accepted=False, findings=tuple(a_finding(f"R{k}") for k in range(50))) for n in range(1, 41)]
    found = lines(final(rejected(*rows))[1])
    assert len(found) == 1_000 + 20 * 2
    assert all(any(f"numeroDP=FA-{n};" in line["DescriptionErreur"] for line in found) for n in range(1, 41))
    assert found[-1]["LibelleErreur"] == "et 49 autres"


NUMBER = st.text("AZaz09 -+_/", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(NUMBER, st.text("0123456789", min_size=9, max_size=14))
def test_our_own_reader_finds_invoice_and_supplier_in_what_we_write(number: str, supplier: str) -> None:
    turned_away = row(accepted=False, invoice=an_invoice(number=number, supplier=Party("1", supplier)), findings=(a_finding(),))
    (report,), news = cpp_statut.read(final(rejected(turned_away))[1], number_pattern=PATTERN)
    assert news == []
    assert [(line.number, line.supplier) for line in report.lines] == [(number, supplier)]


@given(LONG_TEXT, LONG_TEXT, LONG_TEXT)
def test_any_text_gives_a_valid_report_that_says_it(message: str, name: str, said: str) -> None:
    found_here = (a_finding(message_fr=message, location=name),)
    turned_away = row(accepted=False, member=name, invoice=an_invoice(number=said), findings=found_here)
    refused = [(row(2), (ReportLine(said, name, message, said),))]
    answers = FinalAnswers(rejected=1, refused=1, deposited=1, rejected_rows=[turned_away], refused_rows=refused)
    found = lines(final(answers, flow(name=name, state=State.ABANDONED, reason=said))[1])
    assert [line["LibelleErreur"] for line in found[1:]] == [legible(message)] * 2


def test_the_comment_counts_in_words() -> None:
    answers = FinalAnswers(deposited=5, integrated=3, refused=2, rejected=4)
    comment = final(answers)[1].findtext(f"{DATA}/Commentaire")
    assert comment == "Factures déposées chez Chorus : 5 ; intégrées : 3 ; refusées par Chorus : 2 ; rejetées par le concentrateur : 4."


def test_the_same_facts_give_the_same_bytes() -> None:
    def once() -> tuple[str, bytes]:
        return final_report(flow(), PARTNER, rejected(row(accepted=False)), number=1, returns=RETURNS, produced_at=AT)

    assert once() == once()
