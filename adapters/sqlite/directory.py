"""The recipients' directory as imported; it reads no file and applies no rule."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from adapters.sqlite.part import Part
from adapters.sqlite.records import moment, recipient_of, recipient_values, text
from gateway.model import Recipient

CHUNK = 5000


class Directory(Part):
    """Recipients and imports."""

    def import_directory(self, recipients: Iterable[Recipient], *, at: datetime, file: str, sha256: str) -> int:
        """Replace the directory by these structures; how many there are now. Of a SIRET given twice the last one counts."""
        self._session.write("empty_directory")
        values = (recipient_values(recipient) for recipient in recipients)
        while chunk := list(islice(values, CHUNK)):
            self._session.write_many("add_recipient", chunk)
        return int(self._session.write("add_import", {"at": text(at), "file": file, "sha256": sha256})[0][0])

    def directory_age(self) -> datetime | None:
        """When the directory in force was imported; None when there is none."""
        found = self._session.read("last_import")
        return moment(found[0][0]) if found else None

    def directory_status(self) -> dict[str, Any] | None:
        """{"at","file","sha256","recipients"} of the import in force; `at` as text. None when there is none."""
        found = self._session.read("last_import")
        return dict(zip(("at", "file", "sha256", "recipients"), found[0], strict=True)) if found else None

    def recipient(self, siret: str) -> Recipient | None:
        """One structure with its services."""
        found = self._session.read("recipient", {"siret": siret})
        return recipient_of(found[0]) if found else None
