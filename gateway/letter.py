"""A message that a partner published, judged by its headers: a deposit, a reference to a file, or refused and why. Pure: it acks nothing.

The partner of a message is its virtual host's; what the message claims is compared with that (reliability.md 3.1, rows 34 to 39).
Headers are documented in docs/partner-guide.en.md; those that we do not know are passed over.

Limits: a message without `message_id` has no identity of its own. Redelivered after a cut between custody and ack, it is the same bytes
again (contract.md, chapter 2): the first receipt; or, when all of the first flow was turned away meanwhile, a flow turned away anew. A
refusal of it is told again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.catalogue import finding
from gateway.config import MB, Partner, Settings
from gateway.flow_names import temporary, unsafe_name
from gateway.model import Box, Drop, Finding

CHANNEL = "amqp"
FLOW, REFERENCE = "flow", "reference"
POISON_AFTER = 100
"""Deliveries of one message without custody: far more than a bad day of a broker or a disk makes (held, it comes anew each half hour)."""

_BYTES_KEPT = frozenset({"AMQ-003", "DEP-011", "DEP-012", "DEP-014", "DEP-017"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it came. `user`: its `user_id`, which the broker vouches for, "" when absent; `deliveries`: how often it came before;
    `echo`: it is a return of ours, which its partner leads back."""

    box: Box
    body: bytes
    headers: Mapping[str, object] = field(default_factory=dict)
    user: str = ""
    message_id: str = ""
    deliveries: int = 0
    echo: bool = False

    def text(self, header: str) -> str:
        """A header as text, "" when it is absent or no text."""
        value = self.headers.get(header)
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


@dataclass(frozen=True, slots=True)
class Deposit:
    """The body is the file."""

    drop: Drop
    body: bytes


@dataclass(frozen=True, slots=True)
class Reference:
    """The body is empty: a file of that name in the partner's folder is the deposit. `asked_at`: when we took the message."""

    drop: Drop
    file: str
    sha256: str
    size: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not taken; the partner is owed the finding once for each `act`. `kept`: its bytes stay, in the dead-letter queue."""

    partner: str
    box: Box
    name: str
    finding: Finding
    act: str
    kept: bool = False


def judge(letter: Letter, partner: Partner, settings: Settings, *, at: datetime, nonce: str) -> Deposit | Reference | Refusal:
    """What a message is. `nonce`: the act's identity where the message brings none."""
    name, act = letter.text("name"), _act(letter, nonce)
    why = _claim_fault(letter, partner)
    why = why or (_reference_fault(letter, partner, settings) if _refers(letter) else _body_fault(letter, settings))
    why = why or _header_fault(letter, settings)
    if why is not None:
        shown = (name or letter.message_id or "?")[: settings.limits.name_bytes]
        return Refusal(partner.name, letter.box, shown, why, act, kept=why.rule in _BYTES_KEPT)
    drop = Drop(partner.name, letter.box, CHANNEL, act, name)
    if _refers(letter):
        return Reference(drop, letter.text("file"), letter.text("sha256"), int(letter.text("size")), at)
    return Deposit(drop, letter.body)


def poisoned(letter: Letter, refused: Deposit | Reference, partner: Partner) -> Refusal | None:
    """A message that came too often without ever being in custody: something of ours dies of it, and its partner must not wait for ever."""
    if letter.deliveries < POISON_AFTER:
        return None
    drop = refused.drop
    return Refusal(partner.name, drop.box, drop.name, finding("AMQ-007", n=letter.deliveries), drop.transport_id, kept=True)


def late(reference: Reference) -> Refusal:
    """Row 38."""
    return _answer(reference, finding("AMQ-005", nom=reference.file))


def altered(reference: Reference, found: str) -> Refusal:
    """Row 37; `found`: the hash, or the size in words, of what is there."""
    announced = reference.sha256 if _SHA256.fullmatch(found) else f"{reference.size} octets"
    return _answer(reference, finding("AMQ-004", a=announced, b=found))


def _answer(reference: Reference, why: Finding) -> Refusal:
    drop = reference.drop
    return Refusal(drop.partner, drop.box, drop.name, why, drop.transport_id)


def _refers(letter: Letter) -> bool:
    return letter.text("type") == REFERENCE


def _claim_fault(letter: Letter, partner: Partner) -> Finding | None:
    """Row 39: who it is by the broker's word, or claims to be, is not the partner of the virtual host."""
    claims = ((letter.user, partner.broker_user), (letter.text("partner"), partner.name))
    return next((finding("SEC-011", x=claimed) for claimed, true in claims if claimed not in ("", true)), None)


def _header_fault(letter: Letter, settings: Settings) -> Finding | None:
    """Row 36: the first header that is missing, or says what we do not know; then the name, as at every door."""
    name = letter.text("name")
    fit = {"partner": bool(letter.text("partner")), "type": letter.text("type") in (FLOW, REFERENCE), "name": bool(name)}
    header = next((header for header, is_fit in fit.items() if not is_fit), None)
    if header is not None:
        return finding("AMQ-003", x=header)
    fault = unsafe_name(name, settings.limits.name_bytes)
    return finding(fault) if fault else None


def _body_fault(letter: Letter, settings: Settings) -> Finding | None:
    """Rows 34 and 35."""
    if not letter.body:
        return finding("AMQ-001")
    if len(letter.body) > settings.amqp.body_bytes:
        return finding("AMQ-002", n=f"{len(letter.body) / MB:.1f}", max=f"{settings.amqp.body_bytes / MB:g}")
    return None


def _reference_fault(letter: Letter, partner: Partner, settings: Settings) -> Finding | None:
    """Row 36 for what names a file: a bare name, its hash, its size; and row 10."""
    file, size = letter.text("file"), letter.text("size")
    fit = {
        "file": unsafe_name(file) is None and not temporary(file), "sha256": bool(_SHA256.fullmatch(letter.text("sha256"))),
        "size": bool(_SIZE.fullmatch(size)) and int(size) > 0,
    }  # fmt: skip
    header = next((header for header, is_fit in fit.items() if not is_fit), None)
    if header is not None:
        return finding("AMQ-003", x=header)
    allowed = min(settings.limits.flow_bytes, partner.flow_bytes or settings.limits.flow_bytes)
    return finding("DEP-005", nom=letter.text("name"), max=f"{allowed / MB:g}") if int(size) > allowed else None


def _act(letter: Letter, nonce: str) -> str:
    """The identity of the act of deposit: message id and content together, for an id that is used twice must lose nothing."""
    if not letter.message_id:
        return nonce
    content = hashlib.sha256(letter.body).hexdigest()
    facts = [letter.message_id, str(letter.box), content, *([letter.text("file"), letter.text("sha256")] if _refers(letter) else [])]
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()
