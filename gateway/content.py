"""What a file is, by its first bytes, never by its name; it parses nothing.

Limits: an XML whose root begins after more than 4 KB of white space is not seen as XML; HTML passes as XML and fails at the parser.
"""

from __future__ import annotations

import re

HEAD = 4096
"""How many first bytes `detect` wants."""

XML, GZIP, ZIP, PDF, EDIFACT = "application/xml", "application/gzip", "application/zip", "application/pdf", "application/EDIFACT"
TAR, EMPTY, UNKNOWN = "application/x-tar", "application/x-empty", "application/octet-stream"
OTHER_ARCHIVES = {
    "application/x-7z-compressed": "7z", "application/vnd.rar": "rar", "application/x-xz": "xz", "application/x-bzip2": "bzip2",
    "application/zstd": "zstd", "application/x-compress": "compress",
}  # fmt: skip
OFFICE = "application/vnd.openxmlformats-officedocument"
ACCEPTED = "XML, PDF (Factur-X), tar.gz, zip"
ARCHIVES = frozenset({GZIP, ZIP, TAR, *OTHER_ARCHIVES})

_MAGIC = (
    (b"\x1f\x8b", GZIP), (b"PK\x03\x04", ZIP), (b"PK\x05\x06", ZIP), (b"PK\x07\x08", ZIP), (b"%PDF-", PDF),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"Rar!\x1a\x07", "application/vnd.rar"), (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"BZh", "application/x-bzip2"), (b"\x28\xb5\x2f\xfd", "application/zstd"), (b"\x1f\x9d", "application/x-compress"),
    (b"MZ", "application/x-msdownload"), (b"\x7fELF", "application/x-executable"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"),
    (b"{\\rtf", "application/rtf"), (b"#!", "text/x-script"),
)  # fmt: skip

# The first `<` in every encoding a parser might try; those we refuse (UTF-32, EBCDIC) are XML too, so that the answer is row 71's.
_XML = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]*<(?:[?!A-Za-z_:\x80-\xff\x00])"
    rb"|\xff\xfe(?:[ \t\r\n]\x00)*<\x00|\xfe\xff(?:\x00[ \t\r\n])*\x00<|(?:\x00[ \t\r\n])*\x00<\x00"
    rb"|\xff\xfe\x00\x00<|\x00\x00\xfe\xff\x00\x00\x00<|\x00\x00\x00<|\x4c\x6f\xa7\x94"
)
_EDIFACT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:UNA.{6}\s*)?(?:UNB|UNH).", re.DOTALL)
_TEXT = re.compile(rb"[\t\r\n\x0c\x20-\x7e\x80-\xff]+")
_SIGNATURE_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<(?:[A-Za-z_][\w.-]*:)?(?:Signature|Signatures|XAdESSignatures|DocumentSignatures)[\s>/]",
    re.DOTALL,
)


def detect(head: bytes) -> str:
    """The media type of a content from its first bytes (`HEAD` of them)."""
    if head[:5] == b"<?xml" or _XML.match(head):
        return XML
    if not head:
        return EMPTY
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return TAR
    if _EDIFACT.match(head):
        return EDIFACT
    return "text/plain" if _TEXT.fullmatch(head) else UNKNOWN


def is_signature(head: bytes) -> bool:
    """True when the root is that of a detached XML signature (XAdES); UTF-16 is read too."""
    plain = head.replace(b"\0", b"")
    return _SIGNATURE_ROOT.match(plain.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")) is not None
