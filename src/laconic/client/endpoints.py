"""Where a service is and how to show who we are: a name and the environment's variables become an address.

    openai       OPENAI_API_KEY; OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID if wanted
    azure        AZURE_OPENAI_ENDPOINT; AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN (Entra);
                 AZURE_OPENAI_DEPLOYMENT; AZURE_OPENAI_API_VERSION only for the preview address
    ws(s)://…    any server that speaks the protocol; LACONIC_API_KEY or OPENAI_API_KEY if it wants a key
    simulator    the stand-in, at the address it was started on

Keys come from the environment alone: a key on a command line is read by every process list. Each variable has a
sibling ending in _FILE that names a file to read instead, which nobody else may be able to read.

Addresses and headers: OpenAI reference `realtime.methods.connect` (2026-11-10); Microsoft's migration guide for
the GA address, which answers 401 when an api-version is sent along (articles/foundry/openai, 10bec398).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from laconic.dialects import Dialect
from laconic.errors import BadInput, NoKey

__all__ = [
    "DEFAULT_MODEL",
    "SERVICES",
    "Endpoint",
    "checked_address",
    "endpoint",
    "is_loopback",
    "named",
    "provider",
    "secret",
]

SERVICES = ("openai", "azure", "simulator")

DEFAULT_MODEL = "gpt-realtime-2.1"
"""OpenAI's newest realtime model billed by token, and no dearer than its elders (model page, 2026-11-22)."""

