"""A key that somebody shows the gateway is printed nowhere, wherever they put it: by us, or by a library of ours."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import Generator
from contextlib import suppress

import pytest
from test_gateway_server import to_stand_in

from laconic.cli import main
from laconic.gateway.discretion import discreet_libraries, discreet_logger, discreet_loop
from laconic.gateway.local import local_gateway
from laconic.gateway.server import Gateway

KEY = "sk-REALKEY000"
"""In the place of three noughts stands the number of the knock it is shown with."""
_UPGRADE = (
    "Host: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_ASK = f"GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\n{_UPGRADE}"
_PLAIN = "GET /v1/realtime HTTP/1.1\r\nHost: g\r\n"
_MINT = "POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"
_CALL = "POST /v1/realtime/calls HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"


def frame(opcode: int, payload: bytes) -> bytes:
    """One masked frame; the mask is nought."""
    return bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


KNOCKS: dict[str, str | bytes] = {
    # where keys belong, and near it
    "a header": f"{_ASK}Authorization: Bearer {KEY}\r\n\r\n",
    "another scheme": f"{_ASK}Authorization: Basic {KEY}\r\n\r\n",
    "Azure's header": f"{_ASK}api-key: {KEY}\r\n\r\n",
    "a query": f"GET /v1/realtime?model=m&api-key={KEY}&key={KEY} HTTP/1.1\r\n{_UPGRADE}\r\n",
    "a path": f"GET /v1/{KEY} HTTP/1.1\r\n{_UPGRADE}\r\n",
    "a subprotocol alone": f"{_ASK}Sec-WebSocket-Protocol: openai-insecure-api-key.{KEY}\r\n\r\n",
    "a bare subprotocol": f"{_ASK}Sec-WebSocket-Protocol: {KEY}\r\n\r\n",
    "a subprotocol in a header of its own": (
        f"{_ASK}Sec-WebSocket-Protocol: openai-insecure-api-key.{KEY}\r\nSec-WebSocket-Protocol: realtime\r\n\r\n"
    ),
    "a subprotocol without the rest": f"{_PLAIN}Sec-WebSocket-Protocol: {KEY}\r\n\r\n",
    "a header that is no text": f"{_ASK}Authorization: Bearer {KEY}".encode() + b"\xff\r\n\r\n",
    "a handshake that is no text": f"{_PLAIN}Connection: Upgrade\r\nUpgrade: websocket\r\n".encode()
    + f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}".encode()
    + b"\xff\r\n\r\n",
    # what is no HTTP
    "no method": f"{KEY} / HTTP/1.1\r\nHost: g\r\n\r\n",
    "no version": f"GET /v1/realtime?api-key={KEY} HTP/9\r\nHost: g\r\n\r\n",
    "no request": f"Bearer {KEY}\r\n\r\n",
    "no colon": f"{_PLAIN}Authorization Bearer {KEY}\r\n\r\n",
    "no name": f"{_PLAIN}: Bearer {KEY}\r\n\r\n",
    "a strange name": f"{_PLAIN}Authori zation: Bearer {KEY}\r\n\r\n",
    "a folded header": f"{_PLAIN}Authorization: Bearer\r\n {KEY}\r\n\r\n",
    "a nought": f"{_PLAIN}Authorization: Bearer {KEY}\0\r\n\r\n",
    "a bare carriage return": f"{_PLAIN}Authorization: Bearer {KEY}\rx\r\n\r\n",
    "a long header": f"{_PLAIN}Authorization: Bearer {KEY * 4_000}\r\n\r\n",
    "a long address": f"GET /v1/realtime?api-key={KEY * 4_000} HTTP/1.1\r\nHost: g\r\n\r\n",
    "many headers": _PLAIN + "".join(f"X-{n}: {KEY}\r\n" for n in range(3_000)) + "\r\n",
    "a length": f"{_MINT}Content-Length: {KEY}\r\n\r\n",
    "two lengths": f"{_MINT}Content-Length: 1\r\nContent-Length: {KEY}\r\n\r\n",
    "a chunk": f"{_MINT}Transfer-Encoding: chunked\r\n\r\n{KEY}\r\n",
    "a transfer": f"{_MINT}Transfer-Encoding: {KEY}\r\n\r\n",
    "after a request": f"{_PLAIN}\r\n{KEY} {KEY}\r\n\r\n",
    "after one that was refused": f"{_ASK.replace('gpt-realtime', 'm')}Origin: http://e\r\n\r\nBearer {KEY}\r\n\r\n",
    # what is HTTP, and nothing for us
    "a host": f"GET /v1/realtime HTTP/1.1\r\nHost: {KEY}:{KEY}\r\n\r\n",
    "an origin": f"{_ASK}Origin: http://[{KEY}\r\n\r\n",
    "an upgrade": f"{_PLAIN}Connection: Upgrade\r\nUpgrade: {KEY}\r\n\r\n",
    "a handshake": _ASK.replace("dGhlIHNhbXBsZSBub25jZQ==", KEY) + "\r\n",
    "an expectation": f"{_MINT}Expect: {KEY}\r\nContent-Length: 2\r\n\r\n{{}}",
    "a cookie": f"{_PLAIN}Cookie: {KEY}=[{KEY}]; ={KEY}; a b={KEY}\r\n\r\n",
    "a kind": f"{_CALL}Content-Type: {KEY}\r\nContent-Length: 2\r\n\r\n{{}}",
    "a charset": f"{_CALL}Content-Type: application/sdp; charset={KEY}\r\nContent-Length: 2\r\n\r\n{{}}",
    "a packing": f"{_MINT}Content-Encoding: gzip\r\nContent-Length: {len(KEY)}\r\n\r\n{KEY}",
    "a body": f"{_MINT}Content-Length: {len(KEY)}\r\n\r\n{KEY}",
    "a body of several parts": (
        f"{_CALL}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(KEY) + 10}\r\n\r\n"
        f"--b\r\n{KEY}:\r\n\r\n"
    ),
    "a part": (
        f"{_CALL}Content-Type: multipart/form-data; boundary={KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{len(KEY) + 6:x}\r\n--{KEY}\r\nx\r\n0\r\n\r\n"
    ),
    "a call": f"POST /v1/realtime/calls/{KEY}/accept HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\n{KEY}",
    # what comes after the 101
    "a message": f"{_ASK}\r\n".encode() + frame(1, KEY.encode()),
    "a message of bytes": f"{_ASK}\r\n".encode() + frame(2, KEY.encode()),
    "a message that is no text": f"{_ASK}\r\n".encode() + frame(1, KEY.encode() + b"\xff"),
    "a frame that is none": f"{_ASK}\r\n".encode() + frame(5, KEY.encode()),
    "a goodbye": f"{_ASK}\r\n".encode() + frame(8, b"\x03\xe8" + KEY.encode()),
    "a goodbye of no sense": f"{_ASK}\r\n".encode() + frame(8, b"\0\1" + KEY.encode()),
    "no more frames": f"{_ASK}\r\n{KEY}".encode(),
}


async def knock(port: int, said: str | bytes, *, tls: bool = False) -> None:
    """Say it, hear a little of the answer, and go without a word."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=unchecked if tls else None)
    with suppress(ConnectionError, TimeoutError):
        writer.write(said.encode() if isinstance(said, str) else said)
        await writer.drain()
        async with asyncio.timeout(0.2):
            while await reader.read(65_536):
                pass
    writer.transport.abort()


