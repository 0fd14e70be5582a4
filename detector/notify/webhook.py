"""A message as a webhook gets it: JSON, headers that say what it is, and a signature. Pure.

The signature is ``t=TIME,v1=HEX``: the HMAC-SHA256 of ``TIME.BODY`` by the key that both have. The time is within it,
so that a message that somebody recorded can be told by its age.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import quote

import msgspec

from detector import __version__
from detector.casebook.words import moment
from detector.notify.message import Digest, Message, Notice, Trial, kind_of, severity_of
from detector.notify.words import TRIAL, link, title
from detector.printable import printable_json

AGENT = f"oddflow/{__version__}"

_encoder = msgspec.json.Encoder()


def body(message: Message, template: str) -> bytes:
    """The JSON: of one incident its document as it is in the topic."""
    match message:
        case Notice(document=document):
            return document
        case Digest():
            return printable_json(_encoder.encode({"digest": _digest(message, template)}))
        case Trial():
            return _encoder.encode({"test": {"message": TRIAL, "time": f"{moment(message.at)}Z".replace(" ", "T")}})


def headers(message: Message, template: str) -> dict[str, str]:
    """What stands beside the body, but for token and signature. What is of documents is quoted."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "Idempotency-Key": quote(message.key, safe=":"),
        "X-Oddflow-Message": kind_of(message),
        "X-Oddflow-Severity": severity_of(message),
    }
    if isinstance(message, Notice):
        found["X-Oddflow-Why"] = message.why
        if page := link(template, message.told.ours.id):
            found["X-Oddflow-Link"] = page
    return found


def signature(key: str, at: int, data: bytes) -> str:
    """The value of ``X-Oddflow-Signature``; ``at`` in seconds since 1970."""
    made = hmac.new(key.encode(), b"%d.%b" % (at, data), hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def _digest(digest: Digest, template: str) -> dict[str, Any]:
    return {
        "title": title(digest),
        "incidents": len(digest.ids),
        "messages": digest.messages,
        "waited": digest.late,
        "severities": dict(digest.severities),
        "worst": [_entry(each, template) for each in digest.worst],
    }


def _entry(notice: Notice, template: str) -> dict[str, Any]:
    told, ours = notice.told, notice.told.ours
    page = link(template, ours.id)
    return {
        "id": ours.id,
        "revision": ours.revision,
        "why": notice.why,
        "severity": told.severity,
        "kind": ours.kind,
        "headline": told.headline,
        **({"link": page} if page else {}),
    }
