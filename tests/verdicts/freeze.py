"""Freezes the official processor's answers on the directed mutants: `python -m tests.verdicts.freeze`, in an environment with saxonche.

The answers stand in `directed.jsonl`, one line a pack, the documents do not: they are made anew from the installed rule file and our own
sample (decision 0011). Most mutants make one rule fail once more than the sample does: those are only listed (`alone`); the others carry
what changed (`changed`), or null where the processor stopped. A new release of the rules, or another sample, wants a new freeze.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.schematron import pack
from tests.verdicts import directed

FROZEN = Path(__file__).parent / "directed.jsonl"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def main() -> None:
    """Write every pack's line anew; takes some minutes."""
    from saxonche import PySaxonProcessor

    with PySaxonProcessor(license=False) as processor, FROZEN.open("w", encoding="utf-8") as out:
        for name, file in pack.others().items():
            if file.syntax != "cdar":
                line = _frozen(name, file, processor)
                print(f"{name}: {len(line['alone'])} alone, {len(line['changed'])} otherwise", file=sys.stderr)
                out.write(json.dumps(line, ensure_ascii=False) + "\n")


def stamp(file: pack.PackFile) -> str:
    """What the answers depend on: the rule file and the sample."""
    return hashlib.sha256(file.locate().read_bytes() + directed.base(file.syntax)).hexdigest()


def _frozen(name: str, file: pack.PackFile, processor: Any) -> dict[str, Any]:
    judge = _Official(processor, file)
    base = judge.failed(directed.base(file.syntax))
    assert base is not None
    alone: list[str] = []
    changed: dict[str, dict[str, int] | None] = {}
    for mutant in directed.mutants(name):
        failed = judge.failed(mutant.data)
        difference = None if failed is None else changes(base, failed)
        if difference == {mutant.rule: 1}:
            alone.append(mutant.key)
        else:
            changed[mutant.key] = difference
    return {"pack": name, "stamp": stamp(file), "base": base, "alone": alone, "changed": changed}


def changes(base: dict[str, int], failed: dict[str, int]) -> dict[str, int]:
    """Rule → instances more (or fewer) than in the sample."""
    return {rule: n for rule in sorted(base.keys() | failed.keys()) if (n := failed.get(rule, 0) - base.get(rule, 0))}


class _Official:
    def __init__(self, processor: Any, file: pack.PackFile) -> None:
        self._processor = processor
        self._sheet = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(file.locate()))

    def failed(self, data: bytes) -> dict[str, int] | None:
        """Rule → instances, None where the processor stops."""
        try:
            report = self._sheet.transform_to_string(xdm_node=self._processor.parse_xml(xml_text=data.decode()))
        except Exception:  # noqa: BLE001  saxonche raises its own, of several kinds
            return None
        told = etree.fromstring(report.encode()).iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
        return dict(Counter(entry.get("id") or (entry.findtext(f"{_SVRL}text") or "")[:60].strip() for entry in told))


if __name__ == "__main__":
    main()
