"""Which service a model is served by, and how: the routes, from one TOML file or from the flags of a command.

    [[route]]
    models = ["gpt-realtime*"]     # what apps ask for; * and ? stand for anything
    service = "openai"             # openai, azure, simulator, or an address wss://…
    memory = "auto"
    budget = "$2"

The first route that fits is taken. Keys are named, never written: `key_env` says in which variable of the
environment the service's key is, where it is not the usual one (client/endpoints.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, cast, get_args
from urllib.parse import parse_qsl, quote, urlsplit

from laconic.budget import Budget, Limit, Unit, budget, limits
from laconic.client.chat_endpoints import ChatEndpoint, chat_endpoint
from laconic.client.endpoints import Endpoint, endpoint, named
from laconic.client.summaries import Writer, written_by
from laconic.dialects import Dialect, session_to_ga
from laconic.errors import BadInput, NoKey
from laconic.gateway.pump import Bounds
from laconic.items import Wire
from laconic.memory import memory

__all__ = ["Route", "Routes", "read_routes"]

_KEY_NAMES = {"openai": "OPENAI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the models that fit are served."""

    name: str = "default"
    """For the ledger and the metrics."""
    models: tuple[str, ...] = ("*",)
    service: str = "openai"
    model: str | None = None
    """The model to ask the service for; None: the one the app asked for."""
    deployment: str | None = None
    """Azure's name for it."""
    address: str | None = None
    """Azure: the resource's. OpenAI: another base URL."""
    dialect: Dialect | None = None
    api_version: str | None = None
    key_env: str | None = None
    memory: str = "auto"
    budget: str | None = None
    """Of each session."""
    budget_end: Literal["stay", "close"] = "stay"
    """Whether the app's socket stays open when the budget is used up, saying why nothing happens, or is closed."""
    goodbye: str | None = None
    """What is said then, word for word; None: a goodbye in English."""
    summary_model: str | None = None
    """None: the cheapest text model at the same service, and where none is known the realtime model itself."""
    transcription: str | None = None
    """The model that writes down what callers say, where the app does not ask for one: memories that write need it."""
    bounds: Bounds = field(default_factory=Bounds)

    def opening(self, granted: Wire | None) -> Wire | None:
        """Settings to begin the session with, before the app says its own; `granted` win."""
        if self.transcription is None:
            return granted
        ours: Wire = {"audio": {"input": {"transcription": {"model": self.transcription}}}}
        return _merged({"type": "realtime", **ours}, session_to_ga(granted or {}))

    def allowed(self, beside: Sequence[Limit], shared: frozenset[Unit]) -> Budget | None:
        """What a session of this route may use. `beside`: what limits it, too; `shared`: units it has to lease."""
        tightest: dict[Unit, Limit] = {}
        for limit in (*(limits(self.budget) if self.budget is not None else ()), *beside):
            known = tightest.get(limit.unit)
            tightest[limit.unit] = limit if known is None or limit.amount < known.amount else known
        if not tightest and not shared:
            return None
        return Budget(
            limits=tuple(tightest.values()),
            shared=shared,
            end=self.budget_end,
            goodbye=True if self.goodbye is None else self.goodbye,
        )

    def fits(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)

    def endpoint(
        self,
        model: str | None,
        *,
        env: Mapping[str, str],
        simulator: str | None,
        beside: Mapping[str, str] | None = None,
    ) -> Endpoint:
        """Where the service is, for an app that asked for `model`. `beside`: what it asked for in a model's place, a
        `call_id` or an `intent`. Raises BadInput or NoKey."""
        try:
            there = endpoint(
                self.service,
                model=self.model or model,
                deployment=self.deployment,
                dialect=self.dialect,
                api_version=self.api_version,
                url=simulator,
                env=self._environment(env),
            )
        except NoKey:
            if self.key_env is None or env.get(f"{self.key_env}_FILE"):
                raise
            raise NoKey(f"{self.key_env} is not set, where route {self.name!r} has its key; set it") from None
        if not beside:
            return there
        parts = urlsplit(there.url)
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name != "model" or model is not None]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in (*kept, *beside.items()))
        return replace(there, url=parts._replace(query=query).geturl())

    def learned_as(self, model: str | None, env: Mapping[str, str]) -> tuple[str, str]:
        """By which names what is learned of its service and this model is kept."""
        return named(self.service, model=model, deployment=self.deployment, env=env)

    def chat(self, there: Endpoint, env: Mapping[str, str]) -> ChatEndpoint | None:
        """The text model that writes summaries; None where none is named and the realtime model has to."""
        try:
            return chat_endpoint(there, env={} if self.service == "simulator" else env, model=self.summary_model)
        except BadInput:
            if self.summary_model or env.get("LACONIC_SUMMARY_URL") or env.get("LACONIC_SUMMARY_MODEL"):
                raise
            return None

    def writer(self, chat: ChatEndpoint | None) -> Writer | None:
        return None if chat is None else written_by(chat)

    def _environment(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """The environment as the service's own variables would say it, where the route says it."""
        said = dict(env)
        if self.key_env is not None:
            name = _KEY_NAMES.get(self.service, "LACONIC_API_KEY")
            said.pop(f"{name}_FILE", None)
            said[name] = env.get(self.key_env, "")
            said[f"{name}_FILE"] = env.get(f"{self.key_env}_FILE", "")
            if self.service == "azure":
                said.pop("AZURE_OPENAI_AD_TOKEN", None)
        if self.address is not None:
            said["AZURE_OPENAI_ENDPOINT" if self.service == "azure" else "OPENAI_BASE_URL"] = self.address
        return said


def _merged(below: Wire, above: Wire) -> Wire:
    """Both, object by object; what stands in `above` wins."""
    both = dict(below)
    for name, value in above.items():
        under = both.get(name)
        if isinstance(under, dict) and isinstance(value, dict):
            value = _merged(cast(Wire, under), cast(Wire, value))
        both[name] = value
    return both


class Routes:
    """All routes, in order."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, model: str | None) -> Route | None:
        """The first that fits; for an app that asks for no model, the first."""
        if model is None:
            return self._routes[0]
        return next((route for route in self._routes if route.fits(model)), None)

    @property
    def wants_simulator(self) -> bool:
        return any(route.service == "simulator" for route in self._routes)

    def check(self, env: Mapping[str, str]) -> None:
        """Complain of what cannot work, before anybody connects: keys that are not set, services that do not exist."""
        for route in self._routes:
            memory(route.memory)
            if route.budget is not None:
                budget(route.budget)
            there = route.endpoint(
                route.model or route.models[0].strip("*?") or None,
                env=env,
                simulator="ws://127.0.0.1/v1/realtime",
            )
            route.chat(there, env)


# --- the file ----------------------------------------------------------------------------------------------------

_TEXTS = (
    "name",
    "service",
    "model",
    "deployment",
    "address",
    "dialect",
    "api_version",
    "key_env",
    "memory",
    "budget",
    "budget_end",
    "goodbye",
    "summary_model",
    "transcription",
)
_KNOWN = {*_TEXTS, "models", "limits"}
_LIMITS = {"messages_s": float, "burst": int, "bytes_s": float, "burst_bytes": int, "idle_s": float}


def read_routes(path: Path) -> Routes:
    """The routes in a file. Raises BadInput, one sentence that names the file and the key, for the first mistake."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"the routes {path} cannot be read: {error.strerror}; give --routes another file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}") from None
    unknown = next((key for key in tables if key != "route"), None)
    if unknown is not None:
        raise BadInput(f"{path}: {unknown} is not known here; every route begins with [[route]]")
    found: Any = tables.get("route")
    if not isinstance(found, list) or not found:
        raise BadInput(f"{path}: there is no route in it; write one that begins with [[route]]")
    routes = [_route(path, number, table) for number, table in enumerate(cast("list[Any]", found), start=1)]
    names = [route.name for route in routes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{path}: two routes are called {twice!r}; the ledger could not tell them apart")
    return Routes(routes)


def _route(path: Path, number: int, table: Any) -> Route:
    def wrong(key: str, why: str) -> BadInput:
        return BadInput(f"{path}, route {number}: {key} {why}")

    if not isinstance(table, dict):
        raise BadInput(f"{path}: route {number} is no table; write [[route]] with two brackets")
    wire = cast("dict[str, Any]", table)
    for key in wire:
        if key not in _KNOWN:
            raise wrong(key, f"is not known; a route can have {', '.join(sorted(_KNOWN))}")
    given: dict[str, Any] = {"name": f"route {number}"}
    for key in _TEXTS:
        if key in wire:
            if not isinstance(wire[key], str) or not wire[key]:
                raise wrong(key, "has to be a text in quotes")
            given[key] = wire[key]
    if "models" in wire:
        found: Any = wire["models"]
        models = cast("list[Any]", found) if isinstance(found, list) else [found]
        if not models or not all(isinstance(one, str) for one in models):
            raise wrong("models", 'has to be a name or a list of names, such as ["gpt-realtime*"]')
        given["models"] = tuple(models)
    if given.get("dialect", "ga") not in get_args(Dialect):
        raise wrong("dialect", 'has to be "ga" or "beta"')
    if given.get("budget_end", "stay") not in ("stay", "close"):
        raise wrong("budget_end", 'has to be "stay" or "close"')
    for key, read in (("memory", memory), ("budget", budget)):
        if key in given:
            try:
                read(given[key])
            except BadInput as error:
                raise wrong(key, f"cannot be used: {error.sentence}") from None
    if "limits" in wire:
        given["bounds"] = _bounds(wire["limits"], wrong)
    return Route(**given)


def _bounds(found: Any, wrong: Any) -> Bounds:
    if not isinstance(found, dict):
        raise wrong("limits", f"has to be a table of {', '.join(_LIMITS)}")
    values: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", found).items():
        if key not in _LIMITS:
            raise wrong(f"limits.{key}", f"is not known; there are {', '.join(_LIMITS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise wrong(f"limits.{key}", "has to be a number from 0 (without bound)")
        values[key] = _LIMITS[key](value)
    return Bounds(**values)
