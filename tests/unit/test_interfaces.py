"""The table of interfaces."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.errors import UnknownSubject
from gateway.interfaces import by_code, default_for, interfaces, report_code, taken
from gateway.model import Syntax


@pytest.mark.parametrize(("syntax", "code"), [
    (Syntax.UBL_INVOICE, "FSO1100A"), (Syntax.UBL_CREDIT_NOTE, "FSO1100A"), (Syntax.CII, "FSO1106A"), (Syntax.FACTUR_X, "FSO1117A"),
    (Syntax.CPP_MIXTE, "FSO1113A"),
])  # fmt: skip
def test_each_invoice_syntax_has_one_default_interface(syntax: Syntax, code: str) -> None:
    interface = default_for(syntax)
    assert interface is not None
    assert interface.code == code
    assert interface.enabled
    assert [i.code for i in interfaces().values() if syntax in i.default_for] == [code]


@pytest.mark.parametrize("syntax", [Syntax.CDAR, Syntax.CPP_STATUT, Syntax.EDIFACT_INVOIC, Syntax.ZUGFERD_1, Syntax.UNKNOWN])
def test_what_is_not_a_deposited_invoice_has_no_interface(syntax: Syntax) -> None:
    assert default_for(syntax) is None


def test_the_number_is_the_codes_four_digits_and_the_report_swaps_the_first_letter() -> None:
    for code, interface in interfaces().items():
        assert code == f"FSO{interface.number}A"
        assert report_code(code) == f"CSO{interface.number}A"


@pytest.mark.parametrize("code", ["", "FSO9999A", "CSO1100A"])
def test_an_interface_that_could_not_be_read_has_its_own_report_code(code: str) -> None:
    assert report_code(code) == "CSO0000A"


def test_an_unknown_code_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownSubject, match="FSO9999A: unknown; known: FSO1100A"):
        by_code("FSO9999A")


def test_a_withdrawn_interface_is_known_but_not_taken() -> None:
    assert not by_code("FSO1102A").in_force(date(2026, 11, 22))
    assert by_code("FSO1102A").in_force(date(2018, 1, 1))
    assert "FSO1102A" not in taken()
    assert "FSO1100A" in taken()


def test_what_is_taken_is_in_force_and_can_be_written_in_something() -> None:
    for code in taken():
        assert by_code(code).syntaxes
        assert by_code(code).in_force(date(2026, 11, 22))
