"""Settings: one TOML file for the site, one per partner → frozen dataclasses; nothing is read at import time.

Unknown keys are refused with the known ones listed. Secrets come from a file or the environment, never from the settings themselves.
Every key and its default: config/gateway.example.toml, which a test compares with these classes.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gateway.errors import ConfigError, UnknownSubject

MB = 1_000_000
GB = 1_000_000_000

APPLICATION = re.compile(r"[A-Z]{3}[0-9]{3}")
"""Application code of a partner (chorus.md §2.1)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a partner may send."""

    flow_bytes: int = 1 * GB  # one deposited file
    members: int = 200_000  # files of an archive
    document_bytes: int = 120 * MB  # one XML or PDF
    expanded_bytes: int = 20 * GB  # an archive once inflated
    expansion_ratio: int = 200  # inflated bytes for each byte of the archive
    expansion_free_bytes: int = 64 * MB  # the ratio is judged past this
    extended_header_bytes: int = 65_536  # one pax header of a tar
    name_bytes: int = 200  # of a file name, in UTF-8
    attachment_bytes: int = 10_000_000  # one attachment, decoded
    amount_digits: int = 19  # of an amount, in all


@dataclass(frozen=True, slots=True)
class Sftp:
    """Our SFTP counter."""

    enabled: bool = True  # false: partners use the watched folder only
    host: str = "127.0.0.1"  # address to listen on; 0.0.0.0 or :: for all
    port: int = 2222  # 1024 or above, or the service needs a privilege
    host_key: str = "keys/ssh_host_ed25519_key"  # relative to the site
    idle_seconds: int = 900  # without a request: the session is closed
    login_seconds: int = 30  # from the connection to a successful log-in
    connections_per_host: int = 20  # at the same time
    connections_per_partner: int = 10  # sessions at the same time
    failures_before_ban: int = 5  # failed passwords of an address
    failure_window_seconds: int = 60  # in which they count
    ban_seconds: int = 900  # how long the address is shut out
    partial_hours: int = 36  # how long an interrupted upload can be resumed
    keep_visible_seconds: int = 600  # an accepted name stays visible with its size


@dataclass(frozen=True, slots=True)
class Folder:
    """The watched folder: boxes on disk under var/boxes, for any server put in front."""

    enabled: bool = True  # false: the SFTP counter only
    scan_seconds: float = 1.0  # between two looks
    stable_seconds: float = 10.0  # size, mtime and inode unchanged that long, where neither rename nor done-file tells
    incomplete_minutes: float = 15.0  # done-file: how long a file shorter than announced is waited for
    strategy: str = "rename"  # rename | done-file | stable: what proves a complete drop
    done_suffix: str = ".ok"  # done-file: X.ok says that X is whole


@dataclass(frozen=True, slots=True)
class Validation:
    """The pool of validation children."""

    children: int = 0  # 0: one per core
    batch: int = 64  # documents a batch
    batch_bytes: int = 4 * MB  # or that many bytes a batch
    memory_bytes: int = 1024 * 1024 * 1024  # RLIMIT_AS of a child
    seconds: float = 60.0  # wall clock of a batch, plus what each document's size allows
    attempts: int = 3  # of a document on which a child died, before it is held
    policy: str = "chorus"  # chorus | reform
    packs: bool = True  # rule packs judge as the policy says; false: none does, and `gateway check` says so
    schemas: str = ""  # a folder that adds or replaces schemas (the official Chorus ones, for instance)
    explain_first: int = 20  # invoices of a flow whose schema errors are explained in full


@dataclass(frozen=True, slots=True)
class Rules:
    """Our own checks of an invoice, each off | warn | reject.

    `uncertain` caps, inside each subject, what Chorus is not known for sure to refuse (chorus.md: likely, unknown).
    """

    uncertain: str = "warn"  # the cap named above
    duplicate: str = "reject"  # same supplier, number and year accepted before
    look_alike: str = "warn"  # a number that differs from an earlier one by case, zeros or separators only: off | warn
    directory: str = "off"  # recipient, service and engagement against the imported directory
    mandate: str = "off"  # the supplier against the partner's list
    identifiers: str = "reject"  # SIRET, VAT number, RIDET and others: form and key
    luhn: bool = True  # the key of SIREN and SIRET; false for qualification data, whose SIRETs break it
    dates: str = "reject"  # an issue date that cannot be read
    date_window: str = "warn"  # an issue date outside the days below
    date_past_days: int = 3650  # how old an issue date may be
    date_future_days: int = 30  # how far ahead it may be
    amounts: str = "reject"  # an amount that cannot be read
    totals: str = "warn"  # sums that do not agree
    tolerance: str = "0.01"  # of a sum, in the invoice's currency
    number: str = "reject"  # length and characters of the invoice's number and references
    type: str = "reject"  # 380 or 381 only
    framework: str = "warn"  # a billing framework that is unknown, or A2 with something to pay
    attachments: str = "reject"  # name, extension, size, content
    directory_stale_days: int = 8  # an older directory only warns
    free_on_state_rejection: bool = False  # an invoice the State refused may come again under its number


@dataclass(frozen=True, slots=True)
class Destination:
    """A State's accounting system by EDI."""

    kind: str = "folder"  # folder | sftp
    path: str = ""  # folder: the directory that holds in/ and out/; sftp: the remote one
    host: str = ""  # sftp: its name or address
    port: int = 22
    user: str = ""  # sftp: our login there
    key: str = ""  # private key file
    known_hosts: str = ""  # sftp: file with the server's host key; required
    deposit: str = "in"  # box we write to
    collect: str = "out"  # box we fetch from, and empty
    application: str = ""  # application code in outbound names; "" = the emitting partner's
    max_invoices: int = 500  # of an outbound flow
    max_bytes: int = 1 * GB  # of an outbound flow, inflated
    batch_seconds: float = 5.0  # a planned outbound flow is sealed after that
    bad_invoice: str = "invoice"  # invoice | flow: what falls when one invoice is bad
    on_unknown: str = "reconcile"  # reconcile | hold: when the outcome of a deposit is lost
    reconcile_hours: float = 4.0  # how long an unknown outcome is looked for before it is held
    report_overdue_hours: float = 24.0  # a report later than that after the deposit is told in the log and in the flow's history
    temporary_name: bool = True  # deposit as NAME.part, then rename; false where the State forbids it
    read_back_bytes: int = 64 * MB  # up to that size a deposit is read back whole, above it head and tail
    collect_seconds: float = 5.0  # between two collections
    connect_seconds: float = 10.0
    interfaces: tuple[str, ...] = ()  # [] = all; else only these codes are routed here
    report_integrated: tuple[str, ...] = ("90", "92")  # IdStatut of a report without reserve
    report_partial: tuple[str, ...] = ("96",)  # partly integrated
    report_refused: tuple[str, ...] = ("93", "94", "95")  # nothing integrated
    number_pattern: str = r"numeroDP=(?P<number>[^;]+)(?:;identifiantFournisseur=(?P<supplier>[^;]*))?"  # in an error line of a report

    @property
    def collection(self) -> tuple[str | int, ...]:
        """The box that answers are fetched from: two destinations may share an account, and then find each other's."""
        return self.kind, self.host, self.port, self.user, self.path.rstrip("/"), self.collect


