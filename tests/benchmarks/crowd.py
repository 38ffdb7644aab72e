"""Many WebSocket subscribers in one cheap process: what `tests.benchmarks.live` watches the servers with.

Reads commands from standard input, one JSON object a line, and answers each with one on standard output:

    open   `port`, `query`, `subscribers` (each `token` and `variables`): all are connected, acknowledged, and have sent
           their subscription, with the id "1"
    wait   `deliveries`, `seconds`: receive until there are so many; tells `at` (when each came: CLOCK_MONOTONIC, ns),
           `first` (the first one's text), `different` (how many were not byte for byte like it), `closed`
    close  every connection is dropped

One thread over epoll, one `recv` a delivery: with asyncio the crowd would need more of the machine than the servers.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
NEXT = b'"type":"next"'
ACKNOWLEDGED = b'"type":"connection_ack"'
MASK = b"\0\0\0\0"
"""A client has to mask; with zeros the bytes stay as they are."""
SOURCES = 4
"""Addresses of the loopback to connect from: each has 28,000 ports, and those of closed connections rest a minute."""
AT_A_TIME = 50
"""Connections that wait for their acknowledgement."""
RECEIVED = 262_144


class Subscriber:
    """One connection, with what has come of a frame that is not complete."""

    __slots__ = ("buffer", "socket", "subscribe")

    def __init__(self, connection: socket.socket, buffer: bytes, subscribe: bytes) -> None:
        self.socket = connection
        self.buffer = buffer
        self.subscribe = subscribe


class Crowd:
    """All the connections, and what was delivered to them."""

    def __init__(self) -> None:
        self.poll = select.epoll()
        self.subscribers: dict[int, Subscriber] = {}
        self.unacknowledged = 0
        self.closed: list[str] = []
        self.commands = sys.stdin.fileno()
        self.poll.register(self.commands, select.EPOLLIN)
        self._begin()

    def _begin(self) -> None:
        self.at: list[int] = []
        self.first = b""
        self.frame = b""
        self.different = 0

    def command(self) -> bytes:
        """The next command; until it comes, what the servers send is taken, and their pings are answered."""
        while not self._receive(60.0):
            pass
        return sys.stdin.buffer.readline()

    def open(self, *, port: int, query: str, subscribers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Connect, initialise and subscribe them all. The server may still be at work on the last ones."""
        for number, wanted in enumerate(subscribers):
            while self.unacknowledged >= AT_A_TIME:
                self._receive(5.0)
            self._connect(number, port, query, wanted)
        while self.unacknowledged and not self.closed:
            self._receive(5.0)
        return {"open": len(self.subscribers), "closed": self.closed[:3]}

    def wait(self, *, deliveries: int, seconds: float) -> dict[str, Any]:
        """Receive until there are so many, or the time is over."""
        until = time.monotonic() + seconds
        while len(self.at) < deliveries and (remaining := until - time.monotonic()) > 0:
            self._receive(remaining)
        answer = {
            "at": self.at,
            "first": self.first.decode(),
            "different": self.different,
            "closed": self.closed[:3],
        }
        self._begin()
        return answer

    def close(self) -> dict[str, Any]:
        """Drop every connection."""
        for subscriber in self.subscribers.values():
            subscriber.socket.close()
        self.subscribers.clear()
        self.closed.clear()
        self.unacknowledged = 0
        self._begin()
        return {}

    def _connect(self, number: int, port: int, query: str, wanted: Mapping[str, Any]) -> None:
        connection = socket.socket()
        connection.bind((f"127.0.0.{1 + number % SOURCES}", 0))
        connection.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\nuser-agent: crowd\r\n"
            "sec-websocket-protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            received = connection.recv(RECEIVED)
            if not received:
                raise RuntimeError("closed in the handshake")
            buffer += received
        head, _, rest = buffer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise RuntimeError(head.decode())
        init = {"type": "connection_init", "payload": {"authorization": f"Bearer {wanted['token']}"}}
        subscribe = {"id": "1", "type": "subscribe", "payload": {"query": query, "variables": wanted["variables"]}}
        connection.sendall(_frame(TEXT, json.dumps(init).encode()))
        connection.setblocking(False)
        subscriber = Subscriber(connection, rest, _frame(TEXT, json.dumps(subscribe).encode()))
        self.subscribers[connection.fileno()] = subscriber
        self.unacknowledged += 1
        self.poll.register(connection.fileno(), select.EPOLLIN)

    def _receive(self, seconds: float) -> bool:
        """Take what has come; whether a command was among it."""
        commanded = False
        for number, _ in self.poll.poll(seconds):
            if number == self.commands:
                commanded = True
                continue
            subscriber = self.subscribers[number]
            try:
                data = subscriber.socket.recv(RECEIVED)
            except ConnectionError:
                data = b""
            now = time.monotonic_ns()
            if not data:
                self._drop(number, "dropped")
            elif data == self.frame and not subscriber.buffer:  # nearly always
                self.at.append(now)
            else:
                self._take(number, subscriber, subscriber.buffer + data, now)
        return commanded

    def _take(self, number: int, subscriber: Subscriber, data: bytes, now: int) -> None:
        """Take the whole frames that have come, and keep the rest."""
        while len(data) >= 2:
            opcode, size, start = data[0] & 0x0F, data[1] & 0x7F, 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            if len(data) < start + size:
                break
            frame, data = data[: start + size], data[start + size :]
            payload = frame[start:]
            if opcode == PING:
                subscriber.socket.sendall(_frame(PONG, payload))
            elif opcode == CLOSE:
                self._drop(number, payload[2:].decode())
                return
            elif NEXT in payload:
                if not self.first:
                    self.first, self.frame = payload, frame
                self.different += frame != self.frame
                self.at.append(now)
            elif ACKNOWLEDGED in payload:
                self.unacknowledged -= 1
                subscriber.socket.sendall(subscriber.subscribe)
                subscriber.subscribe = b""
            elif opcode == TEXT:
                self._drop(number, payload.decode())
                return
        subscriber.buffer = data

    def _drop(self, number: int, why: str) -> None:
        subscriber = self.subscribers.pop(number)
        self.poll.unregister(number)
        subscriber.socket.close()
        self.closed.append(why)


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    else:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + MASK + payload


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd()
    commands: dict[str, Callable[..., dict[str, Any]]] = {"open": crowd.open, "wait": crowd.wait, "close": crowd.close}
    for line in iter(crowd.command, b""):
        wanted = json.loads(line)
        done = commands[wanted.pop("do")](**wanted)
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
