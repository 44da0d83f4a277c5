"""Have a text summarised by a cheap text model, over any OpenAI-compatible chat endpoint.

One POST, made by the standard library: the base install has no HTTP client, and a summary every few minutes needs
none. It runs in a thread of its own that nobody waits for: whoever presses Ctrl-C, or has waited `timeout_s`, goes on
at once, and the thread ends when its connection does. Proxies of the environment are used, redirects are not
followed: keys do not travel to wherever somebody points.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, cast

from laconic import __version__
from laconic.client import refusals
from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.endpoints import is_loopback
from laconic.errors import LaconicError, SummaryFailed
from laconic.usage import Usage

__all__ = ["Summary", "summarise"]

_MOST_BYTES = 2**20
_THOUGHTS = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
"""Open models served at home write their thoughts in front of the answer (Qwen3, DeepSeek-R1)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary, and what it took."""

    text: str
    usage: Usage | None
    """None where the server did not say."""
    model: str
    """As the server calls it, which is what the price list knows; as we called it where the server does not say."""


async def summarise(
    endpoint: ChatEndpoint, *, text: str, instructions: str, max_tokens: int, timeout_s: float = 30.0
) -> Summary:
    """A summary of `text` as `instructions` want it, at most `max_tokens` long.

    Raises SummaryFailed, whatever went wrong: refused, out of reach, too late, empty, or cut off at the limit. One that
    is cut off may have lost what it was made for.
    """
    messages = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
    asked = {"model": endpoint.model, "messages": messages}
    try:
        async with asyncio.timeout(timeout_s):
            status, body = await _post(endpoint, asked | {"max_completion_tokens": max_tokens}, timeout_s)
            if status in (400, 422) and b"max_completion_tokens" in body:
                # Older servers know only the old name, which newer models of OpenAI's refuse.
                status, body = await _post(endpoint, asked | {"max_tokens": max_tokens}, timeout_s)
    except (OSError, http.client.HTTPException, ValueError) as error:  # TimeoutError is an OSError
        raise _unreached(endpoint, error, timeout_s) from None
    if status != 200:
        raise _refused(endpoint, status, body)
    return _read(endpoint, body, max_tokens)


# --- asking -----------------------------------------------------------------------------------------------------------


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        return None


async def _post(endpoint: ChatEndpoint, asked: dict[str, Any], timeout_s: float) -> tuple[int, bytes]:
    """HTTP status and body of the answer, whatever the status."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[int, bytes]] = loop.create_future()

    def work() -> None:
        found: tuple[int, bytes] | Exception
        try:
            found = _exchange(endpoint, asked, timeout_s)
        except Exception as error:  # noqa: BLE001, it is handed over to whoever waits, unchanged
            found = error
        with contextlib.suppress(RuntimeError):  # the loop is closed and nobody waits any longer
            loop.call_soon_threadsafe(tell, found)

    def tell(found: tuple[int, bytes] | Exception) -> None:
        if answer.done():  # given up meanwhile
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    threading.Thread(target=work, name="laconic summary", daemon=True).start()
    return await answer


def _exchange(endpoint: ChatEndpoint, asked: dict[str, Any], timeout_s: float) -> tuple[int, bytes]:
    headers = {**endpoint.headers, "Content-Type": "application/json", "User-Agent": f"laconic/{__version__}"}
    body = json.dumps(asked, ensure_ascii=False).encode()
    request = urllib.request.Request(endpoint.url, body, headers, method="POST")
    proxies = urllib.request.ProxyHandler({} if is_loopback(endpoint.host) else None)
    try:
        with urllib.request.build_opener(_StayHere, proxies).open(request, timeout=timeout_s) as answer:
            found = answer.read(_MOST_BYTES)
            if answer.length:
                raise http.client.IncompleteRead(found, answer.length)
            return answer.status, found
    except urllib.error.HTTPError as no:
        with no:
            return no.code, no.read(_MOST_BYTES)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(endpoint: ChatEndpoint, body: bytes, max_tokens: int) -> Summary:
    try:
        answer = cast("dict[str, Any]", json.loads(body))
        choice = answer["choices"][0]
        text: Any = choice["message"].get("content")
        finish: Any = choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError):
        said = refusals.quote(endpoint, body[:200].decode(errors="replace"))
        raise SummaryFailed(
            f"no summary: what answers at {endpoint.shown} is no chat endpoint (it began with {said!r}); "
            "check LACONIC_SUMMARY_URL",
            ja=f"要約できません。{endpoint.shown} はチャットのエンドポイントではありません（{said}）。"
            "LACONIC_SUMMARY_URL を確認してください。",
        ) from None
    usage = _usage(answer.get("usage"))
    named: Any = answer.get("model")
    model: str = named if isinstance(named, str) and named else endpoint.model
    words = _THOUGHTS.sub("", text).strip() if isinstance(text, str) else ""
    if finish == "length":
        raise SummaryFailed(
            f"no summary: {model} was cut off at {max_tokens} tokens; name another model with LACONIC_SUMMARY_MODEL "
            "if this goes on",
            ja=f"要約できません。{model} の要約は {max_tokens} トークンで途切れました。"
            "続くようなら LACONIC_SUMMARY_MODEL で別のモデルを指定してください。",
            usage=usage,
            model=model,
            unreported=usage is None,
        )
    if not words:
        raise SummaryFailed(
            f"no summary: {model} at {endpoint.host} wrote nothing; name another model with LACONIC_SUMMARY_MODEL "
            "if this goes on",
            ja=f"要約できません。{model}（{endpoint.host}）の答えは空でした。"
            "続くようなら LACONIC_SUMMARY_MODEL で別のモデルを指定してください。",
            usage=usage,
            model=model,
            unreported=usage is None,
        )
    return Summary(words, usage, model)


