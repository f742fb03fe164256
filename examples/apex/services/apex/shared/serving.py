"""Runs an application on 127.0.0.1 until it is told to stop."""

import uvicorn
from greenproof_receipts import ReceiptsASGI
from starlette.types import ASGIApp

from apex.shared.logs import write_json_lines
from apex.shared.settings import required
from apex.shared.tracing import Tracing


def serve(app: ASGIApp, service: str) -> None:
    """Listen on $PORT; SIGTERM finishes the open requests, for at most five seconds."""
    write_json_lines(service)
    uvicorn.run(
        ReceiptsASGI(Tracing(app), service=service),
        host="127.0.0.1",
        port=int(required("PORT")),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        ws_ping_interval=20,
        ws_max_size=64 * 1024,
    )
