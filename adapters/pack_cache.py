"""Where compiled rule packs are kept on this machine, and their compilation beforehand, in a process of its own; it judges nothing.

A cache, not a site's state: it may be removed at any time. It lies where a service manager says (`CACHE_DIRECTORY`, systemd.exec(5)), else
in the user's cache (XDG Base Directory Specification). Where there is neither, each validation child compiles what it needs.

Limits: whoever may write there decides what the rules are; it is made readable and writable for its owner only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from gateway.errors import ConfigError, GatewayError
from gateway.packs import files_of
from gateway.schematron.pack import files, is_kept, load, official


def folder() -> Path | None:
    """The first of these places that can be written, made if need be; None where none can."""
    for name, below in (("CACHE_DIRECTORY", "packs"), ("XDG_CACHE_HOME", "gateway/packs"), ("HOME", ".cache/gateway/packs")):
        if place := os.environ.get(name, "").split(":")[0]:
            path = Path(place) / below
            try:
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError:
                continue
            if os.access(path, os.W_OK):
                return path
    return None


def prepare(packs: Iterable[str], cache: Path | None) -> None:
    """Compile what is not compiled yet. `EngineMissing` for an absent rule file, `ConfigError` for one that holds what is not known."""
    for name in packs:
        for file in files_of(name):
            files()[file].locate()
            if cache is not None and not is_kept(file, cache):
                _compile(file, cache)


def tried(file: Path, cache: Path) -> Path:
    """A rule file that is none of the table's, compiled into the cache: the compiled file. `ConfigError` as for `prepare`."""
    pack = load(file.stem, file, cache)
    return cache / f"{pack.digest}.json"


def _compile(file: str, cache: Path) -> None:
    """Elsewhere: what compiling takes in memory is given back at once."""
    command = [sys.executable, "-P", "-m", "adapters.pack_cache", file, str(cache)]
    root = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root})
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        what = last or f"the compiler ended with {done.returncode}"
        raise ConfigError(f"pack {file}: {what}; a rule file that this version knows is expected")


def main() -> None:
    """`python -m adapters.pack_cache FILE FOLDER`."""
    try:
        official(sys.argv[1], Path(sys.argv[2]))
    except GatewayError as refused:
        sys.exit(str(refused))


if __name__ == "__main__":
    main()
