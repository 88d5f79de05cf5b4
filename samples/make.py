"""Makes every sample and its manifest from the tables, always the same bytes: `python -m samples.make [FOLDER]`; it judges nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from samples import reform, write_cii, write_cpp, write_pdf, write_ubl
from samples.errors import MISTAKES, Mistake
from samples.ledger import Attachment, Sale
from samples.tables import BUYERS, DIRECTORY, SALES, SUPPLIERS, Row, line
from samples.write_xml import later

HOME = Path(__file__).parent

INTERFACES = {"ubl-invoice": "FSO1100A", "ubl-creditnote": "FSO1100A", "cii": "FSO1106A", "factur-x": "FSO1117A", "cpp-mixte": "FSO1113A"}

FACTUR_X = "urn:factur-x.eu:1p0:"
PROFILES: dict[str, tuple[str, str]] = {
    "fx-livres": (write_cii.EN16931, "EN 16931"),
    "fx-papeterie": (f"{write_cii.EN16931}#compliant#{FACTUR_X}basic", "BASIC"),
    "fx-gaz": (f"{write_cii.EN16931}#conformant#{FACTUR_X}extended", "EXTENDED"),
    "fx-reforme-etendue": (f"{write_cii.EN16931}#conformant#{FACTUR_X}extended", "EXTENDED"),
    "ubl-reforme-etendue": (f"{write_cii.EN16931}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", ""),
    "cii-reforme-etendue": (f"{write_cii.EN16931}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", ""),
}
"""Guideline (BT-24) and, of a Factur-X, level of the samples that are not plain EN 16931."""

Entry = dict[str, Any]


def sale(row: Row) -> Sale:
    """The sale of a table row."""
    _, file, number, day, supplier, buyer, items, more = row
    more = dict(more)
    more.pop("second", None)
    pieces = tuple(_piece(name, number) for name in more.pop("piece", "").split("|") if name)
    if more.get("validator"):
        more["validator"] = SUPPLIERS[more["validator"]].id
    lines = tuple(line(*item.split(" ")) for item in items.split(", "))
    if more.get("category"):
        lines = tuple(_untaxed(one) for one in lines)
    return Sale(file, number, day, later(day), SUPPLIERS[supplier], BUYERS[buyer], lines, attachments=pieces, **more)


def _untaxed(one: Any) -> Any:
    return type(one)(one.text, one.quantity, one.unit, one.price, one.rate * 0)


def _piece(name: str, number: str) -> Attachment:
    if name.endswith(".csv"):
        return Attachment(name, b"phase;debut;fin\nesquisse;2026-07-01;2026-08-15\n", "text/csv")
    text = f"BT /F1 12 Tf 60 760 Td (Annexe a la facture {number}) Tj ET".encode("ascii")
    return Attachment(name, write_pdf.page(text))


def documents() -> dict[str, tuple[str, bytes, list[Sale]]]:
    """Every accepted sample: file (with its extension) → syntax, bytes, sales."""
    made = {}
    for row in SALES:
        syntax, content, sales = _written(row)
        made[f"{row[1]}.{'pdf' if syntax == 'factur-x' else 'xml'}"] = (syntax, content, sales)
    return made


def _written(row: Row) -> tuple[str, bytes, list[Sale]]:
    one = sale(row)
    guideline, level = PROFILES.get(row[1], (write_cii.EN16931, "EN 16931"))
    if row[0] == "ubl":
        return ("ubl-creditnote" if one.type == "381" else "ubl-invoice"), write_ubl.write(one, guideline), [one]
    if row[0] == "cii":
        return "cii", write_cii.write(one, guideline), [one]
    if row[0] == "cpp":
        second = row[7].get("second")
        sales = [one, sale((*row[:2], second[0], *row[3:6], second[1], row[7]))] if second else [one]
        return "cpp-mixte", write_cpp.write(sales), sales
    return "factur-x", write_pdf.factur_x(one, write_cii.write(one, guideline), level), [one]


def _cut(text: str, pattern: str, replacement: str = "") -> str:
    changed = re.sub(pattern, replacement, text, count=1, flags=re.DOTALL)
    assert changed != text, pattern
    return changed


SURGERY: dict[str, Callable[[str, str], str]] = {
    "@csv": lambda text, new: _cut(text, r'filename="planning\.csv">[^<]*</cbc:EmbeddedDocumentBinaryObject>', new),
    "@link": lambda text, _: _cut(
        text, r'<cbc:EmbeddedDocumentBinaryObject[^>]*planning\.csv">[^<]*</cbc:EmbeddedDocumentBinaryObject>',
        "<cac:ExternalReference>\n        <cbc:URI>https://exemple.fr/planning.csv</cbc:URI>\n      </cac:ExternalReference>"),
    "@supplier": lambda text, _: _cut(text, r"\n  <cac:AccountingSupplierParty>.*</cac:AccountingSupplierParty>"),
    "@cut": lambda text, _: text[: len(text) // 2],
    "@latin": lambda text, _: text,
    "@root": lambda _, new: new,
}  # fmt: skip
"""Mistakes that are more than one text for another."""


def mistaken(mistake: Mistake, source: bytes, of: Sale) -> bytes:
    """The sample with its mistake; AssertionError when the text to change is not there (the table is wrong)."""
    text = source.decode()
    if mistake.old in SURGERY:
        text = SURGERY[mistake.old](text, mistake.new)
    else:
        assert mistake.old in text, mistake.file
        text = text.replace(mistake.old, mistake.new)
    if mistake.number and mistake.number not in text:
        text = text.replace(of.number, mistake.number)
    return text.replace("Région", "R\udce9gion").encode("utf-8", "surrogateescape") if mistake.old == "@latin" else text.encode()


def _entry(path: str, syntax: str, position: int, one: Sale, **more: Any) -> Entry:
    broken = reform.broken(one, syntax)
    return {
        "path": path, "position": position, "syntax": syntax, "interface": INTERFACES[syntax], "framework": one.framework,
        "number": one.number, "supplier": one.supplier.id, "recipient": one.buyer.siret, "total": format(one.gross, "f"),
        "currency": one.currency, "accepted": True, "findings": ("CAD-001",) * one.reform, "facts": (),
        "severity": "warning" * one.reform, "reform_accepted": not broken, "reform": broken, **more,
    }  # fmt: skip


def _broken(mistake: Mistake, syntax: str, of: Sale) -> tuple[str, ...]:
    """What its model breaks under the reform, and the mistake besides; alone what nobody can read."""
    return mistake.alone if mistake.number is None else tuple(sorted({*reform.broken(of, syntax), *mistake.reform}))


def _mistake_entry(mistake: Mistake, syntax: str, of: Sale) -> Entry:
    more: Entry = {
        "accepted": not (mistake.alone and mistake.severity == "fatal"), "findings": mistake.alone, "facts": mistake.facts,
        "severity": mistake.severity, "what": mistake.what, "reform_accepted": False, "reform": _broken(mistake, syntax, of),
    }  # fmt: skip
    if mistake.number is None:
        unread = {"number": "", "supplier": "", "recipient": "", "total": "", "currency": "", "framework": ""}
        return _entry(f"mistakes/{mistake.file}.xml", syntax, 1, of, **more, **unread)
    given = {name: getattr(mistake, name) for name in ("number", "supplier", "recipient", "total", "framework")}
    more |= {name: value for name, value in given.items() if value is not None and (value or name != "number")}
    return _entry(f"mistakes/{mistake.file}.xml", syntax, 1, of, **more)


def files() -> Iterator[tuple[str, bytes]]:
    """Every file under the samples folder: path, bytes; the manifest last."""
    accepted = documents()
    entries = []
    for name, (syntax, content, sales) in accepted.items():
        path = f"{'reform' if sales[0].reform else 'accepted'}/{name}"
        yield path, content
        entries += [_entry(path, syntax, n, one) for n, one in enumerate(sales, 1)]
    for mistake in MISTAKES:
        syntax, content, sales = accepted[f"{mistake.of}.xml"]
        yield f"mistakes/{mistake.file}.xml", mistaken(mistake, content, sales[0])
        entries.append(_mistake_entry(mistake, syntax, sales[0]))
    sirets = {name: buyer.siret for name, buyer in BUYERS.items()}
    yield "directory.csv", DIRECTORY.format(**sirets).encode()
    yield "manifest.toml", manifest(entries).encode()


def manifest(entries: list[Entry]) -> str:
    """The manifest's text: a table an invoice, its keys explained at the top."""
    head = (HOME / "manifest.head").read_text(encoding="utf-8")
    return head + "".join("\n[[invoice]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in entry.items()) for entry in entries)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def make(folder: Path) -> int:
    """Write everything under `folder`; how many files."""
    written = 0
    for path, content in files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written += 1
    return written


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else HOME), "files")
