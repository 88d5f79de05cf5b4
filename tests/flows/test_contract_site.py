"""Chapter 1 of the contract, as a stranger reads it: a site, its exit codes, its partners, its stop, its copy."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.flows.site import COMMAND, ROOT, Site, lines, one_line, run, running, until
from tests.flows.story import Story
from tests.ubl_invoices import invoice

INIT_KEYS = {"site", "partner", "host", "port", "key", "samples"}
READING = [
    ("check",), ("partner", "list"), ("directory", "status"), ("inspect", "flows"), ("inspect", "invoices"),
]  # fmt: skip


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose loops do not turn."""
    return Site(tmp_path_factory.mktemp("still") / "site")


def new_key(folder: Path, name: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return folder / name


# --- init


def test_init_demo_prints_the_keys_named_and_makes_what_they_name(still: Site) -> None:
    made = still.made
    assert made.keys() >= INIT_KEYS
    assert (made["partner"], made["host"]) == ("demo", "127.0.0.1")
    assert Path(made["site"]) == still.folder
    assert 1024 <= made["port"] <= 65535
    assert Path(made["key"]).stat().st_mode & 0o77 == 0, "ssh refuses a private key that others may read"
    assert len(list(Path(made["samples"]).iterdir())) >= 40
    assert (still.folder / "gateway.toml").is_file()
    assert (still.folder / "partners" / "demo.toml").is_file()
    assert (still.folder / "var").is_dir()
    assert all(still.box(side).is_dir() for side in ("in", "out", "test/in", "test/out"))
    assert 'application = "DEM001"' in (still.folder / "partners" / "demo.toml").read_text()


def test_init_never_overwrites(still: Site, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in still.folder.rglob("*") if p.is_file()}
    for words in (("--demo",), ()):
        done = run("init", still.folder, *words)
        assert (done.returncode, "never overwrites" in one_line(done)) == (2, True)
    assert {p: p.read_bytes() for p in still.folder.rglob("*") if p.is_file()} == before
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "demo.toml").write_text("mine")
    assert run("init", tmp_path, "--demo").returncode == 2
    assert [p.name for p in tmp_path.rglob("*")] == ["partners", "demo.toml"]


def test_init_without_demo_makes_a_site_that_reads(tmp_path: Path) -> None:
    made = run("init", tmp_path / "plain", "--json")
    assert made.returncode == 0
    assert lines(made.stdout)[0].keys() >= INIT_KEYS
    assert lines(run("--site", tmp_path / "plain", "inspect", "flows", "--json").stdout) == []


@pytest.mark.parametrize("where", ["/etc/passwd/site", "/proc/site"])
def test_a_place_that_cannot_hold_a_site_is_one_line(where: str) -> None:
    done = run("init", where, "--demo")
    assert done.returncode in (2, 3)
    one_line(done)


# --- which site, which language, which output


def test_the_site_is_named_before_or_after_the_command_or_by_the_environment(still: Site) -> None:
    wanted = run("--site", still.folder, "partner", "list", "--json")
    assert lines(wanted.stdout)[0]["partner"] == "demo"
    assert run("partner", "list", "--site", still.folder, "--json").stdout == wanted.stdout
    assert run("--json", "partner", "list", environ={"GATEWAY_SITE": str(still.folder)}).stdout == wanted.stdout
    beside = run("partner", "list", "--json", environ={"GATEWAY_SITE": still.folder.name}, cwd=still.folder.parent)
    assert beside.stdout == wanted.stdout
    other = run("--site", still.folder, "partner", "list", "--json", environ={"GATEWAY_SITE": "/nowhere"})
    assert other.stdout == wanted.stdout, "what is said on the line wins"


def test_no_site_or_a_folder_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    for done in (run("run"), run("--site", tmp_path, "inspect", "flows"), run("deposit", "demo", __file__, "--site", tmp_path / "absent")):
        assert done.returncode == 2
        one_line(done)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_is_json_lines_and_nothing_else_wherever_it_stands(still: Site, words: tuple[str, ...]) -> None:
    after, before = still.run(*words, "--json"), run("--json", "--site", still.folder, *words)
    assert (after.returncode, before.returncode) == (0, 0)
    assert len(lines(after.stdout)) == len(lines(before.stdout))
    assert after.stderr == b""


def test_the_module_runs_as_the_program_does(still: Site) -> None:
    module = run("--site", still.folder, "partner", "list", "--json", program=(sys.executable, "-m", "gateway"))
    assert module.stdout == still.run("partner", "list", "--json").stdout
    assert run("--site", still.folder, "inspect", "flow", "X", program=(sys.executable, "-m", "gateway")).returncode == 2


