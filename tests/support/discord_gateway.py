"""The gateway of the stand-in: sessions with sequence numbers, resuming, shards and close codes (discord.md 7)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web
from support.discord_world import World

Json = dict[str, Any]
DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
KEPT_EVENTS = 2000
KEPT_LOST_SESSIONS = 5

MEMBERS, PRESENCES, MESSAGE_CONTENT = 1 << 1, 1 << 8, 1 << 15
PRIVILEGED = MEMBERS | PRESENCES | MESSAGE_CONTENT
GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 0, 1 << 9, 1 << 12


@dataclass(eq=False)
class Session:
    """What one IDENTIFY began. It outlives its socket, collecting events until it is resumed."""

    id: str
    shard: int
    shards: int
    intents: int
    sequence: int = 0
    sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    socket: Socket | None = None

    def dispatch(self, event: str, data: Json) -> None:
        self.sequence += 1
        frame = json.dumps({"op": DISPATCH, "t": event, "s": self.sequence, "d": data})
        self.sent.append((self.sequence, frame))
        if self.socket is not None:
            self.socket.put(frame)

    def wants(self, event: str, guild: int | None) -> bool:
        if event == "INTERACTION_CREATE" or event.startswith("ENTITLEMENT"):
            return True
        if event.startswith("MESSAGE_"):
            return bool(self.intents & (DIRECT_MESSAGES if guild is None else GUILD_MESSAGES))
        return bool(self.intents & GUILDS)


class Socket:
    """One connection; frames go out in order, by a task of its own."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self._request = request
        self.session: Session | None = None
        self._frames: asyncio.Queue[str] = asyncio.Queue()

    def put(self, frame: str) -> None:
        self._frames.put_nowait(frame)

    def op(self, number: int, data: object = None) -> None:
        self.put(json.dumps({"op": number, "d": data, "s": None, "t": None}))

    async def write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self.ws.send_str(await self._frames.get())

    def abort(self) -> None:
        """Break the connection without a word."""
        self.detach()
        if self._request.transport is not None:
            self._request.transport.abort()

    def detach(self) -> None:
        if self.session is not None and self.session.socket is self:
            self.session.socket = None


