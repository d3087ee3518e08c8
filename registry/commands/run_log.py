"""The log of a run: a JSON line for each event, in a file that programs read."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from registry.files import writable
from registry.notices import LogEnded, notify


class RunLog:
    """Appends to a file; None writes nothing. Raises UnwritableFile before the run begins.

    A disk that is full later on ends the log, which is told, and not the run.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = None
        if path is not None:
            with writable(path):
                self._file = path.open("a", encoding="utf-8")

    def write(self, event: Any) -> None:
        """Append one event, if it is one of those that are told."""
        from registry.report.bulk import log_json

        content = log_json(event)
        if self._file is None or content is None:
            return
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **content}
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as exc:
            notify(LogEnded(path=self._file.name, reason=exc.strerror or exc))
            self.close()

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what it could not write was told
                file.close()
