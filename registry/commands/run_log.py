"""The log of a run: a JSON line for each event, in a file that programs read."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry.files import writable


class RunLog:
    """Appends to a file; None writes nothing. Raises UnwritableFile before the run begins."""

    def __init__(self, path: Path | None) -> None:
        self._file = None
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
        with writable(Path(self._file.name)):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
