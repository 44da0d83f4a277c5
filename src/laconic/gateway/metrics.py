"""Figures for Prometheus: sessions, exchanges, tokens, money, edits, budgets, and how long people wait.

Labels are bounded: routes, models, and words of our own. A key, a user or an id is never one; and as an app may ask for
any model it likes, only the first hundred pairs of route and model are told apart, the rest are `other`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laconic.actions import Charged, CutOff, EditFailed, Forgot, GhostTurn, Notice, Transcribed
from laconic.errors import BadInput
from laconic.meter import Cost
from laconic.usage import Usage

if TYPE_CHECKING:
    from prometheus_client import Counter

__all__ = ["Metrics"]

_MOST_PAIRS = 100
_FIRST_SOUND_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_CONNECT_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0)
_SHARES = tuple(tenth / 10 for tenth in range(11))
_STATUSES = ("completed", "cancelled", "failed", "incomplete")
_OUTCOMES = {1000: "ended", 1001: "ended", 1005: "ended", 1006: "lost", 1008: "policy", 1011: "error"}

# What a charge is for → direction, modality, cache.
_LINES = {
    "text_in": ("in", "text", "fresh"),
    "text_cached": ("in", "text", "cached"),
    "audio_in": ("in", "audio", "fresh"),
    "audio_cached": ("in", "audio", "cached"),
    "image_in": ("in", "image", "fresh"),
    "image_cached": ("in", "image", "cached"),
    "text_out": ("out", "text", "fresh"),
    "audio_out": ("out", "audio", "fresh"),
    "transcription": ("in", "transcription", "fresh"),
    "time": ("both", "time", "fresh"),
    "messages": ("in", "messages", "fresh"),
}


class Metrics:
    """The figures of one gateway. Raises BadInput without the gateway extra."""

    def __init__(self) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError:
            extra = "install it with: pip install 'laconic[gateway]'"
            raise BadInput(f"metrics need the gateway extra; {extra}") from None
        self._prometheus = prometheus
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        self._pairs: set[tuple[str, str]] = set()
        where = ("route", "model")

        def counter(name: str, help: str, *labels: str) -> Counter:
            return prometheus.Counter(f"laconic_{name}", help, labels, registry=self._registry)

        self._open = prometheus.Gauge("laconic_sessions_open", "Sessions under way", where, registry=self._registry)
        self._sessions = counter("sessions_total", "Sessions that have ended, by how", *where, "outcome")
        self._refusals = counter("refusals_total", "Who was not let in, by why", "reason")
        self._exchanges = counter("exchanges_total", "Replies in the conversation that were completed", *where)
        self._responses = counter("responses_total", "Everything a service was paid for", *where, "kind", "status")
        self._tokens = counter("tokens_total", "Tokens as reported", *where, "direction", "modality", "cache")
        self._nano = counter(
            "cost_nano_total", "Charges in 10^-9 of the currency", *where, "direction", "modality", "cache", "currency"
        )
        self._unknown = counter("cost_unknown_total", "Things the cost leaves out", *where)
        self._edits = counter("edits_total", "Edits of conversations, by why", *where, "kind")
        self._failed = counter("edits_failed_total", "Edits that were refused or not answered", *where, "kind")
        self._ghosts = counter("ghost_turns_total", "Replies to a pause, which nobody heard", *where)
        self._budget = counter("budget_total", "Budgets of sessions that gave a warning, or ended", *where, "what")
        self._hits = prometheus.Histogram(
            "laconic_cache_share",
            "Of a response's input, what was read from cache",
            where,
            buckets=_SHARES,
            registry=self._registry,
        )
        self._first_sound = prometheus.Histogram(
            "laconic_first_sound_seconds",
            "From the end of a turn, or response.create, to the first sound of the reply",
            where,
            buckets=_FIRST_SOUND_S,
            registry=self._registry,
        )
        self._connect = prometheus.Histogram(
            "laconic_connect_seconds", "Dialling the service", ("route",), buckets=_CONNECT_S, registry=self._registry
        )

    def text(self) -> tuple[bytes, str]:
        """What Prometheus reads, and its content type."""
        return self._prometheus.generate_latest(self._registry), self._prometheus.CONTENT_TYPE_LATEST

    # --- sessions --------------------------------------------------------------------------------------------

    def refused(self, reason: str) -> None:
        """Somebody was turned away: `key`, `origin`, `full`, `model`, `budget`, `closing` or `service`."""
        self._refusals.labels(reason).inc()

    def opened(self, route: str, model: str, connect_s: float) -> None:
        self._open.labels(*self._pair(route, model)).inc()
        self._connect.labels(route).observe(connect_s)

    def closed(self, route: str, model: str, code: int) -> None:
        """A session that was `opened` is over; `code` is the close code it ended with."""
        where = self._pair(route, model)
        self._open.labels(*where).dec()
        outcome = _OUTCOMES.get(code, "refused" if 3000 <= code < 5000 else "other")
        self._sessions.labels(*where, outcome).inc()

    # --- what happens in one -----------------------------------------------------------------------------------

    def first_sound(self, route: str, model: str, seconds: float) -> None:
        self._first_sound.labels(*self._pair(route, model)).observe(seconds)

    def noticed(self, route: str, model: str, notice: Notice) -> None:
        """Count what a session has told of."""
        where = self._pair(route, model)
        match notice:
            case Charged():
                self._charged(where, notice)
            case Transcribed(cost=cost):
                self._responses.labels(*where, "transcription", "completed").inc()
                self._cost(where, cost)
            case Forgot(why=why):
                self._edits.labels(*where, why).inc()
            case CutOff():
                self._edits.labels(*where, "cut off").inc()
            case EditFailed(kind=kind):
                self._failed.labels(*where, kind).inc()
            case GhostTurn():
                self._ghosts.labels(*where).inc()
            case _:
                self._budgeted(where, type(notice).__name__)

    def _charged(self, where: tuple[str, str], charged: Charged) -> None:
        status = charged.status if charged.status in _STATUSES else "other"
        self._responses.labels(*where, charged.kind, status).inc()
        if (charged.kind, status) == ("reply", "completed"):
            self._exchanges.labels(*where).inc()
        self._cost(where, charged.cost)
        if charged.usage is not None:
            for line, count in _counts(charged.usage).items():
                if count:
                    self._tokens.labels(*where, *_LINES[line]).inc(count)
            if charged.usage.input_tokens:
                self._hits.labels(*where).observe(charged.usage.cached_tokens / charged.usage.input_tokens)

    def _cost(self, where: tuple[str, str], cost: Cost) -> None:
        for charge in cost.charges:
            self._nano.labels(*where, *_LINES[charge.what], cost.currency).inc(charge.nanodollars)
        if cost.unknown:
            self._unknown.labels(*where).inc(cost.unknown)

    def _budgeted(self, where: tuple[str, str], kind: str) -> None:
        """Of a budget's notices only their kind is counted, so their name is all that is looked at."""
        what = {"BudgetWarned": "warned", "BudgetEnded": "ended"}.get(kind)
        if what is not None:
            self._budget.labels(*where, what).inc()

    def _pair(self, route: str, model: str) -> tuple[str, str]:
        pair = route, model
        if pair not in self._pairs:
            if len(self._pairs) >= _MOST_PAIRS:
                return route, "other"
            self._pairs.add(pair)
        return pair


def _counts(usage: Usage) -> dict[str, int]:
    """Tokens by the names of charges, cached ones apart."""
    return {
        "text_in": usage.text_in - usage.cached_text,
        "text_cached": usage.cached_text,
        "audio_in": usage.audio_in - usage.cached_audio,
        "audio_cached": usage.cached_audio,
        "image_in": usage.image_in - usage.cached_image,
        "image_cached": usage.cached_image,
        "text_out": usage.text_out,
        "audio_out": usage.audio_out,
    }
