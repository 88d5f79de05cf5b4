"""Virtual hosts, logins and permissions at the broker: over its management API, with rabbitmqctl, or as a line to be run by its keeper.

AMQP itself cannot make these. All of it is safe to repeat. A password is never put on a command line; a login that exists keeps its own.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.amqp.link import password, secret
from gateway.config import Partner, Settings
from gateway.errors import ConfigError, Unreachable

OURS = (".*", ".*", ".*")
THEIRS = ("^$", r"^edi\.in$", r"^edi\.(test\.)?out$")
"""Configure nothing, publish to the intake exchange, read the two reply queues."""

CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """A login on a virtual host. `password`: for a login that is to be made, None: it must be there."""

    vhost: str
    user: str
    password: str | None
    permissions: tuple[str, str, str]


class Administration(Protocol):
    """Whoever may make virtual hosts and logins. `Unreachable`, `ConfigError` when it cannot."""

    how: str

    def grant(self, access: Access) -> None: ...


def accesses(partner: Partner, settings: Settings) -> tuple[Access, Access]:
    """Ours first, then the partner's."""
    amqp = partner.amqp
    named = amqp.password_file or amqp.password_env
    theirs = secret(settings, amqp.password_file, amqp.password_env, f"partners/{partner.name}.toml: amqp") if named else None
    return (
        Access(amqp.vhost, settings.amqp.user, password(settings), OURS),
        Access(amqp.vhost, partner.broker_user, theirs, THEIRS),
    )


def administration(settings: Settings) -> Administration | None:
    """Over what is really there; None when nothing is."""
    if settings.amqp.management:
        return ManagementApi(settings)
    local = settings.amqp.host in ("127.0.0.1", "::1", "localhost")
    if local and shutil.which("rabbitmqctl") and os.geteuid() == 0:
        return RabbitMqCtl()
    return None


def commands(partner: Partner, settings: Settings) -> str:
    """One line for the broker's administrator."""
    ours, theirs, vhost = (shlex.quote(word) for word in (settings.amqp.user, partner.broker_user, partner.amqp.vhost))
    granted = [(ours, OURS), (theirs, THEIRS)]
    words = [f"rabbitmqctl add_vhost {vhost}", *(f"rabbitmqctl add_user {user}" for user, _ in granted)]
    words += [f"rabbitmqctl set_permissions -p {vhost} {user} " + " ".join(f"'{one}'" for one in rights) for user, rights in granted]
    return " ; ".join(words)


class RabbitMqCtl:
    """The command of the broker's own machine, for root."""

    how = "rabbitmqctl"

    def grant(self, access: Access) -> None:
        """See Administration."""
        if access.vhost not in self._names("list_vhosts", "name"):
            self._run("add_vhost", access.vhost)
        if access.user not in self._names("list_users"):
            if access.password is None:
                raise ConfigError(f"broker login {access.user}: is not there, and no password is named for it; make it, or name one")
            self._run("add_user", access.user, given=access.password)
        self._run("set_permissions", "-p", access.vhost, access.user, *access.permissions)

    def _names(self, *words: str) -> set[str]:
        return {line.split("\t")[0] for line in self._run("-q", *words, "--no-table-headers").splitlines()}

    def _run(self, *words: str, given: str = "") -> str:
        try:
            done = subprocess.run(
                ["rabbitmqctl", *words], input=f"{given}\n", capture_output=True, text=True, timeout=CALL_SECONDS, check=False
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as silent:
            raise Unreachable(f"rabbitmqctl: {silent}; it must run here, as root, beside the broker") from silent
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())[:300]
            raise Unreachable(f"rabbitmqctl {words[0]}: {said}; it must run here, as root, beside the broker")
        return done.stdout


class ManagementApi:
    """The broker's management plugin, with our own login, which must be an administrator there."""

    how = "management API"

    def __init__(self, settings: Settings) -> None:
        self._address = settings.amqp.management.rstrip("/")
        if not self._address.startswith(("http://", "https://")):
            raise ConfigError(f"amqp.management: {self._address} is no address; http://127.0.0.1:15672 for instance")
        login = f"{settings.amqp.user}:{password(settings)}".encode()
        self._headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}", "Content-Type": "application/json"}

    def grant(self, access: Access) -> None:
        """See Administration."""
        vhost, user = (urllib.parse.quote(part, safe="") for part in (access.vhost, access.user))
        self._ask("PUT", f"vhosts/{vhost}", {})
        if not self._ask("GET", f"users/{user}"):
            if access.password is None:
                raise ConfigError(f"broker login {access.user}: is not there, and no password is named for it; make it, or name one")
            self._ask("PUT", f"users/{user}", {"password": access.password, "tags": ""})
        rights = dict(zip(("configure", "write", "read"), access.permissions, strict=True))
        self._ask("PUT", f"permissions/{vhost}/{user}", rights)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bool:
        """False for a subject that is not there."""
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(f"{self._address}/api/{path}", data, self._headers, method=method)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(asked, timeout=CALL_SECONDS):  # noqa: S310
                return True
        except urllib.error.HTTPError as no:
            if no.code == 404 and method == "GET":
                return False
            raise Unreachable(f"{self._address}: {method} {path}: {no.code} {no.reason}; our login must be an administrator there") from no
        except OSError as silent:
            raise Unreachable(f"{self._address}: {silent}; the management plugin must answer there") from silent