@dataclass(frozen=True, slots=True)
class Double:
    """The demo's Chorus double, run beside the loops."""

    enabled: bool = False  # demo and tests only
    root: str = "var/chorus"  # its folder, relative to the site
    port: int = 0  # control port on 127.0.0.1; 0: a free one
    schedule_seconds: tuple[float, ...] = (0.5, 1.0, 1.5)  # after a deposit, when each status is due


@dataclass(frozen=True, slots=True)
class Returns:
    """What goes back to partners."""

    purge_days: int = 30  # age at which returns and refused drops leave the boxes, and segments of closed flows the spool
    status_all: str = "92"  # IdStatut of the final report: everything integrated (90 or 92)
    status_part: str = "96"  # part of it integrated
    status_none: str = "93"  # nothing integrated


@dataclass(frozen=True, slots=True)
class Amqp:
    """The RabbitMQ broker of the site, for partners with a table `[amqp]` of their own. Paths of files are relative to the site."""

    host: str = "127.0.0.1"  # its name or address
    port: int = 5672  # 5671 is usual with TLS
    user: str = "gateway"  # our login there
    password_file: str = ""  # a file with our password; this or the next
    password_env: str = ""  # or the environment variable that holds it
    tls: bool = False  # amqps; the broker's name and certificate are checked
    ca_file: str = ""  # certificates that we trust; "" = the system's
    cert_file: str = ""  # our own certificate, where the broker asks for one
    key_file: str = ""  # and its key, unencrypted
    management: str = ""  # address of its management API, for `gateway amqp declare`; "" = rabbitmqctl where we may run it
    restore: bool = False  # make virtual hosts and logins anew by ourselves when the broker has lost them
    body_bytes: int = 16 * MB  # of a message; what is larger comes as a reference
    reference_hours: float = 24.0  # how long the file that a message names is waited for
    connect_seconds: float = 10.0  # until the broker has let us in
    heartbeat_seconds: int = 20  # a broker silent for about twice that is left


