"""``/incidents``: the incidents that the daemon told last, as a page for people or as JSON."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
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
        document = self._recent.document(unquote(name.removeprefix(f"{ROOT}/")))
        if document is None:
            return Answer(HTTPStatus.NOT_FOUND, f"no such incident here; {ROOT} lists them\n".encode(), TEXT)
        if wants_json:
            return _json(document + b"\n")
        latest = Latest()
        latest.latest_seen = self._made().latest_seen
        return _html(html_incident(read_told(document), latest).encode())

    def _made(self) -> Lists:
        """The lists as they are now, or were a moment ago."""
        version, now = self._recent.version, time.monotonic()
        if self._lists is None or (version != self._version and now - self._made_at >= self._kept_s):
            self._version, self._made_at = version, now
            self._lists = _lists(self._recent.documents())
        return self._lists


def _lists(documents: list[bytes]) -> Lists:
    """Both lists, the latest flow first, without incidents that became part of another."""
    latest, shown = Latest(), list[tuple[float, bytes]]()
    for document in documents:
        try:
            told = read_told(document)
        except InputError:  # a record held values that no reader takes: the others are shown all the same
            continue
        latest.put(told)
        if not told.ours.merged_into:
            shown.append((told.ours.last_seen, document))
    ordered = [document for _, document in sorted(shown, key=lambda each: -each[0])]
    return Lists(html_list(latest).encode(), b"[" + b",\n".join(ordered) + b"]\n", latest.latest_seen)


def _html(body: bytes) -> Answer:
    return Answer(HTTPStatus.OK, body, HTML, HEADERS)


def _json(body: bytes) -> Answer:
    return Answer(HTTPStatus.OK, body, JSON, {"X-Content-Type-Options": "nosniff"})
