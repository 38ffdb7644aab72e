"""The server's connections: a thin WebSocket, and what uvicorn's own protocols do not bound.

uvicorn's WebSocket protocols serve any ASGI application: a task with the application's whole stack, two queues, a
parser, two timers and the handshake's headers live as long as the connection, some 20 KiB. Ours lends itself to the
endpoint instead (`scope["extensions"][SOCKET]`): the application is called for the handshake alone, and an idle
connection is one small object that calls its listener.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from asyncio.transports import BaseTransport
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from app.kernel.config import get_settings

logger = logging.getLogger(__name__)

SOCKET = "yingshang.socket"
"""The extension of the ASGI scope under which the endpoint finds its `SocketConnection`."""
FRAMES_WINDOW = 10.0
"""Seconds over which frames are counted."""
RECEIVED_AT_ONCE = 32_768
"""Bytes (the kernel doubles them for its own use): what one turn of the event loop takes at most of one socket."""
CLOSE_SECONDS = 5.0
"""How long a client may take to receive why it is closed, and to answer."""
LONGEST_REASON = 120
"""Bytes; the protocol has room for 123."""
SERVICE_RESTART = 1012
POLICY_VIOLATION = 1008
TOO_MANY_FRAMES = "Too many messages"
WHOLE_PONG = 0x80 | Opcode.PONG
LONGEST_CONTROL = 125
LONGEST_HEAD = 14
"""Bytes of a frame before its payload."""
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
PING = Frame(Opcode.PING, b"").serialize(mask=False)

# Why nothing is read at the moment; several may hold at a time.
OPENING, WRITING, LISTENER, TURN = 1, 2, 4, 8


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


class Listener(Protocol):
    """Who is told what a socket's client does. Neither method may raise."""

    def received(self, message: bytes | None) -> None:
        """A text message (UTF-8, not checked); None: a binary one."""

    def lost(self) -> None:
        """The connection is gone. Called once, and nothing after it."""


class _Parser(ServerProtocol):
    """The library's parser, with the parts of a message that is not whole yet."""

    def __init__(self, max_size: int) -> None:
        super().__init__(state=State.OPEN, max_size=max_size)
        self.parts: list[bytes] = []
        self.is_text = False


