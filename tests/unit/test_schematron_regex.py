"""XPath's regular expressions match in Python what they match there, or are refused."""

from __future__ import annotations

import pytest

from gateway.schematron import regex
from gateway.schematron.refused import RuleRefused


@pytest.mark.parametrize(("pattern", "text", "found"), [
    (r"^\d{2}$", "12", True), (r"^\d{2}$", "12\n", False), (r"^\d+$", "\u0661", True), (r"^\s$", "\u00a0", False), (r"^\s$", "\t", True),
    (r"^\S$", "\u00a0", True),
    (r"^.$", "\r", False), (r"^.$", "\n", False), (r"^.$", "é", True), (r"^[A-Za-z0-9+\-_/]+$", "a-b+c_d/e", True),
    (r"^[A-Za-z0-9+\-_/]+$", "a b", False),
    (r"^[^a]$", "b", True), (r"^[^a]$", "a", False), (r"^[\s\d]+$", "1 2", True), (r"^(a|b){1,2}$", "ab", True),
    (r"^-?\d+(\.\d{1,2})?$", "-1.50", True),
    (r"^-?\d+(\.\d{1,2})?$", "1.505", False), (r"^a{2,}$", "aaa", True), (r"a*?b", "aab", True), (r"^[.&|~]$", "&", True),
    (r"^[.]$", "x", False), (r"x\^\$", "x^$", True),
    (r"^\D$", "a", True), (r"\t", "\t", True),
])  # fmt: skip
def test_patterns_match_as_in_xpath(pattern: str, text: str, found: bool) -> None:
    assert bool(regex.translate(pattern).search(text)) is found


@pytest.mark.parametrize("pattern", [r"\p{L}", r"\w", r"\i", r"(?:a)", r"(?=a)", r"[a-z-[aeiou]]", r"(a)\1", r"[a", r"[\w]", r"\b", "a\\"])
def test_what_is_not_known_is_refused(pattern: str) -> None:
    with pytest.raises(RuleRefused, match="regular expression"):
        regex.translate(pattern)


@pytest.mark.parametrize("text", ["$1", "a\\$"])
def test_replacements_with_groups_are_refused(text: str) -> None:
    with pytest.raises(RuleRefused, match="plain text is expected"):
        regex.replacement(text)
