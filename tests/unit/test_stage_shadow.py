"""A pack tried on the past: accepted invoices of the real box are judged again from the spool, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.judging import Desk
from gateway.model import Box, Outcome
from gateway.packs import Packs
from gateway.policies import Panel
from gateway.schematron import pack
from gateway.stages import shadow
from gateway.stages.shadow import Trial
from tests.memory_site import BAD, MIXED, NOON, Judging, MemorySite, archive, invoices
from tests.rules_asked import schema
from tests.ubl_invoices import invoice

UBL = "urn:oasis:names:specification:ubl:schema:xsd"
HEAD = f'<ns prefix="u" uri="{UBL}:Invoice-2"/><ns prefix="c" uri="{UBL}:CommonBasicComponents-2"/>'
NEXT = schema(
    """<pattern><rule context="u:Invoice">
    <assert id="NEXT-1" flag="fatal" test="not(c:ID = 'F0000002')">Not this one.</assert>
    <assert id="NEXT-2" flag="warning" test="false()">Always.</assert>
    </rule></pattern>""",
    head=HEAD,
)
"""Tomorrow's release: it refuses one number and warns of everything."""

Asked = Callable[..., Judging]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """A validator that asks the next release, or a pack by name."""
    folder = tmp_path_factory.mktemp("tried")
    (folder / "NEXT.sch").write_bytes(NEXT)
    kept = str(folder / f"{pack.load('NEXT', folder / 'NEXT.sch', folder).digest}.json")

    def judging(name: str = "NEXT", **options: object) -> Judging:
        tried = {"NEXT": kept} if name == "NEXT" else {}
        panel = Panel((name,), rules_only=True, tried=tuple(tried.items()))
        desk = Desk.build(policy="chorus", today=NOON.date(), packs=Packs(folder, tried=tried), panel=panel)
        return Judging(desk, **options)  # type: ignore[arg-type]  # its own fields

    return judging


def tried(site: MemorySite, judging: Judging) -> list[Trial]:
    return list(shadow.trials(site.gw, judging, NOON - timedelta(days=1)))


def counts(trials: list[Trial]) -> tuple[int, int, int]:
    return sum(t.judged for t in trials), sum(len(t.refusals) for t in trials), sum(t.failed for t in trials)


def test_an_accepted_invoice_that_would_be_refused_is_named_with_what_is_fatal(asked: Asked) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2, 3), "lot.tar.gz")
    site.settle()
    found = tried(site, asked())
    assert counts(found) == (3, 1, 0)
    (refusal,) = [refusal for trial in found for refusal in trial.refusals]
    assert (refusal.row.flow, refusal.row.position, refusal.row.invoice.number) == (flow.number, 2, "F0000002")
    assert [(f.pack, f.rule) for f in refusal.findings] == [("NEXT", "NEXT-1")]


def test_only_what_was_accepted_in_the_real_box_is_tried(asked: Asked) -> None:
    site = MemorySite()
    site.flow(BAD, "bad.xml")
    site.flow(b"<Invoice", "torn.xml")
    site.flow(archive(("2.xml", invoice(2, lines=1)), ("bad.xml", BAD)), "lot.tar.gz")
    site.flow(invoice(2, lines=2), "test.xml", box=Box.TEST)
    site.settle()
    assert counts(tried(site, asked())) == (1, 1, 0)


def test_only_what_came_since_then(asked: Asked) -> None:
    site = MemorySite()
    site.flow(invoice(1))
    site.settle()
    assert counts(list(shadow.trials(site.gw, asked(), NOON))) == (1, 0, 0)
    assert list(shadow.trials(site.gw, asked(), NOON + timedelta(seconds=1))) == []


def test_an_invoice_in_a_syntax_that_the_pack_does_not_know_is_not_counted(asked: Asked) -> None:
    site = MemorySite()
    site.flow(MIXED, "mixte.xml")
    site.flow(invoice(1))
    site.settle()
    assert counts(tried(site, asked("BR-FR-CPRO"))) == (1, 0, 0)
    assert counts(tried(site, asked("BR-FR-CII"))) == (0, 0, 0)


@pytest.mark.parametrize("outcome", [Outcome.CRASH, Outcome.LIMIT])
def test_a_document_that_could_not_be_judged_is_no_pass(asked: Asked, outcome: Outcome) -> None:
    site = MemorySite()
    site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    assert counts(tried(site, asked(outcomes={"2.xml": outcome}))) == (1, 0, 1)


def test_a_long_past_goes_in_batches_and_changes_nothing(asked: Asked, tmp_path: Path) -> None:
    site = MemorySite()
    flow = site.flow(invoices(*range(1, 8)), "lot.tar.gz")
    site.settle()
    before = (site.present(flow), site.rows(flow), site.events(flow))
    site.configure(validation=type(site.settings.validation)(batch=3))
    found = tried(site, asked())
    assert [trial.judged for trial in found] == [3, 3, 1]
    assert (site.present(flow), site.rows(flow), site.events(flow)) == before
