"""``oddflow healthcheck``: ask a running daemon over HTTP whether it is well; for the image's HEALTHCHECK."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated

import typer

from detector.settings.load import load_settings

TIMEOUT_S = 3.0
"""Below the image's own limit, so that the reason is printed before Docker ends the check."""

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what it listens on, not here
"""An address that listens everywhere is asked at the loopback address."""


def healthcheck(
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings file (TOML).", envvar="ODDFLOW_CONFIG", show_default=False)
    ] = None,
    *,
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether it is ready, not only alive.")] = False,
    host: Annotated[str | None, typer.Option(help="Where it listens; otherwise web.host.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Its port; otherwise web.port.", show_default=False)] = None,
) -> None:
    """Exit 0 if the daemon answers that it is well, 1 if it does not or cannot be reached.

    Examples:

      oddflow healthcheck

      oddflow healthcheck --ready --config oddflow.toml

      oddflow healthcheck --host 10.0.1.5 --port 9464
    """
    web = load_settings(config, {"web.host": host, "web.port": port}).web
    status, text = ask(web.host, web.port, "/readyz" if ready else "/healthz")
    typer.echo(text, err=status != 200)
    raise typer.Exit(0 if status == 200 else 1)


def ask(host: str, port: int, path: str) -> tuple[int, str]:
    """The status and text that the daemon answers with; status 0 if it cannot be reached."""
    connection = HTTPConnection(EVERYWHERE.get(host, host), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(4_096).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        return 0, f"no answer at {host}:{port}: {error}"
    finally:
        connection.close()