@dataclass(frozen=True, slots=True)
class Settings:
    """One site's configuration, frozen. `site` is its folder."""

    site: Path = Path()
    name: str = "concentrator"  # of the site, for people
    operator_code: str = "CPP001"  # sender in the envelope of returned CPPStatut files
    minimum_free_bytes: int = 64 * MB  # below that, deposits are answered no
    limits: Limits = field(default_factory=Limits)
    sftp: Sftp = field(default_factory=Sftp)
    folder: Folder = field(default_factory=Folder)
    validation: Validation = field(default_factory=Validation)
    rules: Rules = field(default_factory=Rules)
    returns: Returns = field(default_factory=Returns)
    destinations: dict[str, Destination] = field(default_factory=dict)
    double: Double = field(default_factory=Double)
    amqp: Amqp = field(default_factory=Amqp)

    @property
    def var(self) -> Path:
        """Where the site keeps its state."""
        return self.site / "var"

    def under(self, path: str) -> Path:
        """A path of the settings, relative ones taken from the site."""
        return self.site / Path(path).expanduser()


@dataclass(frozen=True, slots=True)
class Poll:
    """A partner's own SFTP server: we fetch deposits there and bring returns back. Paths of files are relative to the site."""

    host: str = ""  # its name or address; "" = not polled
    port: int = 22
    user: str = ""  # our login there
    key: str = ""  # our private key file, unencrypted; this or a password
    password_file: str = ""  # a file with our password
    password_env: str = ""  # or the environment variable that holds it
    known_hosts: str = ""  # file with the server's host key; required
    deposit: str = "in"  # folder we take from
    returns: str = "out"  # folder we bring returns to; "" = returns go to the local box only
    test_deposit: str = ""  # the same for the test box; "" = none there
    test_returns: str = ""
    local_box: bool = True  # returns that are brought there go to the local box too
    interval_seconds: float = 30.0  # between two looks
    strategy: str = "rename"  # rename | done-file | stable: what proves a complete file
    done_suffix: str = ".ok"  # done-file: X.ok says that X is whole
    stable_seconds: float = 10.0  # stable: size and mtime unchanged that long, in two looks at least
    incomplete_minutes: float = 15.0  # done-file: how long a file shorter than announced is waited for
    claim: bool = True  # rename a file before it is read, where the server allows it; false: never
    max_names: int = 100_000  # of a folder, looked at in one look
    connect_seconds: float = 10.0  # until the server has let us in
    silence_seconds: float = 30.0  # of a connected server within one call


@dataclass(frozen=True, slots=True)
class Publisher:
    """A partner that publishes its deposits to the site's RabbitMQ broker and takes its returns there."""

    vhost: str = ""  # its own virtual host there; "" = none: no deposits by AMQP
    user: str = ""  # its login there; "" = the partner's name
    password_file: str = ""  # a file with that login's password, for `gateway amqp declare`; without it the login must be there
    password_env: str = ""  # or the environment variable that holds it
    prefetch: int = 4  # messages in our hands at the same time
    returns: bool = True  # returns are published; false: they go to the local box only
    local_box: bool = True  # returns that are published go to the local box too
    references: str = ""  # folder with the files that messages name; "" = var/boxes/NAME/ref


@dataclass(frozen=True, slots=True)
class Partner:
    """Who may deposit. `name` is the file's name and the SFTP login."""

    name: str = ""
    application: str = ""  # application code, AAA999
    label: str = ""  # for people
    enabled: bool = True  # false: no log-in, no scan, no deposit; flows under way go on
    naming: str = "lenient"  # lenient | strict
    number_matches_interface: bool = True  # strict naming: the four digits of the flow id equal the interface's
    keys: tuple[str, ...] = ()  # OpenSSH public keys, one line each
    password: str = ""  # scrypt$…, made by `gateway partner password`
    addresses: tuple[str, ...] = ()  # networks allowed to connect; [] = any
    return_envelope: str = "bare"  # bare | tar.gz
    report_format: str = "cpp-statut"  # the only one of this version
    language: str = "fr"  # fr | en: sentences on the wire
    suppliers: tuple[str, ...] = ()  # mandate: SIREN, SIRET or other identifiers it may deposit for
    daily_files: int = 0  # 0 = no quota
    daily_bytes: int = 0  # 0 = no quota
    flow_bytes: int = 0  # 0 = the site's limit
    bad_member: str = "member"  # member | flow: what falls when one XML of an archive is not well formed
    poll: Poll = field(default_factory=Poll)
    amqp: Publisher = field(default_factory=Publisher)

    def brings_back(self, test: bool) -> bool:
        """True when returns of that box go to the partner's own server or to the broker (whether it may deposit or not: flows under way
        go on)."""
        return self.publishes_back or bool(self.poll.host and (self.poll.test_returns if test else self.poll.returns))

    @property
    def publishes_back(self) -> bool:
        """True when its returns go to the broker."""
        return bool(self.amqp.vhost and self.amqp.returns)

    @property
    def broker_user(self) -> str:
        """Its login at the broker: the only one whose messages are its."""
        return self.amqp.user or self.name


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a site's files said when they were read together, validated."""

    settings: Settings
    partners: dict[str, Partner]


