"""The syntax trees of XPath 2.0 as the rules use it: plain values; nothing here parses or evaluates.

Names are resolved already: a `NameTest` holds the namespace, not the prefix. Parentheses leave no trace but the shape of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A string (`str`), xs:integer (`int`), xs:decimal (`Decimal`) or xs:double (`float`)."""

    value: str | int | Decimal | float


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, the prefix as written."""

    name: str


@dataclass(frozen=True, slots=True)
class ContextItem:
    """`.`"""


@dataclass(frozen=True, slots=True)
class Root:
    """`/`, the document node."""


@dataclass(frozen=True, slots=True)
class NameTest:
    """An element or attribute by name; None stands for `*`."""

    namespace: str | None
    local: str | None


@dataclass(frozen=True, slots=True)
class KindTest:
    """`node()` or `text()`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Step:
    """One axis step with its predicates."""

    axis: str
    test: NameTest | KindTest
    predicates: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """`a/b/c`: any expression may stand at a step, evaluated once for each node of what stands before it."""

    steps: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`(…)[predicate]`: positions count over the whole sequence."""

    operand: Expression
    predicates: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """`(a, b)`; empty for `()`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Logical:
    """`and`, `or`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Comparison:
    """General (`=`, `!=`, `<`, …) or value comparison (`eq`, `ne`, `lt`, …)."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+`, `-`, `*`, `div`, `idiv`, `mod`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Unary:
    """`-` or `+` before an operand."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Union:
    """`a | b`."""

    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class If:
    """`if (condition) then … else …`."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Loop:
    """`for`, `some` or `every`, one variable each: several are nested."""

    kind: str
    variable: str
    over: Expression
    body: Expression


@dataclass(frozen=True, slots=True)
class Cast:
    """`cast as` or `castable as`; `optional` when the type ends in `?`."""

    kind: str
    operand: Expression
    type: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name without `fn:`."""

    name: str
    arguments: tuple[Expression, ...]


Expression = (
    Literal | Variable | ContextItem | Root | Step | Path | Filter | Sequence | Logical | Comparison | Arithmetic | Unary | Union
    | If | Loop | Cast | Call
)  # fmt: skip
