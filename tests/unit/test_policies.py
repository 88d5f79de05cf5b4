"""The table of policies says what contract.md, chapter 3 says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway import policies
from gateway.errors import ConfigError
from gateway.model import Severity
from gateway.policies import Judge, Kind, Policy


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


CHORUS, REFORM = policies.named("chorus"), policies.named("reform")
EN16931, EXTENDED = "urn:cen.eu:en16931:2017", "urn:cen.eu:en16931:2017#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
TODAY = date(2026, 11, 29)
STATE, FIRM = "11000201100044", "80000001000010"


def names(policy: Policy, profile: str, kind: Kind, recipient: str = STATE) -> set[str]:
    return {judge.pack for judge in policy.judges(profile, kind, [recipient], TODAY)}


def test_chorus_has_the_standards_rules_warn_on_structured_flows_only() -> None:
    assert CHORUS.judges(EN16931, Kind.E1, [STATE], TODAY) == (
        Judge("CPRO"), Judge("EN16931-UBL", Severity.WARNING), Judge("FACTUR-X_EN16931", Severity.WARNING),
    )  # fmt: skip
    assert names(CHORUS, EN16931, Kind.E2) == names(CHORUS, EN16931, Kind.FACTUR_X) == {"CPRO"}


@pytest.mark.parametrize(
    ("profile", "family"),
    [
        (EN16931, {"EN16931-UBL", "FACTUR-X_EN16931"}),
        ("urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0", {"EN16931-UBL", "FACTUR-X_EN16931"}),
        ("", {"EN16931-UBL", "FACTUR-X_EN16931"}),
        (EXTENDED, {"EXTENDED-CTC-FR-UBL", "EXTENDED-CTC-FR-CII"}),
        ("urn:factur-x.eu:1p0:minimum", {"FACTUR-X_MINIMUM"}),
        ("urn:factur-x.eu:1p0:basicwl", {"FACTUR-X_BASIC-WL"}),
        ("urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic", {"FACTUR-X_BASIC"}),
        ("urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended", {"FACTUR-X_EXTENDED"}),
    ],
)
def test_the_declared_profile_chooses_the_standards_rules(profile: str, family: set[str]) -> None:
    assert names(REFORM, profile, Kind.E1) == family | {"BR-FR-UBL", "BR-FR-CII", "BR-FR-CDV", "BR-FR-CPRO"}


def test_the_reform_has_every_pack_judge_as_its_flags_say() -> None:
    assert {judge.severity for judge in REFORM.judges(EN16931, Kind.E1, [STATE], TODAY)} == {None}


@pytest.mark.parametrize(("recipient", "public"), [(STATE, True), ("21350238800019", True), (FIRM, False), ("", False)])
def test_the_rules_for_public_bodies_bind_where_the_recipient_is_one(recipient: str, public: bool) -> None:
    assert ("BR-FR-CPRO" in names(REFORM, EN16931, Kind.E1, recipient)) is public


def test_every_pack_of_the_contract_judges_somewhere() -> None:
    contract = {
        "CPRO", "BR-FR-CPRO", "EN16931-UBL", "BR-FR-UBL", "EXTENDED-CTC-FR-UBL", "FACTUR-X_MINIMUM", "FACTUR-X_BASIC-WL", "FACTUR-X_BASIC",
        "FACTUR-X_EN16931", "FACTUR-X_EXTENDED", "BR-FR-CII", "EXTENDED-CTC-FR-CII", "BR-FR-CDV",
    }  # fmt: skip
    assert set(CHORUS.packs) | set(REFORM.packs) == contract


def test_an_unknown_policy_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="policy gentle: unknown; one of chorus, reform"):
        policies.named("gentle")


# --- rows of a table, in force on some days


def policy(row: dict[str, Any]) -> Policy:
    schema = dict.fromkeys([*Kind, "own", "mounted"], "fatal")
    return policies._policy("tried", {"about_fr": "", "about_en": "", "schema": schema, "judges": [row]})


FROM, TO = date(2026, 9, 1), date(2027, 8, 31)


@pytest.mark.parametrize(("today", "judges"), [
    (date(2026, 8, 31), False), (FROM, True), (date(2027, 1, 1), True), (TO, True), (date(2027, 9, 1), False),
])  # fmt: skip
def test_a_row_judges_from_its_first_to_its_last_day(today: date, judges: bool) -> None:
    tried = policy({"packs": ["CPRO"], "first": FROM, "last": TO})
    assert bool(tried.judges(EN16931, Kind.E1, [], today)) is judges
    assert tried.packs == ("CPRO",)


@pytest.mark.parametrize("today", [date.min, TODAY, date.max])
def test_a_row_without_days_is_always_in_force(today: date) -> None:
    assert policy({"packs": ["CPRO"]}).judges("", Kind.E2, [], today) == (Judge("CPRO"),)


def test_a_row_binds_kinds_and_recipients_together() -> None:
    tried = policy({"packs": ["CPRO"], "kinds": ["E2"], "recipients": "b2g", "severity": "warning"})
    assert tried.judges("", Kind.E2, [FIRM, STATE], TODAY) == (Judge("CPRO", Severity.WARNING),)
    assert tried.judges("", Kind.E2, [FIRM], TODAY) == tried.judges("", Kind.E1, [STATE], TODAY) == ()


@pytest.mark.parametrize(("row", "word"), [({"packs": ["CPRO"], "until": TO}, "until"), ({"packs": ["CPRO"], "recipients": "b2b"}, "b2b")])
def test_a_row_with_a_word_that_is_not_known_is_refused(row: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=f"policy tried: .*{word} unknown"):
        policy(row)


def test_a_policy_must_say_how_hard_every_kind_counts() -> None:
    with pytest.raises(ConfigError, match=r"policy half says nothing of E2, factur-x, mounted, own"):
        policies._policy("half", {"about_fr": "", "about_en": "", "schema": {"E1": "fatal"}, "judges": []})