_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    **{("Rules", f): ("off", "warn", "reject")
       for f in ("uncertain", "duplicate", "directory", "mandate", "identifiers", "dates", "date_window", "amounts", "totals",
                 "number", "type", "framework", "attachments")},
    ("Rules", "look_alike"): ("off", "warn"),
    ("Folder", "strategy"): ("rename", "done-file", "stable"),
    ("Validation", "policy"): ("chorus", "reform"),
    ("Destination", "kind"): ("folder", "sftp"),
    ("Destination", "bad_invoice"): ("invoice", "flow"),
    ("Destination", "on_unknown"): ("reconcile", "hold"),
    ("Partner", "naming"): ("lenient", "strict"),
    ("Partner", "return_envelope"): ("bare", "tar.gz"),
    ("Partner", "report_format"): ("cpp-statut",),
    ("Partner", "language"): ("fr", "en"),
    ("Partner", "bad_member"): ("member", "flow"),
    ("Poll", "strategy"): ("rename", "done-file", "stable"),
}  # fmt: skip


_ABOVE_ZERO = {
    ("Destination", "max_invoices"), ("Destination", "max_bytes"), ("Destination", "connect_seconds"), ("Folder", "scan_seconds"),
    ("Validation", "batch"), ("Validation", "batch_bytes"), ("Validation", "memory_bytes"), ("Validation", "seconds"),
    ("Validation", "attempts"), ("Poll", "interval_seconds"), ("Poll", "connect_seconds"), ("Poll", "silence_seconds"),
    ("Poll", "max_names"), ("Poll", "port"), ("Publisher", "prefetch"), ("Amqp", "port"), ("Amqp", "body_bytes"),
    ("Amqp", "connect_seconds"), ("Amqp", "heartbeat_seconds"),
}  # fmt: skip
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def load_settings(site: Path) -> Settings:
    """Read `gateway.toml` of a site; `ConfigError` names file, key and what would be right."""
    path = site / "gateway.toml"
    return build(Settings, _read(path), where=str(path), site=site.absolute())


def load_partners(site: Path) -> dict[str, Partner]:
    """Every `partners/*.toml` of a site, by name."""
    files = sorted((site / "partners").glob("*.toml"))
    partners = {p.stem: build(Partner, _read(p), where=str(p), name=p.stem) for p in files}
    taken: dict[str, str] = {}
    polled: dict[str, str] = {}
    brokered: dict[tuple[str, str], str] = {}
    for partner in partners.values():
        _check_poll(partner.poll, f"partners/{partner.name}.toml: poll")
        _check_publisher(partner, brokered)
        if not APPLICATION.fullmatch(partner.application):
            where = f"partners/{partner.name}.toml: application"
            raise ConfigError(f"{where}: {partner.application!r} is no application code; three capitals and three digits, ABC001")
        other = taken.setdefault(partner.application, partner.name)
        if other != partner.name:
            raise ConfigError(f"partners/{partner.name}.toml: application code {partner.application} is {other}'s; give each its own")
        for folder in _polled_folders(partner.poll):
            if (other := polled.setdefault(folder, partner.name)) != partner.name:
                raise ConfigError(f"partners/{partner.name}.toml: poll: {folder} is {other}'s; a folder belongs to one partner")
    return partners


def _polled_folders(poll: Poll) -> list[str]:
    where = f"{poll.user}@{poll.host}:{poll.port}/"
    return [where + folder.strip("/") for folder in (poll.deposit, poll.test_deposit) if folder and poll.host]


