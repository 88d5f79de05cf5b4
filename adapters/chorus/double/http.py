"""The double's control port on 127.0.0.1, for counting from outside; it changes nothing.

GET /control/deposits, /control/refused, /control/doubled: JSON lists of {name, sha256, size, invoices, integrated, status, numbers, errors,
at, application}; /control/statuses: answers still to be written; /control/idle: {"idle": bool}.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from adapters.chorus.double.server import Double


class ControlPort:
    """Serves until `close`; the port is written to .double/port."""

    def __init__(self, double: Double, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(double))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        (double.root / ".double" / "port").write_text(f"{self.port}\n", encoding="ascii")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="chorus-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No request is answered after."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(double: Double, path: str) -> Any:
    match path.split("?", 1)[0].rstrip("/"):
        case "/control/deposits":
            return double.deposits("accepted")
        case "/control/refused":
            return double.deposits("refused")
        case "/control/doubled":
            return double.deposits("doubled")
        case "/control/statuses":
            return double.statuses()
        case "/control/idle":
            return {"idle": double.idle()}
    return None


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = _answer(double, self.path)
            known = answer is not None
            body = json.dumps(answer if known else {"error": "unknown; see /control/deposits"}, ensure_ascii=False).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
            """Stays silent: a test tool's access log helps nobody."""

    return Handler
