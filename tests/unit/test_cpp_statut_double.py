"""The two ends meet: what the Chorus double writes follows our schema and is read by us without a complaint."""

from __future__ import annotations

from adapters.chorus.double.judgement import Answer, Refusal
from adapters.chorus.double.reading import FlowName, Seen
from adapters.chorus.double.report import integration_report, status_report
from adapters.chorus.double.schedule import plan
from gateway.config import Destination
from gateway.formats.cpp_statut import read_answer
from tests.unit.return_samples import AT, statut

PATTERN = Destination().number_pattern
FLOW = FlowName("FSO1100A", "1100", "DEM001", "DEM0011100000000000000001")


def seen(number: str) -> Seen:
    return Seen(number, "2026", "12345678200077", "1", "Fournisseur", "FR", "11000201100044", "Ministère", "SRV01", "2026-11-20")


def test_a_report_of_the_double_names_its_flow_and_each_refused_invoice() -> None:
    refusals = (Refusal("REJ_RG", "refusée", seen("REFUS-1")), Refusal("IRR_VIDE", "vide"))
    root = statut(integration_report("CSO1100A_DEM001_x", FLOW, Answer("96", refusals), AT))
    found = read_answer(root, number_pattern=PATTERN)
    (report,) = found.reports
    assert (report.flow_id, report.status, found.recipient, found.findings) == (FLOW.flow_id, "96", "DEM001", [])
    assert [(line.code, line.number, line.supplier) for line in report.lines] == [
        ("REJ_RG", "REFUS-1", "12345678200077"), ("IRR_VIDE", "", ""),
    ]  # fmt: skip


def test_every_status_of_the_doubles_course_is_read_for_its_invoice() -> None:
    due = plan([seen("A-1"), seen("A-SUSP")], AT, (0.5, 1.0))
    told = [read_answer(statut(status_report("FEN1200A_DEM001_x", FLOW, d)), number_pattern=PATTERN) for d in due]
    assert not any(answer.findings or answer.reports for answer in told)
    codes = {number: [n.code for answer in told for n in answer.news if n.number == number] for number in ("A-1", "A-SUSP")}
    assert codes == {"A-1": ["01", "03", "11"], "A-SUSP": ["01", "03", "06", "12"]}
