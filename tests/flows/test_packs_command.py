"""`gateway packs`: what there is, in JSON and for people; two releases compared; one tried on what a running site accepted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flows.site import ROOT, Site, lines, one_line, run, until
from tests.rules_asked import schema
from tests.ubl_invoices import invoice

CONTRACT = {
    "EN16931-UBL", "BR-FR-UBL", "EXTENDED-CTC-FR-UBL", "FACTUR-X_MINIMUM", "FACTUR-X_BASIC-WL", "FACTUR-X_BASIC", "FACTUR-X_EN16931",
    "FACTUR-X_EXTENDED", "BR-FR-CII", "EXTENDED-CTC-FR-CII", "BR-FR-CDV", "CPRO", "BR-FR-CPRO",
}  # fmt: skip
KEYS = {"name", "version", "source", "digest", "rules", "policies", "evaluator"}
UBL = "urn:oasis:names:specification:ubl:schema:xsd"
HEAD = f'<ns prefix="u" uri="{UBL}:Invoice-2"/><ns prefix="c" uri="{UBL}:CommonBasicComponents-2"/>'
CII = '<ns prefix="rsm" uri="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"/>'


def release(*rules: tuple[str, str]) -> bytes:
    asserts = "".join(f'<assert id="{name}" flag="fatal" test="{test}">Rule {name}.</assert>' for name, test in rules)
    return schema(f'<pattern><rule context="u:Invoice">{asserts}</rule></pattern>', head=HEAD)


@pytest.fixture
def without_cdar_rules(tmp_path: Path) -> dict[str, str]:
    """An environment in which a package of rules has no rule file."""
    (tmp_path / "shadow" / "pyfrctc").mkdir(parents=True)
    (tmp_path / "shadow" / "pyfrctc" / "__init__.py").write_text("")
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "shadow"), os.environ.get("PYTHONPATH", "")])}


def test_every_pack_is_listed_with_where_it_is_from_and_where_it_judges() -> None:
    for words in (["packs"], ["packs", "list"]):
        done = run(*words, "--json")
        assert (done.returncode, done.stderr) == (0, b"")
        found = lines(done.stdout)
        assert {one["name"] for one in found} == CONTRACT
        assert all(one.keys() >= KEYS and one["missing"] is None for one in found)
        assert all(len(one["digest"]) == 64 and one["rules"] > 0 and one["version"] and one["source"] for one in found)
    by_name = {one["name"]: one for one in found}
    assert [p["policy"] for p in by_name["EN16931-UBL"]["policies"]] == ["chorus", "reform"]
    assert by_name["EN16931-UBL"]["policies"][0] == {
        "policy": "chorus", "severity": "warning", "kinds": ["E1"], "recipients": "all", "first": None, "last": None,
    }  # fmt: skip
    assert [p["recipients"] for p in by_name["BR-FR-CPRO"]["policies"]] == ["b2g"]


def test_people_read_a_table_in_their_language() -> None:
    french, english = run("packs", "--lang", "fr"), run("packs", "--lang", "en")
    assert (french.returncode, english.returncode) == (0, 0)
    assert "jeux de règles" in french.stdout.decode()
    assert all(name in english.stdout.decode() for name in ("EN16931-UBL", "BR-FR-CDV", "chorus ≤ warning"))


def test_an_absent_pack_is_told_and_is_a_failure(without_cdar_rules: dict[str, str]) -> None:
    done = run("packs", "--json", environ=without_cdar_rules)
    assert done.returncode == 3
    absent = [one for one in lines(done.stdout) if one["missing"]]
    assert [(one["name"], one["digest"]) for one in absent] == [("BR-FR-CDV", None)]
    assert done.stderr.decode().startswith("pack BR-FR-CDV: ")
    assert done.stderr.decode().endswith("is not there; install the package pyfrctc\n")


def test_nothing_is_judged_while_a_pack_of_the_policy_is_absent(without_cdar_rules: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    done = run("validate", tmp_path / "a.xml", "--policy", "reform", environ=without_cdar_rules)
    assert done.returncode == 3
    assert one_line(done).endswith("is not there; install the package pyfrctc")
    assert run("validate", tmp_path / "a.xml", environ=without_cdar_rules).returncode == 0  # chorus asks another one


def test_two_releases_are_compared(tmp_path: Path) -> None:
    (tmp_path / "old.sch").write_bytes(release(("R1", "c:ID"), ("R2", "c:ID")))
    (tmp_path / "new.sch").write_bytes(release(("R1", "c:ID != ''"), ("R3", "c:ID")))
    done = run("packs", "diff", "old.sch", "new.sch", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    assert lines(done.stdout) == [
        {"rule": "R1", "change": "changed", "what": ["test"], "message": "Rule R1."},
        {"rule": "R3", "change": "added", "what": [], "message": "Rule R3."},
        {"rule": "R2", "change": "removed", "what": [], "message": "Rule R2."},
    ]
    table = run("packs", "diff", "old.sch", "new.sch", "--lang", "fr", cwd=tmp_path)
    assert table.returncode == 1
    assert "différences" in table.stdout.decode()
    assert run("packs", "diff", "CPRO", "CPRO", "--json", cwd=tmp_path).returncode == 0
    (tmp_path / "page.md").write_text("# no rules")
    for words, said in ((("CPRO", "new.sch"), "2 rule files"), (("NOPE", "new.sch"), "pack NOPE: unknown"),
                        (("new.sch", "page.md"), "page.md, rule file: ")):  # fmt: skip
        done = run("packs", "diff", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert said in one_line(done)


def test_tomorrows_release_is_tried_on_what_the_site_accepted(site: Site, tmp_path: Path) -> None:
    number = "SHADOW-1"
    (tmp_path / "a.xml").write_bytes(invoice(4711, number=number))
    (tmp_path / "b.xml").write_bytes(invoice(4712, number="SHADOW-2"))
    flows = [one["flow"] for one in site.deposit(tmp_path / "a.xml", tmp_path / "b.xml")]
    for flow in flows:
        until(lambda flow=flow: [i["verdict"] for i in site.invoices(flow)] == ["accepted"], "the invoice is accepted")  # type: ignore[misc]  # mypy: a lambda with a default
    (tmp_path / "next.sch").write_bytes(release(("NEXT", f"not(c:ID = '{number}')")))
    refused, last = site.ask("packs", "shadow", tmp_path / "next.sch", "--since", "2020-01-01", code=1)
    assert (refused["flow"], refused["position"], refused["number"]) == (flows[0], 1, number)
    assert [(f["pack"], f["rule"], f["message"]) for f in refused["findings"]] == [("next", "NEXT", "Rule NEXT.")]
    assert (last["refused"], last["failed"]) == (1, 0)
    assert last["invoices"] >= 2
    table = site.run("packs", "shadow", tmp_path / "next.sch", "--since", "2020-01-01", "--lang", "fr")
    assert table.returncode == 1
    assert number in table.stdout.decode()
    never = '<pattern><rule context="/*"><assert id="ALL" test="false()">No.</assert></rule></pattern>'
    (tmp_path / "cii.sch").write_bytes(schema(never, head=CII))
    told = lines(site.run("packs", "shadow", tmp_path / "cii.sch", "--since", "2020-01-01", "--json").stdout)
    assert not {one.get("flow") for one in told} & set(flows), "rules of CII say nothing of UBL"
    assert told[-1]["invoices"] == told[-1]["refused"], "and all of what CII other tests left on this site"
    (none,) = site.ask("packs", "shadow", "CPRO", "--since", "2999-01-01")
    assert (none["invoices"], none["refused"]) == (0, 0)


@pytest.mark.parametrize(("words", "said"), [
    (("NOPE", "--since", "2026-01-01"), "pack NOPE: unknown"), (("CPRO", "--since", "soon"), "soon"),
    ((str(ROOT / "README.md"), "--since", "2026-01-01"), "README.md, rule file: "),
])  # fmt: skip
def test_a_wrong_pack_or_day_is_wrong_usage(site: Site, words: tuple[str, ...], said: str) -> None:
    done = site.run("packs", "shadow", *words)
    assert done.returncode == 2
    assert said in one_line(done)


def test_what_an_invoice_was_judged_by_is_kept_with_it(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(4713))
    (deposited,) = site.deposit(tmp_path / "a.xml")
    until(lambda: site.invoices(deposited["flow"]), "the invoice is judged")
    (one,) = site.ask("inspect", "invoice", deposited["flow"], "1")
    listed = {row["name"]: row["digest"] for row in lines(run("packs", "--json").stdout) if row["syntax"] == "ubl"}
    assert [pack["name"] for pack in one["packs"]] == ["XSD", "CPRO", "EN16931-UBL"]
    assert [pack["digest"] for pack in one["packs"][1:]] == [listed["CPRO"], listed["EN16931-UBL"]]


def test_check_tells_the_packs_that_judge_and_that_they_are_off(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert run("init", folder).returncode == 0
    told = {one["check"]: one for one in lines(run("--site", folder, "check", "--json").stdout)}
    packs = {name: one for name, one in told.items() if name.startswith("pack ")}
    assert set(packs) == {"pack CPRO ubl", "pack CPRO cii", "pack EN16931-UBL ubl", "pack FACTUR-X_EN16931 cii"}
    assert all(one["ok"] and " rules, evaluator " in one["answer"] for one in packs.values())
    settings = folder / "gateway.toml"
    settings.write_text(settings.read_text().replace("\npacks = true", "\npacks = false"))
    told_off = lines(run("--site", folder, "check", "--json").stdout)
    assert [one["answer"] for one in told_off if one["check"] == "off" and "packs" in one["answer"]] == [
        "validation.packs: off, no rule pack judges"
    ]
    assert not [one for one in told_off if one["check"].startswith("pack ")]
    (tmp_path / "a.xml").write_bytes(invoice(1))
    (one,) = lines(run("--site", folder, "validate", tmp_path / "a.xml", "--json").stdout)
    assert [use["name"] for use in one["packs"]] == ["XSD"]
    (one,) = lines(run("--site", folder, "validate", tmp_path / "a.xml", "--packs", "CPRO", "--json").stdout)
    assert [use["name"] for use in one["packs"]] == ["XSD", "CPRO"]
