"""Names and numbers of transport protocols, after IANA's registry of protocol numbers, in Zeek's words if it has any.

ICMP is ``icmp`` for both versions of IP, as in Zeek. A number without a name is given as ``proto-N``. Every name that
IANA's registry, ``/etc/protocols``, Suricata (``util-proto-name.c``), goflow2 (its renderer), Argus (``argus_util.h``),
nProbe and Zeek write is known. Spaces and marks inside a name tell nothing (``IPv6-ICMP``, ``ipv6_icmp``, ``Mobility
Header``), nor do letters' case, zeros before a number (``089``), or spaces around either.

https://www.iana.org/assignments/protocol-numbers
"""

from __future__ import annotations

import re
from functools import lru_cache

NAMES = {
    0: "hopopt", 1: "icmp", 2: "igmp", 3: "ggp", 4: "ipv4", 5: "st", 6: "tcp", 7: "cbt", 8: "egp", 9: "igp",
    10: "bbn-rcc-mon", 11: "nvp-ii", 12: "pup", 13: "argus", 14: "emcon", 15: "xnet", 16: "chaos", 17: "udp",
    18: "mux", 19: "dcn-meas", 20: "hmp", 21: "prm", 22: "xns-idp", 23: "trunk-1", 24: "trunk-2", 25: "leaf-1",
    26: "leaf-2", 27: "rdp", 28: "irtp", 29: "iso-tp4", 30: "netblt", 31: "mfe-nsp", 32: "merit-inp", 33: "dccp",
    34: "3pc", 35: "idpr", 36: "xtp", 37: "ddp", 38: "idpr-cmtp", 39: "tp++", 40: "il", 41: "ipv6", 42: "sdrp",
    43: "ipv6-route", 44: "ipv6-frag", 45: "idrp", 46: "rsvp", 47: "gre", 48: "dsr", 49: "bna", 50: "esp", 51: "ah",
    52: "i-nlsp", 53: "swipe", 54: "narp", 55: "mobile", 56: "tlsp", 57: "skip", 58: "icmp", 59: "ipv6-nonxt",
    60: "ipv6-opts", 62: "cftp", 64: "sat-expak", 65: "kryptolan", 66: "rvd", 67: "ippc", 69: "sat-mon", 70: "visa",
    71: "ipcv", 72: "cpnx", 73: "cphb", 74: "wsn", 75: "pvp", 76: "br-sat-mon", 77: "sun-nd", 78: "wb-mon",
    79: "wb-expak", 80: "iso-ip", 81: "vmtp", 82: "secure-vmtp", 83: "vines", 84: "ttp", 85: "nsfnet-igp", 86: "dgp",
    87: "tcf", 88: "eigrp", 89: "ospf", 90: "sprite-rpc", 91: "larp", 92: "mtp", 93: "ax.25", 94: "ipip", 95: "micp",
    96: "scc-sp", 97: "etherip", 98: "encap", 100: "gmtp", 101: "ifmp", 102: "pnni", 103: "pim", 104: "aris",
    105: "scps", 106: "qnx", 107: "a/n", 108: "ipcomp", 109: "snp", 110: "compaq-peer", 111: "ipx-in-ip", 112: "vrrp",
    113: "pgm", 115: "l2tp", 116: "ddx", 117: "iatp", 118: "stp", 119: "srp", 120: "uti", 121: "smp", 122: "sm",
    123: "ptp", 124: "isis", 125: "fire", 126: "crtp", 127: "crudp", 128: "sscopmce", 129: "iplt", 130: "sps",
    131: "pipe", 132: "sctp", 133: "fc", 134: "rsvp-e2e-ignore", 135: "mobility", 136: "udplite", 137: "mpls-in-ip",
    138: "manet", 139: "hip", 140: "shim6", 141: "wesp", 142: "rohc", 143: "ethernet", 144: "aggfrag", 145: "nsh",
    146: "homa", 147: "bit-emu", 255: "reserved",
}  # fmt: skip
"""IANA's numbers that have a name."""

