"""The words of the sample invoices: what an invoice is made of, and exact sums; no table, no XML.

Every company, person, address and number is invented; check digits are computed so that they are right.
Amounts are decimals, in the currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")

MENTIONS = {
    "PMT": "Indemnité forfaitaire pour frais de recouvrement : 40 euros",
    "PMD": "Pénalités de retard : trois fois le taux de l'intérêt légal",
    "AAB": "Pas d'escompte pour paiement anticipé",
}
"""What the law has every invoice say (code de commerce, L441-9), by subject code (BT-21, XP Z12-012: BR-FR-05)."""

ADDRESSING = "0225"
"""Scheme of the electronic addresses of French companies and public bodies (BT-34, BT-49; XP Z12-012: BR-FR-12, BR-FR-13)."""

ISO_SCHEMES = {"1": "0009", "2": "0223", "3": "0227", "4": "0228", "5": "0229"}
"""Chorus's identifier types as ISO 6523 scheme codes."""


def luhn_key(digits: str) -> str:
    """The digit that makes the Luhn sum of `digits` and itself a multiple of ten."""
    total = sum(sum(divmod(2 * int(d), 10)) if n % 2 == 0 else int(d) for n, d in enumerate(reversed(digits)))
    return str(-total % 10)


def siret(base: str, site: str = "0001") -> str:
    """Fourteen digits from the SIREN's first eight and the site's four."""
    siren = base + luhn_key(base)
    return siren + site + luhn_key(siren + site)


def french_vat(siret_number: str) -> str:
    """The VAT number of a SIRET's company."""
    siren = siret_number[:9]
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def belgian_vat(base: str) -> str:
    """The VAT number of eight digits: the key is 97 less the remainder."""
    return f"BE{base}{97 - int(base) % 97:02d}"


def iban(country: str, account: str) -> str:
    """The IBAN of a national account number (digits only): ISO 13616 check digits."""
    letters = "".join(str(ord(c) - 55) for c in country)
    return f"{country}{98 - int(account + letters + '00') % 97:02d}{account}"


@dataclass(frozen=True)
class Supplier:
    type: str  # Chorus's identifier type, 1 to 5
    id: str
    name: str
    street: str
    postcode: str
    town: str
    country: str
    iban: str
    vat: str = ""


@dataclass(frozen=True)
class Buyer:
    siret: str
    name: str
    street: str
    postcode: str
    town: str


@dataclass(frozen=True)
class Line:
    text: str
    quantity: Decimal
    unit: str  # UN/ECE Recommendation 20
    price: Decimal
    rate: Decimal  # VAT in percent

    @property
    def amount(self) -> Decimal:
        return (self.quantity * self.price).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes
    mime: str = "application/pdf"


@dataclass(frozen=True)
class Sale:
    """One invoice (380) or credit note (381) before it is written in a syntax."""

    file: str
    number: str
    date: str
    due: str
    supplier: Supplier
    buyer: Buyer
    lines: tuple[Line, ...]
    type: str = "380"
    framework: str = "A1"
    service: str = ""
    engagement: str = ""
    market: str = ""
    category: str = "S"  # VAT category: S, AE (reverse charge), O (outside the scope)
    currency: str = "EUR"
    paid: bool = False
    preceding: str = ""
    preceding_date: str = ""
    reform: bool = False  # written as an approved platform asks, see `mentions` and `address`
    validator: str = ""
    note: str = ""
    attachments: tuple[Attachment, ...] = ()

    @property
    def net(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    @property
    def taxes(self) -> list[tuple[Decimal, Decimal, Decimal]]:
        """(rate, base, tax) by rising rate."""
        bases: dict[Decimal, Decimal] = {}
        for line in self.lines:
            bases[line.rate] = bases.get(line.rate, Decimal("0.00")) + line.amount
        return [(rate, base, (base * rate / 100).quantize(CENT, ROUND_HALF_UP)) for rate, base in sorted(bases.items())]

    @property
    def tax(self) -> Decimal:
        return sum((tax for _, _, tax in self.taxes), Decimal("0.00"))

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    @property
    def prepaid(self) -> Decimal:
        return self.gross if self.paid else Decimal("0.00")

    @property
    def payable(self) -> Decimal:
        return self.gross - self.prepaid

    @property
    def exemption(self) -> str:
        return {"AE": "Autoliquidation", "O": "Hors champ de la TVA"}.get(self.category, "")

    @property
    def mentions(self) -> dict[str, str]:
        """The sentences of the law by subject code; none on an invoice of before the reform."""
        return MENTIONS if self.reform else {}

    def address(self, siret_number: str) -> str:
        """The electronic address of a company or public body: its SIREN and its SIRET; none before the reform."""
        return f"{siret_number[:9]}_{siret_number}" if self.reform else ""
