"""What we change inside pika is still read there: a release that renames it is noticed, instead of making custody slower in silence."""

from __future__ import annotations

import inspect
import struct
from pathlib import Path

import pytest
from pika import data
from pika.adapters.utils.io_services_utils import _AsyncTransportBase
from pika.exceptions import InvalidFieldTypeException

from adapters.amqp import link
from gateway.config import Amqp, Settings
from gateway.errors import ConfigError


def test_pika_receives_as_much_at_once_as_we_say() -> None:
    assert "self._MAX_RECV_BYTES" in inspect.getsource(_AsyncTransportBase._consume)
    assert _AsyncTransportBase._MAX_RECV_BYTES == link._RECEIVED_AT_ONCE


def test_pika_decodes_headers_by_ours_and_what_follows_a_date_past_all_calendars_is_read() -> None:
    far = b"\x03far" + b"T" + struct.pack(">Q", 2**62)
    deep = b"\x04deep" + b"F" + struct.pack(">I", len(far)) + far
    name = b"\x04nameS" + struct.pack(">I", 1) + b"a"
    table = far + deep + name
    assert data.decode_table(struct.pack(">I", len(table)) + table, 0)[0] == {"far": None, "deep": {"far": None}, "name": "a"}


def test_a_type_that_nobody_knows_is_still_an_error() -> None:
    with pytest.raises(InvalidFieldTypeException):
        data.decode_table(struct.pack(">I", 3) + b"\x01a?", 0)


def test_a_password_file_that_is_no_text_is_a_wrong_setting_and_ends_no_process(tmp_path: Path) -> None:
    (tmp_path / "broker").write_bytes(b"\xff\n")
    for file, said in (("broker", "not UTF-8"), ("absent", "No such file")):
        with pytest.raises(ConfigError, match=said):
            link.password(Settings(site=tmp_path, amqp=Amqp(password_file=file)))
