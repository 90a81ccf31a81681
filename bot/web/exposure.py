"""Who is at the door: the exposure rules of contract.md, HTTP, as pure functions over a request's headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from bot.settings import Settings

_PUBLIC = frozenset({"/", "/healthz", "/readyz", "/login"})
_PUBLIC_FOLDERS = ("/v/", "/kie/callback/", "/telegram/webhook/", "/look/")


def is_public(path: str) -> bool:
    """Whether anybody may ask for `path`. What is not listed is not public."""
    return path in _PUBLIC or path.startswith(_PUBLIC_FOLDERS)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the settings say about who can reach this server. `public_origin` is scheme and host of PUBLIC_URL."""

    local: bool
    public_origin: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        origin = None
        if settings.public_url:
            parts = urlsplit(settings.public_url)
            origin = f"{parts.scheme}://{parts.netloc}".lower()
        return cls(is_loopback(settings.http_host) and origin is None, origin)

    def is_exposed(self, headers: Mapping[str, str]) -> bool:
        """Whether this request may come from elsewhere. A foreign Host also means a rebound name: a page of somebody
        else's that a browser on this machine was led to."""
        return not self.local or not is_loopback(_host_name(headers)) or _was_forwarded(headers)

    def is_own_page(self, headers: Mapping[str, str]) -> bool:
        """Whether a POST comes from a page of ours, or from no page at all (a script with a token)."""
        named = {name.lower(): value for name, value in headers.items()}
        origin = named.get("origin")
        if origin is None:
            return named.get("sec-fetch-site", "none") in ("same-origin", "none")
        origin = origin.lower()
        host = named.get("host", "").lower()
        return origin in (f"http://{host}", f"https://{host}") or origin == self.public_origin


def _host_name(headers: Mapping[str, str]) -> str:
    host = next((value for name, value in headers.items() if name.lower() == "host"), "")
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _was_forwarded(headers: Mapping[str, str]) -> bool:
    names = [name.lower() for name in headers]
    return any(name in ("forwarded", "via", "x-real-ip") or name.startswith("x-forwarded") for name in names)
