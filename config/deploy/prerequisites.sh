#!/bin/sh
# Says in one line what this machine lacks for `make setup`, with the apt command; changes nothing.
python=${1:-python3}
missing=
command -v "$python" >/dev/null 2>&1 || missing="$missing python3"
"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
[ -z "$missing" ] || { echo "make setup: missing$missing; run: apt-get install -y$missing" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make setup: $("$python" --version) is too old; Python 3.11 or later is needed (make PYTHON=python3.11 setup)" >&2; exit 1; }
