"""Deposits through every door: command, SFTP, a file renamed into the box; the same bytes again; the test box; temporary names."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.flows.site import RECEIPT, Site, renumbered, sha256, tar_gz, until, zipped
from tests.flows.story import Story, mistake
from tests.ubl_invoices import invoice

FLOW = re.compile(r"[A-Z0-9-]{1,25}")
FLOW_KEYS = {
    "flow", "partner", "file", "interface", "state", "generation", "received_at", "invoices", "accepted", "rejected", "held", "sha256",
}  # fmt: skip


def flows_named(site: Site, name: str, partner: str = "demo") -> list[str]:
    return [line["flow"] for line in site.ask("inspect", "flows", "--partner", partner, "--limit", "60") if line["file"] == name]


def receipts(site: Site, sha: str, side: str = "out") -> list[dict[str, object]]:
    """Receipts in the box on these bytes."""
    found = [json.loads((site.box(side) / n).read_bytes()) for n in site.names(side) if n.startswith("RECEIPT_") and n.endswith(".json")]
    return [one for one in found if one["sha256"] == sha]


# --- the command


def test_the_deposit_prints_a_line_a_file(story: Story) -> None:
    for plot, answer in story.answer.items():
        assert answer.keys() >= {"flow", "file", "sha256", "again"}
        assert FLOW.fullmatch(answer["flow"])
        assert (answer["sha256"], answer["again"]) == (sha256(story.data[plot]), False)
        assert Path(answer["file"]).name == story.file[plot]
    assert len({answer["flow"] for answer in story.answer.values()}) == len(story.answer)


def test_the_receipt_says_what_was_taken(site: Site, story: Story) -> None:
    flow, data = story.flow["good"], story.data["good"]
    told = site.receipt(flow)
    assert (told["flow"], told["partner"], told["name"], told["size"]) == (flow, "demo", "maintenance.xml", len(data))
    assert (told["sha256"], told["again"]) == (sha256(data), False)
    assert datetime.fromisoformat(told["received_at"]).tzinfo
    assert isinstance(told["place"], int)
    as_xml = site.parsed(site.returned(f"RECEIPT_{flow}.xml"))
    assert as_xml.findtext(f"{RECEIPT}Sha256") == sha256(data)
    assert as_xml.findtext(f"{RECEIPT}Again") == "false"


def test_a_file_name_that_is_no_text_is_no_crash(site: Site, tmp_path: Path) -> None:
    import os

    odd = [os.fsencode(tmp_path / name) for name in ("new\nline.xml", "\u202egpj.xml")] + [os.fsencode(tmp_path) + b"/byte\xff.xml"]
    for n, path in enumerate(odd):
        with open(path, "wb") as file:  # noqa: PTH123  # a name that is no text
            file.write(invoice(40 + n, number=f"ODD-{n}"))
    for answer in site.deposit(*(Path(os.fsdecode(path)) for path in odd)):
        site.final(answer["flow"])
        told = site.flow(answer["flow"])
        assert told["state"] == "closed"
        assert "\n" not in told["file"] or told["invoices"] == 0


# --- the wire


def test_a_small_file_over_sftp_has_its_receipt_within_two_seconds(site: Site, tmp_path: Path) -> None:
    data = invoice(50, number="WIRE-1", lines=40)
    (tmp_path / "wire.xml").write_bytes(data)
    done = site.sftp(f"put {tmp_path / 'wire.xml'} in/wire.xml\n")
    assert done.returncode == 0, done.stderr
    closed = time.monotonic()
    told = until(lambda: receipts(site, sha256(data)), "no receipt", 10)[0]
    assert time.monotonic() - closed < 2.0, "receipt within 2 s of the close (on a machine that has two cores to itself)"
    assert (told["name"], told["again"], told["partner"]) == ("wire.xml", False, "demo")
    report = site.control(str(told["flow"]))
    assert [i.get("verdict") for i in report.iter("{*}Invoice")] == ["accepted"]


def test_a_partner_reads_and_removes_what_is_in_out(site: Site, story: Story, tmp_path: Path) -> None:
    name = f"RECEIPT_{story.flow['alone']}.xml"
    site.final(story.flow["alone"])
    content = site.returned(name).read_bytes()
    done = site.sftp(f"ls out\nget out/{name} {tmp_path / name}\nrm out/{name}\nls out\n")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name).read_bytes() == content
    assert not (site.box("out") / name).exists()


def test_the_wire_shows_the_four_folders_and_nothing_of_ours(site: Site) -> None:
    done = site.sftp("ls -1 /\nls -1 test\n")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split()
    assert {"/in", "/out", "/test", "test/in", "test/out"} <= set(shown) | {f"/{w}" for w in shown} | set(shown)
    assert site.sftp("ls ../../..\nget /etc/passwd\n").returncode != 0


TEMPORARY = ["up.part", "up.tmp", "up.filepart", ".up", "UP.PART"]


def test_temporary_names_are_never_taken_from_any_door(site: Site, tmp_path: Path) -> None:
    for n, name in enumerate(TEMPORARY):
        (tmp_path / "x").write_bytes(invoice(60 + n, number=f"TMP-{n}"))
        if name.startswith("u"):
            assert site.sftp(f"put {tmp_path / 'x'} in/{name}\n").returncode == 0
        (site.box("in") / (".disk" if name.startswith(".") else f"disk{name}")).write_bytes((tmp_path / "x").read_bytes())
    last = invoice(69, number="TMP-LAST")
    site.drop("last.xml", last)
    until(lambda: receipts(site, sha256(last)), "the file beside them is not taken")
    taken = {i["number"] for i in site.ask("inspect", "invoices", "--limit", "1000")}
    assert not {number for number in taken if number and number.startswith("TMP-") and number != "TMP-LAST"}
    assert {name for name in TEMPORARY if name.startswith("u")} & {f["file"] for f in site.ask("inspect", "flows")} == set()
    assert site.sftp("rename in/up.part in/up-final.xml\n").returncode == 0
    until(lambda: receipts(site, sha256(invoice(60, number="TMP-0"))), "a renamed upload is not taken")


def test_a_file_renamed_into_the_box_on_disk_is_a_complete_drop(site: Site) -> None:
    data = invoice(70, number="DISK-1")
    site.drop("disque.xml", data)
    told = until(lambda: receipts(site, sha256(data)), "no receipt", 20)[0]
    assert told["name"] == "disque.xml"
    until(lambda: not (site.box("in") / "disque.xml").exists(), "a drop in custody stays in the box", 5)
    site.final(str(told["flow"]))
    assert site.run("inspect", "content", str(told["flow"])).stdout == data


def test_two_drops_alike_in_everything_but_their_bytes_are_two_flows(site: Site) -> None:
    """Same name, same size, same time; the disk may well give the second one the first one's inode."""
    import os

    pair = [invoice(71, number=number) for number in ("ALIKE-1", "ALIKE-2")]
    assert len({len(data) for data in pair}) == 1
    for data in pair:
        part = site.box("in") / ".alike.part"
        part.write_bytes(data)
        os.utime(part, (1_700_000_000, 1_700_000_000))
        part.rename(site.box("in") / "alike.xml")
        until(lambda data=data: receipts(site, sha256(data)), "a drop is swallowed", 20)  # type: ignore[misc]


