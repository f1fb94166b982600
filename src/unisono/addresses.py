"""Which addresses this machine has, and what a link with each of them is good for.

Browsers give the microphone, worklets and codecs to secure pages only: HTTPS anywhere, or plain HTTP on the machine
itself.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_SIOCGIFADDR: Final = 0x8915
"""Linux: ask for an interface's IPv4 address."""
EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # names to recognise, nothing is bound here


class Use(StrEnum):
    """What somebody who opens a link can do."""

    EVERYTHING = "everything"
    LISTENING = "listening"
    """A plain stream; no singing, no talking: the page is not secure."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One way to reach the server, who can take it, and what for."""

    url: str
    devices: str
    use: Use
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of this machine that other devices may reach it by."""

    interface: str
    text: str


def links(host: str, port: int, *, secure: bool, addresses: list[Address]) -> list[Link]:
    """What each address is good for when the server listens on `host`, with HTTPS of its own if `secure`."""
    scheme = "https" if secure else "http"
    here = Link(
        url=f"{scheme}://localhost:{port}",
        devices="this machine",
        use=Use.EVERYTHING,
        says="singing and listening",
    )
    return [here, *(_away(address, host, port, scheme) for address in addresses)]


def _away(address: Address, host: str, port: int, scheme: str) -> Link:
    shown = f"[{address.text}]" if ":" in address.text else address.text
    url = f"{scheme}://{shown}:{port}"
    devices = f"others, by {address.interface}"
    if host not in EVERYWHERE and host != address.text:
        return Link(url=url, devices=devices, use=Use.NOTHING, says="not reached; start with --host 0.0.0.0")
    if scheme == "http":
        return Link(url=url, devices=devices, use=Use.LISTENING, says="listening only; singing needs HTTPS")
    says = "singing and listening, on devices that trust the certificate"
    return Link(url=url, devices=devices, use=Use.EVERYTHING, says=says)


def addresses() -> list[Address]:
    """This machine's addresses, loopback and link-local ones left out."""
    found = [
        Address(interface=name, text=text)
        for name, text in [*_ipv4(), *_ipv6()]
        if not (ipaddress.ip_address(text).is_loopback or ipaddress.ip_address(text).is_link_local)
    ]
    return sorted(found, key=lambda address: (":" in address.text, address.interface))


def _ipv4() -> list[tuple[str, str]]:
    """(interface, address) pairs by ioctl on Linux; by the machine's own name elsewhere."""
    try:
        import fcntl  # absent on Windows
    except ImportError:
        return _by_name()
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # this interface has no IPv4 address
            found.append((name, socket.inet_ntoa(answer[20:24])))
    return found or _by_name()


def _by_name() -> list[tuple[str, str]]:
    try:
        entries = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        return []
    return [("network", str(entry[4][0])) for entry in entries]


def _ipv6(table: Path = Path("/proc/net/if_inet6")) -> list[tuple[str, str]]:
    """(interface, address) pairs from the kernel's table: address, index, prefix, scope, flags, name."""
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return []
    columns = [line.split() for line in lines]
    return [(row[5], str(ipaddress.ip_address(bytes.fromhex(row[0])))) for row in columns if len(row) == 6]
