"""Endpoints: addresses and headers from names and environment variables, and what is said when one is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laconic.client.endpoints import Endpoint, endpoint, is_loopback, named, provider
from laconic.errors import BadInput, LaconicError, NoKey

KEY = "sk-very-secret-1"
AZURE = {
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/",
    "AZURE_OPENAI_API_KEY": KEY,
    "AZURE_OPENAI_DEPLOYMENT": "voice",
}


def dialled(service: str, env: dict[str, str], **how: Any) -> Endpoint:
    return endpoint(service, env=env, **how)


def refusal(service: str, env: dict[str, str], **how: Any) -> LaconicError:
    """The sentence we get, which must be one, in both languages, and hold no key."""
    with pytest.raises(LaconicError) as caught:
        endpoint(service, env=env, **how)
    error = caught.value
    assert error.ja
    for sentence in (error.sentence, error.ja):
        assert "\n" not in sentence
        assert KEY not in sentence
    return error


def test_openai():
    got = dialled("openai", {"OPENAI_API_KEY": KEY})
    assert got.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert got.headers == {"Authorization": f"Bearer {KEY}"}
    assert (got.service, got.dialect, got.model, got.key_from) == ("openai", "ga", "gpt-realtime-2.1", "OPENAI_API_KEY")


def test_openai_with_organisation_project_model_and_beta():
    env = {"OPENAI_API_KEY": f"  {KEY}\n", "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}
    got = dialled("openai", env, model="gpt-realtime-1.5", dialect="beta")
    assert got.url.endswith("?model=gpt-realtime-1.5")
    assert got.headers == {
        "Authorization": f"Bearer {KEY}",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
        "OpenAI-Beta": "realtime=v1",
    }
    assert got.dialect == "beta"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:8080/v1", "ws://127.0.0.1:8080/v1/realtime?model=m"),
        ("https://eu.api.openai.com/v1/", "wss://eu.api.openai.com/v1/realtime?model=m"),
        ("wss://relay.example/v1/realtime", "wss://relay.example/v1/realtime?model=m"),
    ],
)
def test_openai_base_url_becomes_a_socket_address(base: str, url: str):
    assert dialled("openai", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base}, model="m").url == url


def test_azure_ga():
    got = dialled("azure", AZURE)
    assert got.url == "wss://res.openai.azure.com/openai/v1/realtime?model=voice"
    assert got.headers == {"api-key": KEY}
    assert (got.dialect, got.model, got.key_from) == ("ga", None, "AZURE_OPENAI_API_KEY")


def test_azure_with_an_entra_token():
    env = {k: v for k, v in AZURE.items() if k != "AZURE_OPENAI_API_KEY"} | {"AZURE_OPENAI_AD_TOKEN": "ey.token"}
    got = dialled("azure", env)
    assert got.headers == {"Authorization": "Bearer ey.token"}
    assert got.key_from == "AZURE_OPENAI_AD_TOKEN"


@pytest.mark.parametrize("variable", ["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION", None])
def test_azure_preview(variable: str | None):
    env = AZURE | ({variable: "2025-04-01-preview"} if variable else {})
    got = dialled("azure", env, api_version=None if variable else "2025-04-01-preview")
    assert got.url == ("wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=voice")
    assert got.dialect == "beta"


def test_azure_version_v1_is_the_ga_address():
    assert "/openai/v1/realtime?model=voice" in dialled("azure", AZURE | {"OPENAI_API_VERSION": "v1"}).url


@pytest.mark.parametrize(
    ("resource", "start"),
    [
        ("res.openai.azure.com", "wss://res.openai.azure.com/openai/v1/realtime"),
        ("https://res.openai.azure.com/openai/v1/", "wss://res.openai.azure.com/openai/v1/realtime"),
        ("https://res.openai.azure.com/openai", "wss://res.openai.azure.com/openai/v1/realtime"),
        ("https://r.services.ai.azure.com/api/projects/p", "wss://r.services.ai.azure.com/openai/v1/realtime"),
        ("https://gate.example/prefix", "wss://gate.example/prefix/openai/v1/realtime"),
        ("http://127.0.0.1:9", "ws://127.0.0.1:9/openai/v1/realtime"),
    ],
)
def test_azure_takes_the_resource_however_it_was_pasted(resource: str, start: str):
    assert dialled("azure", AZURE | {"AZURE_OPENAI_ENDPOINT": resource}).url == f"{start}?model=voice"


def test_azure_deployment_by_flag_second_variable_or_model():
    rest = {k: v for k, v in AZURE.items() if k != "AZURE_OPENAI_DEPLOYMENT"}
    assert dialled("azure", AZURE, deployment="my voice").url.endswith("?model=my%20voice")
    assert dialled("azure", rest | {"AZURE_OPENAI_DEPLOYMENT_NAME": "second"}).url.endswith("?model=second")
    got = dialled("azure", rest, model="gpt-realtime-1.5")
    assert got.url.endswith("?model=gpt-realtime-1.5")
    assert got.model == "gpt-realtime-1.5"


def test_an_address_needs_no_key():
    got = dialled("ws://127.0.0.1:8765/v1/realtime", {})
    assert got == Endpoint("url", "ws://127.0.0.1:8765/v1/realtime")


@pytest.mark.parametrize(
    ("address", "url", "model"),
    [
        ("wss://h/v1/realtime", "wss://h/v1/realtime?model=m", "m"),
        ("wss://h/v1/realtime?model=theirs", "wss://h/v1/realtime?model=theirs", "theirs"),
        ("wss://h/rt?api-version=2026-07-15&model=", "wss://h/rt?api-version=2026-07-15&model=m", "m"),
        ("wss://h#part", "wss://h?model=m", "m"),
    ],
)
def test_model_joins_an_address_unless_it_names_one(address: str, url: str, model: str):
    got = dialled(address, {}, model="m")
    assert (got.url, got.model) == (url, model)


def test_keys_for_an_address():
    both = {"LACONIC_API_KEY": "mine", "OPENAI_API_KEY": KEY, "AZURE_OPENAI_API_KEY": "azure"}
    assert dialled("wss://h/v1", both).headers == {"Authorization": "Bearer mine"}
    assert dialled("wss://h/v1", {"OPENAI_API_KEY": KEY}).headers == {"Authorization": f"Bearer {KEY}"}
    assert dialled("ws://[::1]:9/v1", {"OPENAI_API_KEY": KEY}).headers == {"Authorization": f"Bearer {KEY}"}


def test_openai_key_never_travels_in_the_clear():
    """Plain ws:// to another machine gets the key that was meant for it, or none."""
    assert dialled("ws://192.168.0.9/v1", {"OPENAI_API_KEY": KEY}).headers == {}
    got = dialled("ws://192.168.0.9/v1", {"OPENAI_API_KEY": KEY, "LACONIC_API_KEY": "mine"})
    assert got.headers == {"Authorization": "Bearer mine"}


