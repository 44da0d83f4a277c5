"""Where summaries are made: beside the service, or where the environment says, and which key goes there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from laconic.client.chat_endpoints import DEFAULT_TEXT_MODEL, ChatEndpoint, chat_endpoint
from laconic.client.endpoints import Endpoint, endpoint
from laconic.errors import BadInput
from laconic.rates import load

AZURE = {"AZURE_OPENAI_ENDPOINT": "https://me.openai.azure.com", "AZURE_OPENAI_API_KEY": "az-key"}
MINI = {"LACONIC_SUMMARY_MODEL": "mini"}


def beside(service: str, env: Mapping[str, str], **asked: str) -> ChatEndpoint:
    return chat_endpoint(endpoint(service, env=env, **asked), env=env)  # pyright: ignore[reportArgumentType]


def test_beside_openai_with_the_same_key() -> None:
    env = {"OPENAI_API_KEY": "sk-1", "OPENAI_ORG_ID": "org"}
    found = beside("openai", env, dialect="beta")
    assert (found.url, found.model) == ("https://api.openai.com/v1/chat/completions", DEFAULT_TEXT_MODEL)
    assert found.headers == {"Authorization": "Bearer sk-1", "OpenAI-Organization": "org"}
    assert found.key_from == "OPENAI_API_KEY"


def test_the_default_model_has_a_price_and_no_end_within_the_year_of_it() -> None:
    rates = load().find(DEFAULT_TEXT_MODEL)
    assert rates is not None
    assert (rates.kind, rates.priced) == ("text", True)
    assert rates.date is not None
    assert rates.shutdown is None or (rates.shutdown - rates.date).days > 100


def test_on_azure_the_deployment_has_to_be_named() -> None:
    env = AZURE | {"AZURE_OPENAI_DEPLOYMENT": "voice"}
    with pytest.raises(BadInput, match="set LACONIC_SUMMARY_MODEL"):
        beside("azure", env)
    found = beside("azure", env | MINI)
    assert (found.url, found.model) == ("https://me.openai.azure.com/openai/v1/chat/completions", "mini")
    assert found.headers == {"api-key": "az-key"}
    preview = beside("azure", env | {"LACONIC_SUMMARY_MODEL": "my mini"}, api_version="2025-04-01-preview")
    where = "/openai/deployments/my%20mini/chat/completions?api-version=2025-04-01-preview"
    assert preview.url == "https://me.openai.azure.com" + where


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("ws://127.0.0.1:8765/v1/realtime?model=gpt-realtime", "http://127.0.0.1:8765/v1/chat/completions"),
        ("ws://localhost/api/realtime?token=t&intent=x", "http://localhost/api/chat/completions?token=t"),
        ("wss://voice.example/talk", "https://voice.example/v1/chat/completions"),
        ("ws://localhost/openai/realtime?api-version=v&deployment=d",
         f"http://localhost/openai/deployments/{DEFAULT_TEXT_MODEL}/chat/completions?api-version=v"),
        ("wss://x.example/voice-live/realtime?api-version=v&model=m", "https://x.example/openai/v1/chat/completions"),
    ],
)  # fmt: skip
def test_beside_any_other_service(address: str, url: str) -> None:
    assert beside(address, {}).url == url


def test_a_login_in_the_address_becomes_a_header() -> None:
    found = beside("ws://me:p%40ss@localhost:1/v1/realtime", {})
    assert found.url == "http://localhost:1/v1/chat/completions"
    assert found.headers == {"Authorization": "Basic bWU6cEBzcw=="}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"),
        ("http://localhost:11434/", "http://localhost:11434/v1/chat/completions"),
        ("https://x.example/v1/chat/completions?a=b", "https://x.example/v1/chat/completions?a=b"),
    ],
)
def test_an_address_of_its_own_gets_its_own_key_and_no_other(address: str, url: str) -> None:
    env = {"OPENAI_API_KEY": "sk-1", "LACONIC_SUMMARY_URL": address}
    found = beside("openai", env)
    assert (found.url, found.headers, found.key_from) == (url, {}, None)
    found = beside("openai", env | {"LACONIC_SUMMARY_KEY": "k2"} | MINI)
    assert (found.headers, found.key_from, found.model) == (
        {"Authorization": "Bearer k2"},
        "LACONIC_SUMMARY_KEY",
        "mini",
    )


def test_a_key_of_its_own_takes_the_place_of_the_services_there_too(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k2\n")
    file.chmod(0o600)
    env = AZURE | MINI | {"AZURE_OPENAI_DEPLOYMENT": "voice", "LACONIC_SUMMARY_KEY_FILE": str(file)}
    found = beside("azure", env)
    assert (found.headers, found.key_from) == ({"api-key": "k2"}, "LACONIC_SUMMARY_KEY_FILE")


def test_the_argument_wins_over_the_environment() -> None:
    there = Endpoint("url", "ws://localhost/v1/realtime")
    assert chat_endpoint(there, env=MINI, model="other").model == "other"


@pytest.mark.parametrize("address", ["localhost:11434", "ws://localhost/v1", "https://"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(BadInput, match="LACONIC_SUMMARY_URL"):
        beside("ws://localhost/v1/realtime", {"LACONIC_SUMMARY_URL": address})


def test_no_key_is_shown() -> None:
    env = {"LACONIC_SUMMARY_URL": "https://u:hidden@x.example/v1?api-key=hidden", "LACONIC_SUMMARY_KEY": "hidden"}
    found = beside("ws://localhost/v1/realtime", env)
    assert "hidden" not in repr(found) + found.shown
    assert repr(found).startswith("ChatEndpoint(")
