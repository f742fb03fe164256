"""One JSON object a line on standard output, with the trace id of the request."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from apex.shared.tracing import trace_id


class _JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "service": self.service,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": trace_id() or None,
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def write_json_lines(service: str) -> None:
    """Send every log record of this process to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # httpx tells of each request at this level; the receipts already do.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """Extra fields for a log record: `log.info("text", extra=fields(run_id=...))`."""
    return {"fields": values}