def test_voice_live_speaks_beta_and_takes_api_key():
    address = "wss://res.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15"
    got = dialled(address, {"OPENAI_API_KEY": KEY, "AZURE_OPENAI_API_KEY": "azure"}, model="gpt-realtime")
    assert got.headers == {"api-key": "azure"}
    assert got.dialect == "beta"
    assert got.url == f"{address}&model=gpt-realtime"
    assert dialled(address, {"AZURE_OPENAI_AD_TOKEN": "ey"}).headers == {"Authorization": "Bearer ey"}
    assert dialled(address, {}).headers == {}


def test_beta_can_be_asked_of_an_address():
    got = dialled("ws://127.0.0.1:9/v1/realtime", {}, dialect="beta")
    assert got.headers == {"OpenAI-Beta": "realtime=v1"}


def test_simulator_is_an_address_without_a_key():
    got = dialled("simulator", {"OPENAI_API_KEY": KEY}, url="ws://127.0.0.1:9/v1/realtime", model="gpt-realtime")
    assert got == Endpoint("simulator", "ws://127.0.0.1:9/v1/realtime?model=gpt-realtime", model="gpt-realtime")
    with pytest.raises(ValueError, match="until it is started"):
        endpoint("simulator", env={})


def test_key_from_a_private_file(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    got = dialled("openai", {"OPENAI_API_KEY_FILE": str(file)})
    assert got.headers == {"Authorization": f"Bearer {KEY}"}
    assert got.key_from == "OPENAI_API_KEY_FILE"


def test_key_file_that_others_may_read_is_missing_or_empty(tmp_path: Path):
    file = tmp_path / "key"
    env = {"OPENAI_API_KEY_FILE": str(file)}
    assert "cannot be read" in refusal("openai", env).sentence
    file.write_text(KEY)
    file.chmod(0o644)
    assert f"chmod 600 {file}" in refusal("openai", env).sentence
    file.chmod(0o600)
    file.write_text("\n")
    assert "empty" in refusal("openai", env).sentence
    file.write_bytes(b"\xff\xfe")
    assert "not text" in refusal("openai", env).sentence


def test_what_is_missing_is_named():
    error = refusal("openai", {})
    assert isinstance(error, NoKey)
    assert "OPENAI_API_KEY" in error.sentence
    for left_out in AZURE:
        error = refusal("azure", {k: v for k, v in AZURE.items() if k != left_out})
        assert left_out in error.sentence
        assert isinstance(error, NoKey) == (left_out == "AZURE_OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("service", "env", "words"),
    [
        ("opnai", {}, "did you mean openai?"),
        ("bedrock", {}, "wss://"),
        ("https://api.openai.com/v1/realtime", {}, "wss://HOST"),
        ("wss://", {}, "--service"),
        ("wss://host:port/", {}, "--service"),
        ("wss://user:sk-very-secret-1@host:port/?api-key=sk-very-secret-1", {}, "'wss://host:port/'"),
        ("wss://[::1/", {}, "--service"),
        ("wss://ho st/", {}, "--service"),
        ("openai", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "api.openai.com"}, "OPENAI_BASE_URL"),
        ("azure", AZURE | {"AZURE_OPENAI_ENDPOINT": "https://"}, "AZURE_OPENAI_ENDPOINT"),
        ("azure", AZURE | {"OPENAI_API_VERSION": "newest"}, "api-version"),
        ("openai", {"OPENAI_API_KEY": f"{KEY}\n{KEY}"}, "OPENAI_API_KEY"),
        ("openai", {"OPENAI_API_KEY": "ｓｋ-1"}, "OPENAI_API_KEY"),
        ("openai", {"OPENAI_API_KEY": KEY, "OPENAI_ORG_ID": "org 1"}, "OPENAI_ORG_ID"),
    ],
)
def test_what_is_wrong_is_named(service: str, env: dict[str, str], words: str):
    error = refusal(service, env)
    assert isinstance(error, BadInput)
    assert words in error.sentence


