"""Names and numbers of transport protocols, after IANA's registry of protocol numbers, in Zeek's words if it has any.

ICMP is ``icmp`` for both versions of IP, as in Zeek. A number without a name is given as ``proto-N``.
"""

from __future__ import annotations

_NAMES = {
    0: "hopopt", 1: "icmp", 2: "igmp", 3: "ggp", 4: "ipv4", 5: "st", 6: "tcp", 7: "cbt", 8: "egp", 9: "igp",
    10: "bbn-rcc-mon", 11: "nvp-ii", 13: "argus", 14: "emcon", 15: "xnet", 16: "chaos", 18: "mux", 19: "dcn-meas",
    21: "prm", 23: "trunk-1", 24: "trunk-2", 25: "leaf-1", 26: "leaf-2", 30: "netblt", 31: "mfe-nsp", 32: "merit-inp",
    34: "3pc", 35: "idpr", 38: "idpr-cmtp", 39: "tp++", 40: "il", 42: "sdrp", 49: "bna", 52: "i-nlsp", 53: "swipe",
    56: "tlsp", 62: "cftp", 64: "sat-expak", 65: "kryptolan", 66: "rvd", 67: "ippc", 69: "sat-mon", 70: "visa",
    71: "ipcv", 72: "cpnx", 74: "wsn", 75: "pvp", 76: "br-sat-mon", 77: "sun-nd", 78: "wb-mon", 79: "wb-expak",
    81: "vmtp", 82: "secure-vmtp", 84: "ttp", 85: "nsfnet-igp", 86: "dgp", 87: "tcf", 90: "sprite-rpc", 91: "larp",
    92: "mtp", 93: "ax.25", 95: "micp", 96: "scc-sp", 100: "gmtp", 101: "ifmp", 102: "pnni", 104: "aris", 105: "scps",
    106: "qnx", 107: "a/n", 109: "snp", 110: "compaq-peer", 116: "ddx", 117: "iatp", 118: "stp", 119: "srp",
    120: "uti", 122: "sm", 123: "ptp", 125: "fire", 126: "crtp", 127: "crudp", 128: "sscopmce", 129: "iplt",
    130: "sps", 131: "pipe", 134: "rsvp-e2e-ignore",
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
    "bbn-rcc": "bbn-rcc-mon", "nvp": "nvp-ii", "dcn": "dcn-meas", "st2": "st", "ipnip": "ipip", "mhrp": "mobile",
    "ipv6-no": "ipv6-nonxt", "sccopmce": "sscopmce", "iptm": "ttp", "mobility-header": "mobility",
    "unknown_transport": "unknown_transport", "unknown": "unknown_transport",
}  # fmt: skip

_OTHERS = ("arp", "rarp", "any", "zero", "unas", "sep", "ib", "pri-enc", "aes-sp3-d")
"""Argus also reports flows below IP, and has names of its own for protocols that IANA dropped."""

PROTOCOLS: dict[str, str] = {
    **{name: name for name in _NAMES.values()},
    **_ALIASES,
    **{name: name for name in _OTHERS},
    **{str(number): _NAMES.get(number, f"proto-{number}") for number in range(256)},
    **{f"proto-{number}": f"proto-{number}" for number in range(256) if number not in _NAMES},
}
"""Every accepted spelling in lower case, numbers included, and the canonical name."""
