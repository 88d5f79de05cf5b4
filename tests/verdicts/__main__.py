"""`make verdicts`: official verdicts of the corpora against ours, directed mutants, planted faults, a table; exit 1 on any difference.

What is printed of a pack: runs compared, instances that failed in them, runs where the official processor stopped, differences; then the
directed mutants, those of the form `not(path)`, how many of these did not fail, differences; then the rules (by name) that the pack has,
and the share of them that was seen failing at least once.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from gateway.schematron.pack import body
from tests.both import Both
from tests.corpora import FOLDER
from tests.verdicts import aimed
from tests.verdicts.comparison import Tallies, Tally, official, on_every_core
from tests.verdicts.directed import name_of
from tests.verdicts.frozen import Judged, judged
from tests.verdicts.planted import PLANTED

ENOUGH = {"EN16931-UBL": 0.9}
"""The share of rules that must be seen failing."""


def main() -> int:
    """Print what was compared; 0 when all is as it must be."""
    if not (FOLDER / "verdicts").is_dir():
        print(f"{FOLDER / 'verdicts'}: the frozen verdicts are not here; the shared corpora are expected")
        return 1
    begun = time.monotonic()
    print(f"evaluators: {Both().names}", flush=True)
    documents = judged()
    tallies = on_every_core(documents)
    mutants = {result.name: result for result in aimed.judged()}
    faults = _print(tallies, mutants)
    unnoticed = [name for name, plant in PLANTED.items() if not _noticed(name, documents, plant)]
    print(f"{faults} faults; {len(PLANTED) - len(unnoticed)} of {len(PLANTED)} planted ones noticed; {time.monotonic() - begun:.0f} s")
    return 1 if faults or unnoticed else 0


def _print(tallies: Tallies, mutants: dict[str, aimed.Aimed]) -> int:
    """The table, and what is wrong with each pack; gives the number of faults."""
    print(f"{'':<21}{'frozen':>8}{'failures':>10}{'stopped':>9}{'differ':>8}{'directed':>10}{'not()':>7}{'missed':>8}{'differ':>8}{'rules':>7}{'seen':>7}")
    faults = 0
    for name in sorted(tallies.keys() | mutants.keys()):
        tally, made = tallies.get(name, Tally()), mutants.get(name, aimed.Aimed(name))
        rules = _names(name)
        share = len((tally.seen | made.seen) & rules) / len(rules)
        print(
            f"{name:<21}{tally.runs:>8}{tally.failures:>10}{tally.aborts:>9}{len(tally.different):>8}"
            f"{made.mutants:>10}{made.aimed:>7}{len(made.missed):>8}{len(made.different):>8}{len(rules):>7}{share:>7.0%}"
        )
        wrong = [*tally.different, *made.different, *([f"{share:.1%} seen failing"] if share < ENOUGH.get(name, 0) else [])]
        faults += len(wrong)
        told = [("not fired", made.missed), ("stopped only there", made.stopped)]
        for what in [*wrong[:10], *(f"{word}: {', '.join(found)}" for word, found in told if found)]:
            print(f"    {what}")
    return faults


def _names(name: str) -> set[str]:
    assertions = (a for p in official(name).rules["patterns"] for rule in p["rules"] for a in body(rule)["assertions"])
    return {name_of(a["id"], a["message"]) for a in assertions}


def _noticed(name: str, documents: list[Judged], plant: Callable[[], None]) -> bool:
    documents = random.Random(4).sample(documents, len(documents))  # in one fixed order, so that each kind comes early
    found = [d for tally in on_every_core(documents, plant, until_different=True).values() for d in tally.different]
    print(f"planted {name}: {'noticed, ' + found[0] if found else 'NOT NOTICED'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
