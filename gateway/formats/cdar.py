"""CDAR D22B, the reform's life-cycle message → the few facts that name it (chorus.md §8.5); it carries no invoice and is not judged here.

A partner has no reason to deposit one: it is recognised so that the answer can say what it is.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from gateway.formats.path_table import Facts, Table, iso_date, walk
from gateway.model import Invoice

_RSM: Final = "{urn:un:unece:uncefact:data:standard:CrossDomainAcknowledgementAndResponse:100}"
_RAM: Final = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_UDT: Final = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100}"
ROOT: Final = f"{_RSM}CrossDomainAcknowledgementAndResponse"
CONTEXT: Final = f"{_RSM}ExchangedDocumentContext"
GUIDELINE: Final = f"{_RAM}GuidelineSpecifiedDocumentContextParameter"
_TABLE: Final[Table] = {
    CONTEXT: {GUIDELINE: {f"{_RAM}ID": "profile"}},
    f"{_RSM}AcknowledgementDocument": {
        f"{_RAM}TypeCode": "type",
        f"{_RAM}ReferenceReferencedDocument": {
            f"{_RAM}IssuerAssignedID": "number",
            f"{_RAM}FormattedIssueDateTime": {
                "{urn:un:unece:uncefact:data:standard:QualifiedDataType:100}DateTimeString": "issue_date",
                f"{_UDT}DateTimeString": "issue_date",
            },
        },
    },
}


def read(root: etree._Element) -> list[Invoice]:
    """The invoice a message speaks of: number, its date and the message's type; no amounts, no parties."""
    facts: Facts = {}
    walk(root, _TABLE, facts)
    date = iso_date(facts.get("issue_date", ""))
    return [Invoice(number=facts.get("number", ""), issue_date=date, type=facts.get("type", ""), profile=facts.get("profile", ""))]
