"""The receipt of a deposit, "we have your file", as XML and as JSON; it says nothing of what the file holds."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from gateway.catalogue import sentence
from gateway.markup import DECLARATION, attributes, element, legible
from gateway.model import Box, Flow

NAMESPACE: Final = "urn:edi-concentrator:receipt:1"

Note = dict[str, str]
"""`code`, and the sentence in `fr` and `en`."""


def receipt(flow: Flow, *, place: int, again: bool, repeated_name: str = "") -> tuple[bytes, bytes]:
    """(XML, JSON) of the receipt of `flow`, the same facts in both; schema: schemas/receipt.xsd.

    `place`: open flows ahead of it, from 0. `again`: the bytes were deposited anew and `flow` is the one that holds them since the first
    time; `repeated_name` is then the name of the new deposit ("" when it is the same). Name and size are those of the custody taken.
    """
    facts: dict[str, Any] = {
        "flow": flow.number, "partner": flow.partner, "name": legible(flow.name), "size": flow.size, "sha256": flow.sha256,
        "received_at": flow.received_at.isoformat(), "place": place, "again": again, "test": flow.box is Box.TEST,
        "linked_to": flow.linked_to or None, "notes": list(_notes(flow, again, repeated_name)),
    }  # fmt: skip
    return _xml(facts), (json.dumps(facts, ensure_ascii=False, indent=2) + "\n").encode()


def _notes(flow: Flow, again: bool, repeated_name: str) -> list[Note]:
    notes = []
    day = _day(flow.received_at)
    if again and repeated_name in ("", flow.name):
        notes.append(_note("DUP-001", date=day))
    elif again:
        notes.append(_note("DUP-002", flux=flow.number, date=day))
    if flow.linked_to:
        notes.append(_note("DUP-005", flux=flow.linked_to))
    if flow.box is Box.TEST:
        notes.append(_note("RET-008"))
    return notes


def _note(code: str, **fields: object) -> Note:
    return {"code": code, "fr": sentence(code, "fr", **fields), "en": sentence(code, "en", **fields)}


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _xml(facts: dict[str, Any]) -> bytes:
    notes = "".join(
        f"  <Note{attributes(code=note['code'])}>{element('Fr', note['fr'])}{element('En', note['en'])}</Note>\n" for note in facts["notes"]
    )
    fields = (
        ("Flow", facts["flow"]), ("Partner", facts["partner"]), ("Name", facts["name"]), ("Size", str(facts["size"])),
        ("Sha256", facts["sha256"]), ("ReceivedAt", facts["received_at"]), ("Place", str(facts["place"])),
        ("Again", str(facts["again"]).lower()), ("Test", str(facts["test"]).lower()),
        *((("LinkedTo", facts["linked_to"]),) if facts["linked_to"] else ()),
    )  # fmt: skip
    body = "".join(f"  {element(tag, text)}\n" for tag, text in fields)
    return f'{DECLARATION}<Receipt xmlns="{NAMESPACE}" version="1">\n{body}{notes}</Receipt>\n'.encode()
