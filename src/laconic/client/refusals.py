"""Why a connection was not made, or ended, in one sentence: what happened, where, what to do.

Services say the same thing in many ways: as an HTTP status at the handshake, as an `error` event after it, as a
reason in the closing frame, and with the code in `type` instead of `code` (livekit#7805). Here they become one of
a dozen sentences. A service's own words are quoted where they help, cut short, and with anything we sent as a key
taken out: services like to quote it back.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)

from laconic.client.endpoints import Endpoint
from laconic.errors import BadInput, Dropped, LaconicError, Refused, Unreachable
from laconic.events import Error

__all__ = [
    "another_language",
    "closed_at_once",
    "dropped",
    "error_of",
    "handshake",
    "is_fatal",
    "quote",
    "refused",
]

_KEY = {"invalid_api_key", "authentication_error", "Unauthorized", "PermissionDenied", "401"}
_ACCOUNT = {"account_deactivated", "insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"}
_MODEL = {"model_not_found", "DeploymentNotFound", "invalid_model", "unsupported_model"}
_BETA = "beta_api_shape_disabled"
_LIMIT = {"rate_limit_exceeded", "429"}
_FATAL = _KEY | _ACCOUNT | _MODEL | {_BETA}

_NAMES = {"openai": "OpenAI", "azure": "Azure OpenAI", "simulator": "the stand-in"}
_QUOTED = 160
"""Characters of a service's own words that fit into our sentence."""


# --- the service said no -----------------------------------------------------------------------------------------


def is_fatal(error: Error) -> bool:
    """Whether nothing that follows can make this connection useful."""
    return bool({error.error.code, error.error.type} & _FATAL)


def refused(endpoint: Endpoint, error: Error) -> LaconicError:
    """An `error` event as the service's first word, or instead of one."""
    return _no(endpoint, {error.error.code or "", error.error.type or ""}, error.error.message)


def closed_at_once(endpoint: Endpoint, closed: ConnectionClosed) -> LaconicError:
    """The service closed before it said anything."""
    code, reason = _closing(closed)
    # OpenAI writes "invalid_request_error.invalid_api_key" into the reason.
    words = {word for part in reason.split() for word in part.strip(".,:;").split(".")}
    if words & _FATAL or 3000 <= code < 5000 or code == 1008:
        return _no(endpoint, words, reason or f"code {code}")
    return Unreachable(
        f"{_name(endpoint)} at {endpoint.shown} closed the connection before saying anything "
        f"({_code(endpoint, closed)}); try again in a moment",
        ja=f"{_name_ja(endpoint)}（{endpoint.shown}）は何も言わずに接続を閉じました（{_code(endpoint, closed)}）。"
        "少し待ってからもう一度試してください。",
    )


def _no(endpoint: Endpoint, codes: set[str], message: str) -> LaconicError:
    """The sentence for a refusal known by its codes; the service's own words for any other."""
    who, who_ja, where = _name(endpoint), _name_ja(endpoint), endpoint.shown
    said = quote(endpoint, message)
    if codes & _KEY or "ncorrect API key" in message:
        return _key_refused(endpoint, said)
    if _BETA in codes:
        return Refused(
            f"{who} no longer accepts the beta dialect at {where}; leave out --dialect beta",
            ja=f"{who_ja}（{where}）はベータ版の形式を受け付けなくなりました。--dialect beta を外してください。",
        )
    if codes & _MODEL or ("model" in message and "not exist" in message):
        return _model_refused(endpoint, said)
    if codes & _ACCOUNT:
        return Refused(
            f"{who} refuses because of the account: {said}; look at its billing page",
            ja=f"{who_ja} はアカウントの状態を理由に接続を断りました（{said}）。支払いの設定を確認してください。",
        )
    if codes & _LIMIT:
        return _limited(endpoint, said)
    return Refused(
        f"{who} at {where} refused: {said}; check the address, the model and the settings",
        ja=f"{who_ja}（{where}）に断られました（{said}）。アドレス、モデル、設定を確認してください。",
    )


def _key_refused(endpoint: Endpoint, said: str) -> Refused:
    who, who_ja = _name(endpoint), _name_ja(endpoint)
    query = dict(parse_qsl(urlsplit(endpoint.url).query))
    if endpoint.host.endswith(".azure.com") and "/openai/v1/" in endpoint.url and "api-version" in query:
        return Refused(  # PROTOCOL: the GA address answers 401 to any api-version
            f"{who} at {endpoint.shown} refuses an api-version at its GA address; take it out of the address",
            ja=f"{who_ja} の GA アドレスには api-version を付けられません。アドレスから外してください。",
        )
    if endpoint.key_from is None:
        return Refused(
            f"{who} at {endpoint.shown} wants a key; set LACONIC_API_KEY ({said})",
            ja=f"{who_ja}（{endpoint.shown}）にはキーが必要です。LACONIC_API_KEY を設定してください（{said}）。",
        )
    return Refused(
        f"{who} did not accept the key in {endpoint.key_from}; "
        f"check it, and that it belongs to {endpoint.host} ({said})",
        ja=f"{who_ja} は {endpoint.key_from} のキーを受け付けませんでした。"
        f"キーと、それが {endpoint.host} のものかを確認してください（{said}）。",
    )