def test_nothing_shown_holds_a_key():
    got = Endpoint(
        "url",
        f"wss://me:{KEY}@res.openai.azure.com:443/openai/v1/realtime?model=m&api-key={KEY}&api%2Dtoken={KEY}&flag",
        {"Authorization": f"Bearer {KEY}"},
    )
    assert got.shown == "wss://res.openai.azure.com:443/openai/v1/realtime?model=m&api-key=…&api%2Dtoken=…&flag"
    for text in (repr(got), str(got), f"{got}"):
        assert KEY not in text
        assert "Authorization" in text
    assert Endpoint("url", "ws://h/x").shown == "ws://h/x"
    assert got.host == "res.openai.azure.com"


def test_keys_are_taken_out_of_what_a_service_says():
    got = Endpoint("url", "wss://h/?model=m&api-key=one", {"Authorization": "Bearer two-2", "api-key": "three-3"})
    assert got.hide_keys("no one likes two-2 or three-3, m") == "no … likes … or …, m"
    assert Endpoint("url", "wss://h/").hide_keys("as it was") == "as it was"


def test_loopback():
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1")] == [True] * 4
    assert not is_loopback("192.168.0.1")
    assert not is_loopback("")


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "whose"),
    [
        ("openai", "openai"),
        ("simulator", "openai"),
        ("azure", "azure"),
        ("wss://x.services.ai.azure.com/voice-live/realtime", "azure"),
        ("wss://api.x.ai/v1/realtime", "xai"),
        ("ws://localhost:8000/v1/realtime", "openai"),
    ],
)
def test_whose_habits_a_service_has_is_told_by_its_address(service: str, whose: str) -> None:
    assert provider(service) == whose


def test_what_is_learned_is_kept_by_service_and_model() -> None:
    """A deployment by its name, from the environment too; an address by its host, keys and all left out."""
    env = {"AZURE_OPENAI_DEPLOYMENT": "voice"}
    assert named("openai", model="gpt-realtime", deployment=None, env=env) == ("openai", "gpt-realtime")
    assert named("azure", model=None, deployment=None, env=env) == ("azure", "voice")
    assert named("azure", model=None, deployment="mine", env=env) == ("azure", "mine")
    assert named("wss://me:pw@host.example/v1?api-key=k", model="m", deployment=None, env={}) == ("host.example", "m")
    assert named("ws://localhost:8000/v1", model=None, deployment=None, env=env) == ("localhost", "?")