def test_texts_for_people_are_french_or_english(still: Site, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"")
    said = {
        "fr": run("validate", tmp_path / "a.xml", "--lang", "fr").stdout,
        "en": run("--lang", "en", "validate", tmp_path / "a.xml").stdout,
        "LC_ALL": run("validate", tmp_path / "a.xml", environ={"LC_ALL": "fr_FR.UTF-8", "LANG": "en_US.UTF-8"}).stdout,
        "LANG": run("validate", tmp_path / "a.xml", environ={"LANG": "fr_FR.UTF-8"}).stdout,
        "none": run("validate", tmp_path / "a.xml").stdout,
        "both": run("--lang", "en", "validate", tmp_path / "a.xml", environ={"LANG": "fr_FR.UTF-8"}).stdout,
    }
    assert "est vide (0 octet)" in said["fr"].decode()
    assert "is empty (0 bytes)" in said["en"].decode()
    assert said["fr"] == said["LC_ALL"] == said["LANG"]
    assert said["en"] == said["none"] == said["both"]
    assert run("--lang", "de", "check").returncode == 2


# --- wrong usage


WRONG = [
    ("nosuch",), ("--nosuch",), ("inspect", "nosuch"), ("run", "nosuch"), ("deposit", "nobody", __file__), ("deposit", "demo"),
    ("deposit", "demo", "/no/such/file"), ("deposit", "demo", "/tmp"), ("inspect", "flow", "F000000-000001"), ("inspect", "flow"),
    ("inspect", "flows", "--partner", "nobody"), ("inspect", "flows", "--state", "asleep"),
    ("inspect", "flows", "--since", "yesterday"), ("inspect", "flows", "--limit", "-1"), ("inspect", "invoices", "--flow", "NONE"),
    ("inspect", "invoice", "NONE", "1"), ("inspect", "invoice", "NONE", "zero"), ("inspect", "content", "NONE"),
    ("inspect", "content", "NONE", "1"), ("replay", "NONE", "--reason", "x"), ("replay", "--reason", "x"), ("replay", "NONE"),
    ("replay", "NONE", "--from", "x", "--reason", "x"), ("replay", "NONE", "--state", "parked", "--reason", "x"),
    ("replay", "--state", "asleep", "--reason", "x"), ("abandon", "NONE", "--reason", "x"), ("abandon", "NONE"),
    ("returns", "resend", "NONE"), ("partner", "disable", "nobody"), ("partner", "add", "demo", "--application", "ABC001"),
    ("partner", "add", "other", "--application", "DEM001"), ("partner", "add", "other", "--application", "abc1"),
    ("partner", "add", "../x", "--application", "ABC001"), ("partner", "add", "other"), ("partner", "key", "add", "demo", __file__),
    ("directory", "import", "/no/such/file"), ("backup",), ("init",),
]  # fmt: skip


@pytest.fixture(scope="module")
def wrong(still: Site) -> dict[tuple[str, ...], subprocess.CompletedProcess[bytes]]:
    """Every wrong command's answer, asked for side by side."""
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(WRONG, threads.map(lambda words: still.run(*words), WRONG), strict=True))


@pytest.mark.parametrize("words", WRONG, ids=lambda words: " ".join(words)[:40])
def test_wrong_usage_and_unknown_names_end_with_2_and_one_line(
    wrong: dict[tuple[str, ...], subprocess.CompletedProcess[bytes]], words: tuple[str, ...]
) -> None:
    assert wrong[words].returncode == 2, wrong[words].stderr
    assert "Traceback" not in one_line(wrong[words])


def test_a_command_without_words_shows_its_help(still: Site) -> None:
    for words in ((), ("inspect",)):
        done = run(*words)
        assert done.returncode == 2
        assert b"Commands:\n" in done.stderr


