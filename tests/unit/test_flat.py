"""An invoice as a flat list: nothing is lost, an older list still reads."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.flat import ABSENT, NAMES, flat, whole
from gateway.model import Attachment, Invoice, Party

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PARTIES = st.builds(Party, type=TEXT, id=TEXT, name=TEXT, country=TEXT)
ATTACHMENTS = st.builds(Attachment, name=TEXT, size=st.integers(-1, 10**9), zipped=st.booleans(), line=st.none() | st.integers(1, 10**6))
INVOICES = st.builds(
    Invoice, number=TEXT, supplier=PARTIES, payable=TEXT, lines=st.integers(0, 10**6), preceding=st.lists(TEXT, max_size=2).map(tuple),
    attachments=st.lists(ATTACHMENTS, max_size=2).map(tuple),
)  # fmt: skip


@given(INVOICES)
def test_an_invoice_survives_json(invoice: Invoice) -> None:
    assert whole(orjson.loads(orjson.dumps(flat(invoice)))) == invoice


@given(INVOICES, st.integers(0, len(NAMES)))
def test_a_list_written_before_a_field_was_added_reads_with_it_absent(invoice: Invoice, known: int) -> None:
    read = whole(orjson.loads(orjson.dumps(flat(invoice)))[:known])
    assert [getattr(read, name) for name in NAMES] == [getattr(invoice, n) for n in NAMES[:known]] + [ABSENT[n] for n in NAMES[known:]]


def test_an_invoice_that_says_nothing_is_the_default_one() -> None:
    assert whole([]) == Invoice()
