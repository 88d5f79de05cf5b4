"""The table of policies says what contract.md, chapter 3 says."""

from __future__ import annotations

import pytest

from gateway import policies
from gateway.errors import ConfigError
from gateway.model import Severity
from gateway.policies import Kind


def test_chorus_is_the_default() -> None:
    assert policies.default() == "chorus"
    assert policies.named(policies.default()).name == "chorus"


@pytest.mark.parametrize(
    ("kind", "own", "severity"),
    [
        (Kind.E1, False, Severity.FATAL),
        (Kind.E2, False, Severity.WARNING),
        (Kind.FACTUR_X, False, Severity.WARNING),
        (Kind.E1, True, Severity.WARNING),
        (Kind.E2, True, Severity.WARNING),
    ],
)
def test_chorus_rejects_on_the_schema_of_structured_flows_only(kind: Kind, own: bool, severity: Severity) -> None:
    assert policies.named("chorus").schema_severity(kind, own=own) is severity


@pytest.mark.parametrize("kind", list(Kind))
def test_a_schema_that_the_administrator_mounted_rejects(kind: Kind) -> None:
    assert policies.named("chorus").schema_severity(kind, own=False, mounted=True) is Severity.FATAL


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("own", [False, True])
def test_the_reform_rejects_on_every_schema(kind: Kind, own: bool) -> None:
    assert policies.named("reform").schema_severity(kind, own=own) is Severity.FATAL


def test_no_pack_is_claimed_that_is_not_there() -> None:
    assert {name: policy.packs for name, policy in policies.table().items()} == {"chorus": ("CPRO",), "reform": ()}


def test_an_unknown_policy_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="policy gentle: unknown; one of chorus, reform"):
        policies.named("gentle")
