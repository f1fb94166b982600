"""Links: what a person was sent, taken apart. The token behind `#` never enters a path or a query."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from unisono.errors import LinkNotValid

_PAGE = "/courtyard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way into a room: the server's address, "http://host:8000" without a slash at the end, and the token."""

    server: str
    token: str

    @property
    def socket_url(self) -> str:
        """Where the room's WebSocket is."""
        return "ws" + self.server.removeprefix("http") + "/live"

    @property
    def page_url(self) -> str:
        """What a person opens."""
        return f"{self.server}{_PAGE}#{self.token}"


def parse_link(text: str) -> Link:
    """A Link from "http(s)://host/courtyard#token". Raises LinkNotValid for anything else."""
    try:
        parts = urlsplit(text.strip())
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise LinkNotValid from error
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not host or not parts.fragment or not path.endswith(_PAGE):
        raise LinkNotValid
    server = f"{parts.scheme}://{parts.netloc}{path.removesuffix(_PAGE)}"
    return Link(server=server, token=parts.fragment)
