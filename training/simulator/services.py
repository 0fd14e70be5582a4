"""What kinds of connection there are, and how each usually goes: ports, sizes, durations, fates.

Sizes and durations are log-normal: the median and the spread (sigma of the logarithm); one in fifty is stretched
further by a Pareto factor, as real traffic has longer tails than that. The figures are set by public captures (the
malware-free parts of CTU and Stratosphere logs, RITA's sample logs) and by what the protocols need at least.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.simulator.flows import STATES


class Fate(StrEnum):
    """A mix of connection states."""

    WEB = "web"
    LOCAL = "local"
    ANSWERED = "answered"
    ONE_WAY = "one_way"
    ECHO = "echo"
    NOISE = "noise"
    PROBE = "probe"
    GUESS = "guess"
    FLOOD = "flood"
    LONG = "long"


_SHARES: dict[Fate, dict[str, float]] = {
    Fate.WEB: {
        "SF": 0.795, "RSTO": 0.06, "RSTR": 0.05, "S1": 0.03, "S0": 0.022, "REJ": 0.006, "S2": 0.01, "S3": 0.012,
        "SH": 0.002, "OTH": 0.011, "RSTRH": 0.002,
    },
    Fate.LOCAL: {"SF": 0.90, "RSTO": 0.04, "RSTR": 0.025, "S1": 0.008, "S0": 0.010, "REJ": 0.007, "OTH": 0.01},
    Fate.ANSWERED: {"SF": 0.972, "S0": 0.024, "SHR": 0.004},
    Fate.ONE_WAY: {"S0": 1.0},
    Fate.ECHO: {"OTH": 1.0},
    Fate.NOISE: {"S0": 0.60, "REJ": 0.33, "RSTOS0": 0.03, "SH": 0.01, "OTH": 0.02, "RSTO": 0.01},
    Fate.PROBE: {"S0": 0.55, "REJ": 0.43, "RSTO": 0.015, "SF": 0.005},
    Fate.GUESS: {"SF": 0.90, "RSTO": 0.05, "RSTR": 0.03, "S0": 0.01, "REJ": 0.01},
    Fate.FLOOD: {"S0": 0.78, "REJ": 0.06, "RSTOS0": 0.04, "S1": 0.10, "SH": 0.02},
    Fate.LONG: {"SF": 0.62, "S1": 0.20, "RSTO": 0.08, "RSTR": 0.06, "S0": 0.02, "OTH": 0.02},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of connection."""

    name: str
    proto: str
    port: int
    """The responder's; for ICMP the code."""
    word: str | None
    """What the sensor calls it; None where it recognises nothing."""
    up: float
    """Median bytes from the originator."""
    up_spread: float
    down: float
    down_spread: float
    duration: float
    """Median, seconds."""
    duration_spread: float
    fate: Fate = Fate.LOCAL


