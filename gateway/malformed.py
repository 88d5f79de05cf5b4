"""Why a document is not well formed: libxml2's complaint → a finding with line, column and a cause in both languages; it parses nothing.

libxml2's own words never reach a partner without ours before them. Running out of memory is reported by lxml as a syntax error
(code 2, "unknown error"): that one is ours, never the document's.

Limits: causes that invoices never showed get a general sentence with libxml2's text after it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.catalogue import Worded, echo, finding
from gateway.errors import LimitReached
from gateway.model import Finding

NO_MEMORY: Final = 2
_BAD_CHARACTER: Final = frozenset({8, 9, 81, 6003})
_UNSUPPORTED_ENCODING: Final = frozenset({31, 32})
_CUT_OFF: Final = frozenset({45, 47, 63})
_RESOURCE_LIMIT: Final = 114
_ENTITY_LOOP: Final = 89
_NAME_TOO_LONG: Final = 110

CAUSES: Final[dict[int, tuple[str, str]]] = {
    4: ("aucune balise racine : le document est vide ou n'est pas du XML", "no root element: the document is empty or not XML"),
    5: ("contenu après la fin du document", "content after the end of the document"),
    23: ("« & » non suivi d'une entité complète ; écrire &amp;", "'&' without a complete entity; write &amp;"),
    26: ("entité {0} non déclarée ; seules amp, lt, gt, quot et apos existent",
         "entity {0} not declared; only amp, lt, gt, quot and apos exist"),
    38: ("« < » dans la valeur d'un attribut ; écrire &lt;", "'<' in an attribute value; write &lt;"),
    39: ("valeur d'attribut sans guillemets", "attribute value without quotes"),
    40: ("valeur d'attribut non terminée", "attribute value not ended"),
    41: ("attribut {0} sans valeur", "attribute {0} without a value"),
    42: ("attribut {0} présent deux fois", "attribute {0} given twice"),
    45: ("commentaire non terminé", "comment not ended"),
    47: ("instruction de traitement non terminée", "processing instruction not ended"),
    57: ("déclaration XML non terminée", "XML declaration not ended"),
    62: ("« ]]> » dans un texte", "']]>' in a text"),
    63: ("section CDATA non terminée", "CDATA section not ended"),
    64: ("déclaration XML ailleurs qu'au tout début", "XML declaration elsewhere than at the very start"),
    65: ("espace manquante", "missing space"),
    68: ("nom attendu après « < » ou « & » ; écrire &lt; ou &amp; dans un texte",
         "name expected after '<' or '&'; write &lt; or &amp; in a text"),
    73: ("balise non terminée par « > »", "tag not ended by '>'"),
    74: ("balise fermante attendue", "end tag expected"),
    75: ("« = » attendu après un nom d'attribut", "'=' expected after an attribute name"),
    76: ("la balise {0} est fermée par {1}", "tag {0} is closed by {1}"),
    77: ("document coupé : la balise {0} n'est pas fermée", "document cut short: tag {0} is not closed"),
    80: ("« -- » dans un commentaire", "'--' in a comment"),
    96: ("déclaration XML sans version", "XML declaration without version"),
    108: ("version de XML {0} inconnue", "unknown XML version {0}"),
    200: ("déclaration d'espace de noms incorrecte", "wrong namespace declaration"),
    201: ("préfixe {0} non déclaré", "prefix {0} not declared"),
    202: ("nom {0} incorrect", "wrong name {0}"),
    203: ("attribut {0} présent deux fois", "attribute {0} given twice"),
}  # fmt: skip
_NAMES: Final[dict[int, re.Pattern[str]]] = {
    26: re.compile(r"Entity '(.*?)'"),
    41: re.compile(r"attribute (\S+?),? line"),
    42: re.compile(r"Attribute (\S+) redefined"),
    76: re.compile(r"mismatch: (\S+) line \d+ and (\S+?),"),
    77: re.compile(r"in tag (\S+) line"),
    108: re.compile(r"version '(.*?)'"),
    201: re.compile(r"prefix (\S+) "),
    202: re.compile(r"QName '(.*?)'"),
    203: re.compile(r"Attribute (\S+) redefined|Namespaced Attribute (\S+) in"),
}
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE: Final = re.compile(rb"&#(?:x0*([0-9A-Fa-f]+)|0*([0-9]+));")
_DECLARED: Final = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*[\"']([^\"'>]*)")


def malformed(broken: Any, data: bytes, member: str) -> Finding:
    """The finding for a parse that failed with an `lxml.etree.XMLSyntaxError`; `LimitReached` when it was our memory that failed."""
    code, message = int(broken.code or 0), str(broken.msg or "")
    if code == NO_MEMORY:
        raise LimitReached(f"{member}: libxml2 ran out of memory on {len(data)} bytes; raise validation.memory_bytes") from broken
    line, column = (int(n) for n in broken.position)
    if code in _BAD_CHARACTER:
        encoding, position = bad_character(data)
        return finding("XML-006", p=position, e=encoding, line=line, column=column)
    if code in _CUT_OFF and (bad := bad_character(data))[1] >= 0:  # libxml2 stops at the character and calls the section not ended
        return finding("XML-006", p=bad[1], e=bad[0], line=line, column=column)
    if code in _UNSUPPORTED_ENCODING:
        return finding("XML-007", e=_encoding(data), line=line, column=column)
    return _too_much(code, message, line, column) or _not_well_formed(code, message, member, line, column)


def _too_much(code: int, message: str, line: int, column: int) -> Finding | None:
    """libxml2's own guards, which act before ours can measure."""
    if code == _RESOURCE_LIMIT and "depth" in message:
        words: dict[str, object] = {"mesure": "depth"}
        return finding("XML-008", mesure="profondeur", n="> 2048", max=100, line=line, column=column, english=words)
    if code == _NAME_TOO_LONG:
        words = {"mesure": "name length"}
        return finding("XML-008", mesure="longueur de nom", n="> 10000000", max=1024, line=line, column=column, english=words)
    if code in (_RESOURCE_LIMIT, _ENTITY_LOOP):
        return finding("XML-003", line=line, column=column)
    return None