# --- the same bytes again


@pytest.fixture(scope="module")
def held(site: Site, story: Story) -> tuple[str, bytes]:
    """A flow that answers for its bytes."""
    site.final(story.flow["good"])
    return story.flow["good"], story.data["good"]


def again_by_command(name: str) -> Callable[[Site, bytes, Path], bool]:
    def act(site: Site, data: bytes, folder: Path) -> bool:
        (folder / name).write_bytes(data)
        answer = site.deposit(folder / name)[0]
        assert answer["again"] is True
        return bool(answer["flow"])
    return act


def again_by_disk(site: Site, data: bytes, folder: Path) -> bool:
    site.drop("rename-encore.xml", data)
    return True


def again_by_wire(site: Site, data: bytes, folder: Path) -> bool:
    (folder / "x").write_bytes(data)
    return site.sftp(f"put {folder / 'x'} in/maintenance-sftp.xml\n").returncode == 0


@pytest.mark.parametrize("act", [again_by_command("maintenance.xml"), again_by_command("autre.xml"), again_by_disk, again_by_wire],
                         ids=["same name", "other name", "box on disk", "sftp"])  # fmt: skip
def test_the_same_bytes_again_are_answered_with_the_first_flow(
    site: Site, held: tuple[str, bytes], tmp_path: Path, act: Callable[[Site, bytes, Path], bool]
) -> None:
    flow, data = held
    path = site.box("out") / f"RECEIPT_{flow}.json"
    path.unlink(missing_ok=True)
    (site.box("out") / f"RECEIPT_{flow}.xml").unlink(missing_ok=True)
    assert act(site, data, tmp_path)
    told = site.receipt(flow)
    assert (told["again"], told["flow"], told["sha256"]) == (True, flow, sha256(data))
    assert site.parsed(site.returned(f"RECEIPT_{flow}.xml")).findtext(f"{RECEIPT}Again") == "true"
    assert len([f for f in site.ask("inspect", "flows") if f["sha256"] == sha256(data) and not f["test"]]) == 1
    assert len(site.finals(flow)) == 1, "no new work"