SERVICES: tuple[Service, ...] = (
    # Names and time
    Service("dns", "udp", 53, "dns", 38, 0.18, 118, 0.55, 0.006, 1.9, Fate.ANSWERED),
    Service("dns-retry", "udp", 53, "dns", 76, 0.2, 118, 0.55, 5.0, 0.01, Fate.ANSWERED),
    Service("ntp", "udp", 123, "ntp", 48, 0.0, 48, 0.0, 0.018, 0.8, Fate.ANSWERED),
    Service("dhcp", "udp", 67, "dhcp", 308, 0.05, 308, 0.05, 0.02, 1.2, Fate.ANSWERED),
    Service("mdns", "udp", 5353, "dns", 180, 0.9, 0, 0, 0.3, 1.5, Fate.ONE_WAY),
    Service("llmnr", "udp", 5355, "dns", 50, 0.15, 0, 0, 0.1, 0.2, Fate.ONE_WAY),
    Service("netbios", "udp", 137, "dns", 150, 0.5, 0, 0, 1.5, 0.3, Fate.ONE_WAY),
    Service("ssdp", "udp", 1900, None, 700, 0.5, 0, 0, 3.0, 0.3, Fate.ONE_WAY),
    Service("lan-sync", "udp", 17500, None, 190, 0.1, 0, 0, 0.0, 0.0, Fate.ONE_WAY),
    # The web and what rides on it
    Service("tls", "tcp", 443, "ssl", 1900, 1.0, 6200, 1.5, 4.0, 2.1, Fate.WEB),
    Service("tls-send", "tcp", 443, "ssl", 30_000, 1.5, 6200, 1.2, 6.0, 1.6, Fate.WEB),
    Service("tls-upload", "tcp", 443, "ssl", 900_000, 2.0, 8000, 0.8, 14.0, 1.4, Fate.WEB),
    Service("tls-download", "tcp", 443, "ssl", 6000, 1.0, 4_000_000, 1.9, 18.0, 1.4, Fate.WEB),
    Service("tls-push", "tcp", 443, "ssl", 5200, 0.9, 6500, 0.8, 900.0, 1.2, Fate.LONG),
    Service("tls-poll", "tcp", 443, "ssl", 1250, 0.35, 3700, 0.35, 0.5, 0.9, Fate.WEB),
    Service("quic", "udp", 443, "quic,ssl", 3900, 0.9, 7800, 1.7, 9.0, 1.9, Fate.ANSWERED),
    Service("http", "tcp", 80, "http", 420, 0.7, 1300, 1.9, 0.25, 2.0, Fate.WEB),
    Service("http-poll", "tcp", 80, "http", 230, 0.25, 520, 0.3, 0.12, 1.0, Fate.WEB),
    Service("mobile-push", "tcp", 5228, "ssl", 1700, 0.6, 5200, 0.5, 1500.0, 1.0, Fate.LONG),
    Service("call", "udp", 3478, None, 9_000_000, 2.3, 14_000_000, 2.3, 700.0, 1.5, Fate.ANSWERED),
    Service("mqtt", "tcp", 8883, "ssl", 2100, 0.8, 4100, 0.4, 1200.0, 1.4, Fate.LONG),
    Service("odd-port", "tcp", 8080, None, 900, 1.4, 1200, 2.0, 2.0, 2.4, Fate.WEB),
    # Inside
    Service("kerberos", "tcp", 88, "krb_tcp", 1550, 0.3, 1600, 0.3, 0.004, 0.9),
    Service("ldap", "tcp", 389, "gssapi,ldap", 3200, 0.6, 5200, 0.9, 2.5, 2.0),
    Service("cldap", "udp", 389, None, 180, 0.1, 170, 0.1, 0.001, 0.6, Fate.ANSWERED),
    Service("rpc", "tcp", 135, "dce_rpc", 320, 0.4, 260, 0.4, 0.4, 2.0),
    Service("rpc-high", "tcp", 49668, "gssapi,dce_rpc", 2900, 0.9, 2300, 0.9, 6.0, 1.8),
    Service("smb", "tcp", 445, "gssapi,smb", 7000, 1.6, 12_000, 2.2, 14.0, 1.9),
    Service("smb-copy", "tcp", 445, "gssapi,smb", 1_400_000, 1.8, 60_000, 1.4, 20.0, 1.3),
    Service("ssh", "tcp", 22, "ssh", 5200, 1.2, 9800, 1.7, 70.0, 2.0),
    Service("ssh-run", "tcp", 22, "ssh", 3900, 0.5, 4600, 0.7, 1.9, 0.8),
    Service("rdp", "tcp", 3389, "rdp", 190_000, 1.5, 2_200_000, 1.6, 900.0, 1.6),
    Service("winrm", "tcp", 5985, "http", 5200, 0.9, 7600, 1.0, 1.6, 1.2),
    Service("imap", "tcp", 993, "ssl", 1700, 0.7, 6800, 1.2, 8.0, 2.0),
    Service("smtp", "tcp", 25, "smtp,ssl", 14_000, 1.8, 3800, 0.4, 2.2, 1.2, Fate.WEB),
    Service("sql", "tcp", 5432, "postgresql", 1300, 1.1, 4300, 1.9, 0.06, 2.2),
    Service("sql-long", "tcp", 5432, "postgresql", 260_000, 1.5, 1_500_000, 1.8, 1400.0, 0.9, Fate.LONG),
    Service("intranet", "tcp", 443, "ssl", 2300, 0.8, 15_000, 1.6, 1.6, 1.9),
    Service("api", "tcp", 8443, "ssl", 1500, 0.6, 3300, 1.0, 0.12, 1.2),
    Service("syslog", "udp", 514, "syslog", 900, 1.1, 0, 0, 8.0, 1.4, Fate.ONE_WAY),
    Service("snmp", "udp", 161, "snmp", 92, 0.3, 260, 0.8, 0.004, 1.0, Fate.ANSWERED),
    Service("ping", "icmp", 0, None, 56, 0.3, 56, 0.3, 0.4, 1.6, Fate.ECHO),
    Service("check", "tcp", 443, None, 0, 0, 0, 0, 0.002, 1.0),
    Service("agent", "tcp", 10051, None, 620, 0.5, 110, 0.2, 0.01, 1.0),
    Service("print", "tcp", 9100, None, 480_000, 1.6, 300, 0.8, 9.0, 1.1),
    Service("sip", "udp", 5060, "sip", 620, 0.3, 540, 0.3, 0.05, 1.0, Fate.ANSWERED),
    Service("video", "tcp", 554, "rtsp", 21_000, 0.7, 60_000_000, 0.8, 600.0, 0.3, Fate.LONG),
    Service("backup", "tcp", 10000, "ssl", 900_000_000, 1.4, 4_000_000, 1.0, 900.0, 1.1),
    Service("replica", "tcp", 873, None, 6_000_000, 1.9, 120_000, 1.2, 15.0, 1.6),
    Service("inventory", "tcp", 22, None, 0, 0, 0, 0, 0.001, 0.8, Fate.PROBE),
    Service("noise", "tcp", 23, None, 0, 0, 0, 0, 0.06, 0.8, Fate.NOISE),
    Service("noise-udp", "udp", 5060, None, 210, 0.9, 0, 0, 0.0, 0.0, Fate.ONE_WAY),
    # Only attacks use these, but each looks like one above
    Service("scan", "tcp", 80, None, 0, 0, 0, 0, 0.001, 1.0, Fate.PROBE),
    Service("guess", "tcp", 22, "ssh", 1900, 0.25, 2200, 0.25, 3.2, 0.5, Fate.GUESS),
    Service("tunnel", "udp", 53, "dns", 150, 0.35, 230, 0.45, 0.045, 0.8, Fate.ANSWERED),
    Service("upload", "tcp", 443, "ssl", 24_000_000, 1.5, 140_000, 1.0, 60.0, 1.1, Fate.WEB),
    Service("beacon", "tcp", 443, "ssl", 1150, 0.25, 2600, 0.35, 0.6, 0.8, Fate.WEB),
    Service("beacon-raw", "tcp", 4444, None, 220, 0.4, 160, 0.5, 0.3, 0.9, Fate.WEB),
    Service("beacon-http", "tcp", 80, "http", 330, 0.2, 410, 0.25, 0.15, 0.8, Fate.WEB),
    Service("beacon-small", "tcp", 443, "ssl", 620, 0.04, 1350, 0.05, 0.35, 0.2, Fate.WEB),
    Service("flood", "tcp", 80, None, 0, 0, 0, 0, 0.1, 1.0, Fate.FLOOD),
)  # fmt: skip

INDEX: dict[str, int] = {service.name: row for row, service in enumerate(SERVICES)}
"""Row of each service by its name."""

TCP, UDP, ICMP = range(3)
PROTOCOLS = ("tcp", "udp", "icmp")
PROTOCOL: NDArray[np.int8] = np.array([PROTOCOLS.index(service.proto) for service in SERVICES], dtype=np.int8)
PORT: NDArray[np.int32] = np.array([service.port for service in SERVICES], dtype=np.int32)


def state_chances() -> NDArray[np.float64]:
    """Cumulated chance of each state: shape (services, states)."""
    table = np.array([[_SHARES[service.fate].get(state, 0.0) for state in STATES] for service in SERVICES])
    return np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)


def medians_and_spreads() -> NDArray[np.float64]:
    """Logarithms of the medians, and spreads: shape (services, 6): up, its spread, down, its, duration, its."""
    rows = [(s.up, s.up_spread, s.down, s.down_spread, s.duration, s.duration_spread) for s in SERVICES]
    table = np.array(rows, dtype=np.float64)
    with np.errstate(divide="ignore"):
        table[:, ::2] = np.log(table[:, ::2])  # a median of 0 becomes -inf, and exp gives 0 back
    return table
