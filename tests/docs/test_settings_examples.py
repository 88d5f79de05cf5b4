"""The example files hold every setting with its default, and nothing else; every setting is explained."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs import from_settings
from gateway import config, sites
from gateway.errors import ConfigError
from tests.docs.pages import ROOT, fences

SITE = (ROOT / "config" / "gateway.example.toml").read_text(encoding="utf-8")
PARTNER = (ROOT / "config" / "partner.example.toml").read_text(encoding="utf-8")


def destination() -> str:
    """The commented destination of the example, as a person would uncomment it."""
    start = SITE.index("# [destinations.chorus]")
    return re.sub(r"^# ", "", SITE[start:], flags=re.MULTILINE)


def keys(cls: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def test_the_site_example_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(SITE, encoding="utf-8")
    assert config.load_settings(tmp_path) == config.Settings(site=tmp_path)


def test_every_setting_of_a_site_stands_in_the_example() -> None:
    raw = tomllib.loads(SITE)
    assert {"site", "destinations", *raw} == keys(config.Settings)
    for name, cls in from_settings.SECTIONS:
        assert set(raw[name]) == keys(cls), name


def test_the_sections_are_those_of_the_settings() -> None:
    sections = {f.name for f in dataclasses.fields(config.Settings) if dataclasses.is_dataclass(f.default_factory)}
    assert {name for name, _ in from_settings.SECTIONS} == sections


def test_the_destination_of_the_example_is_the_default_one() -> None:
    raw = tomllib.loads(destination())["destinations"]["chorus"]
    assert set(raw) == keys(config.Destination)
    assert config.build(config.Destination, raw, where="example") == config.Destination()


def test_the_partner_example_changes_nothing() -> None:
    raw = tomllib.loads(PARTNER)
    assert {"name", *raw} == keys(config.Partner)
    assert config.build(config.Partner, raw, where="example", name="x") == config.Partner(name="x")


def test_a_key_too_many_would_be_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key wrong"):
        config.build(config.Partner, {**tomllib.loads(PARTNER), "wrong": 1}, where="example", name="x")


def test_every_setting_has_a_comment_or_a_name_that_says_it() -> None:
    obvious = {("Destination", "port"), ("Destination", "connect_seconds"), ("Rules", "identifiers")}
    said = from_settings.comments()
    classes = [config.Settings, config.Partner, config.Destination, *(cls for _, cls in from_settings.SECTIONS)]
    silent = {(cls.__name__, f.name) for cls in classes for f in from_settings.plain(cls) if (cls.__name__, f.name) not in said}
    assert silent <= obvious


def test_a_new_site_gets_the_example(tmp_path: Path) -> None:
    sites.make(tmp_path / "site", demo=False)
    assert (tmp_path / "site" / "gateway.toml").read_text(encoding="utf-8") == SITE


def test_settings_shown_in_the_readme_are_known() -> None:
    shown = list(fences(ROOT / "README.md", "toml"))
    assert shown
    for block in shown:
        config.build(config.Settings, tomllib.loads(block), where="README.md")