_SECRET_FIELD = re.compile(r"key|token|secret|sig|auth|pass|code|cred", re.IGNORECASE)
_MASKED = re.compile(r"[\w.-]*\*{3,}[\w*.-]*\w|[\w.-]*\*{3,}")
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """An address to dial and what to send along. Its repr, and `shown`, hold no key."""

    service: str
    """`openai`, `azure`, `simulator`, or `url` for an address that was given."""
    url: str
    """ws:// or wss://, complete. May hold a key in its query: show people `shown`."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    dialect: Dialect | None = None
    """What the service is known to speak; None where its first message has to tell."""
    model: str | None = None
    """None where only a deployment's name is known, or nothing: then the service says which model it runs."""
    key_from: str | None = None
    """The variable the key came from, for messages."""

    @property
    def shown(self) -> str:
        """The address as it may be shown to anyone: no user, no password, no key in the query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{_netloc(parts)}{parts.path}" + _redacted(parts.query)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def hide_keys(self, text: str) -> str:
        """`text` with every key we send taken out of it, for words of a service that quotes them back; those it has
        half masked itself, too (`sk-…****abcd`)."""
        query = parse_qsl(urlsplit(self.url).query)
        keys = [value for name, value in query if _SECRET_FIELD.search(name)]
        keys += [self.headers.get("Authorization", "").removeprefix("Bearer "), self.headers.get("api-key", "")]
        for key in keys:
            text = text.replace(key, "…") if key else text
        return _MASKED.sub("…", text)

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"{kind}({self.service}, {self.shown}, headers={sorted(self.headers)}, dialect={self.dialect})"


def endpoint(
    service: str,
    *,
    model: str | None = None,
    deployment: str | None = None,
    dialect: Dialect | None = None,
    api_version: str | None = None,
    url: str | None = None,
    env: Mapping[str, str],
) -> Endpoint:
    """The endpoint of `service`: `openai`, `azure`, `simulator` (with the `url` it was started on) or an address.

    Raises NoKey where the service needs a key and none is set, BadInput for anything else missing or wrong.
    """
    if service == "openai":
        return _openai(model, dialect, env)
    if service == "azure":
        return _azure(model, deployment, dialect, api_version, env)
    if service == "simulator":
        if url is None:
            raise ValueError("the stand-in has no address until it is started")
        return Endpoint("simulator", _with_model(url, model), dialect=dialect, model=model)
    if "://" in service:
        return _given(service, model, dialect, env)
    close = difflib.get_close_matches(service, SERVICES, n=1)
    guess = f"did you mean {close[0]}?" if close else "use openai, azure, simulator or an address such as wss://…"
    raise BadInput(
        f"there is no service called {service!r}; {guess}",
        ja=f"{service!r} というサービスはありません。"
        "openai、azure、simulator、または wss://… のアドレスを指定してください。",
    )


def provider(service: str) -> str:
    """Whose habits a service has, as far as its address tells: `openai`, `azure` or `xai`."""
    host = urlsplit(service).hostname or ""
    if host.endswith(".x.ai"):
        return "xai"
    return "azure" if host.endswith(".azure.com") or service == "azure" else "openai"


def named(service: str, *, model: str | None, deployment: str | None, env: Mapping[str, str]) -> tuple[str, str]:
    """By which names what was learned of a service and its model is kept: an address goes by its host, an Azure
    deployment by its own name where nobody says which model it is."""
    host = urlsplit(service).hostname if "://" in service else None
    if service == "azure":
        deployment = deployment or _deployment(env)
    return host or service, model or deployment or "?"


def is_loopback(host: str) -> bool:
    """Whether a host name stays on this machine."""
    return host in ("localhost", "::1") or host.startswith("127.")


# --- OpenAI ------------------------------------------------------------------------------------------------------


def _openai(model: str | None, dialect: Dialect | None, env: Mapping[str, str]) -> Endpoint:
    key, source = secret(env, "OPENAI_API_KEY")
    if key is None:
        raise NoKey(
            "OPENAI_API_KEY is not set; set it to a key from platform.openai.com, "
            "or name simulator as the service: the stand-in needs none",
            ja="OPENAI_API_KEY が設定されていません。platform.openai.com のキーを設定するか、"
            "サービスに simulator(キーの要らない代役)を指定してください。",
        )
    base = _socket_url(env.get("OPENAI_BASE_URL") or "https://api.openai.com/v1", "OPENAI_BASE_URL")
    if not urlsplit(base).path.endswith("/realtime"):
        base += "/realtime"
    model = model or DEFAULT_MODEL
    headers = {"Authorization": f"Bearer {key}"}
    for name, header in (("OPENAI_ORG_ID", "OpenAI-Organization"), ("OPENAI_PROJECT_ID", "OpenAI-Project")):
        if env.get(name):
            headers[header] = _header_value(env[name], name)
    if dialect == "beta":
        headers["OpenAI-Beta"] = "realtime=v1"
    return Endpoint("openai", _with_model(base, model), headers, dialect or "ga", model, source)


# --- Azure OpenAI ------------------------------------------------------------------------------------------------


def _azure(
    model: str | None,
    deployment: str | None,
    dialect: Dialect | None,
    api_version: str | None,
    env: Mapping[str, str],
) -> Endpoint:
    resource = env.get("AZURE_OPENAI_ENDPOINT")
    if not resource:
        raise BadInput(
            "AZURE_OPENAI_ENDPOINT is not set; set it to your resource's address, "
            "such as https://NAME.openai.azure.com",
            ja="AZURE_OPENAI_ENDPOINT が設定されていません。リソースのアドレス"
            "（例: https://NAME.openai.azure.com）を設定してください。",
        )
    deployment = deployment or _deployment(env) or model
    if not deployment:
        raise BadInput(
            "no Azure deployment is named; set AZURE_OPENAI_DEPLOYMENT or give --deployment the name "
            "you chose when you deployed the model",
            ja="Azure のデプロイ名がありません。モデルをデプロイしたときの名前を "
            "AZURE_OPENAI_DEPLOYMENT か --deployment で指定してください。",
        )
    key, source = secret(env, "AZURE_OPENAI_API_KEY")
    token, token_source = secret(env, "AZURE_OPENAI_AD_TOKEN")
    if key is not None:
        headers = {"api-key": key}
    elif token is not None:
        headers, source = {"Authorization": f"Bearer {token}"}, token_source
    else:
        raise NoKey(
            "neither AZURE_OPENAI_API_KEY nor AZURE_OPENAI_AD_TOKEN is set; set the resource's key or an Entra token",
            ja="AZURE_OPENAI_API_KEY も AZURE_OPENAI_AD_TOKEN も設定されていません。"
            "リソースのキーか Entra のトークンを設定してください。",
        )
    base = _azure_base(resource)
    version = api_version or env.get("AZURE_OPENAI_API_VERSION") or env.get("OPENAI_API_VERSION")
    if version is None or version == "v1":  # v1 is how the GA address calls itself
        url = f"{base}/openai/v1/realtime?model={quote(deployment, safe='')}"
        return Endpoint("azure", url, headers, dialect or "ga", model, source)
    if not _API_VERSION.fullmatch(version):
        raise BadInput(
            f"{version!r} is no Azure api-version; leave it out for the GA address, or write one such as "
            "2025-04-01-preview",
            ja=f"{version!r} は Azure の api-version ではありません。GA では指定せず、"
            "プレビューでは 2025-04-01-preview のように指定してください。",
        )
    url = f"{base}/openai/realtime?api-version={version}&deployment={quote(deployment, safe='')}"
    return Endpoint("azure", url, headers, dialect or "beta", model, source)


def _deployment(env: Mapping[str, str]) -> str | None:
    return env.get("AZURE_OPENAI_DEPLOYMENT") or env.get("AZURE_OPENAI_DEPLOYMENT_NAME")


def _azure_base(resource: str) -> str:
    """People paste the resource's address with whatever path the portal showed them; we want what stands before it."""
    if "://" not in resource:
        resource = f"https://{resource}"
    base = _socket_url(resource, "AZURE_OPENAI_ENDPOINT")
    return re.sub(r"(/openai(/v1)?(/realtime)?|/api/projects/.*)/?$", "", base)