def _check_poll(poll: Poll, where: str) -> None:
    """`ConfigError` for a server that could never be polled."""
    if not poll.host:
        return
    for setting in ("user", "known_hosts", "deposit"):
        if not getattr(poll, setting):
            raise ConfigError(f"{where}.{setting}: is empty; a polled server needs host, user, known_hosts and deposit")
    if sum(map(bool, (poll.key, poll.password_file, poll.password_env))) != 1:
        raise ConfigError(f"{where}: no way to log in, or several; one of key, password_file and password_env is expected")
    if poll.strategy == "done-file" and not poll.done_suffix:
        raise ConfigError(f"{where}.done_suffix: is empty; .ok for instance")
    folders = [folder.strip("/") for folder in (poll.deposit, poll.returns, poll.test_deposit, poll.test_returns) if folder]
    if len(set(folders)) != len(folders):
        raise ConfigError(f"{where}: two of deposit, returns, test_deposit and test_returns are one folder; give each its own")


def _check_publisher(partner: Partner, taken: dict[tuple[str, str], str]) -> None:
    """`ConfigError` for returns that would go two ways, and for a virtual host or a login that says nothing of who publishes."""
    where = f"partners/{partner.name}.toml: amqp"
    if not partner.amqp.vhost:
        return
    if partner.amqp.returns and partner.poll.host and (partner.poll.returns or partner.poll.test_returns):
        raise ConfigError(f"{where}.returns: poll.returns stands beside it; returns go one way, set one of them to false or to empty")
    for key, value in (("vhost", partner.amqp.vhost), ("user", partner.broker_user)):
        if (other := taken.setdefault((key, value), partner.name)) != partner.name:
            raise ConfigError(f"{where}.{key}: {value} is {other}'s; give each partner its own, it says who publishes")
    if partner.amqp.password_file and partner.amqp.password_env:
        raise ConfigError(f"{where}: password_file and password_env; one of them is expected")


def partner_named(partners: dict[str, Partner], name: str) -> Partner:
    """`UnknownSubject` with the known names when there is none."""
    if name not in partners:
        raise UnknownSubject(f"partner {name}: unknown; known: {', '.join(sorted(partners)) or 'none, see gateway partner add'}")
    return partners[name]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `gateway init DIR` makes a site") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise ConfigError(f"{path}: {broken}; a TOML file in UTF-8 is expected") from broken


def build(cls: type[T], raw: dict[str, Any], *, where: str, **given: Any) -> T:
    """A settings class from a TOML table: types checked, unknown keys refused with the known ones listed."""
    hints = typing.get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls) if f.name not in given}  # type: ignore[arg-type]  # T is always a dataclass here
    for key in raw:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key}; known here: {', '.join(sorted(known))}")
    values = {key: _value(hints[key], value, f"{where}: {key}", (cls.__name__, key)) for key, value in raw.items()}
    return cls(**values, **given)


def _value(hint: Any, value: Any, where: str, at: tuple[str, str]) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, _table(value, where), where=where)
    if origin is dict:
        inner = typing.get_args(hint)[1]
        return {k: build(inner, _table(v, f"{where}.{k}"), where=f"{where}.{k}") for k, v in _table(value, where).items()}
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: {value!r} is not a list; write [ … ]")
        return tuple(_value(typing.get_args(hint)[0], v, where, at) for v in value)
    return _scalar(hint, value, where, at)


def _scalar(hint: Any, value: Any, where: str, at: tuple[str, str]) -> Any:
    wanted = typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ConfigError(f"{where}: {value!r} is of another type; {wanted.__name__} is expected")
    allowed = _CHOICES.get(at)
    if allowed and value not in allowed:
        raise ConfigError(f"{where}: {value!r} is not known; one of {', '.join(allowed)}")
    fault = _fault(value, at)
    if fault:
        raise ConfigError(f"{where}: {value!r} {fault}")
    return value


def _fault(value: Any, at: tuple[str, str]) -> str:
    """What is wrong with a value of the right type that would only break later; "" when nothing is."""
    if at == ("Destination", "number_pattern"):
        return _pattern_fault(value)
    if at == ("Partner", "addresses"):
        return "" if _is_network(value) else "is no network; an address or 192.0.2.0/24 is expected"
    if at == ("Rules", "tolerance"):
        return "" if _AMOUNT.fullmatch(value) else "is no amount; write 0.01"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or value < 0:
            return "cannot be; 0 or more is expected"
        if value == 0 and (at in _ABOVE_ZERO or at[0] == "Limits"):
            return "cannot be; more than 0 is expected"
    return ""


def _is_network(text: str) -> bool:
    try:
        return bool(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return False


def _pattern_fault(pattern: str) -> str:
    try:
        named = re.compile(pattern).groupindex
    except re.error as wrong:
        return f"is no regular expression ({wrong}); Python's are expected"
    return "" if "number" in named else "has no group (?P<number>…); it must say where the invoice's number stands"


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {value!r} is not a table; write [section]")
    return value