def test_a_deposit_again_in_one_command_is_again(site: Site, tmp_path: Path) -> None:
    data = invoice(80, number="TWICE-1")
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_bytes(data)
    first, second = site.deposit(tmp_path / "a.xml", tmp_path / "b.xml")
    assert (first["again"], second["again"], second["flow"]) == (False, True, first["flow"])


@pytest.mark.parametrize("plot", ["rejected", "cut", "unformed"])
def test_bytes_that_came_to_nothing_are_a_new_flow_linked_to_the_first(site: Site, story: Story, tmp_path: Path, plot: str) -> None:
    site.final(story.flow[plot])
    until(lambda: site.flow(story.flow[plot])["state"] == "closed", "the first flow is not closed")
    (tmp_path / story.file[plot]).write_bytes(story.data[plot])
    answer = site.deposit(tmp_path / story.file[plot])[0]
    assert (answer["again"], answer["flow"] != story.flow[plot]) == (False, True)
    site.final(answer["flow"])
    assert story.flow[plot] in str(site.flow(answer["flow"])), "it names the first"
    assert site.receipt(answer["flow"])["linked_to"] == story.flow[plot]


def test_the_same_name_with_other_bytes_is_a_new_deposit_under_lenient_naming(site: Site, tmp_path: Path) -> None:
    numbers = []
    for n in (1, 2):
        (tmp_path / "meme-nom.xml").write_bytes(invoice(84 + n, number=f"SAME-{n}"))
        numbers += [a["flow"] for a in site.deposit(tmp_path / "meme-nom.xml")]
    assert len(set(numbers)) == 2
    for flow in numbers:
        assert site.final(flow)[1].findtext(".//IdStatut") in ("90", "92", "96")


def test_another_partner_s_same_bytes_are_its_own_flow_of_known_invoices(site: Site, held: tuple[str, bytes], tmp_path: Path) -> None:
    flow, data = held
    (tmp_path / "vol.xml").write_bytes(data)
    answer = site.deposit(tmp_path / "vol.xml", partner="rival")[0]
    assert (answer["again"], answer["flow"] != flow) == (False, True)
    site.final(answer["flow"], "rival")
    assert site.invoices(answer["flow"])[0]["verdict"] == "rejected"
    returned = "".join(p.read_text() for p in site.box("out", "rival").iterdir() if answer["flow"] in p.name or p.name.startswith("CSO"))
    assert flow not in returned, "nothing of the other partner's flow is told"


# --- duplicates


def test_an_invoice_known_from_another_file_is_rejected_as_a_duplicate(site: Site, held: tuple[str, bytes], tmp_path: Path) -> None:
    flow, data = held
    (tmp_path / "copie.zip").write_bytes(zipped(("copie.xml", data + b"\n<!-- autre fichier -->")))
    answer = site.deposit(tmp_path / "copie.zip")[0]
    name, report = site.final(answer["flow"])
    assert name.startswith("CSO1100A_")
    assert report.findtext(".//IdStatut") == "93"
    found = [f for f in site.ask("inspect", "invoice", answer["flow"], "1")[0]["findings"] if f["severity"] == "fatal"]
    assert [f["rule"] for f in found] == ["BUS-003"]
    wanted = rf"Facture IRC-26-1207 de 90855027000015 \(2026\) déjà transmise le \S+( \S+)? \(flux {flow}\)\."
    assert re.fullmatch(wanted, found[0]["message_fr"])
    assert found[0]["message_fr"] in [e.text for e in report.iter("LibelleErreur")]
    assert answer["flow"] not in str(site.deposits())