def test_a_setting_that_is_not_known_is_told_with_the_known_ones(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    path = site.folder / "gateway.toml"
    path.write_text(path.read_text() + "\n[folder2]\nx = 1\n")
    for words in (("run",), ("check",), ("inspect", "flows"), ("reload",)):
        done = site.run(*words)
        assert done.returncode == 2
        assert "folder2" in one_line(done)


# --- check


def test_check_says_what_is_in_force_and_what_is_off_and_masks_secrets(still: Site) -> None:
    told = still.ask("check")
    text = str(told)
    assert "rules.directory" in text
    assert "PRIVATE KEY" not in text
    assert all(isinstance(line["ok"], bool) for line in told)


def test_check_ends_with_3_when_something_outside_does_not_answer(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    path = site.folder / "gateway.toml"
    silent = 'kind = "sftp"\nhost = "127.0.0.1"\nport = 1\nuser = "x"\nkey = "keys/demo"\nknown_hosts = "keys/known_hosts"'
    path.write_text(path.read_text().replace('kind = "folder"\npath = "var/chorus"', silent))
    done = site.run("check", "--json")
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.decode().splitlines()) == 1
    assert [line["ok"] for line in lines(done.stdout)].count(False) >= 1


# --- run


def test_a_second_run_of_the_same_loop_finds_the_lock_held(site: Site) -> None:
    for words in (("run",), ("run", "work"), ("run", "receive", "send"), ("run", "--until-idle"), ("migrate",)):
        done = site.run(*words)
        assert done.returncode == 4, (words, done.stderr)
        one_line(done)
    assert site.ask("inspect", "flows", "--limit", "1") is not None, "every other command works meanwhile"


def test_sigterm_ends_within_five_seconds_and_loses_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.start()
    files = [tmp_path / f"{n}.xml" for n in range(8)]
    for n, file in enumerate(files):
        file.write_bytes(invoice(n + 1))
    numbers = [answer["flow"] for answer in site.deposit(*files)]
    code, seconds = site.stop()
    assert (code, seconds < 5.0) == (0, True), seconds
    done = site.run("run", "--until-idle")
    assert done.returncode == 0, done.stderr
    assert {f["flow"]: f["state"] for f in site.ask("inspect", "flows")} == dict.fromkeys(numbers, "closed")
    assert {i["status"] for i in site.ask("inspect", "invoices")} == {"11"}


def test_until_idle_ends_with_0_once_the_double_has_said_everything(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    names = ["ubl-analyses.xml", "cii-suisse.xml", "fx-avoir.pdf", "cpp-deux-factures.xml"]
    answers = site.deposit(*(site.samples / name for name in names))
    started = time.monotonic()
    done = site.run("run", "--until-idle")
    assert (done.returncode, done.stdout) == (0, b"")
    assert time.monotonic() - started < 60
    for answer in answers:
        name, report = site.finals(answer["flow"])[0]
        assert report.findtext(".//IdStatut") in ("90", "92")
        assert (site.box("out") / f"CONTROL_{answer['flow']}_1.xml").is_file()
        for told in site.invoices(answer["flow"]):
            assert sorted(site.status_codes(told["number"])) == ["01", "03", "11"]
        assert name[:8] == {"ubl": "CSO1100A", "cii": "CSO1106A", "fx-": "CSO1117A", "cpp": "CSO1113A"}[Path(answer["file"]).name[:3]]
    again = site.run("run", "--until-idle")
    assert again.returncode == 0, "nothing to do is idle too"
    one = site.run("run", "work", "--until-idle")
    assert one.returncode == 0, "and so is one loop alone"


# --- partners, reload


def test_a_new_partner_can_log_in_after_reload_and_a_disabled_one_no_more(site: Site, tmp_path: Path) -> None:
    key, second = new_key(tmp_path, "key"), new_key(tmp_path, "second")
    site.ask("partner", "add", "nouveau", "--application", "NOU001", "--key", f"{key}.pub")
    assert "nouveau" in [line["partner"] for line in site.ask("partner", "list")]
    assert site.sftp("ls\n", user="nouveau", key=key).returncode != 0, "not before the reload"
    site.ask("reload")
    until(lambda: site.sftp("ls in\n", user="nouveau", key=key).returncode == 0, "the new partner cannot log in", 20)
    assert site.sftp("ls\n", user="nouveau", key=second).returncode != 0
    site.ask("partner", "key", "add", "nouveau", f"{second}.pub")
    site.ask("reload")
    until(lambda: site.sftp("ls in\n", user="nouveau", key=second).returncode == 0, "the second key does not open", 20)
    site.ask("partner", "disable", "nouveau")
    assert {p["partner"]: p["enabled"] for p in site.ask("partner", "list")}["nouveau"] is False
    assert site.process
    site.process.send_signal(signal.SIGHUP)
    until(lambda: site.sftp("ls\n", user="nouveau", key=key).returncode != 0, "the disabled partner still logs in", 20)
    assert site.sftp("ls\n").returncode == 0, "the others do not notice"


def test_a_bad_file_is_refused_and_nothing_changes(site: Site) -> None:
    path = site.folder / "partners" / "rival.toml"
    before = path.read_text()
    path.write_text(before + "enabledd = true\n")
    try:
        done = site.run("reload")
        assert done.returncode == 2
        assert "enabledd" in one_line(done)
        assert site.process
        site.process.send_signal(signal.SIGHUP)
        log = site.folder / "gateway.log"
        until(lambda: "configuration.refused" in log.read_text(), "the log does not say that the file was refused", 20)
        assert site.sftp("ls in\n").returncode == 0
        assert site.process.poll() is None
    finally:
        path.write_text(before)
    site.ask("reload")


def reloads(site: Site) -> int:
    """How many loops have told so far that they were reloaded."""
    return (site.folder / "gateway.log").read_text().count("configuration.reloaded")


def test_open_sessions_outlive_a_reload(site: Site) -> None:
    told = f"until [ $(grep -c configuration.reloaded {site.folder}/gateway.log) -ge {reloads(site) + 4} ]; do sleep 0.1; done"
    batch = f"pwd\n!{COMMAND} --site {site.folder} reload\n!timeout 30 sh -c '{told}'\nls in\n"
    done = site.sftp(batch)
    assert done.returncode == 0, done.stderr


# --- directory


def test_the_directory_is_imported_and_told(tmp_path: Path) -> None:
    assert run("init", tmp_path / "site").returncode == 0
    status = ("--site", tmp_path / "site", "directory", "status", "--json")
    none = lines(run(*status).stdout)[0]
    assert (none["imported_at"], none["file"], none["recipients"]) == (None, None, 0)
    imported = run("--site", tmp_path / "site", "directory", "import", ROOT / "samples" / "directory.csv", "--json")
    assert lines(imported.stdout)[0]["recipients"] == 10
    told = lines(run(*status).stdout)[0]
    assert told["imported_at"]
    assert (told["file"], told["recipients"], told["sha256"]) == ("directory.csv", 10, lines(imported.stdout)[0]["sha256"])
    latin = tmp_path / "latin.csv"
    latin.write_bytes("SIRET;name\n21350999500014;Sèvre\n".encode("latin-1"))
    done = run("--site", tmp_path / "site", "directory", "import", latin)
    assert (done.returncode, "UTF-8" in one_line(done)) == (2, True)


@pytest.mark.parametrize(
    ("setting", "verdict", "severity"), [("off", "accepted", ""), ("warn", "accepted", "warning"), ("reject", "rejected", "fatal")]
)
def test_the_directory_rejects_warns_or_is_silent_by_setting(tmp_path: Path, setting: str, verdict: str, severity: str) -> None:
    site = Site(tmp_path / "site")
    path = site.folder / "gateway.toml"
    path.write_text(re.sub(r'^directory = "[a-z]+"$', f'directory = "{setting}"', path.read_text(), flags=re.MULTILINE))
    assert f'directory = "{setting}"' in path.read_text()
    site.ask("directory", "import", ROOT / "samples" / "directory.csv")
    flow = site.deposit(ROOT / "samples" / "mistakes" / "recipient-unknown.xml")[0]["flow"]
    known = site.deposit(site.samples / "ubl-fournitures-region.xml")[0]["flow"]
    assert site.run("run", "work", "--until-idle").returncode == 0
    told = site.ask("inspect", "invoice", flow, "1")[0]
    assert told["verdict"] == verdict
    assert [(f["rule"], f["severity"]) for f in told["findings"]] == ([("RTE-010", severity)] if severity else [])
    assert site.invoices(known)[0]["verdict"] == "accepted"


# --- copies


def test_a_backup_is_taken_while_running_and_the_copy_opens(site: Site, story: Story, tmp_path: Path) -> None:
    made = site.run("backup", tmp_path / "copy", "--json")
    assert made.returncode == 0, made.stderr
    lines(made.stdout)
    copy = run("--site", tmp_path / "copy", "inspect", "flows", "--json")
    assert copy.returncode == 0, copy.stderr
    assert set(story.flow.values()) <= {line["flow"] for line in lines(copy.stdout)}
    content = run("--site", tmp_path / "copy", "inspect", "content", story.flow["cut"])
    assert content.stdout == story.data["cut"]
    again = site.run("backup", tmp_path / "copy")
    assert again.returncode == 2
    assert "overwrites" in one_line(again)


def test_migrate_is_safe_to_repeat(still: Site) -> None:
    assert still.ask("migrate") == still.ask("migrate")


def test_commands_and_loops_leave_no_process_behind(tmp_path: Path) -> None:
    with running(tmp_path / "site") as site:
        assert site.process
        children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children")
        if not children.exists():
            pytest.skip("the kernel does not list children")
        started = [int(word) for word in children.read_text().split()]
        assert len(started) == 5, "receive, work, send, collect, double"
        site.process.kill()
        site.process.wait(10)
        until(lambda: not any(_lives(pid) for pid in started), "a killed gateway leaves loops behind", 10)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_the_program_answers_for_its_version() -> None:
    done = run("--version", cwd=Path(os.sep))
    assert done.returncode == 0
    assert b"gateway" in done.stdout
