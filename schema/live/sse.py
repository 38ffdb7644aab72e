"""Server-Sent Events, the distinct-connections mode of `graphql-sse`: one operation, one response that goes on.

For networks whose proxies break WebSockets. Refusals come as a `next` event with `errors`, since a browser's
EventSource reads no other answer; then `complete`. A comment every few seconds keeps proxies from closing the line. A
stream that has to stop where it can be resumed simply ends, without `complete`: the client returns with its cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from starlette.types import Receive, Send

from app.kernel.errors import Unauthenticated
from schema.context import Locale, Services
from schema.errors import encode_errors, format_errors
from schema.live.outbox import Interrupted, Outbox

COMPLETE = b"event: complete\ndata: \n\n"
HEARTBEAT = b":\n\n"


class EventStream:
    """One open response; the sink of the stream it shows."""

    def __init__(self, services: Services, send: Send, locale: Locale) -> None:
        limits = services.settings.limits
        self._services = services
        self._locale = locale
        self._send = send
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox = Outbox(self, limit=limits.ws_queue, limit_bytes=limits.ws_queue_bytes, on_full=self._stop)

    def deliver(self, payload: bytes) -> None:
        """Send one response (one line: JSON of ours holds no line breaks)."""
        self._outbox.offer(b"event: next\ndata: " + payload + b"\n\n")

    async def room(self) -> None:
        """Wait for a client that is slow right now. Raises Interrupted."""
        await self._outbox.room(self._services.settings.limits.stall_seconds)

    def end(self, error: Exception | None) -> None:
        """Complete, saying first why if it is a refusal."""
        if isinstance(error, Interrupted):
            self._stop()
            return
        if error is not None:
            self.deliver(encode_errors(format_errors(error, self._locale)))
        self._outbox.offer(COMPLETE)
        self._stop()

    async def run(
        self,
        start: Callable[[], Awaitable[Callable[[], None] | None]],
        receive: Receive,
        headers: Mapping[str, str],
        expires_at: datetime | None,
    ) -> None:
        """Answer with a stream: `start` begins what delivers to it and returns what stops that.

        Ends when the client leaves, the stream is over, or the token has expired.
        """
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"x-accel-buffering", b"no"),  # a proxy must not collect what is meant to flow
                    *((name.encode(), value.encode("latin-1")) for name, value in headers.items()),
                ],
            }
        )
        self._outbox.offer(HEARTBEAT)  # the headers leave now, not with the first event
        left = asyncio.create_task(_disconnected(receive))
        work = asyncio.create_task(self._guarded(start))
        expiry = self._watch_expiry(expires_at)
        try:
            while not self._over.done() and not left.done():
                await asyncio.wait(
                    {self._over, left},
                    timeout=self._services.settings.limits.heartbeat_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not self._over.done():
                    self._outbox.offer(HEARTBEAT)
            if not left.done():
                async with asyncio.timeout(self._services.settings.limits.stall_seconds):
                    await self._outbox.flush()
                    await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, TimeoutError):
            pass  # the client is gone, or takes nothing
        finally:
            if expiry is not None:
                expiry.cancel()
            left.cancel()
            if work.done() and not work.cancelled():
                if (stop := work.result()) is not None:
                    stop()
            else:
                work.cancel()
            self._outbox.close()

    def _watch_expiry(self, expires_at: datetime | None) -> asyncio.TimerHandle | None:
        if expires_at is None:
            return None
        remaining = (expires_at - self._services.clock.now()).total_seconds()
        return asyncio.get_running_loop().call_later(remaining, self.end, Unauthenticated("expired"))

    async def _guarded(self, start: Callable[[], Awaitable[Callable[[], None] | None]]) -> Callable[[], None] | None:
        try:
            return await start()
        except Exception as error:
            self.end(error)
            return None

    def _stop(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def send_now(self, part: bytes) -> bool:
        """The server tells only afterwards whether it had to wait."""
        return False

    async def send(self, part: bytes) -> None:
        """Send a part of the response, when the client takes what was sent before."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
