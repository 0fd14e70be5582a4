"""A message as Slack's incoming webhooks take it, and what understands the same, such as Mattermost. Pure.

Texts come from the network. No part of them becomes a mention, a link or a picture: signs that begin one are escaped,
or set in brackets as analysts do it (``evil[.]example``). In blocks they are plain text besides, without any format.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from detector.notify.message import Message, Notice
from detector.notify.words import lines, link, title
from detector.printable import printable

LONGEST_TITLE = 150
"""Signs of a header, by Slack's rules."""

LONGEST_POST = 4_000
"""Signs of the whole text: Rocket.Chat takes 5,000, others more."""

LONGEST_TEXT = 2_900
"""Signs of a section: Slack takes 3,000."""

_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
"""Within a name, not within a number or an address."""

_encoder = msgspec.json.Encoder()


def body(message: Message, template: str) -> bytes:
    """The JSON to post; ``template`` is of the links to incidents, or empty."""
    rest = lines(message)
    page = link(template, message.told.ours.id) if isinstance(message, Notice) else ""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(cut(title(message), LONGEST_TITLE))},
        {"type": "section", "text": _plain(cut("\n".join(rest), LONGEST_TEXT))},
    ]
    if page:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": _link(page), "verbatim": True}})
    text = cut("\n".join((title(message), *rest)), LONGEST_POST)
    return _encoder.encode({
        "text": f"{text}\n{_link(page)}" if page else text,
        "blocks": blocks,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    })  # fmt: skip


def harmless(text: str) -> str:
    """Text in which nothing is a mention, a link or markup."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("@", "[@]").replace("://", "[:]//").replace("](", "] (").replace("mailto:", "mailto[:]")
    return _DOT.sub("[.]", text)


def cut(text: str, most: int) -> str:
    """The text, harmless, with at most so many signs; what is cut off is told by ``…``."""
    made = "\n".join(map(harmless, text.split("\n")))
    return made if len(made) <= most else f"{made[: most - 2]} …"


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _link(page: str) -> str:
    """Markup of a link; the address is of our own settings, with an id that is quoted."""
    address = page.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{address}|Open the incident>"
