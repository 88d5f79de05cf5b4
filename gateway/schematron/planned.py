"""A form with what it depends on, as the planner hands it about; it is in no pack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.schematron.forms import Form

CONTEXT: Final = frozenset({0})
"""Stands for `.` among the slots that a form depends on."""


@dataclass(frozen=True, slots=True)
class Planned:
    """`free`: slots of local variables, and `CONTEXT`; `constant`: not even the document matters."""

    form: Form
    free: frozenset[int]
    constant: bool = False