def _model_refused(endpoint: Endpoint, said: str) -> Refused:
    query = dict(parse_qsl(urlsplit(endpoint.url).query))
    asked = query.get("model") or query.get("deployment") or "the one asked for"
    if endpoint.service == "azure":
        return Refused(
            f"Azure has no deployment called {asked} at {endpoint.host}; AZURE_OPENAI_DEPLOYMENT is the name "
            f"you gave it when you deployed the model ({said})",
            ja=f"Azure（{endpoint.host}）に {asked} というデプロイはありません。"
            f"AZURE_OPENAI_DEPLOYMENT にはデプロイ時に付けた名前を指定してください（{said}）。",
        )
    return Refused(
        f"{_name(endpoint)} at {endpoint.host} knows no realtime model called {asked}, or this key may not use it; "
        f"choose another with --model ({said})",
        ja=f"{_name_ja(endpoint)}（{endpoint.host}）に {asked} というモデルはないか、このキーでは使えません。"
        f"--model で別のモデルを指定してください（{said}）。",
    )


def _limited(endpoint: Endpoint, said: str) -> Refused:
    return Refused(
        f"{_name(endpoint)} has had enough of our requests for now ({said}); wait a minute, or look at your limits",
        ja=f"{_name_ja(endpoint)} の利用上限に達しました（{said}）。1分ほど待つか、上限を確認してください。",
    )


# --- no connection -----------------------------------------------------------------------------------------------


def handshake(endpoint: Endpoint, error: Exception, timeout_s: float) -> LaconicError | None:
    """What stopped the connection from being made; None for an exception that is our own mistake."""
    where, host = endpoint.shown, endpoint.host
    if isinstance(error, (InvalidProxy, ProxyError)):
        return _unreachable(
            "the proxy named by the environment (HTTPS_PROXY, ALL_PROXY) did not let us through",
            "環境変数（HTTPS_PROXY、ALL_PROXY）のプロキシを通れませんでした",
            "check it",
            "設定を確認してください",
        )
    if isinstance(error, InvalidStatus):
        body = bytes(error.response.body or b"")
        return _status(endpoint, error.response.status_code, body, error.response.headers.get("Location"))
    if isinstance(error, InvalidURI):
        return BadInput(
            f"{where} is no address we can dial; it has to look like wss://HOST/…",
            ja=f"{where} は接続できるアドレスではありません。wss://HOST/… の形で指定してください。",
        )
    if isinstance(error, (InvalidMessage, InvalidHandshake, EOFError)):
        return _unreachable(
            f"what answers at {where} is no WebSocket server",
            f"{where} で応答したのは WebSocket サーバーではありません",
            "check the address and its port",
            "アドレスとポートを確認してください",
        )
    if isinstance(error, TimeoutError):
        return _unreachable(
            f"{host} did not answer within {timeout_s:g} s",
            f"{host} から {timeout_s:g} 秒以内に応答がありません",
            "check the network and the address",
            "ネットワークとアドレスを確認してください",
        )
    if isinstance(error, (socket.gaierror, UnicodeError)):  # a label too long or empty never gets to the resolver
        return _unreachable(
            f"the name {host} cannot be resolved",
            f"{host} という名前を解決できません",
            "check its spelling and the network",
            "綴りとネットワークを確認してください",
        )
    if isinstance(error, ssl.SSLError):
        # `verify_message` and `reason` are set by the TLS library, each where it applies.
        why = getattr(error, "verify_message", None) or getattr(error, "reason", None) or error.strerror
        return _unreachable(
            f"no secure connection to {host} ({why})",
            f"{host} と安全に接続できません（{why}）",
            "check the address, the clock and the certificates of this machine",
            "アドレス、時計、証明書を確認してください",
        )
    if isinstance(error, OSError):
        why = "connection refused" if _was_refused(error) else error.strerror or str(error)
        return _unreachable(
            f"nothing can be reached at {where} ({why})",
            f"{where} に接続できません（{why}）",
            "check that it is running, the address and the network",
            "起動しているか、アドレスとネットワークを確認してください",
        )
    return None


def _was_refused(error: OSError) -> bool:
    # asyncio joins the failures of several addresses (::1 and 127.0.0.1) into one text and drops the number.
    return error.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(error)


