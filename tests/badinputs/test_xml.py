"""Rows 64 to 76 and 80 of the catalogue of bad inputs: the exact French answer, through parse, identify and the schema check."""

from __future__ import annotations

import pytest

from gateway.formats import ACCEPTED, open_document
from gateway.model import Finding, Syntax
from gateway.schema_check import SchemaSet

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
UBL = f'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="{CAC}" xmlns:cbc="{CBC}">'
XSI = "http://www.w3.org/2001/XMLSchema-instance"
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
ROWS = [
    pytest.param(b"<Invoice><ID>1</Invoice>", "XML-001",
                 '"f.xml" ligne 1, colonne 25 : XML mal formé (la balise "ID" est fermée par "Invoice").', id="64 not well formed"),
    pytest.param(b"<Invoice>\n<ID>1</ID>\n", "XML-001",
                 '"f.xml" ligne 3, colonne 1 : XML mal formé (document coupé : la balise "Invoice" n\'est pas fermée).', id="64 cut short"),
    pytest.param('<!DOCTYPE a><a/>'.encode("utf-16"), "XML-002", "Déclaration DOCTYPE interdite.", id="65 DOCTYPE in UTF-16"),
    pytest.param(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "XML-002", "Déclaration DOCTYPE interdite.",
                 id="66 XXE"),
    pytest.param(b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]><a/>', "XML-002", "Déclaration DOCTYPE interdite.",
                 id="66 parameter entity"),
    pytest.param(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "XML-002", "Déclaration DOCTYPE interdite.", id="66 external DTD"),
    pytest.param(f"{LAUGHS}<a>&b;</a>".encode(), "XML-003", "Entités XML interdites.", id="67 billion laughs"),
    pytest.param(f'{UBL}<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/></Invoice>'.encode(), "XML-004",
                 "Élément XInclude non accepté.", id="68 XInclude"),
    pytest.param(f'{UBL[:-1]} xmlns:xsi="{XSI}" xsi:schemaLocation="u http://h/i.xsd"/>'.encode(), "XML-005",
                 "schemaLocation ignoré.", id="69 schemaLocation"),
    pytest.param(b"<a>\xe9</a>", "XML-006", "Caractère invalide à l'octet 3 (encodage UTF-8).", id="70 invalid byte"),
    pytest.param(b"<a>x\x00</a>", "XML-006", "Caractère invalide à l'octet 4 (encodage UTF-8).", id="70 NUL"),
    pytest.param(b"<a>\x1b[2J</a>", "XML-006", "Caractère invalide à l'octet 3 (encodage UTF-8).", id="70 control character"),
    pytest.param(b"<a>x<![CDATA[\x02]]></a>", "XML-006", "Caractère invalide à l'octet 13 (encodage UTF-8).", id="70 control in CDATA"),
    pytest.param(b"<a><?x \x02?></a>", "XML-006", "Caractère invalide à l'octet 7 (encodage UTF-8).", id="70 control in an instruction"),
    pytest.param(b"<a>&#" + b"9" * 20 + b";</a>", "XML-006", "Caractère invalide à l'octet 3 (encodage UTF-8).", id="70 no character"),
    pytest.param(b'<?xml version="1.0" encoding="utf-16"?><a/>', "XML-006", "Caractère invalide à l'octet 0 (encodage utf-16).",
                 id="70 called UTF-16, written in UTF-8"),
    pytest.param(b"<\x00?xml version='1.0'?><a/>", "XML-006", "Caractère invalide à l'octet 1 (encodage UTF-8).", id="70 NUL at once"),
    pytest.param("<a/>".encode("utf-16-le"), "XML-006", "Caractère invalide à l'octet 1 (encodage UTF-8).", id="70 UTF-16 untold"),
    pytest.param(b'<?xml version="1.0" encoding="UTF-7"?><a/>', "XML-007", "Encodage UTF-7 non accepté.", id="71 UTF-7"),
    pytest.param("<a/>".encode("utf-32"), "XML-007", "Encodage UTF-32 non accepté.", id="71 UTF-32"),
    pytest.param('<?xml version="1.0" encoding="IBM037"?><a/>'.encode("cp037"), "XML-007", "Encodage EBCDIC non accepté.", id="71 EBCDIC"),
    pytest.param(b"<a>" * 101 + b"</a>" * 101, "XML-008", "Structure XML hors limites : profondeur = 101, maximum 100.", id="72 depth"),
    pytest.param(("<a " + " ".join(f'x{i}=""' for i in range(257)) + "/>").encode(), "XML-008",
                 "Structure XML hors limites : attributs = 257, maximum 256.", id="72 attributes"),
    pytest.param(b"<" + b"n" * 1025 + b"/>", "XML-008", "Structure XML hors limites : longueur de nom = 1025, maximum 1024.", id="72 name"),
    pytest.param(b"<" + b"n" * 1025 + b':a xmlns:' + b"n" * 1025 + b'="u"/>', "XML-008",
                 "Structure XML hors limites : longueur de nom = 1027, maximum 1024.", id="72 prefix"),
    pytest.param(b"<a b='' " + b"n" * 1025 + b"=''/>", "XML-008", "Structure XML hors limites : longueur de nom = 1025, maximum 1024.",
                 id="72 name of an attribute"),
    pytest.param(b"<r>" + b"<a/>" * 5_000_000 + b"</r>", "XML-008", "Structure XML hors limites : éléments = 5000001, maximum 5000000.",
                 id="72 elements"),
    pytest.param(b"<a><b>" + b"x" * 10_500_000 + b"</b></a>", "XML-009", "Zone de texte de 11 Mo à /a/b.", id="73 text"),
    pytest.param(b'<order xmlns="urn:x"/>', "XML-010", f"Format inconnu : racine {{urn:x}}order. Formats acceptés : {ACCEPTED}.",
                 id="74 unknown root"),
    pytest.param(b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-1"/>', "XML-011",
                 "Profil urn:oasis:names:specification:ubl:schema:xsd:Invoice-1 non pris en charge.", id="75 unsupported version"),
    pytest.param(f"<?xml-stylesheet href='x.xsl'?>{UBL}</Invoice>".encode(), "XML-012", "Instruction xml-stylesheet ou script ignoré.",
                 id="80 stylesheet"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "rule", "french"), ROWS)
def test_a_bad_document_gets_its_exact_answer(data: bytes, rule: str, french: str) -> None:
    found = _only(open_document(data, member="f.xml").findings, rule)
    assert found.message_fr == french
    assert found.message_en
    assert "Error" not in found.message_fr


def test_row_76_a_schema_error_is_told_with_number_line_and_place() -> None:
    text = f"{UBL}\n<cbc:ID>F-7</cbc:ID>\n<cbc:IssueDate>demain</cbc:IssueDate>\n</Invoice>"
    opened = open_document(text.encode(), member="f.xml")
    assert opened.root is not None
    findings = SchemaSet().check(Syntax.UBL_INVOICE, "", opened.root, data=opened.xml, explain=False, member="f.xml")
    assert findings[0].message_fr == (
        'F-7 ligne 3 : valeur "demain" incorrecte pour cbc:IssueDate ; type attendu : xs:date (/Invoice/cbc:IssueDate).'
    )


def _only(findings: tuple[Finding, ...], rule: str) -> Finding:
    (found,) = findings
    assert found.rule == rule
    return found