def test_the_same_number_twice_in_a_flow_leaves_the_first(site: Site, tmp_path: Path) -> None:
    one = invoice(90, number="DOUBLE-1")
    (tmp_path / "d.tar.gz").write_bytes(tar_gz(("a.xml", one), ("b.xml", one + b"\n"), ("c.xml", invoice(90, number="DOUBLE-2"))))
    flow = site.deposit(tmp_path / "d.tar.gz")[0]["flow"]
    _, report = site.final(flow)
    assert [i["verdict"] for i in site.invoices(flow)] == ["accepted", "rejected", "accepted"]
    assert report.findtext(".//IdStatut") == "96"
    said = [e.text for e in report.iter("LibelleErreur")]
    assert said == ["Facture DOUBLE-1 présente 2 fois dans le flux ; seule la première (position 1) est traitée."]


# --- the test box


def test_the_test_box_answers_and_does_nothing_else(site: Site, tmp_path: Path) -> None:
    data = invoice(95, number="ESSAI-1")
    (tmp_path / "essai.xml").write_bytes(data)
    flow = site.deposit(tmp_path / "essai.xml", test=True)[0]["flow"]
    told, report = site.receipt(flow, side="test/out"), site.control(flow, side="test/out")
    assert told["test"] is True
    assert report.find("{*}Flow").get("test") == "true"
    assert [i.get("verdict") for i in report.iter("{*}Invoice")] == ["accepted"]
    until(lambda: site.flow(flow)["state"] == "closed", "the test flow does not close")
    numbers = [line["flow"] for line in site.ask("inspect", "flows")]
    assert flow[:1] != story_prefix(site), "its numbers are of another sequence"
    assert len(numbers) == len(set(numbers))
    real = site.deposit(tmp_path / "essai.xml")[0]
    assert (real["again"], real["flow"] != flow) == (False, True), "test and real are never again for each other"
    site.final(real["flow"])
    assert site.invoices(real["flow"])[0]["verdict"] == "accepted", "the test reserved no number"
    assert [d for d in site.deposits() if any(n["number"] == "ESSAI-1" for n in d["numbers"])][1:] == []
    assert {n for n in site.names("test/out") if flow in n} == {f"RECEIPT_{flow}.xml", f"RECEIPT_{flow}.json", f"CONTROL_{flow}_1.xml"}
    assert not [n for n in site.names("test/out") if n.startswith(("CSO", "FEN"))]
    assert not [n for n in site.names("out") if flow in n]
    once_more = site.deposit(tmp_path / "essai.xml", test=True)[0]
    assert (once_more["again"], once_more["flow"]) == (True, flow)


def story_prefix(site: Site) -> str:
    return str(next(f["flow"] for f in site.ask("inspect", "flows", "--limit", "50") if not f["test"]))[:1]


