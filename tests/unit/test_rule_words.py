"""Sentences and business terms of findings of official packs: what one finding becomes, however its text says the document's values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.model import Finding, Severity
from gateway.rule_words import terms_of, worded


def told(pack: str, rule: str, message: str) -> Finding:
    """What an evaluator says: the official text in all three places."""
    return worded(Finding(pack, rule, Severity.FATAL, message, message, message))


def test_the_official_text_stays_and_the_other_language_is_ours() -> None:
    message = "[BR-02]-An Invoice shall have an Invoice number (BT-1)."
    finding = told("EN16931-UBL", "BR-02", message)
    assert (finding.message, finding.message_en, finding.terms) == (message, message, ("BT-1",))
    assert finding.message_fr == "Il manque : numéro de facture (BT-1) ; obligatoire dans toute facture."


@pytest.mark.parametrize(
    ("rule", "french"),
    [
        ("BR-AE-05", "Ligne de catégorie « AE » (autoliquidation) dont le taux n'est pas nul : taux de TVA de la ligne (BT-152)"),
        ("BR-IC-05", "Ligne de catégorie « K » (livraison intracommunautaire) dont le taux n'est pas nul"),
        ("BR-O-05", "Ligne de catégorie « O » (hors champ de la TVA) avec un taux"),
    ],
)
def test_a_rule_of_a_vat_category_names_the_category(rule: str, french: str) -> None:
    assert told("EN16931-UBL", rule, f"[{rule}]-In an Invoice line (BG-25) …").message_fr.startswith(french)


def test_the_text_decides_where_two_packs_ask_different_things_under_one_id() -> None:
    strict = "[BR-AF-05]-In an Invoice line (BG-25) … the invoiced item VAT rate (BT-152) shall be greater than 0 (zero)."
    loose = "[BR-AF-05]-In an Invoice line (BG-25) … the invoiced item VAT rate (BT-152) shall be 0 (zero) or greater than zero."
    assert told("FACTUR-X_EN16931", "BR-AF-05", strict).message_fr.endswith("un taux supérieur à zéro est attendu.")
    assert told("EN16931-UBL", "BR-AF-05", loose).message_fr.endswith("un taux nul ou positif est attendu.")


def test_a_rule_numbered_anew_takes_the_sentence_of_the_rule_that_its_text_cites() -> None:
    finding = told("FACTUR-X_BASIC", "FX-SCH-A-000011", "[BR-02]-An Invoice shall have an Invoice number (BT-1).")
    assert finding.message_fr == "Il manque : numéro de facture (BT-1) ; obligatoire dans toute facture."


def test_a_rule_without_id_is_known_by_its_text() -> None:
    message = "Element 'ram:LineID' is marked as not used in the given context."
    assert told("FACTUR-X_EN16931", message[:60], message).message_fr == (
        "Élément non prévu à cet endroit par ce profil : ram:LineID ; à retirer."
    )


def test_a_value_of_the_document_stands_in_the_translation() -> None:
    message = (
        "[BR-FR-04/BT-3] : Le code type de document (cbc:InvoiceTypeCode) n’est pas autorisé. Valeurs acceptées : 380. "
        'Valeur actuelle : "A-1.". Veuillez utiliser un code conforme à la liste autorisée.'
    )
    finding = told("BR-FR-UBL", "BR-FR-04_BT-3", message)
    assert finding.message_fr == message
    assert finding.message_en.startswith("Code not allowed in France: invoice type code (BT-3); one of 380, ")
    assert finding.message_en.endswith(' Found: "A-1.".')


def test_a_value_is_never_taken_for_a_term_or_a_category() -> None:
    message = "[BR-FR-15/BT-151] : Code de catégorie de TVA invalide. Valeur actuelle : S. Veuillez utiliser un code valide : S, E."
    assert told("BR-FR-UBL", "BR-FR-15_BT-151-1", message).message_en.endswith(" Found: S.")


def test_braces_in_a_value_stay_as_they_are() -> None:
    message = 'BR-FR-12/BT-49 : Le BT-49 est obligatoire. Valeur actuelle : BT-49="{BT-1}{1}".'
    assert told("BR-FR-CII", "BR-FR-12_BT-49", message).message_en.endswith('Found: BT-49="{BT-1}{1}".')


def test_a_sign_before_a_value_is_kept() -> None:
    message = "[BR-FR-CO-09/BT-23] : Si le cadre … alors le net à payer (BT-115) doit être égal à 0. Net à payer : -12.50."
    assert told("BR-FR-UBL", "BR-FR-CO-09_BT-23-2", message).message_en.endswith("Found: -12.50.")


def test_a_long_value_neither_stops_the_reading_nor_swells_the_translation() -> None:
    message = f'[BR-FR-01/BT-1] : … caractères. Valeur actuelle : "{"- , " * 500_000}". Veuillez vérifier.'
    finding = told("BR-FR-UBL", "BR-FR-01_BT-1-1", message)
    assert finding.message == message
    assert finding.message_en.startswith("Too long: invoice number (BT-1); 35 characters at most.")
    assert len(finding.message_en) < 5000


def test_both_languages_are_ours_where_the_official_text_has_neither_in_short() -> None:
    message = "[BR-FREXT-S-08] - Num Fact : F1, Code : S, rate : 20, [BR-FREXT-S-08] - Dans une ventilation TVA (BG-23), …"
    finding = told("EXTENDED-CTC-FR-UBL", "BR-FREXT-S-08", message)
    assert finding.message_fr.endswith("Trouvé : Num Fact : F1, Code : S, rate : 20.")
    assert finding.message_en.endswith("Found: Num Fact : F1, Code : S, rate : 20.")


def test_a_text_without_its_terms_takes_those_of_the_table() -> None:
    assert told("EN16931-UBL", "UBL-SR-01", "[UBL-SR-01]-Contract identifier shall occur maximum once.").terms == ("BT-12",)


def test_a_rule_of_the_next_release_keeps_its_own_text() -> None:
    finding = Finding("EN16931-UBL", "BR-99", Severity.FATAL, "[BR-99]-Something (BT-1).", "[BR-99]-…", "[BR-99]-…")
    assert worded(finding) == replace(finding, terms=("BT-1",))


def test_what_cannot_be_evaluated_keeps_its_sentences() -> None:
    finding = Finding("EN16931-UBL", "BR-02", Severity.FATAL, "[BR-02]-… (BT-1).", "raison", "reason", unevaluable=True)
    assert worded(finding) == replace(finding, terms=("BT-1",))


def test_terms_of_every_family_are_found_once_in_their_order() -> None:
    text = "BT-X-8 (BT-1, BG-X-42, BG-3), EXT-FR-FE-163, EXT-FR-FE-BG-12, MDT-105, MDG-3, BT-1; not BT-, XBT-2, BT-X"
    assert terms_of(text) == ("BT-X-8", "BT-1", "BG-X-42", "BG-3", "EXT-FR-FE-163", "EXT-FR-FE-BG-12", "MDT-105", "MDG-3")
