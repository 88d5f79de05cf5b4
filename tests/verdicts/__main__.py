"""`make verdicts`: the official verdicts of the corpora against ours, the planted faults, and the table; exit 1 on any difference."""

from __future__ import annotations

import sys
import time

from tests.corpora import FOLDER
from tests.verdicts.comparison import Tallies, official, on_every_core
from tests.verdicts.frozen import judged
from tests.verdicts.planted import PLANTED


def main() -> int:
    """Print what was compared; 0 when all is as it must be."""
    if not (FOLDER / "verdicts").is_dir():
        print(f"{FOLDER / 'verdicts'}: the frozen verdicts are not here; the shared corpora are expected")
        return 1
    begun = time.monotonic()
    documents = judged()
    tallies = on_every_core(documents)
    _print(tallies)
    wrong = sum(len(tally.different) for tally in tallies.values())
    unnoticed = [name for name, plant in PLANTED.items() if not _noticed(name, documents, plant)]
    print(f"{wrong} differences; {len(PLANTED) - len(unnoticed)} of {len(PLANTED)} planted faults noticed; {time.monotonic() - begun:.0f} s")
    return 1 if wrong or unnoticed else 0


def _print(tallies: Tallies) -> None:
    print(f"{'pack':<22}{'runs':>7}{'failures':>10}{'aborts':>8}{'differences':>13}{'assertions':>12}{'seen failing':>14}")
    for name, tally in sorted(tallies.items()):
        share = f"{len(tally.seen)}"
        print(
            f"{name:<22}{tally.runs:>7}{tally.failures:>10}{tally.aborts:>8}{len(tally.different):>13}"
            f"{official(name).assertions:>12}{share:>14}"
        )
        for difference in tally.different[:10]:
            print(f"    {difference}")


def _noticed(name: str, documents: list, plant) -> bool:  # type: ignore[no-untyped-def, type-arg]
    found = [d for tally in on_every_core(documents, plant, until_different=True).values() for d in tally.different]
    print(f"planted {name}: {'noticed, ' + found[0] if found else 'NOT NOTICED'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