def _not_well_formed(code: int, message: str, member: str, line: int, column: int) -> Finding:
    french, english = cause(code, message)
    return finding("XML-001", membre=member, l=line, c=column, cause=french, line=line, column=column, english={"cause": english})


def cause(code: int, message: str) -> tuple[Worded, Worded]:
    """French and English cause of libxml2's error `code`; names are taken from its `message`."""
    if code not in CAUSES:
        text = re.sub(r",? line \d+, column \d+$", "", message).strip()
        return Worded(f"syntaxe incorrecte : {echo(text)}"), Worded(f"wrong syntax: {echo(text)}")
    pattern = _NAMES.get(code)
    found = pattern.search(message) if pattern else None
    names = [f'"{echo(n)}"' for n in found.groups() if n] if found else []
    names += ["?"] * (2 - len(names))
    french, english = CAUSES[code]
    return Worded(french.format(*names)), Worded(english.format(*names))


def bad_character(data: bytes) -> tuple[str, int]:
    """Encoding and byte position (from 0) of the first character that XML or the encoding forbids; -1 when none was found."""
    encoding = _encoding(data)
    text, failed = _decoded(data, encoding)
    found = _FORBIDDEN.search(text)
    if found:
        return encoding, len(text[: found.start()].encode(_codec(data, encoding), "surrogatepass")) + _mark(data, encoding)
    return encoding, failed if failed >= 0 else _bad_reference(data)


def _decoded(data: bytes, encoding: str) -> tuple[str, int]:
    """The text up to the first byte that is wrong in the encoding, and that byte's position (-1: none is)."""
    codec, mark = _codec(data, encoding), _mark(data, encoding)
    try:
        return data[mark:].decode(codec), -1
    except UnicodeDecodeError as wrong:
        return data[mark : mark + wrong.start].decode(codec), mark + wrong.start


def _bad_reference(data: bytes) -> int:
    for reference in _REFERENCE.finditer(data):
        digits, base = (reference.group(1), 16) if reference.group(1) else (reference.group(2), 10)
        value = int(digits, base) if len(digits) <= 7 else 0x110000
        if value > 0x10FFFF or _FORBIDDEN.match(chr(value)):
            return reference.start()
    return -1


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00?\x00", b"\x00<\x00?")):
        return "UTF-16"
    declared = _DECLARED.match(data)
    return declared.group(1).decode("ascii", "replace") if declared else "UTF-8"


def _codec(data: bytes, encoding: str) -> str:
    if encoding == "UTF-16":
        return "utf-16-be" if data[:1] in (b"\xfe", b"\x00") else "utf-16-le"
    return {"WINDOWS-1252": "cp1252", "CP1252": "cp1252"}.get(encoding.upper(), encoding if _is_known(encoding) else "utf-8")


def _is_known(encoding: str) -> bool:
    try:
        "".encode(encoding)
    except LookupError:
        return False
    return True


def _mark(data: bytes, encoding: str) -> int:
    """Length of the byte-order mark."""
    if data.startswith(b"\xef\xbb\xbf"):
        return 3
    return 2 if encoding == "UTF-16" and data[:2] in (b"\xff\xfe", b"\xfe\xff") else 0
