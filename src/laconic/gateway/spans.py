"""Traces for OpenTelemetry: a span for each session, and in it one for each response, by the GenAI conventions.

Names follow `gen_ai.*` of opentelemetry-semantic-conventions 0.66b2, where they are still called incubating, so they
are written out here. Those know no difference between audio and text tokens, which is what a voice costs by; that is
told under names of our own, `laconic.*`. No words of anybody, no keys.

Off unless an exporter's address is configured, as every OpenTelemetry program has it: OTEL_EXPORTER_OTLP_ENDPOINT (or
…_TRACES_ENDPOINT), OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from laconic.actions import Charged, Transcribed
from laconic.errors import BadInput

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

__all__ = ["SessionSpans", "Spans"]

_ADDRESSES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROVIDERS = {"openai": "openai", "azure": "azure.ai.openai", "xai": "x_ai"}
"""Ours → `gen_ai.provider.name`."""


class Spans:
    """Makes the spans of one gateway. `clock_ns` gives Unix time in nanoseconds."""

    def __init__(self, provider: TracerProvider, *, clock_ns: Callable[[], int]) -> None:
        from laconic import __version__

        self._provider = provider
        self._tracer = provider.get_tracer("laconic", __version__)
        self._clock_ns = clock_ns

    @classmethod
    def from_environment(cls, env: Mapping[str, str], *, clock_ns: Callable[[], int]) -> Spans | None:
        """None where nothing is configured. Raises BadInput where it is and the otel extra is missing."""
        if not any(env.get(name) for name in _ADDRESSES) or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            why = "OTEL_EXPORTER_OTLP_ENDPOINT is set, and traces need the otel extra"
            raise BadInput(f"{why}; install it with: pip install 'laconic[otel]'") from None
        named = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": "laconic-gateway"}
        provider = TracerProvider(resource=Resource.create(named))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider, clock_ns=clock_ns)

    def session(self, session: str, *, route: str, model: str, provider: str) -> SessionSpans:
        """A session begins. `provider`: `openai`, `azure` or `xai`."""
        common = {
            "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
            "gen_ai.request.model": model,
            "gen_ai.conversation.id": session,
            "laconic.route": route,
        }
        return SessionSpans(self._tracer, common, self._clock_ns)

    def close(self) -> None:
        """Send what has not been sent. May take as long as the exporter's own time limit."""
        self._provider.shutdown()


class SessionSpans:
    """The spans of one session."""

    def __init__(self, tracer: Tracer, common: Mapping[str, str], clock_ns: Callable[[], int]) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context

        self._tracer, self._common, self._clock_ns = tracer, common, clock_ns
        self._client = SpanKind.CLIENT
        self._span = tracer.start_span(
            f"realtime {common['gen_ai.request.model']}",
            kind=SpanKind.SERVER,
            attributes=common,
            start_time=clock_ns(),
        )
        self._within = set_span_in_context(self._span)
        self._responses: dict[str, Span] = {}

    def responding(self, response_id: str) -> None:
        """A response begins."""
        if response_id not in self._responses:
            self._responses[response_id] = self._begin()

    def sounded(self, response_id: str, seconds: float) -> None:
        """Its first sound, so long after the end of the turn."""
        span = self._responses.get(response_id)
        if span is not None:
            span.set_attribute("laconic.first_sound_s", seconds)

    def charged(self, charged: Charged) -> None:
        """A response is over."""
        span = self._responses.pop(charged.response_id, None) or self._begin()
        span.set_attributes(_attributes(charged))
        if charged.status == "failed":
            self._failed(span, "response_failed")
        span.end(self._clock_ns())

    def transcribed(self, transcribed: Transcribed) -> None:
        """A turn of the user's was written down."""
        self._span.add_event(
            "laconic.transcription",
            {"laconic.cost.nano": transcribed.cost.nanodollars, "laconic.cost.currency": transcribed.cost.currency},
            self._clock_ns(),
        )

    def closed(self, code: int) -> None:
        """The session is over, with this close code; responses nobody reported on end with it."""
        for span in self._responses.values():
            span.end(self._clock_ns())
        self._responses.clear()
        self._span.set_attribute("laconic.close_code", code)
        if code in (1006, 1011):
            self._failed(self._span, str(code))
        self._span.end(self._clock_ns())

    def _begin(self) -> Span:
        return self._tracer.start_span(
            f"chat {self._common['gen_ai.request.model']}",
            context=self._within,
            kind=self._client,
            attributes={**self._common, "gen_ai.operation.name": "chat"},
            start_time=self._clock_ns(),
        )

    def _failed(self, span: Span, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("error.type", kind)
        span.set_status(Status(StatusCode.ERROR))


def _attributes(charged: Charged) -> dict[str, Any]:
    cost, usage = charged.cost, charged.usage
    told: dict[str, Any] = {
        "gen_ai.response.id": charged.response_id,
        "gen_ai.response.finish_reasons": (charged.status,),
        "laconic.kind": charged.kind,
        "laconic.cost.nano": cost.nanodollars,
        "laconic.cost.unknown": cost.unknown,
        "laconic.cost.currency": cost.currency,
    }
    if usage is None:
        return told
    return told | {
        "gen_ai.output.type": "speech" if usage.audio_out else "text",
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "laconic.usage.input.text_tokens": usage.text_in,
        "laconic.usage.input.audio_tokens": usage.audio_in,
        "laconic.usage.input.image_tokens": usage.image_in,
        "laconic.usage.cache_read.text_tokens": usage.cached_text,
        "laconic.usage.cache_read.audio_tokens": usage.cached_audio,
        "laconic.usage.cache_read.image_tokens": usage.cached_image,
        "laconic.usage.output.text_tokens": usage.text_out,
        "laconic.usage.output.audio_tokens": usage.audio_out,
    }
