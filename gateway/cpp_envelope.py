"""Name and envelope of the CPPStatut documents that we return (chorus.md §1.3, §2.1); their two branches are written elsewhere.

Limits: the State publishes no CSO schema; the document is the CPPStatut of chorus.md §4.1, as that page takes to be likely. The form of
`DtPrd` is not public either: an ISO 8601 time with its offset, like every `Horodatage` met.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.markup import DECLARATION, attributes, element

VERSION: Final = "1.19"
COMPLEMENT: Final = 40
"""Characters that ComplementStatut holds."""


def flow_id(application: str, digits: str, number: int) -> str:
    """The 25-character flow identifier: application code 6, interface number 4, sequence 15 digits."""
    return f"{application}{digits}{number:015d}"


def timestamp(at: datetime) -> str:
    """xs:dateTime to the millisecond, with the offset that `at` has."""
    return at.isoformat(timespec="milliseconds")


def document(identifier: str, *, recipient: str, sender: str, produced_at: datetime, branch: str) -> bytes:
    """A whole CPPStatut. `identifier`: the flow id of this very return; `branch`: its second child, finished XML."""
    parameters = "".join(
        f"<ParametreIndiv{attributes(NumOrdre=f'{order:04d}')}>{element('Code', code)}{element('Valeurparametre', value)}</ParametreIndiv>"
        for order, (code, value) in enumerate((("DtPrd", timestamp(produced_at)), ("IdFlx", identifier)), 1)
    )
    partners = f"<Recepteur>{element('Id', recipient)}</Recepteur><Emetteur>{element('Id', sender)}</Emetteur>"
    envelope = (
        f'<Enveloppe><EnveloppeUnitaire NumOrdre="0001"><Parametres>{parameters}</Parametres>'
        f"<Partenaires>{partners}</Partenaires></EnveloppeUnitaire></Enveloppe>"
    )
    return f'{DECLARATION}<CPPStatut Version="{VERSION}">\n{envelope}\n{branch}\n</CPPStatut>\n'.encode()
