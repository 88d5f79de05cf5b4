"""`gateway` and `python -m gateway`: one line on stderr for what went wrong, the exit codes of contract.md; it does no work itself."""

from __future__ import annotations

import io
import sys

import click

from gateway import log
from gateway.cli import cli
from gateway.cli.words import said, spoken
from gateway.errors import GatewayError


def main() -> None:
    """Run the command line."""
    log.set_up()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no accents shows a mark, not a traceback
    try:
        code = cli.main(prog_name="gateway", standalone_mode=False)
    except GatewayError as wrong:
        _fail(str(wrong), wrong.exit_code)
    except click.exceptions.Exit as over:
        sys.exit(over.exit_code)
    except click.Abort:
        _fail("gateway: interrupted; nothing more was done", 130)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as wrong:
        _fail(f"gateway: {wrong.format_message().rstrip('.')}; see gateway --help", 2)
    except OSError as wrong:  # a path that cannot be used; what the loops and adapters do is mapped there
        _fail(f"{wrong.filename or 'gateway'}: {wrong.strerror or wrong}; name a path that can be used", 2 if wrong.filename else 3)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(line: str, code: int) -> None:
    words = " ".join(line.split())
    click.echo(said(words, spoken(sys.argv[1:])), err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