async def all_knock(port: int, *, tls: bool = False) -> None:
    """Everybody at once."""
    said = [said.encode() if isinstance(said, str) else said for said in KNOCKS.values()]
    shown = [KEY.replace("000", f"{number:03}").encode() for number in range(len(said))]
    await asyncio.gather(
        *(knock(port, one.replace(KEY.encode(), key), tls=tls) for one, key in zip(said, shown, strict=True))
    )


def given_away(text: str) -> list[str]:
    """Whose keys stand in this text."""
    names = list(KNOCKS)
    return sorted({names[int(number)] for number in re.findall(KEY.replace("000", r"(\d{3})"), text)})


class Written(logging.Handler):
    """All that reaches a program's logging, with all that is in it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {vars(record)}")


@pytest.fixture
def written() -> Generator[list[str]]:
    everything = Written()
    logging.getLogger().addHandler(everything)
    yield everything.lines
    logging.getLogger().removeHandler(everything)


async def test_a_key_is_printed_nowhere(capfd: pytest.CaptureFixture[str], written: list[str]) -> None:
    async with to_stand_in() as (door, _):
        await all_knock(door.port)
        await door.empty()
    assert given_away("\n".join((*capfd.readouterr(), *written, *door.told))) == []
    assert any(line.startswith("aiohttp.server: LineTooLong at ") for line in door.told)


@pytest.mark.slow
async def test_nor_by_a_gateway_in_a_program(capfd: pytest.CaptureFixture[str], written: list[str]) -> None:
    """Whose logging is as it was: it is told in the same words."""
    async with local_gateway("simulator") as url:
        await all_knock(int(url.split(":")[2].split("/")[0]))
    assert given_away("\n".join((*capfd.readouterr(), *written))) == []
    assert any(line.startswith("aiohttp.server: LineTooLong at ") for line in written)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--log-messages",), ("--log", "json"), ("--log", "off"), ("--tls-self-signed",)])
async def test_nor_by_the_command(flags: tuple[str, ...]) -> None:
    """With all that asyncio has to say of itself, too (PYTHONASYNCIODEBUG)."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "AZURE", "LACONIC"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "laconic", "gateway", "--service", "simulator", "--port", "0", *flags),
        stdout=PIPE,
        stderr=PIPE,
        env=env | {"PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "default"},
    )
    try:
        assert process.stdout is not None
        found = re.search(rb"wss?://127\.0\.0\.1:(\d+)/", await process.stdout.readline())
        assert found is not None
        port, tls = int(found[1]), "--tls-self-signed" in flags
        await all_knock(port, tls=tls)
        await knock(port, KNOCKS["a header"])  # plain, whatever is spoken here
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0
    assert given_away((out + err).decode()) == []
    assert b"aiohttp.server: " in err  # what could not be read is told of
    assert b"Traceback" not in err


