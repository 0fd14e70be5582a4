"""A schema registry that speaks what is needed of Confluent's API, and can be away or talk nonsense."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlparse

Answer = tuple[int, Any]


class SmallRegistry:
    """Listens while its block runs. ``down`` closes its port, ``up`` opens the same one again."""

    def __init__(self) -> None:
        self.schemas: list[dict[str, Any]] = []
        self.versions: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.answer_with: tuple[int, bytes] | None = None
        """Instead of an answer: a status and a body."""
        self.password: str | None = None
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Listen."""
        handler = type("Handler", (_Handler,), {"registry": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def add(self, subject: str, text: str, kind: str = "AVRO", references: list[dict[str, Any]] | None = None) -> int:
        """Register a schema; give its id."""
        schema = {"schema": text, "schemaType": kind, "references": references or []}
        if schema not in self.schemas:
            self.schemas.append(schema)
        number = self.schemas.index(schema) + 1
        versions = self.versions.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def get(self, parts: list[str]) -> Answer:
        """Answer a GET."""
        match parts:
            case ["schemas", "types"]:
                return HTTPStatus.OK, ["AVRO", "PROTOBUF"]
            case ["schemas", "ids", number] if 0 < int(number) <= len(self.schemas):
                return HTTPStatus.OK, self.schemas[int(number) - 1]
            case ["schemas", "ids", number]:
                return HTTPStatus.NOT_FOUND, {"error_code": 40403, "message": f"Schema {number} not found"}
            case ["subjects", subject, "versions", version] if subject in self.versions:
                return HTTPStatus.OK, self._version(subject, int(version))
        return HTTPStatus.NOT_FOUND, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def post(self, parts: list[str], body: dict[str, Any]) -> Answer:
        """Answer a POST."""
        match parts:
            case ["subjects", subject, "versions"]:
                number = self.add(subject, body["schema"], body.get("schemaType", "AVRO"), body.get("references"))
                return HTTPStatus.OK, {"id": number}
            case ["subjects", subject] if subject in self.versions:
                return HTTPStatus.OK, self._version(subject, len(self.versions[subject]))
        return HTTPStatus.NOT_FOUND, {"error_code": 40401, "message": "Subject not found"}

    def _version(self, subject: str, version: int) -> dict[str, Any]:
        number = self.versions[subject][version - 1]
        return {"subject": subject, "version": version, "id": number, **self.schemas[number - 1]}


class _Handler(BaseHTTPRequestHandler):
    registry: SmallRegistry

    def do_GET(self) -> None:
        self._answer(self.registry.get)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(lambda parts: self.registry.post(parts, body))

    def _answer(self, answer: Any) -> None:
        registry = self.registry
        registry.asked.append(self.path)
        status, body = registry.answer_with or (0, b"")
        if registry.password is not None and self.headers.get("Authorization") != registry.password:
            status, body = HTTPStatus.UNAUTHORIZED, b'{"error_code": 40101, "message": "Unauthorized"}'
        if not status:
            status, found = answer([unquote(part) for part in urlparse(self.path).path.strip("/").split("/")])
            body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
