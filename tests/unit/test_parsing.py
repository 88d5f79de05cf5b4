"""The parser: what it takes, what it refuses, and that its cheap bounds miss nothing."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway import parsing
from gateway.errors import LimitReached
from gateway.malformed import malformed
from gateway.model import Severity


def rules(data: bytes) -> list[str]:
    return [f.rule for f in parsing.parse(data, member="a.xml").findings]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252"])
def test_the_listed_encodings_are_read(encoding: str) -> None:
    codec = {"windows-1252": "cp1252"}.get(encoding, encoding)
    parsed = parsing.parse(f'<?xml version="1.0" encoding="{encoding}"?><a>é</a>'.encode(codec))
    assert parsed.root is not None
    assert parsed.root.text == "é"


def test_latin_9_has_its_euro_sign() -> None:
    parsed = parsing.parse(b'<?xml version="1.0" encoding="ISO-8859-15"?><a>\xa4</a>')
    assert parsed.root is not None
    assert parsed.root.text == "€"


def test_a_byte_order_mark_is_accepted() -> None:
    assert parsing.parse(b"\xef\xbb\xbf<a/>").root is not None


@pytest.mark.parametrize(
    "data",
    [
        "<a/>".encode("utf-32"),
        '<?xml version="1.0" encoding="IBM037"?><a/>'.encode("cp037"),
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'<?xml version="1.0" encoding="ISO-2022-JP"?><a/>',
        b"<?xml version='1.0'\n encoding = 'nope'?><a/>",
    ],
)
def test_every_other_encoding_is_refused_before_it_is_decoded(data: bytes) -> None:
    assert rules(data) == ["XML-007"]


@pytest.mark.parametrize(
    ("doctype", "rule"),
    [
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd">', "XML-002"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "XML-002"),
        ('<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>', "XML-002"),
        ('<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>', "XML-003"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_any_doctype_is_refused_in_any_encoding(doctype: str, rule: str, encoding: str) -> None:
    assert rules(f"{doctype}<a/>".encode(encoding)) == [rule]


def test_a_billion_laughs_costs_no_memory() -> None:
    entities = "".join(f'<!ENTITY l{i} "' + f"&l{i - 1};" * 10 + '">' for i in range(1, 12))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "{"ha" * 500}">{entities}]>'
    tracemalloc.start()
    assert rules(f"{bomb}<a>&l11;</a>".encode()) == ["XML-003"]
    assert rules(f'{bomb}<a b="&l11;"/>'.encode()) == ["XML-003"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_the_word_doctype_in_a_comment_or_text_harms_nobody() -> None:
    assert rules(b"<a><!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE a>]]></a>") == []


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


@pytest.mark.parametrize("depth", [1, 15, 16, 17, 99, 100])
def test_a_depth_up_to_a_hundred_is_taken(depth: int) -> None:
    assert rules(nested(depth)) == []


@pytest.mark.parametrize("depth", [101, 200, 2047])
def test_a_deeper_one_is_refused_with_its_depth(depth: int) -> None:
    (found,) = parsing.parse(nested(depth)).findings
    assert found.rule == "XML-008"
    assert f"profondeur = {depth}" in found.message_fr
    assert f"depth = {depth}" in found.message_en


def test_a_depth_beyond_libxml2s_own_guard_is_the_same_finding() -> None:
    assert rules(nested(5_000)) == ["XML-008"]


def with_attributes(n: int) -> bytes:
    attributes = " ".join(f'x{i}=">"' for i in range(n))
    return f"<r><a {attributes}/></r>".encode()


def test_256_attributes_are_taken_and_257_refused() -> None:
    assert rules(with_attributes(256)) == []
    assert rules(with_attributes(257)) == ["XML-008"]


def test_attributes_are_counted_before_they_are_listed() -> None:
    (found,) = parsing.parse(with_attributes(100_000)).findings  # listing these would take a minute
    assert "attributs = 100000" in found.message_fr


def test_the_shortest_possible_257_attributes_are_not_missed() -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [*letters, *(x + y for x in letters for y in letters)][:257]
    for before in range(0, 1_100, 97):
        attributes = " ".join(f'{n}=""' for n in names)
        data = f"<r>{'<b/>' * before}<a {attributes}/></r>".encode()
        assert rules(data) == ["XML-008"], before


def test_namespace_declarations_count_as_attributes() -> None:
    declarations = " ".join(f'xmlns:p{i}="u"' for i in range(300))
    assert rules(f"<a {declarations}/>".encode()) == ["XML-008"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_name_over_a_thousand_characters_is_refused(encoding: str) -> None:
    assert rules(f"<a><{'n' * 1024}/></a>".encode(encoding)) == []
    assert rules(f"<a><{'n' * 1025}/></a>".encode(encoding)) == ["XML-008"]
    assert rules(f"<a {'n' * 1025}=''/>".encode(encoding)) == ["XML-008"]


def test_more_than_five_million_elements_are_refused_before_they_are_parsed() -> None:
    assert rules(b"<r>" + b"<a/>" * 5_000_001 + b"</r>") == ["XML-008"]


def test_a_text_over_ten_million_characters_is_refused_where_it_stands() -> None:
    (found,) = parsing.parse(b"<r><n>" + b"x" * 10_000_001 + b"</n></r>").findings
    assert (found.rule, found.location, found.line) == ("XML-009", "/r/n", 1)
    assert "11 Mo" in found.message_fr


def test_a_long_attribute_or_tail_is_a_text_too() -> None:
    assert rules(b"<r a='" + b"x" * 10_000_001 + b"'/>") == ["XML-009"]
    assert rules(b"<r><b/>" + b"x" * 10_000_001 + b"</r>") == ["XML-009"]


def test_a_declared_attachment_may_be_longer() -> None:
    assert rules(b"<r><Contenu>" + b"QUJD" * 3_000_000 + b"</Contenu></r>") == []


def test_a_document_over_its_limit_is_not_parsed() -> None:
    (found,) = parsing.parse(b"<a/>" * 500, member="b.xml", document_bytes=1_000).findings
    assert (found.rule, found.message_fr) == ("ARC-015", '"b.xml" : 1 Mo, maximum 0.001 Mo.')


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "aucune balise racine"),
        (b"<a><b></a>", 'la balise "b" est fermée par "a"'),
        (b"<a><b>", 'document coupé : la balise "b"'),
        (b"<a>a & b</a>", "écrire &lt; ou &amp;"),
        (b"<a>&nbsp;</a>", 'entité "nbsp" non déclarée'),
        (b"<a x=1/>", "sans guillemets"),
        (b"<a x>", 'attribut "x" sans valeur'),
        (b'<a x="1" x="2"/>', 'attribut "x" présent deux fois'),
        (b"<a/><b/>", "contenu après la fin"),
        (b' <?xml version="1.0"?><a/>', "ailleurs qu'au tout début"),
        (b"<x:a/>", 'préfixe "x" non déclaré'),
        (b"<a", "balise non terminée"),
        (b"<a><!-- </a>", "commentaire non terminé"),
        (b"<a><![CDATA[ </a>", "CDATA non terminée"),
        (b'<a b="<"/>', "écrire &lt;"),
        (b"<a>]]></a>", "« ]]> »"),
        (b'<?xml version="2.0"?><a/>', 'version de XML "2.0"'),
        (b'<a xml:id="1"/>', "syntaxe incorrecte"),
    ],
)
def test_a_document_that_is_not_well_formed_is_told_why_in_french(data: bytes, cause: str) -> None:
    (found,) = parsing.parse(data, member="a.xml").findings
    assert found.rule == "XML-001"
    assert cause in found.message_fr
    assert found.line
    assert found.column
    assert found.message_en != found.message_fr


@pytest.mark.parametrize(
    ("data", "encoding", "position"),
    [
        (b"<a>\x01</a>", "UTF-8", 3),
        (b"<a>\x00</a>", "UTF-8", 3),
        ("<a>é\x08</a>".encode(), "UTF-8", 5),
        (b"<a>\xff</a>", "UTF-8", 3),
        (b"\xef\xbb\xbf<a>\xff</a>", "UTF-8", 6),
        (b"<a>&#1;</a>", "UTF-8", 3),
        (b'<?xml version="1.0" encoding="windows-1252"?><a>\x81</a>', "windows-1252", 48),
        ("<a>\x01</a>".encode("utf-16"), "UTF-16", 8),
    ],
)
def test_a_wrong_character_is_told_with_its_byte_and_encoding(data: bytes, encoding: str, position: int) -> None:
    (found,) = parsing.parse(data).findings
    assert found.rule == "XML-006"
    assert found.message_fr == f"Caractère invalide à l'octet {position} (encodage {encoding})."


def test_lack_of_memory_is_never_the_documents_fault() -> None:
    class Exhausted(Exception):
        code, msg, position = 2, "unknown error", (0, 0)

    with pytest.raises(LimitReached, match="ran out of memory"):
        malformed(Exhausted(), b"<a/>", "a.xml")


def test_memory_that_ends_in_the_parser_raises_limit_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(parsing.etree, "fromstring", exhausted)
    with pytest.raises(LimitReached, match=r"a\.xml"):
        parsing.parse(b"<a/>", member="a.xml")


def test_a_schema_hint_is_a_warning_and_is_told_once() -> None:
    xsi = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    hint = b"<a " + xsi + b' xsi:schemaLocation="u http://h/x.xsd"><b xsi:schemaLocation="v w"/></a>'
    parsed = parsing.parse(hint)
    assert parsed.root is not None
    assert [(f.rule, f.severity, f.location) for f in parsed.findings] == [("XML-005", Severity.WARNING, "/a")]


def test_xinclude_is_refused_and_never_resolved() -> None:
    (found,) = parsing.parse(b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd" parse="text"/></a>').findings
    assert (found.rule, found.severity) == ("XML-004", Severity.FATAL)


def test_a_stylesheet_is_only_information_and_nothing_at_all_in_chorus_formats() -> None:
    sheet = b'<?xml version="1.0"?>\n<?xml-stylesheet type="text/xsl" href="a.xsl"?>\n'
    parsed = parsing.parse(sheet + b"<a/>")
    assert [(f.rule, f.severity, f.line) for f in parsed.findings] == [("XML-012", Severity.INFORMATION, 2)]
    assert parsing.parse(sheet + b"<CPPFactureMixte/>").findings == ()


def test_a_location_uses_the_documents_prefixes_and_counts_only_twins() -> None:
    root = parsing.parse(b'<r xmlns="u" xmlns:c="v"><c:x/><c:y><z/><z/></c:y></r>').root
    assert root is not None
    assert parsing.location(root[0]) == "/r/c:x"
    assert parsing.location(root[1][1]) == "/r/c:y/z[2]"


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_root_or_a_finding(data: bytes) -> None:
    parsed = parsing.parse(data, member="x")
    assert (parsed.root is None) == any(f.severity is Severity.FATAL for f in parsed.findings)


@given(st.lists(st.sampled_from([b"<a>", b"</a>", b"<a/>", b"x" * 700, b"<!-- -->"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_long_run_is_found_exactly_when_there_is_one(pieces: list[bytes]) -> None:
    data = b"<r>" + b"".join(pieces) + b"</r>"
    longest = max(len(run) for run in data.split(b"<"))
    if longest > parsing.NAME:
        assert parsing._has_long_run(data)


def test_the_parser_reads_no_file_by_itself(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET", encoding="utf-8")
    parsed = parsing.parse(f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'.encode())
    assert parsed.root is None
    assert "SECRET" not in str(parsed.findings)


def test_only_an_element_tree_comes_out() -> None:
    root = parsing.parse(b"<a>1<!-- x -->2</a>").root
    assert isinstance(root, etree._Element)
