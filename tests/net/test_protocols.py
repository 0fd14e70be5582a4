"""Names and numbers of transport protocols, as each tool spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.net.protocols import name_number, name_protocol
from tests.records.samples import QUICK

SUFFIXES = st.sampled_from(["", " ", "\t"])


@QUICK
@given(st.integers(0, 255), st.integers(0, 3), SUFFIXES, SUFFIXES)
def test_a_number_is_its_name_however_it_is_padded(number: int, zeros: int, before: str, after: str) -> None:
    """Zeros and spaces around a number change nothing, nor does the case of the name that it gives."""
    name = name_protocol(before + "0" * zeros + str(number) + after)
    assert name == name_number(number)
    assert name_protocol(name_number(number).upper()) == name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("IPv6-ICMP", "icmp"),  # goflow2, Suricata
        ("ICMPv6", "icmp"),  # nProbe
        ("ipv6_icmp", "icmp"),
        ("SwIPe", "swipe"),  # Suricata
        ("IP-in-IP", "ipv4"),
        ("IS-IS", "isis"),
        ("ISIS over IPv4", "isis"),  # goflow2
        ("Mobility Header", "mobility"),
        ("any-0-hop-protocol", "proto-114"),
        ("mobility-header", "mobility"),  # /etc/protocols
        ("ipencap", "ipv4"),
        ("ipnip", "ipv4"),  # Argus
        ("ucl", "cbt"),
        ("ipv6-no", "ipv6-nonxt"),
        ("unknown_transport", "unknown_transport"),  # Zeek
        ("SWIPE (deprecated)", "swipe"),  # IANA's own table
        ("6.0", "tcp"),  # a number that went through a table with gaps
        ("proto-145", "nsh"),
    ],
)
def test_each_tools_spelling_is_known(spelling: str, name: str) -> None:
    """Case, signs and spaces inside a name tell nothing."""
    assert name_protocol(spelling) == name


@pytest.mark.parametrize("spelling", ["", "-", "tcp" + " " * 100, "256", "-1", "6.5", "tpc", "٦", "6 17", "1e1"])
def test_what_is_no_protocol_has_no_name(spelling: str) -> None:
    """Nothing is guessed."""
    assert name_protocol(spelling) is None


SURICATA = (
    "HOPOPT ICMP IGMP GGP IP-in-IP ST TCP CBT EGP IGP BBN-RCC-MON NVP-II PUP ARGUS EMCON XNET CHAOS UDP MUX"
    " DCN-MEAS HMP PRM XNS-IDP TRUNK-1 TRUNK-2 LEAF-1 LEAF-2 RDP IRTP ISO-TP4 NETBLT MFE-NSP MERIT-INP DCCP 3PC"
    " IDPR XTP DDP IDPR-CMTP TP++ IL IPv6 SDRP IPv6-Route IPv6-Frag IDRP RSVP GRE DSR BNA ESP AH I-NLSP SwIPe NARP"
    " MOBILE TLSP SKIP IPv6-ICMP IPv6-NoNxt IPv6-Opts Any CFTP Any SAT-EXPAK KRYPTOLAN RVD IPPC Any SAT-MON VISA"
    " IPCU CPNX CPHB WSN PVP BR-SAT-MON SUN-ND WB-MON WB-EXPAK ISO-IP VMTP SECURE-VMTP VINES TTP NSFNET-IGP DGP"
    " TCF EIGRP OSPF Sprite-RPC LARP MTP AX.25 OS MICP SCC-SP ETHERIP ENCAP Any GMTP IFMP PNNI PIM ARIS SCPS QNX"
    " A/N IPComp SNP Compaq-Peer IPX-in-IP VRRP PGM Any L2TP DDX IATP STP SRP UTI SMP SM PTP IS-IS FIRE CRTP CRUDP"
    " SSCOPMCE IPLT SPS PIPE SCTP FC RSVP-E2E-IGNORE Mobility UDPLite MPLS-in-IP manet HIP Shim6 WESP ROHC"
    " Ethernet"
)
ARGUS = (
    "ip icmp igmp ggp ipnip st tcp ucl egp igp bbn-rcc-mon nvp-ii pup argus emcon xnet chaos udp mux dcn-meas hmp"
    " prm xns-idp trunk-1 trunk-2 leaf-1 leaf-2 rdp irtp iso-tp4 netblt mfe-nsp merit-inp sep 3pc idpr xtp ddp"
    " idpr-cmtp tp++ il ipv6 sdrp ipv6-route ipv6-frag idrp rsvp gre mhrp bna esp ah i-nlsp swipe narp mobile tlsp"
    " skip ipv6-icmp ipv6-no ipv6-opts any cftp any sat-expak kryptolan rvd ippc any sat-mon visa ipcv cpnx cphb"
    " wsn pvp br-sat-mon sun-nd wb-mon wb-expak iso-ip vmtp secure-vmtp vines ttp nsfnet-igp dgp tcf igrp ospfigp"
    " sprite-rpc larp mtp ax.25 ipip micp aes-sp3-d etherip encap pri-enc gmtp ifmp pnni pim aris scps qnx a/n"
    " ipcomp snp compaq-peer ipx-n-ip vrrp pgm zero l2tp ddx iatp stp srp uti smp sm ptp isis fire crtp crudp"
    " sccopmce iplt sps pipe sctp fc"
)
_GOFLOW2_OWN = {
    4: "IPv4",
    55: "Min-IPv4",
    61: "any-host-internal-protocol",
    63: "any-local-network",
    68: "any-distributed-file-system",
    71: "IPCV",
    84: "IPTM",
    89: "OSPFIGP",
    94: "IPIP",
    99: "any-private-encryption-scheme",
    114: "any-0-hop-protocol",
    124: "ISIS over IPv4",
    135: "Mobility Header",
    144: "AGGFRAG",
    145: "NSH",
}
GOFLOW2 = [_GOFLOW2_OWN.get(number) or SURICATA.split()[number] for number in range(146)]
"""As goflow2 2 writes them: IANA's keywords, which are Suricata's but for these."""


@pytest.mark.parametrize("names", [SURICATA.split(), ARGUS.split(), GOFLOW2], ids=["suricata", "argus", "goflow2"])
def test_every_name_of_a_tools_table_is_that_of_its_number(names: list[str]) -> None:
    """Whole tables, by number from 0; what is called ``any`` stands for several numbers, and stays so."""
    told = {number: name_protocol(name) for number, name in enumerate(names)}
    wanted = {number: "any" if name.lower() == "any" else name_number(number) for number, name in enumerate(names)}
    assert told == wanted
