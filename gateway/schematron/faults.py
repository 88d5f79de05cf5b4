"""What stops the evaluation of one rule on one document: a dynamic error of XPath, by its code; it never leaves the evaluator."""

from __future__ import annotations

import re
from typing import Final

_FRENCH: Final = tuple((re.compile(rf"{english}\Z", re.DOTALL), french) for english, french in (
    (r"'(.*)' is no decimal number", r"« \1 » n'est pas un nombre décimal"),
    (r"'(.*)' is no number", r"« \1 » n'est pas un nombre"),
    (r"'(.*)' is no boolean", r"« \1 » n'est ni vrai ni faux"),
    (r"'(.*)' is no integer", r"« \1 » n'est pas un nombre entier"),
    (r"'(.*)' is no date", r"« \1 » n'est pas une date"),
    (r"'(.*)' is no (\w+)", r"« \1 » n'est pas du type \2"),
    (r".* has more than one value", r"plusieurs valeurs là où une seule est attendue"),
    (r"\d+ values where the function takes .*", r"une fonction reçoit trop ou trop peu de valeurs"),
    (r"nothing is no .*", r"une valeur manque"),
    (r"division by zero", r"division par zéro"),
    (r"a number is too long to be exact", r"un nombre est trop long pour être exact"),
    (r".* has no (?:exact )?value", r"le calcul n'a pas de résultat"),
    (r".* neither true nor false", r"une condition n'est ni vraie ni fausse"),
    (r".*", r"des valeurs de types qui ne vont pas ensemble"),
))  # fmt: skip
"""What `reason` says, and its French; the last line stands for all that no document of an official syntax brings about."""


class DynamicError(Exception):
    """An error of XPath 2.0 appendix G or of Functions and Operators appendix C, e.g. FORG0001 for a value that cannot be cast.

    The evaluator turns it into an `unevaluable` finding of the rule; the other rules go on.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


def in_french(reason: str) -> str:
    """A reason with its code, as `str` of the error gives it, in French."""
    code, _, english = reason.partition(": ")
    return next(f"{code} : {match.expand(french)}" for pattern, french in _FRENCH if (match := pattern.match(english)))


def not_castable(value: str, type_: str) -> DynamicError:
    """FORG0001, with the value as sent, shortened."""
    return DynamicError("FORG0001", f"'{shown(value)}' is no {type_}")


def too_many(what: str) -> DynamicError:
    """XPTY0004: one item was expected."""
    return DynamicError("XPTY0004", f"{what} has more than one value")


def wrong_type(what: str) -> DynamicError:
    """XPTY0004: values of types that do not go together."""
    return DynamicError("XPTY0004", what)


def shown(value: object) -> str:
    """At most 40 characters of a value."""
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"
