"""schemas/rules.toml against the installed packs: every row is of use, every sentence can be read, no value of a document is lost."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from gateway.errors import EngineMissing
from gateway.rule_words import Words, words_of
from gateway.schematron.pack import files, files_beside
from gateway.schematron.source import Assertion, read
from tests.docs.pages import ROOT

OFFICIAL = [name for name, file in files().items() if file.package != "schemas"]
FRENCH = ("BR-FR-UBL", "BR-FR-CII", "BR-FR-CDV")
COVERED = 0.95
LONGEST = 300
OFFICIALLY_FRENCH = re.compile(r"\b(?:la|les|des|une|du|pour|doit|le|est|veuillez)\b", re.IGNORECASE)
FRENCH_WORDS = re.compile(r"\b(?:le|la|les|des|une?|du|dont|pour|manque|de|au|il|sans|par|attendu|avec|hors|ou|et|d|à)\b", re.IGNORECASE)
ENGLISH_WORDS = re.compile(r"\b(?:the|is|are|of|shall|and|with|without|missing|expected|allowed|most)\b", re.IGNORECASE)
RULES = tomllib.loads((ROOT / "schemas" / "rules.toml").read_text(encoding="utf-8"))
TERMS = tomllib.loads((ROOT / "schemas" / "terms.toml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = [*RULES["rules"].values(), *RULES["patterns"]]
SENTENCES = [row[lang] for lang in ("fr", "en") for row in ROWS if lang in row]


class Told(NamedTuple):
    """An assertion as a finding would say it: each value of the document is a word of its own."""

    rule: str
    text: str
    values: tuple[str, ...]


@cache
def told(name: str) -> tuple[Told, ...]:
    try:
        file = files()[name].locate()
    except EngineMissing as missing:
        pytest.skip(str(missing))
    source = read(file.read_bytes(), beside=files_beside(file.parent))
    return tuple(_told(a) for pattern in source.patterns for rule in pattern.rules for a in rule.assertions)


def _told(assertion: Assertion) -> Told:
    parts, values = [], []
    for part in assertion.message:
        if isinstance(part, str):
            parts.append(part)
        elif part.expression.startswith("'"):
            parts.append(part.expression.strip("'"))
        else:
            values.append(f"v{len(values)}v")
            parts.append(values[-1])
    raw = "".join(parts)
    return Told(assertion.id or raw[:60].strip(), " ".join(raw.split()), tuple(values))


def words(one: Told) -> Words:
    return words_of(one.rule, one.text)


def everything() -> Iterator[Told]:
    for name in OFFICIAL:
        yield from told(name)


def chosen(one: Told) -> int | None:
    """Place of the row of patterns that answers for a text: the first that matches, by its id and then by the id that the text cites."""
    cited = re.match(r"\[([A-Z][\w/-]*)\][\s-]*", one.text)
    text = one.text[cited.end() :] if cited else one.text
    for name in (one.rule, cited[1]) if cited else (one.rule,):
        if name in RULES["rules"]:
            return None
        for place, row in enumerate(RULES["patterns"]):
            if re.fullmatch(row.get("rule", ".*"), name) and re.fullmatch(row.get("text", ".*"), text):
                return place
    return None


def lacks_a_language(one: Told) -> bool:
    """Whether a reader of the language that the official text is not in has no sentence."""
    return not (words(one).en if OFFICIALLY_FRENCH.search(one.text) else words(one).fr)


@pytest.mark.parametrize("name", OFFICIAL)
def test_nearly_every_rule_speaks_both_languages(name: str) -> None:
    missing = [one.rule for one in told(name) if lacks_a_language(one)]
    share = 1 - len(missing) / len(told(name))
    print(f"{name}: {share:.1%} of {len(told(name))} assertions; without: {missing}")  # shown by pytest -rP
    assert share >= COVERED


@pytest.mark.parametrize("name", OFFICIAL)
def test_no_value_of_the_document_is_lost(name: str) -> None:
    lost = [
        (one.rule, sentence) for one in told(name) for sentence in (words(one).fr, words(one).en)
        if sentence and not all(value in sentence for value in one.values)
    ]  # fmt: skip
    assert lost == []


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_sentence_is_short_and_has_no_empty_slot(name: str) -> None:
    plain = [one for one in told(name) if not one.values]
    sentences = {sentence for one in plain for sentence in (words(one).fr, words(one).en) if sentence}
    assert [s for s in sentences if len(s) > LONGEST or re.search(r"\{[\w-]+\}|  |: ;", s) or not s.endswith(".")] == []


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_sentences_of_rules_that_tell_values_are_short_too(name: str) -> None:
    sentences = {sentence for one in told(name) if one.values for sentence in (words(one).fr, words(one).en)}
    assert [s for s in sentences if len(re.sub(r" (Trouvé :|Found:) .*", "", s)) > LONGEST] == []


def test_every_row_by_id_is_of_a_rule_there_is() -> None:
    known = {one.rule for one in everything()} | {cited for one in everything() for cited in re.findall(r"^\[([A-Z][\w/-]*)\]", one.text)}
    assert [rule for rule in RULES["rules"] if rule not in known] == []


def test_every_pattern_answers_for_some_rule() -> None:
    used = {chosen(one) for one in everything()}
    assert [row for place, row in enumerate(RULES["patterns"]) if place not in used] == []


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_texts_are_in_the_language_that_the_pack_is_known_for(name: str) -> None:
    french = [one for one in told(name) if OFFICIALLY_FRENCH.search(one.text)]
    assert len(french) == len(told(name)) if name in FRENCH else len(french) < len(told(name)) / 10


def test_every_kind_of_value_occurs() -> None:
    texts = [one.text for one in everything() if one.values]
    assert [row["text"] for row in RULES["values"] if not any(re.search(row["text"], text) for text in texts)] == []


def test_every_row_says_something() -> None:
    assert [row for row in ROWS if not (row.get("fr") or row.get("en"))] == []
    assert [row for row in RULES["values"] if not (row["fr"] and row["en"])] == []
    assert [row for row in RULES["patterns"] if not ("rule" in row or "text" in row)] == []


def test_sentences_are_in_their_language() -> None:
    french, english = ([row[lang] for row in ROWS if lang in row] for lang in ("fr", "en"))
    assert [s for s in french if ENGLISH_WORDS.search(s) or not FRENCH_WORDS.search(s)] == []
    assert [s for s in english if re.search(r"\b(?:le|la|les|des|une|est|dont|pour)\b| ;", s) or not ENGLISH_WORDS.search(s)] == []


def test_every_term_of_a_sentence_has_a_name() -> None:
    slots = {slot for sentence in SENTENCES for slot in re.findall(r"\{([A-Z][\w-]*)\}", sentence)}
    assert sorted(slots - set(TERMS["terms"])) == []


def test_every_term_captured_from_an_id_has_a_name() -> None:
    assert [one.rule for one in everything() if re.search(r"(?:^|[;:] )(?:BT|BG|EXT-FR-FE|MDT)-[\w-]+(?= |;|$)", words(one).en)] == []


def test_every_name_is_in_two_languages() -> None:
    assert [key for table in TERMS.values() for key, names in table.items() if len(names) != 2 or not all(names)] == []
