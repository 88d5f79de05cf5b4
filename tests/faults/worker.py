"""Plays points in a process of its own: one JSON line in, one out; it decides nothing.

It has no threads, so that it may fork the loops of a restart; what is planted (GATEWAY_PLANT) is planted here and in what it starts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.faults.calls import Point
from tests.faults.phases import PHASES, play, prepare


def main() -> None:
    """Until the input ends. Argument: the workshop's folder; with `prepare` behind it, only make the prepared sites there."""
    workshop = Path(sys.argv[1])
    if sys.argv[2:] == ["prepare"]:
        prepare(workshop)
        return
    for line in sys.stdin:
        asked = json.loads(line)
        point = Point(asked["name"], asked["nth"], asked["kind"])
        found, hit = play(PHASES[asked["phase"]], workshop, workshop / "played" / asked["site"], point)
        print(json.dumps({"lost": found.lost, "doubled": found.doubled, "hit": hit}), flush=True)


if __name__ == "__main__":
    main()
