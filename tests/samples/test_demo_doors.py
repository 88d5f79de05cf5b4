"""The demo waits for its servers as a slow machine needs it: what listens is not yet what answers."""

import socket
import struct
import threading

import pytest

from samples import demo_doors
from samples.demo_doors import greets, wait_for


def test_a_port_nobody_listens_on_does_not_greet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not greets("127.0.0.1", port)


def test_a_server_that_listens_and_is_silent_does_not_greet_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not greets("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize(("said", "greeted"), [(b"SSH-2.0-x\r\n", True), (b"220 x\r\n", False), (b"", False)])
def test_only_an_ssh_banner_is_a_greeting(said: bytes, greeted: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=lambda: answer(listener, said))
        answering.start()
        assert greets("127.0.0.1", listener.getsockname()[1]) is greeted
        answering.join()


def answer(listener: socket.socket, said: bytes) -> None:
    """One connection: the words, or a reset where there are none."""
    peer, _ = listener.accept()
    with peer:
        peer.sendall(said)
        if not said:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_waiting_ends_with_what_did_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_doors, "PATIENCE_SECONDS", 0)
    with pytest.raises(SystemExit, match=r"the counter did not come within 0 s"):
        wait_for(lambda: False, "the counter")
