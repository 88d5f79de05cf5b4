"""What rules say to people: the business terms that a text names, both sentences of our own packs, the official text untouched."""

from __future__ import annotations

import pytest

from gateway import rule_words
from gateway.model import Finding, Severity


def found(pack: str, rule: str, message: str, *, unevaluable: bool = False) -> Finding:
    return Finding(pack, rule, Severity.FATAL, message, f"fr {message}", f"en {message}", unevaluable=unevaluable)


@pytest.mark.parametrize(("text", "terms"), [
    ("[BR-CO-16]-Amount due (BT-115) = total (BT-112) -paid amount (BT-113) +rounding (BT-114).", ("BT-115", "BT-112", "BT-113", "BT-114")),
    ("[BR-FR-05/BT-22] : La mention est absente (BG-3). BT-22 encore.", ("BT-22", "BG-3")),
    ("BR-FR-CO-10/EXT-FR-FE-06 : le schéma (EXT-FR-FE-07)", ("EXT-FR-FE-06", "EXT-FR-FE-07")),
    ("[BR-FR-CDV-16/MDT-124]", ("MDT-124",)),
    ("ABT-1, BT-, BTX-3, BR-05", ()),
])  # fmt: skip
def test_terms_are_those_that_the_text_names_once_in_its_order(text: str, terms: tuple[str, ...]) -> None:
    assert rule_words.terms_of(text) == terms


def test_an_official_text_stays_as_it_is() -> None:
    told = rule_words.worded(found("EN16931-UBL", "NO-SUCH-RULE", "Nobody knows this text of BT-1."))
    assert told.message == "Nobody knows this text of BT-1."
    assert told.terms == ("BT-1",)
    assert told.message_fr
    assert told.message_en


def test_a_rule_of_ours_has_both_sentences_and_the_terms_of_its_table() -> None:
    told = rule_words.worded(found("CPRO", "CPRO-ID-03", "Le SIRET du fournisseur doit compter 14 chiffres."))
    assert told.message_fr == "Le SIRET du fournisseur doit compter 14 chiffres."
    assert told.message_en == "The supplier's SIRET must have 14 digits."
    assert told.terms == ("BT-29", "BT-30")


@pytest.mark.parametrize(("pack", "rule"), [("CPRO", "CPRO-ID-03"), ("EN16931-UBL", "BR-CO-16")])
def test_a_rule_that_had_no_answer_keeps_saying_so(pack: str, rule: str) -> None:
    told = rule_words.worded(found(pack, rule, "(BT-29) (BT-30)", unevaluable=True))
    assert (told.message_fr, told.message_en) == ("fr (BT-29) (BT-30)", "en (BT-29) (BT-30)")
    assert told.terms == ("BT-29", "BT-30")
