"""bine's own lines go to Python's logging: loggers "bine.reactor", "bine.net" and so on."""

from __future__ import annotations

import atexit
import logging

from . import _bine


def _write(level: int, area: str, line: str) -> None:
    logging.getLogger(f"bine.{area}").log(level, "%s", line)


def to_logging() -> None:
    _bine._set_log(_write)
    # Whatever is said while the interpreter ends goes to standard error.
    atexit.register(_bine._set_log, None)
