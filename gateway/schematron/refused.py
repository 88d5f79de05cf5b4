"""What the compiler says of a rule it does not know: by name, place and construct; never a rule skipped in silence."""

from __future__ import annotations

from gateway.errors import ConfigError


class RuleRefused(ConfigError):
    """A rule file holds what the compiler does not know. The pack cannot judge, so nothing judges in its place."""

    def __init__(self, where: str, what: str, right: str) -> None:
        super().__init__(f"{where}: {what}; {right}")
        self.where, self.what, self.right = where, what, right

    def within(self, outer: str) -> RuleRefused:
        """The same, told from the file and rule it was found in."""
        return RuleRefused(f"{outer}, {self.where}" if self.where else outer, self.what, self.right)
