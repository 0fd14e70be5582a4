"""Ports that mean something whatever the network: by which one host does things on another."""

from __future__ import annotations

REMOTE_PORTS = frozenset({22, 23, 135, 139, 445, 3389, 5900, 5985, 5986})
"""SSH, Telnet, RPC, SMB, remote desktops and WinRM: how one host does things on another."""

REMOTE_SERVICES = {"ssh": 22, "telnet": 23, "rdp": 3389, "rfb": 5900, "vnc": 5900}
"""What sensors call protocols of these ports by what was said, and their port: they are that at any other port, too."""
