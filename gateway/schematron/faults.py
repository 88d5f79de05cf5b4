"""What stops the evaluation of one rule on one document: a dynamic error of XPath, by its code; it never leaves the evaluator."""

from __future__ import annotations


class DynamicError(Exception):
    """An error of XPath 2.0 appendix G or of Functions and Operators appendix C, e.g. FORG0001 for a value that cannot be cast.

    The evaluator turns it into an `unevaluable` finding of the rule; the other rules go on.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


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
