"""``/incidents``: the incidents that the daemon told last, as a page for people or as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.casebook.whole_document import whole_document
from detector.errors import InputError
from detector.web.answer import TEXT, Answer
from detector.web.html_page import HEADERS, ROOT, html_incident, html_list
from detector.web.recent import Recent

HTML, JSON = "text/html; charset=utf-8", "application/json"

KEPT_S = 5.0
"""Lists are made anew so often at most, whoever asks: reading a thousand documents takes time from the daemon."""


class Lists(NamedTuple):
    """What is made of all documents at once."""

    page: bytes
    documents: bytes
    latest_seen: float
    parts: dict[str, list[str]]
    """By the id of each part of what several partitions told: all of its parts' ids."""


class IncidentPages:
    """Answers for ``/incidents``, ``/incidents.json`` and ``/incidents/ID``; used from one thread."""

    def __init__(self, recent: Recent, kept_s: float = KEPT_S) -> None:
        self._recent = recent
        self._kept_s = kept_s
        self._lists: Lists | None = None
        self._version = -1
        self._made_at = 0.0

    def answer(self, path: str, accept: str) -> Answer | None:
        """The response to a request for ``path``; None where it is none of these pages."""
        wants_json = path.endswith(".json") or ("application/json" in accept and "text/html" not in accept)
        name = path.removesuffix(".json")
        if name == ROOT:
            return _json(self._made().documents) if wants_json else _html(self._made().page)
        if not name.startswith(f"{ROOT}/"):
            return None
        incident = unquote(name.removeprefix(f"{ROOT}/"))
        made = self._made()
        latest, documents = self._read(map(self._recent.document, made.parts.get(incident, [incident])))
        latest.latest_seen = made.latest_seen
        told = latest.shown(incident)
        if told is None:
            return Answer(HTTPStatus.NOT_FOUND, f"no such incident here; {ROOT} lists them\n".encode(), TEXT)
        if wants_json:
            return _json(whole_document(told, documents) + b"\n")
        return _html(html_incident(told, latest).encode())

    def _made(self) -> Lists:
        """The lists as they are now, or were a moment ago."""
        version, now = self._recent.version, time.monotonic()
        if self._lists is None or (version != self._version and now - self._made_at >= self._kept_s):
            self._version, self._made_at = version, now
            self._lists = _lists(*self._read(self._recent.documents()))
        return self._lists

    def _read(self, documents: Iterable[bytes | None]) -> tuple[Latest, dict[str, bytes]]:
        """Incidents and their documents, by id."""
        latest, kept = Latest(named=self._recent.named), dict[str, bytes]()
        for document in documents:
            try:
                told = read_told(document or b"")
            except InputError:  # a record held values that no reader takes: the others are shown all the same
                continue
            latest.put(told)
            kept[told.ours.id] = document or b""
        return latest, kept


def _lists(latest: Latest, kept: dict[str, bytes]) -> Lists:
    """Both lists, the latest flow first, without incidents that became part of another."""
    shown = sorted(latest.wholes(), key=lambda told: -told.ours.last_seen)
    together = [[part.ours.id for part in told.parts] for told in shown if told.parts]
    return Lists(
        html_list(latest).encode(),
        b"[" + b",\n".join(whole_document(told, kept) for told in shown) + b"]\n",
        latest.latest_seen,
        {part: parts for parts in together for part in parts},
    )


def _html(body: bytes) -> Answer:
    return Answer(HTTPStatus.OK, body, HTML, HEADERS)


def _json(body: bytes) -> Answer:
    return Answer(HTTPStatus.OK, body, JSON, {"X-Content-Type-Options": "nosniff"})