_BY_NUMBER = {
    4: ("ipencap", "ip-encap", "ip-in-ip", "ipnip", "ipoverip"),
    5: ("st2",), 7: ("ucl",), 10: ("bbn-rcc", "bbn-rcc-m"), 11: ("nvp",), 19: ("dcn",), 33: ("sep",),
    48: ("mhrp",), 50: ("ipsec-esp",), 51: ("ipsec-ah",), 55: ("min-ipv4", "min-encap"),
    58: ("ipv6-icmp", "icmp6", "icmpv6", "icmp-ipv6"), 59: ("ipv6-no", "ipv6-nonx"), 60: ("ipv6-dstopts",),
    61: ("any host internal protocol",), 63: ("any local network",), 68: ("any distributed file system",),
    71: ("ipcu",), 73: ("rspf",), 76: ("br-sat-mo",), 82: ("secure-vm",), 84: ("iptm",), 85: ("nsfnet-ig",),
    88: ("igrp",), 89: ("ospfigp", "ospf-igp"), 90: ("sprite-rp",), 94: ("os", "ip-within-ip"), 96: ("aes-sp3-d",),
    99: ("any private encryption scheme", "pri-enc"), 110: ("compaq-pe",),
    111: ("ipx-n-ip",), 112: ("carp",), 114: ("any 0-hop protocol", "zero"), 115: ("l2tpv3",),
    124: ("is-is", "isis over ipv4", "is-is over ipv4"), 128: ("sccopmce",), 129: ("iptl",),
    135: ("mobility header", "mobility-hdr", "ipv6-mobility"), 136: ("udp-lite",), 143: ("ethernet-in-ip",),
    255: ("raw",),
}  # fmt: skip
"""Other names, by number."""

_OTHERS = {
    "ip": "hopopt", "ipx/spx": "ipx", "ib": "ib", "arp": "arp", "rarp": "rarp", "any": "any", "unas": "unas",
    "unknown": "unknown_transport", "unknown_transport": "unknown_transport",
}  # fmt: skip
"""Names that have no number of their own: Argus's for what is below IP; and for none known."""

_INSIDE_UDP = frozenset({"rtp", "rtcp", "udt"})
"""What Argus writes in a transport protocol's place where it has looked inside UDP; no other exporter does."""

_MARKS = re.compile(r"[^a-z0-9+]+", re.ASCII)
_NUMBER = re.compile(r"\s*0*(\d{1,4})(?:\.0+)?\s*", re.ASCII)
_MOST = 255
_LONGEST = 64
"""Letters of the longest spelling that is looked at, and so kept in memory."""


def _bare(name: str) -> str:
    return _MARKS.sub("", name.lower())


def name_number(number: int) -> str:
    """The canonical name of a protocol number."""
    return NAMES.get(number, f"proto-{number}")


_NAMED = {
    **{_bare(name): name for name in _OTHERS.values()},
    **{_bare(other): name for other, name in _OTHERS.items()},
    **{_bare(f"proto-{number}"): name_number(number) for number in range(256)},
    **{_bare(name_number(number)): name_number(number) for number in range(256)},
    **{_bare(other): name_number(number) for number, others in _BY_NUMBER.items() for other in others},
}


def name_protocol(spelling: str) -> str | None:
    """The canonical name of a protocol by any of its names, or its number; None if there is no such protocol."""
    return _find(spelling) if len(spelling) <= _LONGEST else None


@lru_cache(4096)
def _find(spelling: str) -> str | None:
    number = _NUMBER.fullmatch(spelling)
    if number:
        return name_number(int(number[1])) if int(number[1]) <= _MOST else None
    return _NAMED.get(_bare(spelling.removesuffix("(deprecated)")))


def name_argus_protocol(spelling: str) -> str | None:
    """The same, by what Argus writes as well."""
    return "udp" if spelling.strip().lower() in _INSIDE_UDP else name_protocol(spelling)
