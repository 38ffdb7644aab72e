"""Uploads against a real server: cut off, killed, lied to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import httpx

from tests.e2e.client import Http
from tests.e2e.serving import Serving

LONG = (b"%PDF-1.7\n" + b"0123456789abcdef" * 65_536)[:1_000_000]
HEAD = b'--x\r\nContent-Disposition: form-data; name="0"; filename="a.pdf"\r\n\r\n'
GIGABYTES = 2 * 2**30
TUS = {"tus-resumable": "1.0.0"}
STREAM = {**TUS, "content-type": "application/offset+octet-stream"}


def headers_of(serving: Serving, login: str) -> dict[str, str]:
    return {"authorization": f"Bearer {serving.place.token(login)}"}


def root_of(serving: Serving) -> str:
    return serving.url.removesuffix("/graphql")


async def offset_of(client: httpx.AsyncClient, url: str) -> int:
    asked = await client.head(url, headers=TUS)
    assert asked.status_code == 200, asked.status_code
    return int(asked.headers["upload-offset"])


async def test_an_upload_outlives_the_server(serving: Serving) -> None:
    login = serving.place.world.guangyuan.enterprise.login
    async with httpx.AsyncClient(headers=headers_of(serving, login), timeout=60, trust_env=False) as client:
        name = base64.b64encode("证据.pdf".encode()).decode()
        begun = await client.post(
            f"{root_of(serving)}/files/uploads",
            headers={**TUS, "upload-length": str(len(LONG)), "upload-metadata": f"filename {name}"},
        )
        url = root_of(serving) + begun.headers["location"]
        half_sent, killed = asyncio.Event(), asyncio.Event()

        async def cut_off() -> AsyncIterator[bytes]:
            yield LONG[:400_000]
            half_sent.set()
            await killed.wait()
            yield LONG[400_000:]

        going = asyncio.create_task(
            client.patch(
                url,
                headers={**STREAM, "upload-offset": "0", "content-length": str(len(LONG))},
                content=cut_off(),
            )
        )
        await half_sent.wait()
        async with asyncio.timeout(30):
            while await offset_of(client, url) < 400_000:  # noqa: ASYNC110 (written as it comes)
                await asyncio.sleep(0.02)
        serving.kill()
        killed.set()
        (lost,) = await asyncio.gather(going, return_exceptions=True)
        assert isinstance(lost, httpx.TransportError)
        serving.start()
        assert await offset_of(client, url) == 400_000
        done = await client.patch(url, headers={**STREAM, "upload-offset": "400000"}, content=LONG[400_000:])
        assert done.status_code == 204
    async with Http(serving.url, serving.place.token(login)) as http:
        payload = await http.verb(
            "ticketSubmit",
            "ticket { attachments { name size sha256 url } } ",
            category="HELP",
            channel="WEB",
            title="厂区门口积水",
            body="积水三天。",
            attachments=[url.rpartition("/")[2]],
        )
        (shown,) = payload["ticket"]["attachments"]
        assert (shown["name"], shown["size"]) == ("证据.pdf", len(LONG))
        assert shown["sha256"] == hashlib.sha256(LONG).hexdigest()
    async with httpx.AsyncClient(headers=headers_of(serving, login), timeout=60, trust_env=False) as client:
        got = await client.get(root_of(serving) + shown["url"])
        assert got.content == LONG


async def test_two_gigabytes_never_arrive(serving: Serving) -> None:
    """Neither by a form nor by an upload, whatever is said about the length; and the server goes on."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield HEAD
        while sent < GIGABYTES:
            sent += 1_048_576
            yield b"x" * 1_048_576

    form = {"content-type": "multipart/form-data; boundary=x"}
    async with httpx.AsyncClient(
        headers=headers_of(serving, "intake_agent@guangyuan"), timeout=60, trust_env=False
    ) as client:
        for more in ({"content-length": str(len(HEAD) + GIGABYTES)}, {}):
            sent = 0
            try:
                refused = await client.post(serving.url, headers={**form, **more}, content=endless())
                assert refused.status_code == 413
            except httpx.TransportError:
                pass  # the server hung up while we were still talking
            assert sent < 200 * 2**20
        fine = await client.post(serving.url, json={"query": "{ viewer { user { login } } }"})
        assert fine.json()["data"]["viewer"]["user"]["login"] == "intake_agent@guangyuan"
    left = [path for path in (serving.place.data_dir / "files").rglob("*") if path.is_file()]
    assert left == []
