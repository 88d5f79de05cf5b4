"""How hard a broken rule counts, from a setting off | warn | reject; it knows no rule."""

from __future__ import annotations

from gateway.config import Rules
from gateway.model import Severity

_SEVERITY: dict[str, Severity | None] = {"off": None, "warn": Severity.WARNING, "reject": Severity.FATAL}


def sure(setting: str) -> Severity | None:
    """The severity that a setting orders; None when the check is off."""
    return _SEVERITY[setting]


def unsure(setting: str, rules: Rules) -> Severity | None:
    """The same for what chorus.md does not mark [sure]: never more than the setting `uncertain`."""
    if "off" in (setting, rules.uncertain):
        return None
    return Severity.WARNING if "warn" in (setting, rules.uncertain) else Severity.FATAL