class Gateway:
    """Tells connected bots what happens. `allowed_intents`: privileged ones enabled in the portal (none at first)."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.token = token
        self.url = ""
        self.shards = 1
        self.allowed_intents = 0
        self.heartbeat_interval = 41_250
        self.acks = True
        self.starts_left = 1000
        self.max_concurrency = 1
        self.sessions: list[Session] = []
        self.sockets: set[Socket] = set()
        self.identifies = 0
        self.resumes = 0
        self.heartbeats = 0
        world.emit = self.emit

    # --- what tests do

    @property
    def connected(self) -> list[Session]:
        """Sessions that have a connection now."""
        return [each for each in self.sessions if each.socket is not None]

    def emit(self, event: str, data: Json, guild: int | None = None, stripped: Json | None = None) -> None:
        """Tell every session whose shard has this guild (DMs: shard 0); `stripped` without the content intent."""
        for session in self.sessions:
            shard = 0 if guild is None else (guild >> 22) % session.shards
            if shard == session.shard and session.wants(event, guild):
                hidden = stripped is not None and not session.intents & MESSAGE_CONTENT
                session.dispatch(event, stripped if stripped is not None and hidden else data)
        self.world.ring()

    def drop(self) -> None:
        """Break every connection without a word; sessions can be resumed."""
        for socket in list(self.sockets):
            socket.abort()

    async def close(self, code: int) -> None:
        """Close every connection with this code."""
        for socket in list(self.sockets):
            socket.detach()
            await socket.ws.close(code=code)

    def reconnect(self) -> None:
        """Ask every bot to reconnect and resume (op 7)."""
        for socket in self.sockets:
            socket.op(RECONNECT)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every bot that its session is invalid (op 9)."""
        for socket in self.sockets:
            socket.op(INVALID, resumable)
            if not resumable and socket.session is not None:
                self.forget(socket.session)

    def forget(self, session: Session) -> None:
        """It can no longer be resumed."""
        if session in self.sessions:
            self.sessions.remove(session)

    def bot_json(self) -> Json:
        limit = {"total": 1000, "remaining": self.starts_left, "reset_after": 14_400_000}
        limit["max_concurrency"] = self.max_concurrency
        return {"url": self.url, "shards": self.shards, "session_start_limit": limit}

    async def ready(self, sessions: int = 1, within: float = 10.0) -> None:
        """Wait until so many sessions are connected."""
        await self.world.until(
            lambda: len(self.connected) >= sessions, within, f"{sessions} gateway sessions"
        )

    # --- one connection

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        socket = Socket(ws, request)
        self.sockets.add(socket)
        writer = asyncio.create_task(socket.write())
        socket.op(HELLO, {"heartbeat_interval": self.heartbeat_interval})
        try:
            async for frame in ws:
                if frame.type == WSMsgType.TEXT:
                    message = json.loads(frame.data)
                    if (code := self._receive(socket, message["op"], message.get("d"))) is not None:
                        await ws.close(code=code)
        finally:
            socket.detach()
            self.sockets.discard(socket)
            writer.cancel()
            # A connection that the bot itself closed as finished ends the session.
            if socket.session is not None and ws.close_code in (1000, 1001):
                self.forget(socket.session)
            self.world.ring()
        return ws

    def _receive(self, socket: Socket, op: int, data: Any) -> int | None:
        """Handle a frame; gives the close code if the connection ends by it."""
        if op == HEARTBEAT:
            self.heartbeats += 1
            if self.acks:
                socket.op(ACK)
            return None
        if op == IDENTIFY:
            return self._identify(socket, data)
        if op == RESUME:
            return self._resume(socket, data)
        return None if socket.session else 4003

    def _identify(self, socket: Socket, data: Json) -> int | None:
        shard, shards = data.get("shard") or (0, 1)
        if socket.session is not None:
            return 4005
        if data["token"] != self.token:
            return 4004
        if not 0 <= shard < shards:
            return 4010
        if data["intents"] & PRIVILEGED & ~self.allowed_intents:
            return 4014
        if self.starts_left <= 0:
            socket.op(INVALID, False)
            return None
        self.identifies += 1
        self.starts_left -= 1
        session = Session(f"session{self.world.next_id()}", shard, shards, data["intents"], socket=socket)
        socket.session = session
        self.sessions.append(session)
        for old in [each for each in self.sessions if each.socket is None][:-KEPT_LOST_SESSIONS]:
            self.sessions.remove(old)
        guilds = [
            each for each in self.world.guilds.values() if each.bot_in and (each.id >> 22) % shards == shard
        ]
        session.dispatch("READY", self._ready_json(session, [str(each.id) for each in guilds]))
        for each in guilds:
            session.dispatch("GUILD_CREATE", each.json())
        self.world.ring()
        return None

    def _ready_json(self, session: Session, guild_ids: list[str]) -> Json:
        return {
            "v": 10,
            "user": {**self.world.bot.json(), "verified": True, "mfa_enabled": True, "flags": 0},
            "guilds": [{"id": each, "unavailable": True} for each in guild_ids],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": [session.shard, session.shards],
            "application": {"id": str(self.world.app_id), "flags": 0},
            "private_channels": [],
            "relationships": [],
        }

    def _resume(self, socket: Socket, data: Json) -> int | None:
        session = next((each for each in self.sessions if each.id == data["session_id"]), None)
        if data["token"] != self.token:
            return 4004
        if session is None or (session.sent and data["seq"] < session.sent[0][0] - 1):
            socket.op(INVALID, False)
            return None
        if data["seq"] > session.sequence:
            return 4007
        self.resumes += 1
        session.socket, socket.session = socket, session
        for sequence, frame in session.sent:
            if sequence > data["seq"]:
                socket.put(frame)
        session.dispatch("RESUMED", {})
        self.world.ring()
        return None
