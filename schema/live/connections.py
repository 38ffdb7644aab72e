"""What the server's own protocols do not bound: clients that take nothing, and clients that send without end."""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.kernel.config import get_settings

FRAMES_WINDOW = 10.0
"""Seconds over which frames are counted."""
RECEIVED_AT_ONCE = 32_768
"""Bytes (the kernel doubles them for its own use): what one turn of the event loop parses at most of one socket."""
POLICY_VIOLATION = 1008
TOO_MANY_FRAMES = "Too many messages"


class HttpConnection(HttpToolsProtocol):
    """A connection that the kernel drops when its client takes nothing for `limits.stall_seconds`.

    A transport that is closed waits for its last bytes to be taken, without end: a client that never reads would keep
    a file descriptor and what was written for it, uncounted, for as long as it likes. It holds for sockets too, which
    begin as HTTP.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection."""
        super().connection_made(transport)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            raw = transport.get_extra_info("socket")
            if raw.family in (socket.AF_INET, socket.AF_INET6):
                stall = int(get_settings().limits.stall_seconds * 1000)
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall)


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that is closed (1008) when it sends more than `limits.ws_messages` frames within `FRAMES_WINDOW`.

    Frames of every kind: answering a ping costs as much as a small message, and its answer has to be kept for a client
    that takes nothing; an empty fragment costs nothing to send, and is kept until its message is whole.
    """

    _frames = 0
    _since = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        """Take the connection."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AT_ONCE)

    def handle_events(self) -> None:
        """Handle what has been parsed."""
        now = self.loop.time()
        if now - self._since > FRAMES_WINDOW:
            self._since, self._frames = now, 0
        self._frames += len(self.conn.events)
        if self._frames <= get_settings().limits.ws_messages:
            super().handle_events()
        elif not self.close_sent:
            self._refuse()

    def _refuse(self) -> None:
        """Say why, read on without looking at it until the client has read that too, and hang up."""
        self.conn.events_received()
        self.conn.fail(POLICY_VIOLATION, TOO_MANY_FRAMES)
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": TOO_MANY_FRAMES})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