class SocketConnection(asyncio.Protocol):
    """One WebSocket past its upgrade from HTTP.

    Between messages it keeps no parser: one is made for each frame that has come whole, and kept only within a message
    in fragments. One frame is handled in each turn of the event loop, so that nobody waits behind a flood, and nothing
    is read while the client does not take what it is sent. A client that sends more than `limits.ws_messages` frames,
    of whatever kind, within `FRAMES_WINDOW` is closed (1008): answering a ping costs as much as a small message.
    """

    __slots__ = (
        "_accepted",
        "_app_state",
        "_blocked",
        "_buffer",
        "_closing",
        "_config",
        "_deaf",
        "_frames",
        "_heard",
        "_holds",
        "_listener",
        "_opening",
        "_parser",
        "_server",
        "_since",
        "_transport",
    )

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._config = config
        self._server = server_state
        self._app_state = app_state
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._opening: tuple[ServerProtocol, Response] | None = None
        self._listener: Listener | None = None
        self._blocked: asyncio.Future[None] | None = None
        self._buffer: bytearray | None = None
        self._parser: _Parser | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._accepted = False
        self._deaf = False
        """What comes is not looked at any more."""
        self._heard = True
        self._holds = 0
        self._frames = 0
        self._since = 0.0

    # What the endpoint does

    def accept(self, listener: Listener | None = None, subprotocol: str | None = None) -> None:
        """Shake hands; from now on `listener` is told. Raises ConnectionResetError when the client is gone already."""
        assert self._opening is not None
        (parser, response), self._opening = self._opening, None
        if self._transport.is_closing():
            raise ConnectionResetError
        if subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        parser.send_response(response)
        self._transport.write(b"".join(parser.data_to_send()))
        self._listener = listener
        self._accepted = True
        self._release(OPENING)

    def refuse(self, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        """Do not shake hands."""
        assert self._opening is not None
        (parser, _), self._opening = self._opening, None
        self._answer(parser, parser.reject(status, ""))

    def send_now(self, frame: bytes) -> bool:
        """Send a frame if the client takes what was sent before; whether that is so."""
        if self._blocked is not None or self._closing is not None or self._transport.is_closing():
            return False
        self._transport.write(frame)
        return True

    async def send(self, frame: bytes) -> None:
        """Send a frame, when the client takes what was sent before. Raises ConnectionResetError when it is gone."""
        while self._blocked is not None:
            await asyncio.shield(self._blocked)
        if self._closing is not None or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(frame)

    def probe(self) -> bool:
        """Whether the client has given a sign of life since the last time; asks it for the next.

        Of one that takes nothing this tells nothing: the queue of what is sent and the kernel judge those.
        """
        if self._blocked is not None or self._closing is not None or self._transport.is_closing():
            return True
        heard, self._heard = self._heard, False
        if heard:
            self._transport.write(PING)
        return heard

    def close(self, code: int, reason: str) -> None:
        """Say why, and hang up when the client has answered, or `CLOSE_SECONDS` later."""
        if self._closing is None and not self._transport.is_closing():
            said = Close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
            self._transport.write(Frame(Opcode.CLOSE, said.serialize()).serialize(mask=False))
            self._hang_up_later()

    def hold(self) -> None:
        """Take no further message until `release`."""
        self._hold(LISTENER)

    def release(self) -> None:
        """Go on."""
        self._release(LISTENER)

    # What the server and the event loop do

    def connection_made(self, transport: BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AT_ONCE)
        self._server.connections.add(cast(Any, self))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._server.connections.discard(cast(Any, self))
        if self._closing is not None:
            self._closing.cancel()
        self._deaf = True
        self._buffer = self._parser = None
        self._unblock()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()

    def data_received(self, data: bytes) -> None:
        """Take what has come: first the request that asked for the upgrade, then frames."""
        self._heard = True
        if not self._accepted:
            if self._opening is None and self._closing is None:
                self._open(data)
            return
        if self._deaf:
            return
        if self._buffer is None:
            self._buffer = bytearray(data)
        else:
            self._buffer += data
        if not self._holds:
            self._read()

    def pause_writing(self) -> None:
        """The client does not take what it is sent."""
        self._blocked = asyncio.get_running_loop().create_future()
        self._hold(WRITING)

    def resume_writing(self) -> None:
        """It takes it again."""
        self._heard = True
        self._unblock()
        self._release(WRITING)

    def shutdown(self) -> None:
        """The server stops."""
        if self._opening is not None:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self.close(SERVICE_RESTART, "")
            self._transport.close()

    # The handshake

    def _open(self, data: bytes) -> None:
        parser = ServerProtocol(max_size=self._config.ws_max_size)
        parser.receive_data(data)
        events = parser.events_received()
        if not events:  # the library has said why, or nothing at all
            self._transport.write(b"".join(parser.data_to_send()) or BAD_REQUEST)
            self._hang_up()
            return
        request = cast(Request, events[0])
        response = parser.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._answer(parser, response)
            return
        self._opening = parser, response
        self._hold(OPENING)
        task = asyncio.get_running_loop().create_task(self._ask(self._scope_of(request)), name="socket handshake")
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _answer(self, parser: ServerProtocol, response: Response) -> None:
        parser.send_response(response)
        self._transport.write(b"".join(parser.data_to_send()))
        self._hang_up()

    def _scope_of(self, request: Request) -> dict[str, Any]:
        path, _, query = request.path.partition("?")
        root = self._config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root,
            "path": root + unquote(path),
            "raw_path": (root + path).encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [
                (name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.raw_items()
            ],
            "subprotocols": [
                each.strip()
                for header in request.headers.get_all("Sec-WebSocket-Protocol")
                for each in header.split(",")
            ],
            "state": self._app_state.copy(),
            "extensions": {SOCKET: self},
        }

    async def _ask(self, scope: dict[str, Any]) -> None:
        """Have the application accept or refuse."""
        try:
            await self._config.loaded_app(cast(Any, scope), _receive, self._refuse)
        except ConnectionResetError:
            pass
        except Exception:
            logger.exception("The application failed in a handshake")
        finally:
            if self._opening is not None:
                self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _refuse(self, message: Any) -> None:
        """What the router says when there is nothing at the path."""
        if message["type"] != "websocket.close" or self._opening is None:
            raise RuntimeError(f"not understood in a handshake: {message['type']}")
        self.refuse()

    # Frames

    def _hold(self, why: int) -> None:
        if not self._holds and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holds |= why

    def _release(self, why: int) -> None:
        self._holds &= ~why
        if not self._holds and not self._transport.is_closing():
            self._read()
            if not self._holds:
                self._transport.resume_reading()

    def _read(self) -> None:
        """Handle the first frame that is whole; a further one has its turn after everybody else's."""
        buffer = self._buffer
        if buffer is None:
            return
        end = self._end_of_frame(buffer)
        if end is None:
            return
        frame = bytes(buffer[:end])
        del buffer[:end]
        if not buffer:
            self._buffer = None
        self._count()
        if self._closing is None:
            if not _is_pong(frame):  # they are most of what comes, and have said all by having come
                self._handle(frame)
        elif frame[0] & 0x0F == Opcode.CLOSE:
            self._hang_up()
        if self._deaf:
            self._buffer = None
        elif self._buffer is not None and self._end_of_frame(self._buffer) is not None:
            self._hold(TURN)
            asyncio.get_running_loop().call_soon(self._release, TURN)

    def _end_of_frame(self, buffer: bytearray) -> int | None:
        """Where the first frame ends; None when it has not come whole. One that is refused ends with its head."""
        if len(buffer) < 2:
            return None
        size, head = buffer[1] & 0x7F, 6
        if size == 126:
            size, head = int.from_bytes(buffer[2:4], "big"), 8
        elif size == 127:
            size, head = int.from_bytes(buffer[2:10], "big"), LONGEST_HEAD
        if len(buffer) < head:
            return None
        if size > self._config.ws_max_size or not buffer[1] & 0x80:
            return head
        return head + size if len(buffer) >= head + size else None

    def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._since > FRAMES_WINDOW:
            self._since, self._frames = now, 0
        self._frames += 1
        if self._frames > get_settings().limits.ws_messages:
            self._deaf = True
            self.close(POLICY_VIOLATION, TOO_MANY_FRAMES)

    def _handle(self, data: bytes) -> None:
        parser = self._parser or _Parser(self._config.ws_max_size)
        parser.receive_data(data)
        for frame in parser.events_received():
            self._take(parser, cast(Frame, frame))
        self._parser = None if parser.current_size is None else parser
        answer = b"".join(parser.data_to_send())
        if answer and self._closing is None and not self._transport.is_closing():
            self._transport.write(answer)
        if parser.parser_exc is not None:
            self._deaf = True
            self._hang_up_later()
        elif parser.state is not State.OPEN:  # the client has said good-bye
            self._deaf = True
            self._hang_up()

    def _take(self, parser: _Parser, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            parser.is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        parser.parts.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(parser.parts)
            parser.parts.clear()
            if self._listener is not None:
                self._listener.received(message if parser.is_text else None)

    # The end

    def _hang_up_later(self) -> None:
        """Give the client time to read what it was told last: unread input would make the kernel take it back."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.abort)

    def _hang_up(self) -> None:
        self._transport.close()
        self._hang_up_later()

    def _unblock(self) -> None:
        if self._blocked is not None:
            if not self._blocked.done():
                self._blocked.set_result(None)
            self._blocked = None


def _is_pong(frame: bytes) -> bool:
    """Whether it is a whole pong as it should be: masked, of at most 125 bytes."""
    return frame[0] == WHOLE_PONG and 0x80 <= frame[1] <= 0x80 + LONGEST_CONTROL


def text_frame(*parts: bytes) -> bytes:
    """A frame with a text, of parts in UTF-8."""
    return b"".join((text_head(sum(map(len, parts))), *parts))


@lru_cache(4_096)
def text_head(size: int) -> bytes:
    """What comes before a text of so many bytes. Remembered: everybody's frames of one event are about as long."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


async def _receive() -> dict[str, str]:
    """All that the application is told by way of ASGI."""
    return {"type": "websocket.connect"}
