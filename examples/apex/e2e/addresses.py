"""Where the services answer: from the environment, and from nowhere else.

There is no default on purpose. A test that quietly turns to another address proves nothing.
"""

import os


def auth(path: str = "") -> str:
    """An address of the auth service."""
    return _address("APEX_AUTH_URL") + path


def backend(path: str = "") -> str:
    """An address of the backend."""
    return _address("APEX_BACKEND_URL") + path


def frontend(path: str = "") -> str:
    """An address of the frontend."""
    return _address("APEX_FRONTEND_URL") + path


def identity(path: str = "") -> str:
    """An address of the identity provider."""
    return _address("APEX_IDENTITY_URL") + path


def analytics(path: str = "") -> str:
    """An address of the analytics service."""
    return _address("APEX_ANALYTICS_URL") + path


def websocket() -> str:
    """The address of the backend's WebSocket."""
    return backend("/ws").replace("http", "ws", 1)


def _address(variable: str) -> str:
    # Read at each call: under pytest-xdist every worker may have its own.
    return os.environ[variable].rstrip("/")
