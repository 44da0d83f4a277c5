"""Traces: a span for the session, one for each response in it, named as the GenAI conventions name things."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from laconic.actions import Charged, Transcribed
from laconic.errors import BadInput
from laconic.gateway.spans import SessionSpans, Spans
from laconic.meter import Charge, Cost
from laconic.usage import Usage

COST = Cost((Charge("audio_out", 40, "token", 64_000, 2_560_000),))
USAGE = Usage(text_in=300, audio_in=100, cached_text=256, cached_audio=64, text_out=21, audio_out=40, reasoning=3)


class Clock:
    def __init__(self) -> None:
        self.ns = 1_000

    def __call__(self) -> int:
        self.ns += 1_000
        return self.ns


@pytest.fixture
def finished() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def session(finished: InMemorySpanExporter) -> SessionSpans:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(finished))
    return Spans(provider, clock_ns=Clock()).session("sess_1", route="main", model="gpt-realtime", provider="azure")


def told(finished: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in finished.get_finished_spans()}


def test_a_response_is_a_span_within_its_sessions(session: SessionSpans, finished: InMemorySpanExporter) -> None:
    session.responding("resp_1")
    session.responding("resp_1")
    session.sounded("resp_1", 0.45)
    session.sounded("resp_0", 0.45)
    session.transcribed(Transcribed("item_1", None, COST))
    session.charged(Charged("resp_1", "completed", USAGE, COST, "reply"))
    session.closed(1000)
    spans = told(finished)
    response, whole = spans["chat gpt-realtime"], spans["realtime gpt-realtime"]
    assert len(finished.get_finished_spans()) == 2
    assert response.parent is not None
    assert whole.context is not None
    assert response.parent.span_id == whole.context.span_id
    assert (whole.kind, response.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert whole.attributes is not None
    assert whole.attributes["laconic.close_code"] == 1000
    assert [event.name for event in whole.events] == ["laconic.transcription"]
    assert dict(response.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-realtime",
        "gen_ai.conversation.id": "sess_1",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ("completed",),
        "gen_ai.output.type": "speech",
        "gen_ai.usage.input_tokens": 400,
        "gen_ai.usage.output_tokens": 61,
        "gen_ai.usage.cache_read.input_tokens": 320,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "laconic.usage.input.text_tokens": 300,
        "laconic.usage.input.audio_tokens": 100,
        "laconic.usage.input.image_tokens": 0,
        "laconic.usage.cache_read.text_tokens": 256,
        "laconic.usage.cache_read.audio_tokens": 64,
        "laconic.usage.cache_read.image_tokens": 0,
        "laconic.usage.output.text_tokens": 21,
        "laconic.usage.output.audio_tokens": 40,
        "laconic.first_sound_s": 0.45,
        "laconic.kind": "reply",
        "laconic.cost.nano": 2_560_000,
        "laconic.cost.unknown": 0,
        "laconic.cost.currency": "USD",
        "laconic.route": "main",
    }
    assert (response.start_time, response.end_time) == (3_000, 5_000)


def test_our_names_for_the_conventions_are_the_conventions_own() -> None:
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as names

    theirs = {value for name, value in vars(names).items() if name.startswith("GEN_AI_") and isinstance(value, str)}
    import inspect

    from laconic.gateway import spans

    ours = {word.strip('",:') for word in inspect.getsource(spans).split() if word.startswith('"gen_ai.')}
    assert {word.removesuffix('"]).inc') for word in ours} <= theirs


def test_a_failed_response_and_a_lost_session_are_errors(session: SessionSpans, finished: InMemorySpanExporter) -> None:
    session.charged(Charged("resp_1", "failed", None, Cost(unknown=1), "reply"))
    session.responding("resp_2")  # never reported on
    session.closed(1006)
    first, second, whole = finished.get_finished_spans()
    assert (first.attributes or {})["error.type"] == "response_failed"
    assert "gen_ai.usage.input_tokens" not in (first.attributes or {})
    assert second.end_time is not None
    assert (whole.attributes or {})["error.type"] == "1006"
    assert [span.status.status_code for span in (first, second, whole)] == [
        StatusCode.ERROR,
        StatusCode.UNSET,
        StatusCode.ERROR,
    ]


@pytest.mark.parametrize(
    "env", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_SDK_DISABLED": "true"}]
)
def test_nothing_is_traced_unless_that_was_configured(env: dict[str, str]) -> None:
    assert Spans.from_environment(env, clock_ns=Clock()) is None


def test_without_the_extra_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadInput, match="otel extra"):
        Spans.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, clock_ns=Clock())


async def test_what_was_traced_arrives_where_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real exporter, to a collector that keeps what it is given."""
    given: list[bytes] = []

    async def collect(request: web.Request) -> web.Response:
        given.append(await request.read())
        return web.Response()

    application = web.Application()
    application.router.add_post("/v1/traces", collect)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    env: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    spans = Spans.from_environment(env, clock_ns=Clock())
    assert spans is not None
    spans.session("sess_traced", route="main", model="gpt-realtime", provider="openai").closed(1000)
    await asyncio.to_thread(spans.close)
    await runner.cleanup()
    assert b"sess_traced" in given[0]
    assert b"laconic-gateway" in given[0]
