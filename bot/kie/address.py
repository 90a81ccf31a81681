"""Which addresses a result may be fetched from: KIE's own as configured, else public https, checked after resolving."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx

from bot.errors import ProviderError, RetryLater

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

# What C libraries read as a number, and so as an IP address in disguise: 2130706433, 0x7f.1, 127.1.
_NUMERIC = re.compile(r"(?:\d+|0x[0-9a-f]*)", re.IGNORECASE)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out so far


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect for an address: with a checked IP in place of the name, which still names host and certificate."""

    url: httpx.URL
    headers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port; the port None where it is the scheme's own."""
    return url.scheme, url.raw_host.decode("ascii").lower(), url.port


def read_url(text: str) -> httpx.URL:
    """Raises ProviderError for what is no absolute http(s) address."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ProviderError(0, "the result's address cannot be read") from error
    if url.scheme not in ("https", "http") or not url.host:
        raise ProviderError(0, "the result's address is no web address")
    return url


async def check(url: httpx.URL, own: frozenset[tuple[str, str, int | None]], resolve: Resolve) -> Target:
    """The target for `url` if it may be fetched; `own` are the origins that need no check.

    The connection goes to the very IP that was checked, so a name that changes its mind changes nothing.
    Raises ProviderError for a forbidden address, RetryLater when the name does not resolve.
    """
    scheme, host, port = origin(url)
    if url.userinfo:
        raise ProviderError(0, "the result's address carries a login")
    if (scheme, host, port) in own:
        return Target(url)
    if scheme != "https" or is_ip_in_disguise(host) or "." not in host:
        raise ProviderError(0, f"the result's address is not public https: {scheme}://{host}")
    try:
        found = [ipaddress.ip_address(text) for text in await resolve(host, port or 443)]
    except (OSError, UnicodeError) as error:
        raise RetryLater(f"cannot resolve {host}: {error}") from error
    if not found:
        raise RetryLater(f"cannot resolve {host}")
    if not all(map(is_public, found)):
        raise ProviderError(0, f"the result's address leads into a private network: {host}")
    ip = min(found, key=lambda each: each.version)  # IPv6 is missing on many servers, IPv4 on few
    name = host if port is None else f"{host}:{port}"
    return Target(url.copy_with(host=str(ip)), {"Host": name}, {"sni_hostname": host})


def is_ip_in_disguise(host: str) -> bool:
    """Whether the host is an IP address in any spelling."""
    return ":" in host or _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def is_public(ip: Ip) -> bool:
    """Whether the address is on the open internet; one that wraps another is judged by what it wraps, or refused."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        return ip in _UNICAST and ip not in _6TO4 and ip.is_global
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system's resolver gives them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
