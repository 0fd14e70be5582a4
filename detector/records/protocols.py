"""Names and numbers of transport protocols, after IANA's registry of protocol numbers, in Zeek's words if it has any.

ICMP is ``icmp`` for both versions of IP, as in Zeek. A number without a name is given as ``proto-N``.
"""

from __future__ import annotations

_NAMES = {
    0: "hopopt", 1: "icmp", 2: "igmp", 3: "ggp", 4: "ipv4", 5: "st", 6: "tcp", 7: "cbt", 8: "egp", 9: "igp",
    12: "pup", 17: "udp", 20: "hmp", 22: "xns-idp", 27: "rdp", 28: "irtp", 29: "iso-tp4", 33: "dccp", 36: "xtp",
    37: "ddp", 41: "ipv6", 43: "ipv6-route", 44: "ipv6-frag", 45: "idrp", 46: "rsvp", 47: "gre", 48: "dsr",
    50: "esp", 51: "ah", 54: "narp", 55: "mobile", 57: "skip", 58: "icmp", 59: "ipv6-nonxt", 60: "ipv6-opts",
    73: "cphb", 80: "iso-ip", 83: "vines", 88: "eigrp", 89: "ospf", 94: "ipip", 97: "etherip", 98: "encap",
    103: "pim", 108: "ipcomp", 111: "ipx-in-ip", 112: "vrrp", 113: "pgm", 115: "l2tp", 121: "smp", 124: "isis",
    132: "sctp", 133: "fc", 135: "mobility", 136: "udplite", 137: "mpls-in-ip", 138: "manet", 139: "hip",
    140: "shim6", 141: "wesp", 142: "rohc", 143: "ethernet", 255: "reserved",
}  # fmt: skip

_ALIASES = {
    "icmp6": "icmp", "icmpv6": "icmp", "ipv6-icmp": "icmp", "icmp-ipv6": "icmp", "ospfigp": "ospf", "ospf-igp": "ospf",
    "ipencap": "ipv4", "ip": "hopopt", "udp-lite": "udplite", "ipsec-esp": "esp", "ipsec-ah": "ah",
    "unknown_transport": "unknown_transport", "unknown": "unknown_transport",
}  # fmt: skip

PROTOCOLS: dict[str, str] = {
    **{name: name for name in _NAMES.values()},
    **_ALIASES,
    **{str(number): _NAMES.get(number, f"proto-{number}") for number in range(256)},
    **{f"proto-{number}": f"proto-{number}" for number in range(256) if number not in _NAMES},
}
"""Every accepted spelling in lower case, numbers included, and the canonical name."""
