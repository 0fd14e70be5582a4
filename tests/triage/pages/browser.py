"""Chromium, driven by its DevTools protocol: pages with their own policy, real keys, what they asked for and said."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.chromium import program as chromium_program

OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-extensions", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
)

LIMIT_S = 60.0
"""For whatever is waited for."""


MIDDLE = """(selector) => {
  const found = document.querySelector(selector)
  found.scrollIntoView({ block: 'center' })
  const box = found.getBoundingClientRect()
  return [box.x + box.width / 2, box.y + box.height / 2]
}"""


class Page:
    """One tab."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: WebSocketClientConnection) -> None:
        self._loop = loop
        self._connection = connection
        self._number = 0
        self._loads = 0
        self.requests: list[str] = []
        """Addresses that pages asked for."""
        self.said: list[str] = []
        """Errors and warnings of the console, violations of the policy among them."""

    def start(self) -> None:
        """Have it tell what happens."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **given: Any) -> dict[str, Any]:
        """Do one thing, and give what it says."""
        return self._loop.run_until_complete(asyncio.wait_for(self._command(method, given), LIMIT_S))

    def see(self, width: int, *, dark: bool, height: int = 900) -> None:
        """Be a window of this width, by day or by night."""
        phone = width < 600
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, address: str) -> None:
        """Open a page, and wait until it is there with its scripts."""
        loads = self._loads
        self.command("Page.navigate", url=address)
        self.until_loaded(loads)

    def until_loaded(self, loads: int) -> None:
        """Wait for one more page than these."""
        ends = time.monotonic() + LIMIT_S
        while self._loads <= loads:
            assert time.monotonic() < ends, "no page came"
            self.command("Runtime.evaluate", expression="0")

    @contextmanager
    def going(self) -> Iterator[None]:
        """What is done within leads to another page; wait until it is there."""
        loads = self._loads
        yield
        self.until_loaded(loads)

    def ask(self, expression: str) -> Any:
        """What a script says; promises are waited for."""
        told = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until a script says yes."""
        ends = time.monotonic() + LIMIT_S
        while not self.ask(f"Boolean({expression})"):
            assert time.monotonic() < ends, f"never {expression}"

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            given = text if kind == "keyDown" else {}
            self.command("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **given)

    def write(self, text: str) -> None:
        """Write where the focus is."""
        self.command("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click in the middle of the first of these, where whatever lies there gets it."""
        place = self.ask(f"({MIDDLE})({json.dumps(selector)})")
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Take one of the whole page, or of what the window shows: to look at while a page is made."""
        told = self.command("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    async def _command(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        number = self._number
        await self._connection.write_message(json.dumps({"id": number, "method": method, "params": given}))
        while True:
            message = await self._connection.read_message()
            assert message is not None, "Chromium went away"
            told = json.loads(message)
            if told.get("id") == number:
                assert "error" not in told, (method, told["error"])
                return dict(told["result"])
            self._note(told.get("method", ""), told.get("params", {}))

    def _note(self, method: str, told: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loads += 1
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Log.entryAdded" if told["entry"]["level"] in {"error", "warning"}:
                self.said.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.said.append(str(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning", "assert"}:
                self.said.append(str([each.get("value") for each in told["args"]]))


@contextmanager
def chromium() -> Iterator[Page]:
    """A fresh browser's only tab. Without Chromium the test fails in CI and is skipped elsewhere."""
    with (
        closing(asyncio.new_event_loop()) as loop,
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        _running(chromium_program(), folder) as process,
    ):
        address = _address(Path(folder) / "DevToolsActivePort", process)
        connection = loop.run_until_complete(_connect(address))
        try:
            page = Page(loop, connection)
            page.start()
            yield page
        finally:
            loop.run_until_complete(_disconnect(connection))


@contextmanager
def _running(program: str, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [program, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(port_file: Path, process: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + LIMIT_S
    while not port_file.exists() or "\n" not in port_file.read_text():
        assert process.poll() is None, "Chromium ended"
        assert time.monotonic() < ends, "Chromium tells no port"
        time.sleep(0.02)
    return f"http://127.0.0.1:{port_file.read_text().splitlines()[0]}"


async def _connect(address: str) -> WebSocketClientConnection:
    from urllib.request import urlopen  # noqa: PLC0415

    def tabs() -> list[dict[str, Any]]:
        with urlopen(f"{address}/json/list", timeout=10) as answer:  # noqa: S310 - of this machine
            return list(json.load(answer))

    while not (pages := [each for each in tabs() if each["type"] == "page"]):
        await asyncio.sleep(0.02)
    return await websocket_connect(pages[0]["webSocketDebuggerUrl"], max_message_size=1 << 28)


async def _disconnect(connection: WebSocketClientConnection) -> None:
    """Close it, and wait until it is. Outside of a running loop this would make one more, which nobody closes."""
    connection.close()
    while await connection.read_message() is not None:
        pass
