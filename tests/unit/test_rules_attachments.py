from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.config import Limits, Rules
from gateway.model import Attachment, Finding, Invoice, Severity
from gateway.rules.attachments import check, megabytes


def judged(*attachments: Attachment, **changes: Any) -> list[Finding]:
    return check(Invoice(attachments=attachments), replace(Rules(), **changes), Limits(), date(2026, 11, 1))


def said(*attachments: Attachment, **changes: Any) -> list[tuple[str, Severity]]:
    return [(f.rule, f.severity) for f in judged(*attachments, **changes)]


@pytest.mark.parametrize("name", ["devis.pdf", "Bon de commande.PDF", "relevé.xlsx", "a.tar.gz", "n" * 46 + ".pdf"])
def test_an_ordinary_attachment_says_nothing(name: str) -> None:
    assert judged(Attachment(name, 12_000), Attachment(name, 10_000_000)) == []


def test_one_byte_too_many_is_told_in_megabytes_and_is_only_a_doubt() -> None:
    [found] = judged(Attachment("plan.pdf", 10_000_001, line=42))
    assert (found.rule, found.severity, found.line) == ("ATT-001", Severity.WARNING, 42)
    assert "10.1" in found.message_fr
    assert said(Attachment("plan.pdf", 10_000_001), uncertain="reject") == [("ATT-001", Severity.FATAL)]


@pytest.mark.parametrize(("name", "shown"), [("virus.exe", "exe"), ("macro.docm", "docm"), ("sans-extension", "?"), ("pdf", "?")])
def test_an_extension_outside_the_list_is_turned_away(name: str, shown: str) -> None:
    [found] = judged(Attachment(name, 10))
    assert (found.rule, found.severity) == ("ATT-002", Severity.FATAL)
    assert shown in found.message_fr


@pytest.mark.parametrize("name", ["n" * 47 + ".pdf", "../../etc/a.pdf", "C:\\a.pdf", "a\u202efdp.pdf", "a\n.pdf"])
def test_a_name_too_long_or_with_a_path_or_hidden_characters_is_turned_away(name: str) -> None:
    assert said(Attachment(name, 10)) == [("ATT-003", Severity.FATAL)]


def test_what_is_hidden_in_a_name_is_shown() -> None:
    [found] = judged(Attachment("a\u202efdp.pdf", 10))
    assert "\\u202E" in found.message_fr


def test_no_name_is_only_a_doubt() -> None:
    assert said(Attachment("", 10)) == [("ATT-003", Severity.WARNING)]


def test_an_empty_attachment_is_turned_away() -> None:
    assert said(Attachment("a.pdf", 0)) == [("ATT-004", Severity.FATAL)]


def test_invalid_base64_tells_where() -> None:
    [found] = judged(Attachment("a.pdf", -1, error=1234))
    assert (found.rule, found.severity) == ("ATT-005", Severity.FATAL)
    assert "1234" in found.message_en


def test_a_link_is_never_more_than_a_doubt_unless_told() -> None:
    link = Attachment("", 0, external="https://example.org/a.pdf")
    assert said(link) == [("ATT-007", Severity.WARNING)]
    assert said(link, uncertain="reject") == [("ATT-007", Severity.FATAL)]


def test_supporting_documents_come_with_the_invoice_itself() -> None:
    main, more = Attachment("f.pdf", 10, type="01"), Attachment("b.pdf", 10, type="02")
    assert said(main, more) == []
    assert said(more) == [("ATT-010", Severity.WARNING)]


def test_off_says_nothing() -> None:
    assert said(Attachment("a.exe", 0), attachments="off") == []
    assert said(Attachment("", 10, external="x"), uncertain="off") == []


def test_megabytes_never_round_down_to_the_limit() -> None:
    assert [megabytes(n) for n in (0, 1, 100_000, 10_000_000, 10_000_001)] == ["0.0", "0.1", "0.1", "10.0", "10.1"]