def mistaken(key: str) -> None:
    raise ValueError(key)


def test_a_mistake_in_a_program_s_gateway_is_told_without_its_words(written: list[str]) -> None:
    gateway = local_gateway("simulator")
    with gateway:
        loop = gateway._loop  # pyright: ignore[reportPrivateUsage]
        assert loop is not None
        loop.call_soon_threadsafe(mistaken, KEY)
    assert [line for line in written if "asyncio: ValueError at test_discretion.py:" in line]
    assert given_away("\n".join(written)) == []


def test_what_libraries_say_to_the_command_is_told_without_their_words(
    capfd: pytest.CaptureFixture[str], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def until_told(gateway: Gateway, grace_s: float) -> None:
        asyncio.get_running_loop().call_soon(mistaken, KEY)
        logging.getLogger("aiohttp.websocket").warning("%s", KEY)
        await asyncio.sleep(0)

    monkeypatch.setattr("laconic.cli.gateway._until_told", until_told)
    assert main(["gateway", "--service", "simulator", "--port", "0"]) == 0
    out, err = capfd.readouterr()
    assert "aiohttp.websocket: a warning at test_discretion.py:" in err
    assert "asyncio: ValueError at test_discretion.py:" in err
    assert given_away("\n".join((out, err, *written))) == []


# --- what is told instead ----------------------------------------------------------------------------------------


def test_a_library_is_told_of_by_its_name_and_place() -> None:
    told: list[str] = []
    logger = discreet_logger("aiohttp.server", told.append)
    try:
        raise ValueError(KEY)
    except ValueError:
        logger.exception("Error handling %s", KEY)
    logger.warning(f"Nothing for {KEY}")
    logger.error("odd", exc_info=(None, None, None))
    logger.debug("%s", KEY)
    assert [re.sub(r":\d+", ":N", line) for line in told] == [
        "aiohttp.server: ValueError at test_discretion.py:N",
        "aiohttp.server: a warning at test_discretion.py:N",
        "aiohttp.server: an error at test_discretion.py:N",
    ]


async def test_a_loop_tells_of_what_nobody_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    try:
        discreet_loop(told.append)
        loop.call_soon(mistaken, KEY)
        await asyncio.sleep(0)
        loop.call_exception_handler({"message": KEY, "transport": KEY, "protocol": KEY})
    finally:
        loop.set_exception_handler(before)
    assert [re.sub(r":\d+", ":N", line) for line in told] == [
        "asyncio: ValueError at test_discretion.py:N",
        "asyncio: a complaint about protocol, transport",
    ]
    assert caplog.records == []


def test_libraries_log_as_before_when_the_gateway_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    logger = logging.getLogger("aiohttp.websocket")
    with discreet_libraries(told.append):
        logger.warning("%s", KEY)
    assert caplog.records == []
    assert len(told) == 1
    logger.warning("%s", "before")
    assert [record.getMessage() for record in caplog.records] == ["before"]
