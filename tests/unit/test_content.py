"""What a file is by its first bytes."""

from __future__ import annotations

import pytest

from gateway import content

TEXT = "<?xml version='1.0'?><Invoice/>"


@pytest.mark.parametrize("encoding", [
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "cp037", "iso-8859-1",
])  # fmt: skip
def test_xml_is_seen_in_every_encoding_a_parser_might_try(encoding: str) -> None:
    assert content.detect(TEXT.encode(encoding)) == content.XML


@pytest.mark.parametrize("text", ["<Invoice/>", "\r\n  <ubl:Invoice>", "<!-- note --><a/>", "<!DOCTYPE a><a/>", "<élan/>"])
def test_xml_needs_no_declaration(text: str) -> None:
    assert content.detect(text.encode()) == content.XML
    assert content.detect(("\ufeff" + text).encode("utf-16-be")) == content.XML


@pytest.mark.parametrize(("head", "kind"), [
    (b"", content.EMPTY), (b"%PDF-1.7", content.PDF), (b"\x1f\x8b\x08", content.GZIP), (b"PK\x03\x04", content.ZIP),
    (b"PK\x05\x06", content.ZIP), (bytes(257) + b"ustar\x0000", content.TAR), (b"UNA:+.? 'UNB+UNOA:1", content.EDIFACT),
    (b"UNB+UNOC:3+x", content.EDIFACT), (b"UNIVERSE of plain words", "text/plain"), (b"a;b;c\r\n1;2;3", "text/plain"),
    (b"< less than", "text/plain"), (bytes(80), content.UNKNOWN), (b"\x7fELF\x02", "application/x-executable"),
])  # fmt: skip
def test_other_contents_are_named(head: bytes, kind: str) -> None:
    assert content.detect(head) == kind


@pytest.mark.parametrize("head", [
    b"<ds:Signature xmlns:ds='x'>", b"<?xml version='1.0'?>\n<!-- x --><Signature/>", b"\xef\xbb\xbf<asic:XAdESSignatures >",
    "\ufeff<ds:Signature >".encode("utf-16-le"),
])  # fmt: skip
def test_a_detached_signature_is_known_by_its_root(head: bytes) -> None:
    assert content.is_signature(head)


@pytest.mark.parametrize("head", [b"<Invoice><ds:Signature/>", b"<SignatureList/>", b"<!-- <Signature/> --><Invoice/>", b"Signature", b""])
def test_an_invoice_that_speaks_of_signatures_is_none(head: bytes) -> None:
    assert not content.is_signature(head)
