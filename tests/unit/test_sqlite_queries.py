"""queries.sql: every statement is named, explained, used and understood by SQLite; the ones that are asked often use an index."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from adapters.sqlite import SqliteStore, queries, records
from gateway.model import Attachment, Invoice, Party
from gateway.rules.duplicate import look_alike_key
from tests.stored import NOON, an_invoice

CODE = "".join(path.read_text() for path in sorted(Path(records.__file__).parent.glob("*.py")))
ROWS = {"flow": "flow_rows", "invoice": "invoice_rows", "delivery": "delivery_rows", "return": "return_rows", "status": "status_rows"}
STATEMENTS = [name for name in queries.named() if not name.startswith("only_")]
CONDITIONS = [name for name in queries.named() if name.startswith("only_")]


def plan(statement: str) -> str:
    store = SqliteStore()
    bindings = dict.fromkeys(re.findall(r":(\w+)", statement), 1) or [1] * statement.count("?")
    return " / ".join(row[3] for row in store._session.run(f"EXPLAIN QUERY PLAN {statement}", bindings))


@pytest.mark.parametrize("name", queries.named())
def test_every_statement_has_a_sentence(name: str) -> None:
    sentence = queries.sentences()[name]
    assert sentence[0].isupper()
    assert sentence.endswith(".")


@pytest.mark.parametrize("name", STATEMENTS)
def test_sqlite_understands_every_statement(name: str) -> None:
    plan(queries.named()[name])


@pytest.mark.parametrize("name", CONDITIONS)
def test_sqlite_understands_every_condition(name: str) -> None:
    plan(queries.completed(ROWS[name.split("_")[1]], (name,), "1"))


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_is_used(name: str) -> None:
    assert f'"{name}"' in CODE


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_is_used(name: str) -> None:
    subject, _, last = name.removeprefix("only_").partition("_")
    built = f'f"only_{subject}_{{name}}"' in CODE and f'"{last}"' in CODE
    assert f'"{name}"' in CODE or built


def test_a_name_given_twice_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "sql_text", lambda _: "-- name: a\n-- One.\nSELECT 1;\n\n-- name: a\n-- Two.\nSELECT 2;\n")
    with pytest.raises(ValueError, match="a is there twice"):
        queries.named.__wrapped__()


@pytest.mark.parametrize(
    ("rows", "conditions"),
    [
        ("flow_rows", ("only_flow_states", "only_flow_due")),
        ("flow_rows", ("only_flow_bytes",)),
        ("flow_rows", ("only_flow_name",)),
        ("flow_rows", ("only_flow_closable",)),
        ("flow_rows", ("only_flow_deposit",)),
        ("invoice_rows", ("only_invoice_flow", "only_invoice_after")),
        ("invoice_rows", ("only_invoice_number", "only_invoice_delivered")),
        ("invoice_rows", ("only_invoice_supplier",)),
        ("invoice_rows", ("only_invoice_status",)),
        ("invoice_rows", ("only_invoice_delivery",)),
        ("delivery_rows", ("only_delivery_states",)),
        ("delivery_rows", ("only_delivery_flow",)),
        ("return_rows", ("only_return_pending",)),
        ("return_rows", ("only_return_flow",)),
        ("status_rows", ("only_status_owed",)),
        ("status_rows", ("only_status_invoice",)),
    ],
)
def test_what_is_asked_often_reads_an_index_and_not_the_table(rows: str, conditions: tuple[str, ...]) -> None:
    order = {"invoice_rows": "i.flow, i.position", "return_rows": "sequence"}.get(rows, "id")
    steps = plan(queries.completed(rows, conditions, order))
    assert not re.search(r"SCAN (flow|i|invoice|delivery|outbox|status)\b(?! USING (COVERING )?INDEX)", steps), steps


@pytest.mark.parametrize("name", ["something_waits", "waiting_before", "counts", "unanswered", "live_invoices", "unrejected", "key_holder"])
def test_what_is_asked_at_every_turn_reads_indexes_only(name: str) -> None:
    steps = plan(queries.named()[name])
    assert not re.search(r"SCAN (?!CONSTANT)\w+(?! USING (COVERING )?INDEX)\b", steps), steps


# --- records


@pytest.mark.parametrize(
    "invoice",
    [
        Invoice(),
        an_invoice(),
        an_invoice(supplier=Party("", "", "Nom seul", "")),
        an_invoice(preceding=("a", "b"), attachments=(Attachment("x", 0), Attachment("y", -1, error=4, line=9))),
        an_invoice(number="é" * 300, lines=0),
    ],
)
def test_an_invoices_facts_survive(invoice: Invoice) -> None:
    assert records.facts_of(records.facts_text(invoice)) == invoice


def test_every_field_of_an_invoice_is_kept() -> None:
    texts = dict.fromkeys(Invoice.__slots__, "x")
    others = {"lines": 7, "supplier": Party("a", "b", "c", "d"), "preceding": ("p",), "attachments": (Attachment("n", 1),)}
    invoice = Invoice(**{**texts, **others})  # type: ignore[arg-type]  # by name
    assert records.facts_of(records.facts_text(invoice)) == invoice


ALIKE = [
    ("FAC-12", "fac 0012"), ("FAC12", "F/A/C/12"), ("FAC-12", "FAC-0012"), ("ﬁ-1", "FI1"), ("é01", "É-1"), ("é01", "É1"), ("０12", "12"),
    ("straße-1", "STRASSE1"), ("", "--"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_numbers_that_look_alike_share_their_coarse_form(one: str, other: str) -> None:
    assert look_alike_key(one) == look_alike_key(other)
    assert records.coarse(one) == records.coarse(other)


@pytest.mark.parametrize("at", [NOON, datetime.fromisoformat("2026-10-25T02:30:00.123456+01:00")])
def test_times_keep_their_instant_and_offset(at: datetime) -> None:
    assert records.moment(records.text(at)) == at
    assert records.microseconds(at) == round(at.timestamp() * 1e6)