def test_the_test_box_answers_over_sftp_and_tells_what_is_wrong(site: Site, tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(tar_gz(("a.xml", mistake("number-too-long.xml")), ("b.xml", mistake("doctype.xml")))[:-5])
    assert site.sftp(f"put {tmp_path / 'x.tar.gz'} test/in/x.tar.gz\n").returncode == 0
    told = until(lambda: receipts(site, sha256((tmp_path / "x.tar.gz").read_bytes()), "test/out"), "no receipt of the test box")[0]
    report = site.control(str(told["flow"]), side="test/out")
    assert report.find("{*}Summary").get("admissible") == "false"
    assert [f.get("rule") for f in report.find("{*}Flow")] == ["ARC-001"]


# --- strict naming, envelopes


def test_a_strict_partner_is_held_to_the_names_of_chorus(site: Site, tmp_path: Path) -> None:
    good, other = "FSO1100A_STR001_STR0011100000000000000001", "FSO1100A_STR001_STR0011100000000000000002"
    files = {good: invoice(100, number="STRICT-1"), "facture.xml": invoice(101, number="STRICT-2"),
             f"{other}.xml": invoice(102, number="STRICT-3"),
             "FSO1106A_STR001_STR0011106000000000000003": invoice(103, number="STRICT-4")}  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    answers = dict(zip(files, site.deposit(*(tmp_path / name for name in files), partner="strict"), strict=True))
    name, report = site.final(good.split("_")[2], "strict")
    assert report.findtext(".//IdStatut") in ("90", "92")
    assert name.startswith("CSO1100A_STR001_STR0011100")
    for wrong in ("facture.xml", f"{other}.xml"):
        site.control(answers[wrong]["flow"], partner="strict")
        assert [f["rule"] for f in site.flow(answers[wrong]["flow"])["findings"]] == ["DEP-010"]
    clash = site.flow(answers["FSO1106A_STR001_STR0011106000000000000003"]["flow"])
    site.final("STR0011106000000000000003", "strict")
    assert clash["interface"] == "FSO1106A"
    (tmp_path / good).write_bytes(invoice(104, number="STRICT-5"))
    reused = site.deposit(tmp_path / good, partner="strict")[0]
    report = site.control(reused["flow"], partner="strict")
    sentence = report.findtext("{*}Flow/{*}Finding/{*}Fr")
    assert re.fullmatch(rf'Le nom "{good}" a déjà servi le \S+ pour un contenu différent\. Utilisez un nouveau numéro de flux\.', sentence)


def test_a_partner_may_want_its_returns_packed(site: Site, tmp_path: Path) -> None:
    import tarfile

    (tmp_path / "p.xml").write_bytes(invoice(110, number="PACK-1"))
    flow = site.deposit(tmp_path / "p.xml", partner="packed")[0]["flow"]
    chorus = until(lambda: [n for n in site.names("out", "packed") if n.startswith("CSO")], "no final report")[0]
    with tarfile.open(site.box("out", "packed") / chorus, "r:gz") as archive:
        inside = [archive.extractfile(m).read() for m in archive]  # type: ignore[union-attr]
    assert len(inside) == 1
    assert flow.encode() in inside[0]
    assert chorus.startswith("CSO1100A_PAC001_PAC0011100")
    site.control(flow, partner="packed")


# --- what inspect tells of it


def test_inspect_flows_has_the_keys_named_and_filters(site: Site, story: Story) -> None:
    everything = site.ask("inspect", "flows")
    for line in everything:
        assert line.keys() >= FLOW_KEYS
        assert datetime.fromisoformat(line["received_at"]).utcoffset() is not None
    assert len(site.ask("inspect", "flows", "--limit", "3")) == 3
    assert {line["partner"] for line in site.ask("inspect", "flows", "--partner", "strict")} <= {"strict"}
    parked = site.ask("inspect", "flows", "--state", "parked")
    assert {line["state"] for line in parked} <= {"parked"}
    today = datetime.fromisoformat(everything[0]["received_at"]).date().isoformat()
    assert site.ask("inspect", "flows", "--since", "2999-01-01") == []
    assert len(site.ask("inspect", "flows", "--since", today)) >= len(everything)


def test_number_and_supplier_and_status_find_an_invoice(site: Site, story: Story) -> None:
    site.final(story.flow["good"])
    found = site.ask("inspect", "invoices", "--number", "IRC-26-1207", "--supplier", "90855027000015", "--flow", story.flow["good"])
    assert [(i["flow"], i["position"]) for i in found] == [(story.flow["good"], 1)]
    assert re.fullmatch(r"[A-Z]{3}", found[0]["currency"])
    assert isinstance(found[0]["total"], str)
    until(lambda: site.ask("inspect", "invoices", "--number", "IRC-26-1207", "--status", "11"), "it is not paid")
    assert site.ask("inspect", "invoices", "--status", "41") == []
    assert len(site.ask("inspect", "invoices", "--limit", "2")) == 2


def test_a_changed_number_is_another_invoice(site: Site, story: Story, tmp_path: Path) -> None:
    (tmp_path / "n.xml").write_bytes(renumbered(story.data["good"], "IRC-26-1207", "IRC-26-1297"))
    flow = site.deposit(tmp_path / "n.xml")[0]["flow"]
    site.final(flow)
    assert site.invoices(flow)[0]["verdict"] == "accepted"
