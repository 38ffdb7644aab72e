"""A WebSocket spoken to in frames, by a client that keeps to no rule: it sends what it likes, and reads if it likes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from typing import Any, Self
from urllib.parse import urlsplit

TEXT, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x0, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A client's frame. It must be masked; with a mask of zeros it is what it was."""
    length = len(payload)
    if length < 126:
        size = struct.pack("!B", 0x80 | length)
    elif length < 65_536:
        size = struct.pack("!BH", 0x80 | 126, length)
    else:
        size = struct.pack("!BQ", 0x80 | 127, length)
    return struct.pack("!B", (0x80 if final else 0) | opcode) + size + bytes(4) + payload


def message(type_: str, **more: Any) -> bytes:
    """A message of the protocol, as a frame."""
    return frame(TEXT, json.dumps({"type": type_, **more}).encode())


class Wire:
    """A connection past its handshake. Use as an async context manager, which drops it."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self.headers = ""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET {self._url.path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        self.headers = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert self.headers.startswith("http/1.1 101")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    @property
    def local_port(self) -> int:
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    async def send(self, data: bytes, seconds: float = 30.0) -> bool:
        """Whether the server has taken it all in that time; False also when it has hung up."""
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(data)
                await self._writer.drain()
        except (TimeoutError, OSError):
            return False
        return True

    async def sign_in(self, token: str) -> None:
        """Begin as a person, and wait for the acknowledgement."""
        await self.send(message("connection_init", payload={"authorization": f"Bearer {token}"}))
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id_: str, query: str, **variables: Any) -> None:
        """Send an operation."""
        await self.send(message("subscribe", id=id_, payload={"query": query, "variables": variables}))

    async def receive(self) -> Any:
        """The next message; how the server closes, as code and reason."""
        while True:
            opcode, payload = await self._frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == CLOSE:
                return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    async def closed(self) -> tuple[int, str]:
        """How the server closes, past what comes before."""
        while not isinstance(end := await self.receive(), tuple):
            pass
        return end

    async def _frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(60):
            first, size = await self._reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            return first & 0x0F, await self._reader.readexactly(size)
