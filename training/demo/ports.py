"""A port that nobody listens on."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Give one on this machine's loopback; somebody else may take it before you do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
