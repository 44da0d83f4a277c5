"""Where the cheap text model is that writes summaries: by the service we talk to, or wherever the environment says.

    (nothing)                the same host and key as the Realtime service; on Azure a text model has to be named
    LACONIC_SUMMARY_MODEL    the model, or the name of the Azure deployment
    LACONIC_SUMMARY_URL      any OpenAI-compatible base URL, such as http://localhost:11434/v1
    LACONIC_SUMMARY_KEY      its key, if it wants one; or its sibling LACONIC_SUMMARY_KEY_FILE

A key goes to the host it was made for and to no other: with an address of its own, only LACONIC_SUMMARY_KEY is sent.
Azure's addresses: Microsoft's migration guide (articles/foundry/openai, 10bec398).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

from laconic.client.endpoints import Endpoint, checked_address, secret
from laconic.errors import BadInput

__all__ = ["DEFAULT_TEXT_MODEL", "ChatEndpoint", "chat_endpoint"]

DEFAULT_TEXT_MODEL = "gpt-5.4-nano"
"""OpenAI's cheapest text model that lives on into spring 2027 and does not think before it writes: until 2027-04-01,
`default_reasoning_effort` none (LiteLLM 1.109.1 price table, read 2026-11-22)."""

_NOT_FOR_CHAT = {"model", "deployment", "call_id", "intent"}
_DEFAULT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, repr=False)
class ChatEndpoint(Endpoint):
    """Where to POST, and what to send along. `url` is http:// or https://, complete; no key in its repr or `shown`."""

    model: str = DEFAULT_TEXT_MODEL
    """What the request names: a model, or on Azure a deployment."""


def chat_endpoint(endpoint: Endpoint, *, env: Mapping[str, str], model: str | None = None) -> ChatEndpoint:
    """The text model beside `endpoint`, or the one the environment names; `model` wins over its LACONIC_SUMMARY_MODEL.

    Raises BadInput where that cannot be used, or where an Azure deployment would have to be guessed; NoKey for a key
    file that cannot be read.
    """
    model = model or env.get("LACONIC_SUMMARY_MODEL", "").strip() or None
    key, source = secret(env, "LACONIC_SUMMARY_KEY")
    if address := env.get("LACONIC_SUMMARY_URL", "").strip():
        parts = checked_address(address, "LACONIC_SUMMARY_URL", ("https", "http"))
        path = parts.path.rstrip("/") or "/v1"
        if not path.endswith("/chat/completions"):
            path += "/chat/completions"
        return _at("url", parts, path, parts.query, {}, model, key, source)
    parts = urlsplit(endpoint.url)
    headers = {name: value for name, value in endpoint.headers.items() if name != "OpenAI-Beta"}
    query = "&".join(pair for pair in parts.query.split("&") if pair.partition("=")[0] not in _NOT_FOR_CHAT)
    path = parts.path
    if path.endswith("/openai/realtime"):  # Azure's preview address
        name = model or DEFAULT_TEXT_MODEL
        path = path.removesuffix("realtime") + f"deployments/{quote(name, safe='')}/chat/completions"
    elif path.endswith("/voice-live/realtime"):
        path, query = path.removesuffix("voice-live/realtime") + "openai/v1/chat/completions", ""
    else:
        path = path.removesuffix("/realtime") + "/chat/completions" if path.endswith("/realtime") else _DEFAULT_PATH
    source = source or endpoint.key_from
    return _at(endpoint.service, parts, path, query, headers, model, key, source)


def _at(
    service: str,
    parts: SplitResult,
    path: str,
    query: str,
    headers: Mapping[str, str],
    model: str | None,
    key: str | None,
    source: str | None,
) -> ChatEndpoint:
    on_azure = service == "azure" or (parts.hostname or "").endswith(".azure.com")
    if model is None and on_azure:
        raise BadInput(
            "no Azure deployment of a text model is named, so there are no summaries; "
            "set LACONIC_SUMMARY_MODEL to the name of one",
            ja="要約に使うテキストモデルの Azure デプロイ名がないため、要約できません。"
            "LACONIC_SUMMARY_MODEL で指定してください。",
        )
    sent = dict(headers)
    if key is not None:
        sent.pop("Authorization", None)
        sent.pop("api-key", None)
        sent |= {"api-key": key} if on_azure else {"Authorization": f"Bearer {key}"}
    elif parts.username is not None:  # HTTP does not take it from the address, as WebSockets do
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent.setdefault("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    url = SplitResult(scheme, parts.netloc.rpartition("@")[2], path, query, "").geturl()
    return ChatEndpoint(service, url, sent, None, model or DEFAULT_TEXT_MODEL, source)
