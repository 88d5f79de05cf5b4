"""Invisible and look-alike characters in references; it says which one, not how much it matters.

Source: reliability catalogue row 96.

Limits: look-alikes are recognised by script and compatibility form, not by the full Unicode table; accented Latin letters are ordinary.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def deceptive(text: str) -> str:
    """The first character that cannot be seen, or can be taken for another one; "" when there is none."""
    if text.isascii() and text.isprintable():
        return ""
    return next((char for char in text if _deceives(char)), "")


def _deceives(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    category = unicodedata.category(char)
    if category[0] in "CZMNP":
        return True
    if unicodedata.normalize("NFKC", char).isascii():
        return True
    return category[0] == "L" and not unicodedata.name(char, "").startswith("LATIN ")
