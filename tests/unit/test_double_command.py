"""`gateway chorus-double` as a process: announces its ports, counts, survives kill -9, ends on SIGTERM; and its SFTP counter's fences."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from adapters.chorus.double import RULES, SftpPort
from gateway.errors import ConfigError
from tests.unit.double_samples import ubl

NAME = "FSO1100A_APP001_APP0011100000000000000001"


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "chorus-double", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


class Running:
    """The command, started; `listening` is what it announced."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "gateway", "chorus-double", "--json", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.listening: dict[str, Any] = json.loads(self.process.stdout.readline())

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.listening['port']}/control/{path}", timeout=5) as answer:
            return json.load(answer)

    def wait_for(self, true: Callable[[], bool]) -> None:
        for _ in range(200):
            if true():
                return
            with pytest.raises(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError("not within 10 s")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    return tmp_path / "key"


def test_the_rules_can_be_printed() -> None:
    done = gateway("--rules")
    assert (done.returncode, done.stdout.strip()) == (0, RULES.strip())


@pytest.mark.parametrize(
    "arguments", [[], ["--root", "x", "--sftp-port", "0"], ["--root", "x", "--schedule", "soon"], ["--root", "x", "--schedule", "2,1"]]
)
def test_wrong_usage_ends_with_2_and_one_line(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = gateway(*[a if a != "x" else str(tmp_path / "x") for a in arguments])
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_it_counts_over_kill_9_and_ends_on_sigterm(tmp_path: Path) -> None:
    root = tmp_path / "state"
    first = Running("--root", str(root), "--schedule", "0")
    (root / "in" / f"{NAME}.part").write_bytes(ubl("F-1"))
    (root / "in" / f"{NAME}.part").rename(root / "in" / NAME)
    first.wait_for(lambda: len(first.get("deposits")) == 1)
    first.process.kill()
    first.process.wait(10)
    second = Running("--root", str(root), "--schedule", "0")
    assert [d["name"] for d in second.get("deposits")] == [NAME]
    second.wait_for(lambda: second.get("idle") == {"idle": True})
    assert sorted(p.name[:8] for p in (root / "out").iterdir()) == ["CSO1100A", "FEN1200A", "FEN1200A", "FEN1200A"]
    second.process.terminate()
    assert second.process.wait(5) == 0


def test_a_second_one_in_the_same_folder_ends_with_4(tmp_path: Path) -> None:
    first = Running("--root", str(tmp_path))
    assert gateway("--root", str(tmp_path)).returncode == 4
    first.process.terminate()
    first.process.wait(5)


@pytest.mark.parametrize("words", [("--port",), ("--key", "KEY", "--sftp-port")])
def test_a_port_that_is_taken_is_said_to_be_so(tmp_path: Path, key: Path, words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = gateway("--root", str(tmp_path / "s"), *(word.replace("KEY", f"{key}.pub") for word in words), str(port))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"127.0.0.1:{port}: Address already in use; choose a free port, or 0 for any\n"


def test_its_sftp_counter_is_announced_with_the_key_to_pin(tmp_path: Path, key: Path) -> None:
    running = Running("--root", str(tmp_path / "s"), "--sftp-port", "0", "--key", f"{key}.pub")
    try:
        sftp = connected(running.listening["sftp_port"], running.listening["known_hosts"], key, tmp_path)
        assert sftp.listdir("/") == ["in", "out"]
    finally:
        running.process.terminate()
        running.process.wait(5)


def connected(port: int, known_hosts: str, key: Path, tmp_path: Path) -> Any:
    known = tmp_path / "pinned"
    known.write_text(known_hosts + "\n")
    client = paramiko.SSHClient()
    client.load_host_keys(str(known))
    client.connect("127.0.0.1", port, "anyone", key_filename=str(key), allow_agent=False, look_for_keys=False, timeout=5)
    return client.open_sftp()


@pytest.fixture
def boxes(tmp_path: Path, key: Path) -> Iterator[Any]:
    root = tmp_path / "boxes"
    for folder in ("in", "out", ".double"):
        (root / folder).mkdir(parents=True)
    port = SftpPort(root, [Path(f"{key}.pub").read_text()])
    yield connected(port.port, port.known_hosts, key, tmp_path), root
    port.close()


@pytest.mark.parametrize("path", ["/.double", "/.double/known_hosts", "/in/../.double", "/../boxes", "/in/a/b", "/etc"])
def test_nothing_outside_the_boxes_is_seen(boxes: Any, path: str) -> None:
    sftp, _ = boxes
    with pytest.raises(OSError, match=r"."):
        sftp.listdir(path)


def test_a_rename_over_sftp_refuses_an_existing_name(boxes: Any) -> None:
    sftp, root = boxes
    (root / "in" / "a").write_text("mine")
    (root / "in" / "b").write_text("theirs")
    with pytest.raises(OSError, match=r"."):
        sftp.rename("/in/a", "/in/b")
    with pytest.raises(OSError, match=r"."):
        sftp.posix_rename("/in/a", "/in/b")
    assert (root / "in" / "b").read_text() == "theirs"


def test_a_key_that_nobody_named_is_refused(boxes: Any, tmp_path: Path) -> None:
    sftp, _ = boxes
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    port = sftp.get_channel().get_transport().getpeername()[1]
    with pytest.raises(paramiko.AuthenticationException):
        connected(port, (tmp_path / "pinned").read_text(), other, tmp_path)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 !!!", "made-up AAAA"])
def test_an_unusable_public_key_says_what_is_expected(line: str, tmp_path: Path) -> None:
    (tmp_path / ".double").mkdir()
    with pytest.raises(ConfigError, match="is expected"):
        SftpPort(tmp_path, [line])
