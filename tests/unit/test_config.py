"""Settings: unknown keys, types, choices, partners that clash; every error says where, what is wrong and what would be right."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import Destination, Folder, Limits, Partner, Rules, Settings, build, load_partners, load_settings, partner_named
from gateway.errors import ConfigError, UnknownSubject


def site(tmp_path: Path, text: str = "", **partners: str) -> Path:
    (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
    (tmp_path / "partners").mkdir()
    for name, body in partners.items():
        (tmp_path / "partners" / f"{name}.toml").write_text(body, encoding="utf-8")
    return tmp_path


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as told:
        load_settings(site(tmp_path, text))
    return str(told.value)


def test_an_empty_file_is_every_default(tmp_path: Path) -> None:
    assert load_settings(site(tmp_path)) == Settings(site=tmp_path)


def test_settings_know_their_site(tmp_path: Path) -> None:
    settings = load_settings(site(tmp_path))
    assert settings.var == tmp_path / "var"
    assert settings.under("keys/k") == tmp_path / "keys" / "k"
    assert settings.under("/etc/k") == Path("/etc/k")


def test_sections_and_destinations_are_read(tmp_path: Path) -> None:
    text = """
    [limits]
    members = 5
    [folder]
    scan_seconds = 2
    [destinations.chorus]
    kind = "folder"
    path = "x"
    interfaces = ["FSO1100A"]
    [destinations.other]
    path = "y"
    """
    settings = load_settings(site(tmp_path, text))
    assert settings.limits == Limits(members=5)
    assert settings.folder == Folder(scan_seconds=2.0)
    assert list(settings.destinations) == ["chorus", "other"]
    assert settings.destinations["chorus"].interfaces == ("FSO1100A",)


@pytest.mark.parametrize(
    ("text", "key"),
    [("wrong = 1", "wrong"), ("[limits]\nwrong = 1", "wrong"), ("[destinations.a]\nwrong = 1", "wrong"), ('site = "/x"', "site"),
     ("retention_days = 90", "retention_days")],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_the_known_ones_listed(tmp_path: Path, text: str, key: str) -> None:
    said = refused(tmp_path, text)
    assert f"unknown key {key}; known here: " in said
    assert str(tmp_path / "gateway.toml") in said


@pytest.mark.parametrize(
    "text",
    [
        'minimum_free_bytes = "1"', "minimum_free_bytes = 1.5", "minimum_free_bytes = true", "name = 1", "[sftp]\nenabled = 1",
        "[folder]\nscan_seconds = true", '[double]\nschedule_seconds = ["a"]', "[double]\nschedule_seconds = 1", "limits = 1",
        "destinations = 1", "[destinations]\nchorus = 1", '[destinations.a]\ninterfaces = "FSO1100A"', "[destinations.a]\ninterfaces = [1]",
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_by_name(tmp_path: Path, text: str) -> None:
    key = text.rpartition("\n")[2].partition(" ")[0]
    assert key in refused(tmp_path, text)


def test_a_whole_number_serves_as_a_fraction(tmp_path: Path) -> None:
    assert load_settings(site(tmp_path, "[folder]\nscan_seconds = 3")).folder.scan_seconds == 3.0


CHOICES = [(cls, name) for cls in (Rules, Folder, Destination, Partner, config.Validation) for name in
           [f.name for f in dataclasses.fields(cls)] if (cls.__name__, name) in config._CHOICES]  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), CHOICES)
def test_each_choice_takes_its_words_and_no_other(cls: type[Any], name: str) -> None:
    for word in config._CHOICES[cls.__name__, name]:
        assert getattr(build(cls, {name: word}, where="x"), name) == word
    with pytest.raises(ConfigError, match="one of"):
        build(cls, {name: "peut-être"}, where="x")


def test_every_default_is_one_of_its_choices() -> None:
    classes = {cls.__name__: cls for cls in (Rules, Folder, Destination, Partner, config.Poll, config.Validation)}
    assert {cls for cls, _ in config._CHOICES} == set(classes)
    for (cls, name), allowed in config._CHOICES.items():
        assert getattr(classes[cls](), name) in allowed


@pytest.mark.parametrize("text", ["= 1", "[limits", "a = 'b", "\x00"])
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    assert "a TOML file in UTF-8 is expected" in refused(tmp_path, text)


def test_what_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="UTF-8"):
        load_settings(tmp_path)


def test_without_a_file_the_way_to_make_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gateway init"):
        load_settings(tmp_path)


# --- values that would only break later


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[destinations.a]\nnumber_pattern = '('", "regular expression"),
        ("[destinations.a]\nnumber_pattern = 'n=(.*)'", "(?P<number>"),
        ("[rules]\ntolerance = 'un centime'", "tolerance"),
        ("[rules]\ntolerance = 'NaN'", "tolerance"),
        ("[limits]\nmembers = -1", "members"),
        ("[destinations.a]\nbatch_seconds = -0.5", "batch_seconds"),
        ("[destinations.a]\nmax_invoices = 0", "max_invoices"),
        ("[validation]\nbatch = 0", "batch"),
        ("[folder]\nscan_seconds = 0", "scan_seconds"),
        ("[folder]\nscan_seconds = nan", "scan_seconds"),
    ],
)
def test_a_value_that_would_break_later_is_refused_at_once(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


# --- partners


def test_partners_are_named_by_their_files(tmp_path: Path) -> None:
    found = load_partners(site(tmp_path, demo='application = "DEM001"', autre='application = "AUT001"\nenabled = false'))
    assert {name: (p.name, p.application, p.enabled) for name, p in found.items()} == {
        "demo": ("demo", "DEM001", True), "autre": ("autre", "AUT001", False),
    }  # fmt: skip


@pytest.mark.parametrize("code", ["", "DEM01", "dem001", "DEMO01", "DEM001\\n", "É1A001"])
def test_an_application_code_is_three_capitals_and_three_digits(tmp_path: Path, code: str) -> None:
    with pytest.raises(ConfigError, match="three capitals and three digits"):
        load_partners(site(tmp_path, demo=f'application = "{code}"'))


def test_two_partners_never_share_a_code(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"partners/b\.toml: application code DEM001 is a's"):
        load_partners(site(tmp_path, a='application = "DEM001"', b='application = "DEM001"'))


def test_a_partner_cannot_name_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key name"):
        load_partners(site(tmp_path, demo='name = "x"\napplication = "DEM001"'))


def test_an_unknown_partner_is_told_with_the_known_ones() -> None:
    partners = {"b": Partner(name="b"), "a": Partner(name="a")}
    assert partner_named(partners, "a") is partners["a"]
    with pytest.raises(UnknownSubject, match="known: a, b"):
        partner_named(partners, "c")
    with pytest.raises(UnknownSubject, match="gateway partner add"):
        partner_named({}, "c")


# --- a partner's own server

POLLED = 'application = "AAA001"\n[poll]\nhost = "h"\nuser = "u"\nkey = "k"\nknown_hosts = "n"\n'


def test_a_polled_server_is_read(tmp_path: Path) -> None:
    partners = load_partners(site(tmp_path, a=POLLED + 'strategy = "stable"\ntest_returns = "t"\n', b='application = "AAA002"\n'))
    assert partners["a"].poll == config.Poll("h", 22, "u", "k", known_hosts="n", strategy="stable", test_returns="t")
    assert [partners["a"].brings_back(test) for test in (False, True)] == [True, True]
    assert [partners["b"].brings_back(test) for test in (False, True)] == [False, False]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (POLLED.replace('user = "u"', ""), r"poll\.user: is empty"),
        (POLLED.replace('known_hosts = "n"', ""), r"poll\.known_hosts: is empty"),
        (POLLED + 'deposit = ""\n', r"poll\.deposit: is empty"),
        (POLLED + 'password_env = "P"\n', "one of key, password_file and password_env"),
        (POLLED.replace('key = "k"', ""), "one of key, password_file and password_env"),
        (POLLED + 'strategy = "size"\n', "one of rename, done-file, stable"),
        (POLLED + 'strategy = "done-file"\ndone_suffix = ""\n', "done_suffix: is empty"),
        (POLLED + 'test_returns = "/in/"\n', "are one folder"),
        (POLLED + "interval_seconds = 0\n", "more than 0"),
        (POLLED + 'password = "secret"\n', "unknown key password"),
    ],
)
def test_a_server_that_could_never_be_polled_is_refused(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_partners(site(tmp_path, a=wrong))


def test_a_folder_of_a_server_belongs_to_one_partner(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder belongs to one partner"):
        load_partners(site(tmp_path, a=POLLED, b=POLLED.replace("AAA001", "AAA002") + 'deposit = "/in"\n'))


def test_two_partners_may_share_a_server(tmp_path: Path) -> None:
    assert len(load_partners(site(tmp_path, a=POLLED, b=POLLED.replace("AAA001", "AAA002") + 'deposit = "b/in"\n'))) == 2


def partner_files(tmp_path: Path, **texts: str) -> Path:
    (tmp_path / "partners").mkdir()
    for n, (name, text) in enumerate(texts.items()):
        (tmp_path / "partners" / f"{name}.toml").write_text(f'application = "AAA00{n}"\n{text}')
    return tmp_path


def test_a_partner_that_publishes_is_read(tmp_path: Path) -> None:
    one = config.load_partners(partner_files(tmp_path, a='[amqp]\nvhost = "v"\n'))["a"]
    assert (one.amqp, one.broker_user, one.publishes_back, one.brings_back(True)) == (config.Publisher("v"), "a", True, True)
    assert not replace(one, amqp=config.Publisher("v", returns=False)).brings_back(False)
    assert replace(one, amqp=config.Publisher("v", user="login")).broker_user == "login"


RETURNED = '\n[poll]\nhost = "h"\nuser = "u"\nkey = "k"\nknown_hosts = "n"\n'


@pytest.mark.parametrize(("texts", "said"), [
    ({"a": '[amqp]\nvhost = "v"\n' + RETURNED}, r"partners/a\.toml: amqp\.returns: poll\.returns stands beside it"),
    ({"a": '[amqp]\nvhost = "v"\n', "b": '[amqp]\nvhost = "v"\n'}, r"partners/b\.toml: amqp\.vhost: v is a's"),
    ({"a": '[amqp]\nvhost = "v"\n', "b": '[amqp]\nvhost = "w"\nuser = "a"\n'}, r"partners/b\.toml: amqp\.user: a is a's"),
    ({"a": '[amqp]\nvhost = "v"\npassword_file = "f"\npassword_env = "E"\n'}, "password_file and password_env; one of them"),
    ({"a": '[amqp]\nvhost = "v"\nprefetch = 0\n'}, "more than 0 is expected"),
])  # fmt: skip
def test_publishers_that_could_not_be_told_apart_are_refused(tmp_path: Path, texts: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.load_partners(partner_files(tmp_path, **texts))


@pytest.mark.parametrize("text", [
    '[amqp]\nvhost = "v"\nreturns = false\n' + RETURNED, '[amqp]\nvhost = "v"\n' + RETURNED + 'returns = ""\n',
])  # fmt: skip
def test_a_partner_may_publish_and_be_polled_when_its_returns_go_one_way(tmp_path: Path, text: str) -> None:
    assert config.load_partners(partner_files(tmp_path, a=text))["a"].poll.host == "h"


@pytest.mark.parametrize("network", ["192.0.2.7", "192.0.2.0/24", "2001:db8::/32"])
def test_a_partner_comes_from_an_address_or_a_network(tmp_path: Path, network: str) -> None:
    found = load_partners(site(tmp_path, acme=f'application = "ACM001"\naddresses = ["{network}"]'))
    assert found["acme"].addresses == (network,)


@pytest.mark.parametrize("network", ["300.1.1.1", "acme.example", "192.0.2.0/33", ""])
def test_what_is_no_network_is_refused(tmp_path: Path, network: str) -> None:
    with pytest.raises(ConfigError, match=r"addresses: .+ is no network; "):
        load_partners(site(tmp_path, acme=f'application = "ACM001"\naddresses = ["{network}"]'))
