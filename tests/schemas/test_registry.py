"""Asking a registry: what is an answer, what is waited out, and for how long."""

from __future__ import annotations

import base64
import threading
from threading import Event as Flag
from typing import Any

import pytest

from detector.errors import BrokerError, ConfigurationError
from detector.schemas.events import SchemaRegistryLost, SchemaRegistryRestored
from detector.schemas.registry import AbandonedError, Registered, SchemaRegistry
from detector.telemetry.events import Event
from tests.schemas.small_registry import SmallRegistry


class Told:
    """Events, as they were told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lost = Flag()

    def tell(self, event: Event) -> None:
        """Note it."""
        self.events.append(event)
        if isinstance(event, SchemaRegistryLost):
            self.lost.set()

    def kinds(self) -> list[type]:
        """What kind each is of."""
        return [type(event) for event in self.events]


def asking(
    url: str, told: Told, abandon: Flag | None = None, patience_s: float | None = None, user: str | None = None
) -> SchemaRegistry:
    """A client of the registry at an address."""
    properties = {"url": url, "timeout": 5.0} | ({"basic.auth.user.info": user} if user else {})
    return SchemaRegistry(properties, tell=told.tell, abandon=abandon or Flag(), patience_s=patience_s)


def test_a_schema_comes_with_all_that_it_refers_to(small_registry: SmallRegistry) -> None:
    """A schema's references, and theirs, come with it, each before its users, once."""
    deep = small_registry.add("deep", '"deep"')
    to_deep = [{"name": "net.Deep", "subject": "deep", "version": 1}]
    small_registry.add("near", '"near"', references=to_deep)
    both = [{"name": "net.Near", "subject": "near", "version": 1}, *to_deep]
    top = small_registry.add("top", '"top"', references=both)
    client = asking(small_registry.url, Told())
    assert client.fetch(top) == Registered("AVRO", '"top"', (("net.Deep", '"deep"'), ("net.Near", '"near"')))
    assert client.fetch(deep) == Registered("AVRO", '"deep"')


def test_no_such_schema_is_an_answer(small_registry: SmallRegistry) -> None:
    """An id that the registry does not know gives None, at once, and nothing is told."""
    told = Told()
    assert asking(small_registry.url, told).fetch(99) is None
    assert told.events == []


STRANGE: dict[str, tuple[int, bytes]] = {
    "another server's 404": (404, b"<html>nothing here</html>"),
    "a failure": (500, b'{"error_code": 50001, "message": "store"}'),
    "a refusal": (403, b'{"error_code": 40301, "message": "no"}'),
    "no JSON": (200, b"<html>welcome</html>"),
    "other JSON": (200, b"[1, 2]"),
    "half an answer": (200, b'{"id": 1}'),
    "nothing": (200, b""),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_answer_is_waited_out(small_registry: SmallRegistry, name: str) -> None:
    """Refusals, failures and nonsense are told once and asked again, until there is an answer."""
    number = small_registry.add("flows", '"string"')
    told, found = Told(), list[Any]()
    small_registry.answer_with = STRANGE[name]
    client = asking(small_registry.url, told)
    waiting = threading.Thread(target=lambda: found.append(client.fetch(number)))
    waiting.start()
    assert told.lost.wait(30)
    small_registry.answer_with = None
    waiting.join(30)
    assert found == [Registered("AVRO", '"string"')]
    assert told.kinds() == [SchemaRegistryLost, SchemaRegistryRestored]


def test_a_registry_that_is_away_is_waited_for(small_registry: SmallRegistry) -> None:
    """While nobody listens, a question waits; it is answered once somebody does."""
    number = small_registry.add("flows", '"string"')
    told, found = Told(), list[Any]()
    client = asking(small_registry.url, told)
    small_registry.down()
    waiting = threading.Thread(target=lambda: found.append(client.fetch(number)))
    waiting.start()
    assert told.lost.wait(30)
    small_registry.up()
    waiting.join(30)
    assert found == [Registered("AVRO", '"string"')]
    assert told.kinds() == [SchemaRegistryLost, SchemaRegistryRestored]


def test_waiting_ends_when_it_is_abandoned(small_registry: SmallRegistry) -> None:
    """A daemon that stops does not wait for the registry."""
    small_registry.down()
    abandon, told, raised = Flag(), Told(), list[BaseException]()

    def ask() -> None:
        try:
            asking(small_registry.url, told, abandon).fetch(1)
        except AbandonedError as error:
            raised.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    assert told.lost.wait(30)
    abandon.set()
    waiting.join(30)
    assert len(raised) == 1


def test_patience_ends(small_registry: SmallRegistry) -> None:
    """A command that does not run for ever gives up, with one line that says what to check."""
    small_registry.down()
    with pytest.raises(BrokerError, match=r"asking the schema registry at .*; check schema_registry.url"):
        asking(small_registry.url, Told(), patience_s=0.0).fetch(1)


def test_the_start_needs_an_answer(small_registry: SmallRegistry) -> None:
    """At the start, a registry that is away, refuses or is something else is one line."""
    asking(small_registry.url, Told()).check()
    with pytest.raises(BrokerError, match="404"):
        asking(f"{small_registry.url}/elsewhere", Told()).check()
    small_registry.password = "Basic " + base64.b64encode(b"oddflow:hush").decode()
    with pytest.raises(BrokerError, match=r"check schema_registry.username and its password"):
        asking(small_registry.url, Told()).check()
    asking(small_registry.url, Told(), user="oddflow:hush").check()
    small_registry.down()
    with pytest.raises(BrokerError, match=r"check schema_registry.url, and that it runs there"):
        asking(small_registry.url, Told()).check()


def test_no_message_shows_a_password(small_registry: SmallRegistry) -> None:
    """A user and password within the address are in no message."""
    small_registry.down()
    url = small_registry.url.replace("//", "//oddflow:hush@")
    with pytest.raises(BrokerError) as caught:
        asking(url, Told()).check()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"ssl.ca.location": "/nowhere/ca.pem"}, {"no.such.property": 1}, {"url": "ftp://x"}])
def test_wrong_properties_are_one_line(wrong: dict[str, Any]) -> None:
    """What the client does not take is an error of the settings."""
    with pytest.raises(ConfigurationError, match="schema_registry"):
        SchemaRegistry({"url": "http://127.0.0.1:1", **wrong}, tell=Told().tell, abandon=Flag())
