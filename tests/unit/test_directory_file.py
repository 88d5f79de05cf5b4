from __future__ import annotations

import pytest

from gateway.directory_file import read_directory
from gateway.errors import UsageError
from gateway.model import Recipient, RecipientService

HEADER = "SIRET;name;active;service_required;engagement_required;services\n"
CITY = "21330063500017;Ville;yes;no;non;"


def test_a_line_is_a_recipient_with_its_services() -> None:
    [city] = read_directory(HEADER + CITY + "VOIRIE=Service voirie|ECOLES~engagement=Écoles | OLD~closed~engagement\n", "d.csv")
    assert city == Recipient(
        "21330063500017", "Ville", True, False, False,
        (RecipientService("VOIRIE", "Service voirie"), RecipientService("ECOLES", "Écoles", engagement_required=True),
         RecipientService("OLD", active=False, engagement_required=True)),
    )  # fmt: skip


def test_commas_byte_order_mark_comments_and_empty_lines_are_taken() -> None:
    text = "\ufeff# ours\n\n" + HEADER.replace(";", ",") + '21330063500017,"Ville, sa mairie",OUI,0,1,\n'
    assert read_directory(text, "d.csv") == [Recipient("21330063500017", "Ville, sa mairie", True, False, True)]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("", "d.csv:1", "SIRET;name"),
        ("a;b\n", "d.csv:1", "SIRET;name"),
        (HEADER, "d.csv", "no recipient"),
        (HEADER + "21330063500017;Ville\n", "d.csv:2", "6 are expected"),
        (HEADER + CITY.replace("21330063500017", "2133"), "d.csv:2", "fourteen digits"),
        (HEADER + "\n" + CITY + "\n" + CITY, "d.csv:4", "stands twice"),
        (HEADER + CITY.replace("yes", "perhaps"), "d.csv:2: active", "yes or no"),
        (HEADER + CITY + "A~shut", "d.csv:2", "closed, engagement"),
        (HEADER + CITY + "A|A", "d.csv:2", "twice"),
        (HEADER + CITY + "=Name", "d.csv:2", "1 to 100"),
        (HEADER + CITY + '"A', "d.csv:2", "double quotes"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_would_be_right(text: str, line: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        read_directory(text, "d.csv")
    assert str(told.value).startswith(line)
    assert hint in str(told.value)