# --- any address -------------------------------------------------------------------------------------------------


def _given(address: str, model: str | None, dialect: Dialect | None, env: Mapping[str, str]) -> Endpoint:
    parts = checked_address(address, "--service", ("ws", "wss"))
    address = address.partition("#")[0]
    host, path = parts.hostname or "", parts.path
    on_azure = host.endswith(".azure.com")
    names = ["LACONIC_API_KEY"]
    if on_azure:
        names.append("AZURE_OPENAI_API_KEY")
    if parts.scheme == "wss" or is_loopback(host):
        # Never in the clear to another machine: that key was made for somebody else.
        names.append("OPENAI_API_KEY")
    key, source = secret(env, *names)
    headers: dict[str, str] = {}
    if key is not None:
        # On Azure a bearer token is Entra's, and a key goes by the name of api-key (migration guide, see above).
        headers = {"api-key": key} if on_azure else {"Authorization": f"Bearer {key}"}
    elif on_azure:
        token, source = secret(env, "AZURE_OPENAI_AD_TOKEN")
        if token is not None:
            headers = {"Authorization": f"Bearer {token}"}
    if dialect is None and "/voice-live/" in path:
        dialect = "beta"  # recorded sessions of July 2026
    if dialect == "beta" and not on_azure:
        headers["OpenAI-Beta"] = "realtime=v1"
    query = dict(parse_qsl(parts.query))
    return Endpoint("url", _with_model(address, model), headers, dialect, query.get("model") or model, source)


# --- addresses ---------------------------------------------------------------------------------------------------


def checked_address(address: str, source: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an address, or one sentence about it; `source` is the variable or flag it came from."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, or half a bracket
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", address):
        wanted = " or ".join(f"{scheme}://HOST/…" for scheme in schemes)
        shown = re.sub(r"//[^/@]*@", "//", address.partition("?")[0])  # it may hold a password, or a key
        raise BadInput(
            f"{shown!r} (from {source}) is no address we can dial; it has to look like {wanted}",
            ja=f"{source} の {shown!r} は接続できるアドレスではありません。{wanted} の形で指定してください。",
        )
    return urlsplit(address)


def _socket_url(base: str, source: str) -> str:
    """http → ws, https → wss; without trailing slash."""
    parts = checked_address(base, source, ("https", "wss", "http", "ws"))
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _with_model(url: str, model: str | None) -> str:
    """The address with `model` in its query, unless one is named there or none is wanted."""
    parts = urlsplit(url)
    if model is None or dict(parse_qsl(parts.query)).get("model"):
        return url
    kept = [pair for pair in parts.query.split("&") if pair and pair != "model" and pair != "model="]
    return parts._replace(query="&".join([*kept, f"model={quote(model, safe='')}"])).geturl()


def _netloc(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _redacted(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    shown = [f"{name}=…" if _SECRET_FIELD.search(unquote(name)) else name + eq + value for name, eq, value in pairs]
    return "?" + "&".join(shown) if shown else ""


# --- keys --------------------------------------------------------------------------------------------------------


def secret(env: Mapping[str, str], *names: str) -> tuple[str | None, str | None]:
    """The first of these variables that is set, or that names a file by its _FILE sibling; and which it was."""
    for name in names:
        if value := env.get(name, "").strip():
            return _header_value(value, name), name
        if path := env.get(f"{name}_FILE", "").strip():
            return _header_value(_from_file(path, f"{name}_FILE"), f"{name}_FILE"), f"{name}_FILE"
    return None, None


def _from_file(path: str, name: str) -> str:
    file = Path(path).expanduser()
    try:
        open_to_others = os.name == "posix" and file.stat().st_mode & 0o077  # elsewhere these bits say nothing
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise NoKey(
            f"the key file {path} (from {name}) cannot be read: {why}",
            ja=f"{name} のキーファイル {path} を読めません（{why}）。",
        ) from None
    if open_to_others:
        raise NoKey(
            f"the key file {path} (from {name}) can be read by others; run: chmod 600 {path}",
            ja=f"{name} のキーファイル {path} は他の利用者にも読めます。chmod 600 {path} を実行してください。",
        )
    if not text:
        raise NoKey(
            f"the key file {path} (from {name}) is empty; put the key into it",
            ja=f"{name} のキーファイル {path} は空です。キーを書き込んでください。",
        )
    return text


def _header_value(value: str, name: str) -> str:
    """A value that fits into a header. A line break or a full-width letter in a pasted key is a common mishap."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise BadInput(
            f"{name} holds characters that no key has (a space, a line break or a letter beyond ASCII); copy it again",
            ja=f"{name} に、キーには使われない文字（空白・改行・全角文字など）が含まれています。"
            "コピーし直してください。",
        )
    return value
