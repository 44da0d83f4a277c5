"""TLS at the gateway's door: a certificate made for a try works for who trusts it, and mistakes are told in words."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from laconic.errors import BadInput
from laconic.gateway.tls import loaded, self_signed

NOW = datetime.now(UTC)


async def reads_hello(context: ssl.SSLContext, certificate: Path, host: str) -> None:
    """Serve with the context, and read it as a client that trusts the certificate and nothing else."""

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "::1" if host == "[::1]" else "127.0.0.1", 0, ssl_context=context)
    try:
        await site.start()
        port = runner.addresses[0][1]
        trusting = ssl.create_default_context(cafile=certificate)
        async with ClientSession() as client, client.get(f"https://{host}:{port}/", ssl=trusting) as answer:
            assert await answer.text() == "hello"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_who_trusts_the_certificate_is_served(tmp_path: Path, host: str) -> None:
    made = self_signed(tmp_path / "tls")
    assert made.made
    await reads_hello(made.context, made.certificate, host)


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node on this machine")
async def test_node_trusts_it_by_its_variable(tmp_path: Path) -> None:
    """As the npm client is told to: NODE_EXTRA_CA_CERTS."""
    import asyncio

    made = self_signed(tmp_path)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=made.context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        script = f"require('tls').connect({port}, '127.0.0.1').on('secureConnect', () => process.exit(0))"
        node = await asyncio.create_subprocess_exec(
            "node", "-e", script, env=os.environ | {"NODE_EXTRA_CA_CERTS": str(made.certificate)}
        )
        assert await asyncio.wait_for(node.wait(), 20) == 0


def test_the_key_is_nobody_elses_to_read(tmp_path: Path) -> None:
    made = self_signed(tmp_path / "tls")
    assert (made.certificate.parent / "key.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in made.certificate.parent.iterdir()) == ["certificate.pem", "key.pem"]
    assert b"PRIVATE" not in made.certificate.read_bytes()


def test_it_is_used_until_it_is_about_to_expire(tmp_path: Path) -> None:
    first = self_signed(tmp_path, now=NOW).certificate.read_bytes()
    again = self_signed(tmp_path, now=NOW + timedelta(days=357))
    assert not again.made
    assert again.certificate.read_bytes() == first
    renewed = self_signed(tmp_path, now=NOW + timedelta(days=359))
    assert renewed.made
    assert renewed.certificate.read_bytes() != first


def test_a_machine_with_another_name_needs_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_signed(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "kiosk-7")
    assert self_signed(tmp_path).made
    assert not self_signed(tmp_path).made


@pytest.mark.parametrize("name", ["certificate.pem", "key.pem"])
def test_what_was_damaged_is_made_anew(tmp_path: Path, name: str) -> None:
    self_signed(tmp_path)
    (tmp_path / name).write_text("-----BEGIN nothing")
    assert self_signed(tmp_path).made


def test_it_lies_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("laconic.gateway.tls.user_data_dir", lambda *_, **__: str(tmp_path / "laconic"))  # any system
    assert self_signed().certificate == tmp_path / "laconic" / "tls" / "certificate.pem"


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"no certificate can be kept in .*--tls-cert"):
        self_signed(tmp_path / "file")


def test_without_the_extra_one_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(BadInput, match=re.escape("pip install 'laconic[gateway]'")):
        self_signed(tmp_path)


# --- a certificate somebody has --------------------------------------------------------------------------------------


def test_a_certificate_and_its_key_may_be_in_one_file(tmp_path: Path) -> None:
    made = self_signed(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(made.certificate.read_bytes() + (tmp_path / "key.pem").read_bytes())
    assert loaded(both).get_ca_certs() == []
    assert loaded(made.certificate, tmp_path / "key.pem").minimum_version == ssl.TLSVersion.TLSv1_2


def test_mistakes_with_files_are_told_in_words(tmp_path: Path) -> None:
    made = self_signed(tmp_path / "one")
    key = tmp_path / "one" / "key.pem"
    other = self_signed(tmp_path / "two").certificate.parent / "key.pem"
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(locked)],
        check=True,
        capture_output=True,
        timeout=20,
    )
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    empty = tmp_path / "empty.pem"
    empty.write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    for certificate, given, words in (
        (tmp_path / "none.pem", None, "none.pem cannot be read: No such file"),
        (made.certificate, tmp_path / "none.pem", "none.pem cannot be read"),
        (text, None, "notes.txt is no PEM file"),
        (made.certificate, other, "is not the key of the certificate"),
        (made.certificate, locked, "has a password"),
        (made.certificate, None, "--tls-key"),
        (empty, key, "are not a certificate and its key"),
    ):
        with pytest.raises(BadInput, match=words):
            loaded(certificate, given)
