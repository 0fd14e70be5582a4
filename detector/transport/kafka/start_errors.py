"""Why no broker could be used, and which setting to look at; also told from what either client says. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple


class Cause(NamedTuple):
    """What is wrong, and what to do."""

    what: str
    fix: str


CAUSES = {
    "unknown host": Cause("the host's name is unknown", "check kafka.bootstrap_servers, and this machine's DNS"),
    "refused": Cause(
        "the connection was refused: nothing listens there",
        "check kafka.bootstrap_servers and that a broker listens there",
    ),
    "no answer": Cause(
        "nothing there answers as Kafka does", "check kafka.bootstrap_servers, firewalls, and that it is a Kafka port"
    ),
    "host name": Cause(
        "the broker's certificate is for another host name",
        "name the host in kafka.bootstrap_servers as the certificate does",
    ),
    "authority": Cause(
        "the broker's certificate is not of an authority that is trusted here",
        "set kafka.properties: ssl.ca.location to the authority that signed it",
    ),
    "expired": Cause(
        "the broker's certificate is not valid now: expired, or not yet", "renew it, or check this machine's clock"
    ),
    "client certificate": Cause(
        "the broker wants a client certificate, or not this one",
        "set kafka.properties: ssl.certificate.location and ssl.key.location",
    ),
    "no TLS": Cause(
        "the port speaks no TLS",
        "set kafka.properties: security.protocol to PLAINTEXT or SASL_PLAINTEXT, or name the TLS port",
    ),
    "TLS": Cause("the port speaks TLS", "set kafka.properties: security.protocol to SSL or SASL_SSL"),
    "wants SASL": Cause(
        "the listener wants a user name and password (SASL)",
        "set kafka.properties: security.protocol to SASL_SSL or SASL_PLAINTEXT, and kafka.sasl_username",
    ),
    "mechanism": Cause(
        "the listener has no such SASL mechanism", "check kafka.properties: security.protocol and sasl.mechanism"
    ),
    "password": Cause(
        "the user name or password was refused",
        "check kafka.sasl_username and kafka.sasl_password_file (or ODDFLOW_KAFKA__SASL_PASSWORD)",
    ),
}

LOGIN = Cause("the login seems to fail: the broker answers, and no more after it", CAUSES["password"].fix)
"""What is left to think of with SASL; brokers may close before the client has read their refusal."""

_WORDS = (
    (r"resolve|name or service not known|nodename nor servname|gaierror|getaddrinfo", "unknown host"),
    (r"host ?name mismatch|hostname.*match|ip address mismatch|not valid for '", "host name"),
    (r"certificate has expired|certificate.expired", "expired"),
    (r"unknown[_ ]ca\b|verify failed|verification failed|self.signed|local issuer", "authority"),
    (r"certificate[_ ]required|bad certificate|peer did not return a certificate", "client certificate"),
    (r"plaintext broker listener|wrong[_ ]version[_ ]number|record layer failure", "no TLS"),
    (r"mechanism|not valid in current sasl state|unsupported.*sasl|illegalsaslstate", "mechanism"),
    (r"authentication ?failed|authentication failure|invalid credentials|invalid username or password", "password"),
    (r"refused", "refused"),
)

GENERAL = "check kafka.bootstrap_servers and that a broker listens there"


def cause_of(said: str) -> Cause | None:
    """What a client's complaint comes to; None where its words tell nothing known."""
    return next((CAUSES[name] for pattern, name in _WORDS if re.search(pattern, said, re.IGNORECASE)), None)


def tells(said: str) -> bool:
    """Whether a complaint says why, and not only that brokers are down."""
    return bool(said) and not re.search(r"brokers are down|broker transport failure", said, re.IGNORECASE)
