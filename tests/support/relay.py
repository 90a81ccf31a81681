"""A wire between a client and a server that a test can cut and join again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Relay:
    """Passes bytes on to 127.0.0.1:`target` while it is joined."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._joined = True
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    def cut(self) -> None:
        """Break every connection and take no other."""
        self._joined = False
        for end in self._ends:
            end.transport.abort()

    def join(self) -> None:
        self._joined = True

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._joined:
            writer.transport.abort()
            return
        other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
        self._ends |= {writer, other}
        await asyncio.gather(_pump(reader, other), _pump(other_reader, writer))
        self._ends -= {writer, other}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    wire = Relay(target)
    server = await asyncio.start_server(wire.handle, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        wire.cut()
        server.close()
        await asyncio.sleep(0.05)