def _usage(wire: Any) -> Usage | None:
    """The counts of a chat completion; None where there are none, or no whole ones."""
    if not isinstance(wire, dict):
        return None
    told = cast("dict[str, Any]", wire)
    read, written = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    if read is None or written is None:
        return None
    cached = _count(_block(told.get("prompt_tokens_details")).get("cached_tokens")) or 0
    reasoning = _count(_block(told.get("completion_tokens_details")).get("reasoning_tokens")) or 0
    return Usage(text_in=read, cached_text=min(cached, read), text_out=written, reasoning=min(reasoning, written))


def _block(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


# --- what went wrong --------------------------------------------------------------------------------------------------


def _unreached(endpoint: ChatEndpoint, error: Exception, timeout_s: float) -> SummaryFailed:
    """No answer at all. A dialled service fails in the same ways, so the sentences are the same."""
    inner: Any = error.reason if isinstance(error, urllib.error.URLError) else error
    told = refusals.handshake(endpoint, inner if isinstance(inner, Exception) else error, timeout_s)
    if isinstance(inner, ConnectionResetError | BrokenPipeError | http.client.IncompleteRead):
        told = LaconicError(
            f"{endpoint.host} hung up before its answer was complete; it will be asked again later",
            ja=f"{endpoint.host} が応答の途中で接続を切りました。あとでもう一度試します。",
        )
    elif told is None or isinstance(inner, http.client.HTTPException):
        told = LaconicError(
            f"what answers at {endpoint.shown} is no web server; check the address",
            ja=f"{endpoint.shown} で応答したのはウェブサーバーではありません。アドレスを確認してください。",
        )
    # What fails before the request has gone out is a URLError.
    asked = isinstance(error, TimeoutError | ConnectionError | http.client.IncompleteRead)
    return SummaryFailed(f"no summary: {told.sentence}", ja=f"要約できません。{told.say('ja')}", unreported=asked)


def _refused(endpoint: ChatEndpoint, status: int, body: bytes) -> SummaryFailed:
    """An answer that is none, as one sentence, the server's own words in it."""
    codes, message = refusals.error_of(body)
    said = refusals.quote(endpoint, message or f"HTTP {status}")
    host, model = endpoint.host, endpoint.model
    if status in (401, 403) and endpoint.key_from is not None:
        why = f"{host} did not accept the key in {endpoint.key_from} ({said}); check it and its rights"
        why_ja = f"{host} は {endpoint.key_from} のキーを受け付けませんでした（{said}）。キーと権限を確認してください。"
    elif status in (401, 403):
        why = f"{host} wants a key ({said}); set LACONIC_SUMMARY_KEY"
        why_ja = f"{host} にはキーが必要です（{said}）。LACONIC_SUMMARY_KEY を設定してください。"
    elif status == 404 or codes & {"model_not_found", "DeploymentNotFound"}:
        why = f"{host} has no text model called {model} for us ({said}); name another with LACONIC_SUMMARY_MODEL"
        why_ja = f"{host} でテキストモデル {model} は使えません（{said}）。LACONIC_SUMMARY_MODEL で指定してください。"
    elif status == 429:
        why = f"{host} has had enough of our requests, or the account is empty ({said}); look at its limits"
        why_ja = f"{host} の利用上限に達したか、残高がありません（{said}）。上限を確認してください。"
    elif status >= 500:
        why = f"{host} is in trouble ({said}); it will be asked again later"
        why_ja = f"{host} 側で問題が起きています（{said}）。あとでもう一度試します。"
    else:
        why = f"{host} refused ({said}); check LACONIC_SUMMARY_URL and LACONIC_SUMMARY_MODEL"
        why_ja = f"{host} に断られました（{said}）。LACONIC_SUMMARY_URL と LACONIC_SUMMARY_MODEL を確認してください。"
    return SummaryFailed(f"no summary: {why}", ja=f"要約できません。{why_ja}")
