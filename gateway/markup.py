"""Text made safe for XML 1.0, in attributes and elements alike; it knows no document and no format.

What XML cannot hold (control characters, lone surrogates, U+FFFE, U+FFFF) is shown as an escape such as `\\u001B`, so nothing vanishes.
Tabs and line ends become character references: they would otherwise turn into spaces in an attribute.
"""

from __future__ import annotations

import re
from typing import Final

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'

_IMPOSSIBLE: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_SPECIAL: Final = re.compile(f'[&<>"\t\n\r{_IMPOSSIBLE}]')
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def is_plain(text: str) -> bool:
    """True only when `escaped` would change nothing: a fast answer for callers that write very many texts."""
    return text.isprintable() and "&" not in text and "<" not in text and ">" not in text and '"' not in text


def escaped(text: str) -> str:
    """The text as it may stand in an element or between double quotes."""
    return text if _SPECIAL.search(text) is None else _SPECIAL.sub(_escape, text)


def legible(text: str) -> str:
    """The text without what XML and JSON cannot hold; markup characters stay."""
    return "".join(c if c in _NAMED or _SPECIAL.match(c) is None else _visible(c) for c in text)


def attributes(**values: str | int | bool | None) -> str:
    """` name="value"` for every value that is neither None nor ""; truth values as `true` and `false`."""
    return "".join(f' {name}="{_lexical(value)}"' for name, value in values.items() if value is not None and value != "")


def element(tag: str, text: str, **values: str | int | bool | None) -> str:
    """One element that holds only text."""
    return f"<{tag}{attributes(**values)}>{escaped(text)}</{tag}>"


def optional(tag: str, text: str) -> str:
    """The element, or nothing when there is no text."""
    return element(tag, text) if text else ""


def _lexical(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else escaped(str(value))


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    return _NAMED.get(char) or _visible(char)


def _visible(char: str) -> str:
    return f"\\u{ord(char):04X}"
