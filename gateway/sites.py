"""Making a site and its partners' files; it starts nothing and opens no store.

Partner files are small and flat: they are written whole, by temporary name and rename.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config import APPLICATION, Partner, load_partners, partner_named
from gateway.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
PARTS = ("gateway.toml", "partners", "keys", "var", "samples", "directory.csv")
BOXES = ("in", "out", "test/in", "test/out")

DEMO = """\
# A site that runs as it is: one partner, the Chorus double as the State. Every key: config/gateway.example.toml
name = "demo"

[sftp]
port = {port}

[folder]
scan_seconds = 0.3

[rules]
directory = "warn"

[double]
enabled = true
port = {double}
schedule_seconds = [0.5, 1.0, 1.5]

[destinations.chorus]
kind = "folder"
path = "var/chorus"
batch_seconds = 0.3
collect_seconds = 0.3
"""


def make(folder: Path, *, demo: bool) -> dict[str, Any]:
    """A new site; `ConfigError` when the folder holds one already, or a part of one. What it made, as `init --json` prints it."""
    present = next((part for part in PARTS if (folder / part).exists()), None)
    if present:
        raise ConfigError(f"{folder}: holds a site already ({present}); init never overwrites, name another folder")
    for part in ("partners", "keys", "var/boxes", "var/spool", "var/run"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "keys").chmod(0o700)
    (folder / "var").chmod(0o700)
    host_key = folder / "keys" / "ssh_host_ed25519_key"
    new_key(host_key, comment="gateway host key")
    port, double = (free_port(), free_port()) if demo else (2222, 0)
    made: dict[str, Any] = {"site": str(folder), "partner": None, "host": "127.0.0.1", "port": port, "key": None, "samples": None}
    if demo:
        made |= _make_demo(folder, port) | {"double": f"http://127.0.0.1:{double}"}
    write(folder / "gateway.toml", DEMO.format(port=port, double=double) if demo else example())
    return made


def _make_demo(folder: Path, port: int) -> dict[str, Any]:
    key = folder / "keys" / "demo"
    public = new_key(key, comment="demo partner")
    add_partner(folder, "demo", application="DEM001", label="Partenaire de démonstration", naming="lenient", keys=(public,))
    known = (folder / "keys" / "ssh_host_ed25519_key.pub").read_text(encoding="ascii").split()[:2]
    write(folder / "keys" / "known_hosts", f"[127.0.0.1]:{port} {' '.join(known)}\n")
    samples = folder / "samples"
    shutil.copytree(Path(str(resources.files("samples"))) / "accepted", samples, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    shutil.copyfile(Path(str(resources.files("samples"))) / "directory.csv", folder / "directory.csv")
    for box in ("in", "out"):
        (folder / "var/chorus" / box).mkdir(parents=True, exist_ok=True)
    return {"partner": "demo", "key": str(key), "samples": str(samples)}


def example() -> str:
    """The commented example of every setting."""
    return resources.files("config").joinpath("gateway.example.toml").read_text(encoding="utf-8")


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_key(path: Path, *, comment: str) -> str:
    """An ed25519 key pair in OpenSSH's format, private part 0600; the public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode("ascii")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    path.with_name(path.name + ".pub").write_text(f"{public} {comment}\n", encoding="utf-8")
    return f"{public} {comment}"


def write(path: Path, text: str) -> None:
    """By temporary name and rename, readable by the owner only."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.chmod(0o600)
    part.replace(path)


def add_partner(site: Path, name: str, **values: Any) -> Partner:
    """A new partner file and its box; `ConfigError` when the name or the application code is not free or not well formed."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"partner {name}: not a name; lower-case letters, digits, - and _, 32 at most")
    if not APPLICATION.fullmatch(values.get("application", "")):
        raise ConfigError(f"partner {name}: application code {values.get('application')!r}; three capitals and three digits, ABC001")
    present = load_partners(site)
    if name in present:
        raise ConfigError(f"partner {name}: exists already; gateway partner list shows it")
    if any(p.application == values["application"] for p in present.values()):
        raise ConfigError(f"partner {name}: application code {values['application']} is another partner's; give each its own")
    _write_partner(site, Partner(name=name, **values))
    for box in BOXES:
        (site / "var" / "boxes" / name / box).mkdir(parents=True, exist_ok=True)
    return load_partners(site)[name]


def change_partner(site: Path, name: str, **values: Any) -> Partner:
    """The partner's file with other values; `UnknownSubject` when there is none."""
    changed = replace(partner_named(load_partners(site), name), **values)
    _write_partner(site, changed)
    return changed


def _write_partner(site: Path, partner: Partner) -> None:
    """The values that differ from the defaults, the partner's own first, then one table for each subject (`[poll]`, `[amqp]`)."""
    values, default = asdict(partner), asdict(Partner(name=partner.name))
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = _changed({key: value for key, value in values.items() if key not in tables}, default)
    for key, table in tables.items():
        if told := _changed(table, default[key]):
            lines += ["", f"[{key}]", *told]
    write(site / "partners" / f"{partner.name}.toml", "\n".join(lines) + "\n")


def _changed(values: dict[str, Any], default: dict[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items() if value != default[key]]


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and flat lists are TOML's, but for DEL, which TOML wants escaped
    return orjson.dumps(list(value) if isinstance(value, tuple) else value).decode("utf-8").replace("\x7f", "\\u007f")


def partner_line(partner: Partner) -> dict[str, Any]:
    """One partner as printed: no secret in it."""
    return {
        "partner": partner.name, "application": partner.application, "label": partner.label, "enabled": partner.enabled,
        "naming": partner.naming, "keys": len(partner.keys), "password": bool(partner.password), "language": partner.language,
        "return_envelope": partner.return_envelope, "suppliers": list(partner.suppliers), "poll": partner.poll.host,
        "amqp": partner.amqp.vhost,
    }  # fmt: skip
