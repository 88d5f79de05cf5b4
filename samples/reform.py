"""Which fatal rules a sample breaks under the policy `reform`, told from what the invoice is; it judges nothing: a test compares.

An invoice written for Chorus Pro has no mentions of the law, no electronic addresses and a framework of its own (A1 …): an approved
platform refuses it for that alone. What comes beside depends on the sale.
"""

from __future__ import annotations

from samples.ledger import Sale

_OF_CHORUS = {
    "ubl": ("BR-FR-05_BT-22-1", "BR-FR-05_BT-22-2", "BR-FR-05_BT-22-3"),
    "cii": ("BR-FR-05_BT-22_PMT", "BR-FR-05_BT-22_PMD", "BR-FR-05_BT-22_AAB"),
}
_ALWAYS = ("BR-FR-08_BT-23", "BR-FR-12_BT-49", "BR-FR-13_BT-34")
FAMILY = {"ubl-invoice": "ubl", "ubl-creditnote": "ubl", "cii": "cii", "factur-x": "cii"}
"""No rule of the reform judges the other syntaxes."""


def broken(sale: Sale, syntax: str) -> tuple[str, ...]:
    """Names of the rules, sorted; () for an invoice that an approved platform takes."""
    family = FAMILY.get(syntax)
    if family is None:
        return ()
    found = [*_numbers(sale, family)]
    if not sale.reform:
        found += [*_OF_CHORUS[family], *_ALWAYS]
    if sale.type == "381" and not sale.preceding_date:
        found.append("BR-FR-CO-05_BT-3")
    if sale.supplier.type != "1":
        found.append("BR-FR-10_BT-30")
    if sale.currency != "EUR":
        found.append("BR-FR-CO-12_BT-5")
    return tuple(sorted(found))


def _numbers(sale: Sale, family: str) -> list[str]:
    """A space in a number; UBL has a rule for its length and characters, and one more for its characters."""
    found = []
    for term, number in (("BT-1", sale.number), ("BT-25", sale.preceding)):
        if " " in number:
            found += [f"BR-FR-02_{term}", *([f"BR-FR-01_{term}-2"] if family == "ubl" else [])]
    return found
