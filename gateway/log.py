"""Logs: structlog to stderr, JSON unless a terminal reads; never an invoice's content."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def set_up(*, verbose: bool = False) -> None:
    """One line per unit of work, event named noun.participle. The standard library's loggers stay at warnings."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # one write a line, for processes that share it
        cache_logger_on_first_use=True,
    )


def logger(source: str) -> Any:
    """A logger that names where it speaks from."""
    return structlog.get_logger().bind(source=source)