def _status(endpoint: Endpoint, status: int, body: bytes, location: str | None) -> LaconicError:
    """An HTTP answer in place of a WebSocket."""
    codes, message = error_of(body)
    said = quote(endpoint, message or f"HTTP {status}")
    where = endpoint.shown
    if status == 401 and not codes & (_ACCOUNT | _MODEL):
        return _key_refused(endpoint, said)
    if codes & (_FATAL | _LIMIT):
        return _no(endpoint, codes, message)
    if status == 403:
        return Refused(
            f"{_name(endpoint)} at {where} does not let us in ({said}); "
            "check the key's rights, the region and the network rules",
            ja=f"{_name_ja(endpoint)}（{where}）に入れません（{said}）。"
            "キーの権限、地域、ネットワーク規則を確認してください。",
        )
    if status == 404 and endpoint.service in ("openai", "azure"):
        return _model_refused(endpoint, said)
    if status == 404:
        return Refused(
            f"there is nothing at {where} ({said}); check its path and the model",
            ja=f"{where} には何もありません（{said}）。パスとモデルを確認してください。",
        )
    if status == 429:
        return _limited(endpoint, said)
    if status >= 500:
        return _unreachable(
            f"{_name(endpoint)} at {endpoint.host} is in trouble ({said})",
            f"{_name_ja(endpoint)}（{endpoint.host}）側で問題が起きています（{said}）",
            "try again in a moment",
            "少し待ってからもう一度試してください",
        )
    if 300 <= status < 400 and location:
        there = Endpoint("url", location).shown
        return _unreachable(
            f"{where} sends us on to {there}, and keys do not follow redirects",
            f"{where} は {there} に転送されますが、キーを付けたまま転送先へは行きません",
            "give that address if you trust it",
            "信頼できるなら転送先を指定してください",
        )
    if status < 300:
        return _unreachable(
            f"what answers at {where} is a web server, not a WebSocket ({said})",
            f"{where} で応答したのは WebSocket ではなくウェブサーバーです（{said}）",
            "check the path",
            "パスを確認してください",
        )
    return _no(endpoint, codes, message or f"HTTP {status}")


def error_of(body: bytes) -> tuple[set[str], str]:
    """Codes and message of an error in a JSON body, in the shapes OpenAI and Azure use; nothing for any other body."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return set(), ""
    outer = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    inner: Any = outer.get("error", outer)
    if isinstance(inner, str):
        return set(), inner
    if not isinstance(inner, dict):
        return set(), ""
    error = cast("dict[str, Any]", inner)
    return {str(error.get("code")), str(error.get("type"))}, str(error.get("message") or "")


def _unreachable(what: str, ja: str, do: str, do_ja: str) -> Unreachable:
    return Unreachable(f"{what}; {do}", ja=f"{ja}。{do_ja}。")


def another_language(endpoint: Endpoint, message: str) -> Unreachable:
    """The connection stands and the first message is nothing the Realtime protocol has."""
    said = quote(endpoint, message)
    return _unreachable(
        f"what answers at {endpoint.shown} does not speak the Realtime protocol (it began with {said!r})",
        f"{endpoint.shown} は Realtime プロトコルを話していません（最初の言葉: {said}）",
        "check the address",
        "アドレスを確認してください",
    )


# --- a connection that stood -------------------------------------------------------------------------------------


def dropped(endpoint: Endpoint, closed: ConnectionClosed) -> Dropped:
    """The connection stood and has ended: whose doing, and why as far as anybody said."""
    code, _ = _closing(closed)
    why = _code(endpoint, closed)
    if closed.rcvd is None and closed.sent is not None and "keepalive" in closed.sent.reason:
        why, why_ja = "it no longer answers", "応答がなくなりました"
    elif code == 1006:
        why, why_ja = "the network broke, or it hung up without a word", "ネットワークの切断、または無言の終了"
    else:
        why_ja = why
    return Dropped(
        f"the connection to {_name(endpoint)} at {endpoint.host} has ended: {why}; start again to go on talking",
        ja=f"{_name_ja(endpoint)}（{endpoint.host}）との接続が切れました（{why_ja}）。もう一度始めてください。",
    )


def _closing(closed: ConnectionClosed) -> tuple[int, str]:
    """Code and reason of the close, theirs before ours; 1006 when there was no closing frame (RFC 6455, 7.1.5)."""
    frame = closed.rcvd or closed.sent
    return (frame.code, frame.reason) if frame is not None else (1006, "")


def _code(endpoint: Endpoint, closed: ConnectionClosed) -> str:
    code, reason = _closing(closed)
    return f"code {code}, {quote(endpoint, reason)}" if reason else f"code {code}"


# --- words -------------------------------------------------------------------------------------------------------


def _name(endpoint: Endpoint) -> str:
    return _NAMES.get(endpoint.service, "the service")


def _name_ja(endpoint: Endpoint) -> str:
    return {"simulator": "代役サービス"}.get(endpoint.service) or _NAMES.get(endpoint.service, "サービス")


def quote(endpoint: Endpoint, text: str) -> str:
    """A service's own words on one line, short, without any key of ours."""
    text = " ".join(endpoint.hide_keys(text).split()).rstrip(".")
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
