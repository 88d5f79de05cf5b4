"""The rule packs at hand in one process: found by name and syntax, loaded once, asked; which ones judge is `gateway.policies`' to say.

What a finding counts may be softened by the policy; `Finding.flag` keeps what the pack itself said. Where our own code told the same
(`gateway.own_rules`, `codes`), the pack's finding is left out: a mistake is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway import rule_words
from gateway.config import Rules
from gateway.errors import ConfigError
from gateway.formats import Opened
from gateway.model import Finding, PackUse, Severity, Syntax
from gateway.own_rules import Certainty, repeats, rule_of
from gateway.policies import Judge
from gateway.rules import setting_of
from gateway.schematron.document import Document as PackDocument
from gateway.schematron.evaluator import Evaluator, best
from gateway.schematron.pack import Pack, files, official, read_kept
from gateway.steps import Steps

FAMILIES: Final = {
    Syntax.UBL_INVOICE: "ubl", Syntax.UBL_CREDIT_NOTE: "ubl", Syntax.CII: "cii", Syntax.FACTUR_X: "cii", Syntax.CDAR: "cdar",
}  # fmt: skip
"""What a rule file says it judges (`schemas/packs.toml`, `syntax`), by a document's syntax; no pack judges the others."""

CPRO: Final = "CPRO"
"""The pack of Chorus Pro's rules since 2017; what our own checks find on an invoice is told under its name."""

_ORDER: Final = list(Severity)
"""From the hardest to the mildest."""


@cache
def names() -> tuple[str, ...]:
    """Every pack there is, in the order of the table."""
    return tuple(dict.fromkeys(file.pack for file in files().values()))


def known(wanted: Iterable[str]) -> tuple[str, ...]:
    """The same names; `ConfigError` for one that is no pack."""
    wanted = tuple(wanted)
    for name in wanted:
        if name not in names():
            raise ConfigError(f"pack {name}: unknown; one of {', '.join(names())}")
    return wanted


@cache
def files_of(pack: str) -> tuple[str, ...]:
    """Names of a pack's rule files, one a syntax family."""
    return tuple(name for name, file in files().items() if file.pack == pack)


@cache
def file_of(pack: str, syntax: Syntax) -> str:
    """Name of the rule file by which a pack judges a syntax, "" when it does not know it."""
    family = FAMILIES.get(syntax, "")
    return next((name for name, file in files().items() if file.pack == pack and file.syntax == family), "")


class Packs:
    """Compiled packs are kept in `folder`, so that they are compiled once a release of the rules; None: in this process only.

    `tried`: name → compiled file of a pack that is none of the table's (another release, say); it is asked whatever the syntax.
    """

    def __init__(
        self, folder: Path | None = None, evaluator: Evaluator | None = None, tried: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._folder = folder
        self._tried = tried
        self._evaluator = evaluator or best()
        self._loaded: dict[str, Pack] = {}
        self._uses: dict[str, PackUse] = {}

    @property
    def evaluator(self) -> str:
        """Name of what evaluates."""
        return self._evaluator.name

    def troubles(self) -> list[str]:
        """What the evaluator could not do and left to the readable one, since the last question; for the administrator's log."""
        found, self._evaluator.troubles = self._evaluator.troubles, []
        return found

    def load(self, file: str) -> Pack:
        """The pack of a rule file. `EngineMissing` when its package is not installed: a check that cannot run is no pass."""
        if file not in self._loaded:
            tried = self._tried.get(file)
            self._loaded[file] = read_kept(file, Path(tried)) if tried else official(file, self._folder)
        return self._loaded[file]

    def document(self, opened: Opened) -> PackDocument:
        """An opened document as the evaluator takes it: one that reads the bytes itself has no use for the tree."""
        return PackDocument(opened.xml, opened.root if self._evaluator.walks_the_tree else None)

    def judge(self, syntax: Syntax, document: PackDocument, judges: Iterable[Judge]) -> Steps[tuple[tuple[PackUse, ...], list[Finding]]]:
        """Who judged, and what was found; a pack that does not know the document's syntax passes it over. One step a pack."""
        asked = [(judge, file) for judge in judges if (file := self._file_of(judge.pack, syntax))]
        found: list[Finding] = []
        for judge, file in asked:
            yield
            found += self._found(file, document, judge.severity)
        return tuple([self._use(file) for _, file in asked]), found

    def _file_of(self, pack: str, syntax: Syntax) -> str:
        return pack if pack in self._tried else file_of(pack, syntax)

    def _found(self, file: str, document: PackDocument, hardest: Severity | None) -> list[Finding]:
        found = self._evaluator.evaluate(self.load(file), document)
        return [softened(rule_words.worded(finding), hardest) for finding in found]

    def _use(self, file: str) -> PackUse:
        """The same object each time, so that equal lists of packs are found equal at once."""
        if file not in self._uses:
            pack = self.load(file)
            self._uses[file] = PackUse(pack.name, pack.version, pack.digest)
        return self._uses[file]


def softened(finding: Finding, hardest: Severity | None) -> Finding:
    """A finding that counts no more than `hardest`."""
    if hardest is None or _ORDER.index(finding.severity) >= _ORDER.index(hardest):
        return finding
    return replace(finding, severity=hardest, flag=finding.severity)


def told_once(found: list[Finding], ours: Iterable[Finding]) -> list[Finding]:
    """The packs' findings without those that say what our own code said of the same document."""
    codes = {finding.rule for finding in ours}
    return [finding for finding in found if not repeats(finding, codes)] if codes else found


def as_set(found: list[Finding], rules: Rules) -> list[Finding]:
    """The findings no harder than the site has the same check of our own count: a check that is off is off in the pack, too.

    Only the rules of Chorus Pro (pack CPRO) have checks of our own beside them that a site may set.
    """
    kept = []
    for finding in found:
        settings = _settings(finding, rules)
        if "off" not in settings:
            kept.append(softened(finding, Severity.WARNING if "warn" in settings else None))
    return kept


def _settings(finding: Finding, rules: Rules) -> list[str]:
    """off | warn | reject of each check that says the same, and of what is not known for sure."""
    rule = rule_of(finding) if finding.pack == CPRO else None
    if rule is None:
        return []
    return [setting_of(code, rules) for code in rule.codes] + [rules.uncertain] * (rule.certainty is Certainty.LIKELY)
