"""The double's visible rules and its schedule, one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.chorus.double.judgement import RULES, Answer, judge, refuse
from adapters.chorus.double.reading import Seen, Unreadable
from adapters.chorus.double.schedule import LABELS, course, plan

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)


def seen(number: str, **changes: str) -> Seen:
    plain = Seen(number, "2026", "12345678200077", "1", "Fournisseur", "FR", "11000201100044", "Ministère", "S1", "2026-03-04")
    return replace(plain, **changes)


def judged(*invoices: Seen, known: frozenset[str] = frozenset()) -> Answer:
    return judge(invoices, known.__contains__)


def test_good_invoices_are_all_integrated() -> None:
    answer = judged(seen("F-1"), seen("F-2"))
    assert (answer.status, len(answer.integrated), answer.refusals) == ("92", 2, ())


def test_a_number_with_refus_is_refused_and_the_others_integrated() -> None:
    answer = judged(seen("F-REFUS-1"), seen("F-2"))
    assert answer.status == "96"
    assert [s.number for s in answer.integrated] == ["F-2"]
    assert answer.refusals[0].description == "numeroDP=F-REFUS-1;identifiantFournisseur=12345678200077"


def test_when_every_invoice_is_refused_nothing_is_integrated() -> None:
    answer = judged(seen("REFUS1"), seen("REFUS2"))
    assert (answer.status, answer.integrated, len(answer.invoices), answer.whole) == ("93", (), 2, True)


def test_an_invoice_integrated_before_is_refused_for_duplicate() -> None:
    answer = judged(seen("F-1"), known=frozenset({seen("F-1").key}))
    assert answer.refusals[0].code == "REJ_UNI"


def test_the_same_invoice_twice_in_a_flow_is_integrated_once() -> None:
    answer = judged(seen("F-1"), seen("F-1"))
    assert (answer.status, len(answer.integrated), answer.refusals[0].code) == ("96", 1, "REJ_UNI")


@pytest.mark.parametrize("changes", [{"year": "2025"}, {"supplier": "1"}, {"number": "F-10"}])
def test_another_year_supplier_or_number_is_another_invoice(changes: dict[str, str]) -> None:
    assert judged(seen("F-1"), replace(seen("F-1"), **changes)).status == "92"


def test_nobody_without_a_service_is_refused_and_with_one_integrated() -> None:
    assert judged(seen("F-1", recipient="0" * 14, service="")).refusals[0].code == "REJ_INEX"
    assert judged(seen("F-1", recipient="0" * 14)).status == "92"


def test_an_invoice_without_number_is_refused() -> None:
    assert judged(seen("")).refusals[0].code == "REJ_SEMAN"


def test_an_unreadable_flow_names_no_invoice() -> None:
    answer = refuse(Unreadable("IRR_EXTRAC", "archive illisible"))
    assert (answer.status, answer.whole, answer.refusals[0].description, answer.refusals[0].nature) == ("93", False, "", "TECHNIQUE")


@pytest.mark.parametrize(
    ("number", "codes"), [("F-1", "01 03 11"), ("F-SUSP", "01 03 06 12"), ("f-susp", "01 03 06 12"), ("F-REJ", "01 03 05")]
)
def test_the_number_decides_the_course(number: str, codes: str) -> None:
    assert " ".join(course(number)) == codes
    assert all(code in LABELS for code in course(number))


def test_statuses_are_grouped_by_place_and_code_and_due_along_the_schedule() -> None:
    dues = plan([seen("F-1"), seen("F-SUSP"), seen("F-2")], AT, (1, 2, 4))
    assert [(d.code, [s.number for s in d.invoices]) for d in dues] == [
        ("01", ["F-1", "F-SUSP", "F-2"]), ("03", ["F-1", "F-SUSP", "F-2"]), ("06", ["F-SUSP"]), ("11", ["F-1", "F-2"]), ("12", ["F-SUSP"]),
    ]  # fmt: skip
    assert [round((d.at - AT).total_seconds()) for d in dues] == [1, 2, 4, 4, 4]


@pytest.mark.parametrize("schedule", [(), (0,), (0.5, 1, 1.5)])
def test_no_two_statuses_of_an_invoice_bear_the_same_time(schedule: tuple[float, ...]) -> None:
    times = [d.at for d in plan([seen("F-SUSP")], AT, schedule)]
    assert times == sorted(set(times))
    assert times[-1] - AT < timedelta(seconds=2)


def test_nothing_integrated_has_no_status() -> None:
    assert plan([], AT, (1,)) == []


def test_the_printed_rules_name_every_code_the_double_uses() -> None:
    for code in ("IRR_UNCITE", "IRR_CODE_INTER", "IRR_SYNTAX", "IRR_VIDE", "IRR_TAILLE", "IRR_EXTRAC", "IRR_NOM_F", "IRR_TYPE_F"):
        assert code in RULES
    for code in ("REJ_SEMAN", "REJ_RG", "REJ_UNI", "REJ_INEX", *LABELS):
        assert code in RULES
