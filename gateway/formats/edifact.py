"""EDIFACT INVOIC: recognised by its first segments, not read; the partner is told which syntaxes are taken.

Limits: any UN/EDIFACT interchange that announces an INVOIC message within its first 4 kB is taken for one.
"""

from __future__ import annotations

import re
from typing import Final

_START: Final = re.compile(rb"\s*(?:UNA.{6}\s*)?UNB[+:\x1d]", re.DOTALL)
_INVOIC: Final = re.compile(rb"UNH.[^'\x1c]{1,35}?.INVOIC")


def is_interchange(data: bytes) -> bool:
    """Do these bytes begin as an EDIFACT interchange (UNA or UNB)?"""
    return _START.match(data) is not None


def is_invoic(data: bytes) -> bool:
    """Is it an interchange that holds invoices?"""
    return is_interchange(data) and _INVOIC.search(data[:4096]) is not None
