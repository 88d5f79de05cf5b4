"""Reads a recipients' directory from CSV text; it stores nothing and knows no other format.

UTF-8, separator `;` (or `,`), one recipient a line under the header::

    SIRET;name;active;service_required;engagement_required;services
    21330063500017;Ville d'Exemple;yes;yes;no;VOIRIE=Service voirie|ECOLES~engagement=Écoles|ANCIEN~closed

Flags are yes or no (oui, non, true, false, 1, 0). `services` lists codes between `|`; after a code `~closed` says that it takes nothing
more, `~engagement` that it requires an engagement, `=` gives its name. Empty lines and lines that begin with `#` are skipped.

Limits: a service code holds none of `|`, `~`, `=`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from gateway.errors import UsageError
from gateway.model import Recipient, RecipientService

COLUMNS = ("SIRET", "name", "active", "service_required", "engagement_required", "services")

_FLAGS = {"yes": True, "oui": True, "true": True, "1": True, "no": False, "non": False, "false": False, "0": False}
_OPTIONS = frozenset({"closed", "engagement"})


def read_directory(text: str, where: str) -> list[Recipient]:
    """Every recipient of the file, in its order; `UsageError` names file and line at the first fault: nothing is imported in part."""
    rows = _rows(text.removeprefix("\ufeff"), where)
    line, header = next(rows, (1, []))
    if tuple(header) != COLUMNS:
        raise UsageError(f"{where}:{line}: the header is {';'.join(header) or 'absent'}; {';'.join(COLUMNS)} is expected")
    found: dict[str, Recipient] = {}
    for line, row in rows:
        recipient = _recipient(row, f"{where}:{line}")
        if recipient.siret in found:
            raise UsageError(f"{where}:{line}: SIRET {recipient.siret} stands twice; one line a recipient")
        found[recipient.siret] = recipient
    if not found:
        raise UsageError(f"{where}: no recipient; one line each after the header")
    return list(found.values())


def _rows(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    separator = ";" if lines and ";" in lines[0][1] else ","
    for n, line in lines:
        try:
            yield n, [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=True))]
        except csv.Error as broken:
            raise UsageError(f"{where}:{n}: {broken}; cells in double quotes end with one, on the same line") from broken


def _recipient(row: list[str], where: str) -> Recipient:
    if len(row) != len(COLUMNS):
        raise UsageError(f"{where}: {len(row)} cells; {len(COLUMNS)} are expected: {';'.join(COLUMNS)}")
    siret, name, *flags, services = row
    if not (len(siret) == 14 and siret.isascii() and siret.isdigit()):
        raise UsageError(f"{where}: SIRET {siret!r}; fourteen digits are expected")
    active, service_required, engagement_required = (
        _flag(cell, f"{where}: {column}") for column, cell in zip(COLUMNS[2:5], flags, strict=True)
    )
    return Recipient(siret, name, active, service_required, engagement_required, _services(services, where))


def _flag(cell: str, where: str) -> bool:
    if cell.lower() not in _FLAGS:
        raise UsageError(f"{where}: {cell!r} is no flag; yes or no is expected")
    return _FLAGS[cell.lower()]


def _services(cell: str, where: str) -> tuple[RecipientService, ...]:
    services = tuple(_service(part.strip(), where) for part in cell.split("|") if part.strip())
    codes = [service.code for service in services]
    if len(set(codes)) != len(codes):
        raise UsageError(f"{where}: a service code stands twice among {', '.join(codes)}; once each")
    return services


def _service(part: str, where: str) -> RecipientService:
    head, _, name = part.partition("=")
    code, *options = (piece.strip() for piece in head.split("~"))
    unknown = [option for option in options if option not in _OPTIONS]
    if unknown:
        raise UsageError(f"{where}: service {code}: {unknown[0]!r} is unknown; known: {', '.join(sorted(_OPTIONS))}")
    if not code or len(code) > 100:
        raise UsageError(f"{where}: service code {code!r}; 1 to 100 characters are expected")
    return RecipientService(code=code, name=name.strip(), active="closed" not in options, engagement_required="engagement" in options)
