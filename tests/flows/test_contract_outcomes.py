"""What becomes of flows: partly good, rejected, inadmissible, refused by the State, parked, abandoned, replayed; and what is returned."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.flows.site import Site, one_line, run, sha256, tar_gz, until
from tests.flows.story import CHORUS_CUT, CHORUS_GOOD, PARKED, Story
from tests.ubl_invoices import invoice

CSO = re.compile(r"CSO\d{4}A_DEM001_DEM001\d{4}\d{15}")
INVOICE_KEYS = {
    "flow", "position", "member", "number", "supplier", "recipient", "service", "engagement", "issue_date", "total", "currency", "verdict",
    "status", "delivery",
}  # fmt: skip
FINDING_KEYS = {"pack", "rule", "severity", "location", "line", "terms", "message", "message_fr", "message_en"}


def labels(report: Any) -> list[str]:
    return [element.text for element in report.iter("LibelleErreur")]


def verdicts(report: Any) -> list[str]:
    return [one.get("verdict") for one in report.iter("{*}Invoice")]


# --- reports


@pytest.mark.parametrize(("plot", "own", "code", "statuses"), [
    ("good", "", "CSO1100A", ("90", "92")), ("named", CHORUS_GOOD.split("_")[2], "CSO1100A", ("90", "92")), ("mixed", "", "", ("90", "92")),
    ("partial", "", "CSO", ("96",)), ("rejected", "", "CSO1100A", ("93",)), ("alone", "", "CSO1100A", ("93",)),
    ("cut", "", "CSO0000A", ("93",)),
    ("named cut", CHORUS_CUT.split("_")[2], "CSO1100A", ("93",)), ("unformed", "", "CSO0000A", ("93",)),
    ("refused in part", "", "CSO1100A", ("96",)), ("refused", "", "CSO1100A", ("93",)), ("suspended", "", "CSO1100A", ("90", "92")),
])  # fmt: skip
def test_the_final_report_of_every_outcome(site: Site, story: Story, plot: str, own: str, code: str, statuses: tuple[str, ...]) -> None:
    name, report = site.final(own or story.flow[plot])
    assert CSO.fullmatch(name)
    assert name.startswith(code)
    assert report.findtext(".//IdStatut") in statuses
    lines = report.findall(".//LigneErreurDetail")
    assert bool(lines) == (statuses[0] in ("93", "96"))
    details = report.find(".//Details")
    assert (int(details.get("NbLignesErreur")) if details is not None else 0) == len(lines)


def test_the_control_report_says_the_verdict_of_each_invoice(site: Site, story: Story) -> None:
    report = site.control(story.flow["partial"])
    assert verdicts(report) == ["accepted", "rejected", "rejected", "accepted"]
    summary = report.find("{*}Summary")
    assert [summary.get(k) for k in ("invoices", "accepted", "rejected", "held")] == ["4", "2", "2", "0"]
    told = site.flow(story.flow["partial"])
    assert [told[k] for k in ("invoices", "accepted", "rejected", "held")] == [4, 2, 2, 0]
    rules = [[f.get("rule") for f in one.iter("{*}Finding") if f.get("severity") == "fatal"] for one in report.iter("{*}Invoice")]
    assert rules == [[], ["NUM-002"], ["XML-001"], []]


def test_every_fatal_finding_is_a_line_of_the_final_report_in_full(site: Site, story: Story) -> None:
    for plot in ("partial", "rejected", "alone"):
        _, report = site.final(story.flow[plot])
        for told in site.invoices(story.flow[plot]):
            detail = site.ask("inspect", "invoice", story.flow[plot], str(told["position"]))[0]
            fatal = [f for f in detail["findings"] if f["severity"] == "fatal"]
            assert (told["verdict"] == "rejected") == bool(fatal)
            assert {f["message_fr"] for f in fatal} <= set(labels(report))


def test_nothing_rejected_or_inadmissible_reaches_the_state(site: Site, story: Story) -> None:
    for plot in ("partial", "rejected", "alone", "refused in part"):
        site.final(story.flow[plot])
    deposits = site.deposits()
    assert all(d.keys() >= {"name", "sha256", "invoices"} for d in deposits)
    numbers = [(n["number"], n["supplier"]) for d in deposits for n in d["numbers"]]
    assert len(numbers) == len(set(numbers)), "nothing twice"
    assert not {n for n, _ in numbers} & {"CUT-1", "CUT-2", "PM2026-0163-RECTIFICATIF"}
    assert {"PART-2", "TAKEN-1", "2026REFUS1"} <= {n for n, _ in numbers}
    assert all(re.fullmatch(r"FSO\d{4}A_([A-Z]{3}001)_\1\d{19}", d["name"]) for d in deposits)


def test_a_flow_of_several_interfaces_is_regrouped(site: Site, story: Story) -> None:
    site.final(story.flow["mixed"])
    told = site.flow(story.flow["mixed"])
    assert {d["interface"] for d in told["deliveries"]} == {"FSO1100A", "FSO1106A", "FSO1113A", "FSO1117A"}
    assert [(m["name"], m["syntax"], m["invoices"]) for m in told["members"]] == [
        ("lot/ubl.xml", "ubl-invoice", 1), ("lot/cii.xml", "cii", 1), ("gaz.pdf", "factur-x", 1), ("deux.xml", "cpp-mixte", 2),
    ]  # fmt: skip
    assert [(i["position"], i["member"]) for i in site.invoices(story.flow["mixed"])] == [
        (1, "lot/ubl.xml"), (2, "lot/cii.xml"), (3, "gaz.pdf"), (4, "deux.xml"), (5, "deux.xml"),
    ]  # fmt: skip


# --- the State's words


@pytest.mark.parametrize(("number", "codes"), [
    ("SUSP-1", ["01", "03", "06", "12"]), ("REJ-1", ["01", "03", "05"]), ("TAKEN-1", ["01", "03", "11"]), ("PART-2", ["01", "03", "11"]),
])  # fmt: skip
def test_every_status_is_told_once_and_kept(site: Site, story: Story, number: str, codes: list[str]) -> None:
    until(lambda: sorted(site.status_codes(number)) == sorted(codes), f"{number}: {site.status_codes(number)}")
    row = site.ask("inspect", "invoices", "--number", number)[0]
    detail = site.ask("inspect", "invoice", row["flow"], str(row["position"]))[0]
    assert [s["status"] for s in detail["statuses"]] == codes
    assert row["status"] == codes[-1]
    assert row["verdict"] == "accepted", "the State's word is not our verdict"


def test_what_the_state_refused_is_named_in_the_final_report(site: Site, story: Story) -> None:
    _, report = site.final(story.flow["refused in part"])
    assert "2026REFUS1" in " ".join(e.text or "" for e in report.iter("DescriptionErreur", "LibelleErreur"))
    assert "TAKEN-1" not in " ".join(e.text or "" for e in report.iter("DescriptionErreur"))
    assert site.status_codes("2026REFUS1") == []
    assert site.flow(story.flow["refused"])["deliveries"][0]["state"] in ("refused", "partial")


# --- inspect


def test_inspect_flow_tells_everything_and_its_history_from_the_oldest(site: Site, story: Story) -> None:
    site.final(story.flow["good"])
    told = site.flow(story.flow["good"])
    assert told.keys() >= {"members", "deliveries", "returns", "events", "flow", "partner", "sha256", "state"}
    times = [event["at"] for event in told["events"]]
    assert times == sorted(times)
    assert {"RECEIPT", "CONTROL", "CSO1100"} <= {r["file"][:7] for r in told["returns"]}
    assert told["deliveries"][0]["delivery"] == site.invoices(story.flow["good"])[0]["delivery"]


def test_inspect_invoices_has_the_keys_named(site: Site, story: Story) -> None:
    site.final(story.flow["mixed"])
    for line in site.invoices(story.flow["mixed"]) + site.invoices(story.flow["partial"]):
        assert line.keys() >= INVOICE_KEYS
        assert line["total"] is None or isinstance(line["total"], str)
        detail = site.ask("inspect", "invoice", line["flow"], str(line["position"]))[0]
        assert detail.keys() >= INVOICE_KEYS | {"findings", "statuses", "packs"}
        assert {k: detail[k] for k in ("number", "supplier", "verdict")} == {k: line[k] for k in ("number", "supplier", "verdict")}
        assert all(f.keys() >= FINDING_KEYS for f in detail["findings"])


def test_inspect_content_is_the_exact_bytes(site: Site, story: Story) -> None:
    site.final(story.flow["mixed"])
    for plot in ("mixed", "cut", "good"):
        done = site.run("inspect", "content", story.flow[plot])
        assert (done.returncode, done.stdout) == (0, story.data[plot])
    third = site.run("inspect", "content", story.flow["mixed"], "3")
    assert third.stdout == (site.samples / "fx-gaz.pdf").read_bytes()
    fifth = site.run("inspect", "content", story.flow["mixed"], "5")
    assert fifth.stdout == (site.samples / "cpp-deux-factures.xml").read_bytes()
    done = site.run("inspect", "content", story.flow["mixed"], "6")
    assert done.returncode == 2
    one_line(done)


# --- replay, abandon, resend


def test_replay_prints_its_plan_and_does_nothing_without_yes(site: Site, story: Story) -> None:
    site.final(story.flow["good"])
    for words in (("--dry-run",), ()):
        plan = site.ask("replay", story.flow["good"], "--from", "validate", "--reason", "essai", *words)
        assert [p.keys() >= {"flow", "from", "will", "refused"} for p in plan] == [True]
        assert (plan[0]["flow"], plan[0]["from"], plan[0]["refused"]) == (story.flow["good"], "validate", None)
        assert isinstance(plan[0]["will"], list)
        assert plan[0]["will"]
    assert site.flow(story.flow["good"])["generation"] == 1


def test_a_replay_judges_again_and_deposits_nothing_the_state_holds(site: Site, story: Story) -> None:
    flow = story.flow["named"]
    own = CHORUS_GOOD.split("_")[2]
    site.final(own)
    until(lambda: site.status_codes("NAMED-2").count("11"), "no payment")
    before = [d for d in site.deposits() if any(n["number"].startswith("NAMED-") for n in d["numbers"])]
    for generation, start in ((2, "open"), (3, "validate"), (4, "close")):
        plan = site.ask("replay", flow, "--from", start, "--reason", "contrôle", "--yes")
        assert plan[0]["refused"] is None
        site.final(own, count=generation)
        if start != "close":
            report = site.control(flow, generation)
            assert verdicts(report) == ["accepted", "accepted"], "the flow is not its own duplicate"
            assert report.find("{*}Flow").get("generation") == str(generation)
        told = until(lambda: (f := site.flow(flow))["state"] == "closed" and f, "not closed again")
        assert told["generation"] == generation
    refused = site.ask("replay", flow, "--from", "deliver", "--reason", "x", "--yes", code=1)
    assert refused[0]["refused"]
    assert [d for d in site.deposits() if any(n["number"].startswith("NAMED-") for n in d["numbers"])] == before
    told = site.flow(flow)
    assert "contrôle" in str([e for e in told["events"] if "replay" in e["what"]])
    assert all(e["who"] for e in told["events"])
    assert site.final(own, count=4)[1].findtext(".//IdStatut") in ("90", "92"), "what the State holds is still integrated"


def test_force_delivery_deposits_again_under_another_name(site: Site, story: Story) -> None:
    site.final(story.flow["suspended"])
    until(lambda: site.flow(story.flow["suspended"])["state"] == "closed", "not closed")
    before = site.deposited()
    plan = site.ask("replay", story.flow["suspended"], "--from", "deliver", "--reason", "perdu", "--yes", "--force-delivery")
    assert plan[0]["refused"] is None
    site.final(story.flow["suspended"], count=2)
    assert site.deposited() >= before + 1
    names = [d["name"] for d in site.deposits()]
    assert len(names) == len(set(names))


def test_a_rejected_flow_is_replayed_by_its_state(site: Site, story: Story) -> None:
    flow = story.flow["alone"]
    site.final(flow)
    until(lambda: site.flow(flow)["state"] == "closed", "not closed")
    plan = site.ask("replay", "--state", "closed", "--dry-run", "--reason", "tous")
    assert flow in [p["flow"] for p in plan]
    site.ask("replay", flow, "--reason", "encore", "--yes")
    assert site.final(flow, count=2)[1].findtext(".//IdStatut") == "93"
    assert verdicts(site.control(flow, 2)) == ["rejected"]


def test_a_parked_flow_keeps_its_bytes_and_tells_its_verdicts(site: Site, story: Story) -> None:
    flow = story.flow["parked"]
    told = until(lambda: (f := site.flow(flow))["state"] == "parked" and f, "not parked")
    assert told["reason"]
    assert verdicts(site.control(flow)) == ["accepted"], "our own verdict is known"
    assert not site.finals(PARKED[0].split("_")[2])
    assert site.run("inspect", "content", flow).stdout == story.data["parked"]


def test_an_abandoned_flow_is_reported_and_moves_no_more(site: Site, story: Story) -> None:
    flow = story.flow["abandoned"]
    until(lambda: site.flow(flow)["state"] == "parked", "not parked")
    moved = site.ask("abandon", flow, "--reason", "le partenaire renonce")[0]
    assert (moved["flow"], moved["state"]) == (flow, "abandoned")
    _, report = site.final(PARKED[1].split("_")[2])
    assert report.findtext(".//IdStatut") == "93"
    assert "le partenaire renonce" in str(labels(report))
    again = site.run("abandon", flow, "--reason", "x")
    assert again.returncode == 1
    one_line(again)
    refused = site.ask("replay", flow, "--reason", "x", "--yes", code=1)
    assert refused[0]["refused"]
    closed = site.run("abandon", story.flow["good"], "--reason", "x")
    assert closed.returncode == 1


def test_a_parked_flow_goes_on_once_its_cause_is_gone(site: Site, story: Story) -> None:
    """Last of the parked ones: the destination takes everything afterwards."""
    flow, own = story.flow["parked"], PARKED[0].split("_")[2]
    until(lambda: site.flow(flow)["state"] == "parked", "not parked")
    path = site.folder / "gateway.toml"
    path.write_text(re.sub(r"^interfaces = .*\n", "", path.read_text(), flags=re.MULTILINE))
    site.ask("reload")
    assert site.ask("replay", flow, "--reason", "interface ouverte", "--yes")[0]["refused"] is None
    name, report = site.final(own)
    assert (name[:8], report.findtext(".//IdStatut") in ("90", "92")) == ("CSO1110A", True)
    assert site.flow(flow)["generation"] == 2


def test_returns_are_resent_byte_for_byte(site: Site, story: Story) -> None:
    flow = story.flow["rejected"]
    site.final(flow)
    before = {r["file"]: (site.box("out") / r["file"]).read_bytes() for r in site.flow(flow)["returns"]}
    assert len(before) >= 4
    for name in before:
        (site.box("out") / name).unlink()
    site.ask("returns", "resend", flow)
    for name, data in before.items():
        assert site.returned(name).read_bytes() == data


def test_a_flow_of_the_day_counts_from_the_partner_s_side(site: Site, story: Story) -> None:
    """Every flow of the story was answered: a receipt, and a control report where a verdict is known."""
    for plot, flow in story.flow.items():
        assert site.receipt(flow)["sha256"] == sha256(story.data[plot])
        site.control(flow)


def test_a_larger_archive_goes_through_in_order(site: Site, tmp_path: Any) -> None:
    members = [(f"f{n:03}.xml", invoice(2000 + n, number=f"LOT-{n:03}")) for n in range(60)]
    (tmp_path / "lot.tar.gz").write_bytes(tar_gz(*members))
    flow = site.deposit(tmp_path / "lot.tar.gz")[0]["flow"]
    _, report = site.final(flow)
    assert report.findtext(".//IdStatut") in ("90", "92")
    assert [(i["position"], i["number"]) for i in site.invoices(flow)] == [(n + 1, f"LOT-{n:03}") for n in range(60)]
    assert sum(n["number"].startswith("LOT-") for d in site.deposits() for n in d["numbers"]) == 60


def test_every_returned_file_is_what_its_schema_says(site: Site, story: Story) -> None:
    counted = 0
    for partner in ("demo", "strict", "rival"):
        for side in ("out", "test/out"):
            for name in sorted(site.names(side, partner)):
                if not name.endswith(".json"):
                    site.parsed(site.box(side, partner) / name)
                    counted += 1
                assert re.fullmatch(r"(RECEIPT_[A-Z0-9-]+\.(xml|json)|CONTROL_[A-Z0-9-]+_\d+\.xml|NOTICE_[A-Z0-9-]+\.xml|"
                                    r"(CSO\d{4}A|FEN1200A)_[A-Z]{3}\d{3}_[A-Z]{3}\d{3}\d{19})", name), name  # fmt: skip
    assert counted > 40


def test_the_double_answers_alone_over_http(tmp_path: Any) -> None:
    import json
    import subprocess
    import urllib.request

    from tests.flows.site import COMMAND

    root = tmp_path / "etat"
    process = subprocess.Popen([COMMAND, "chorus-double", "--root", str(root), "--json"], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        port = json.loads(process.stdout.readline())["port"]
        data = invoice(1, number="HTTP-1")
        name = "FSO1100A_ABC001_ABC0011100000000000000001"
        (root / "in" / f".{name}.part").write_bytes(data)
        (root / "in" / f".{name}.part").rename(root / "in" / name)

        def told() -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/deposits") as answer:
                return json.load(answer)

        found = until(told, "the double takes nothing", 10)
        assert [(d["name"], d["sha256"], d["invoices"]) for d in found] == [(name, sha256(data), 1)]
        until(lambda: len(list((root / "out").glob("[!.]*"))) >= 4, "a report and three statuses", 15)
    finally:
        process.terminate()
        assert process.wait(5) == 0
    assert run("chorus-double").returncode == 2
    busy = run("chorus-double", "--root", "/proc/none")
    assert busy.returncode in (2, 3)
    assert len(busy.stderr.decode().splitlines()) == 1
