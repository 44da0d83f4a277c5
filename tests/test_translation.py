"""An app of one dialect on a service of the other hears what it would have heard from a service of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playbook import counter
from spelling import spoken

from laconic import events as ev
from laconic.dialects import BETA_NAMES, GA_NAMES, Dialect, client_to_beta, client_to_ga
from laconic.session import Session, ToService
from laconic.translation import AppSide

Wire = dict[str, Any]
DELTA = '{"type":"%s","event_id":"event_1","response_id":"r","item_id":"i","delta":"AAAA"}'


def told(side: AppSide, **event: Any) -> list[Wire]:
    return [json.loads(raw) for raw in side.to_app(json.dumps(event))]


def said(side: AppSide, **event: Any) -> Wire:
    return json.loads(side.to_session(json.dumps(event)))


def item(item_id: str, status: str | None = "completed", **fields: Any) -> Wire:
    return {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "content": []} | (
        {"status": status} if status else {}
    ) | fields  # fmt: skip


# --- sound ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("app", "service"), [("ga", "beta"), ("beta", "ga")])
@pytest.mark.parametrize("kind", ["delta", "done"])
def test_sound_is_renamed_where_it_stands(app: Dialect, service: Dialect, kind: str) -> None:
    """Not parsed: what is behind the type may be anything at all."""
    names = {"ga": f"response.output_audio.{kind}", "beta": f"response.audio.{kind}"}
    side = AppSide(app, service)
    for head in ('{"type":"%s",', ' { "event_id" : "event_a-1.b" , "type" : "%s" ,'):
        raw = head % names[service] + '"delta":"AA no json from here on'
        assert side.to_app(raw) == [head % names[app] + '"delta":"AA no json from here on']
        assert side.to_app(raw.encode()) == [(head % names[app]).encode() + b'"delta":"AA no json from here on']


def test_sound_whose_type_comes_late_is_renamed_as_well() -> None:
    late = '{"delta":"AAAA","type":"response.audio.delta"}'
    assert told(AppSide("ga", "beta"), **json.loads(late)) == [{"type": "response.output_audio.delta", "delta": "AAAA"}]
    assert AppSide("ga", "beta").to_app(late.encode()) == [b'{"delta":"AAAA","type":"response.output_audio.delta"}']


def test_a_word_in_a_transcript_is_no_type() -> None:
    words = json.dumps({"type": "response.audio_transcript.delta", "delta": '"type":"response.audio.delta"'})
    [renamed] = AppSide("ga", "beta").to_app(words)
    assert json.loads(renamed) == {**json.loads(words), "type": "response.output_audio_transcript.delta"}


@pytest.mark.parametrize("app", ["ga", "beta"])
def test_appended_sound_is_handed_on_as_it_is(app: Dialect) -> None:
    append = '{"type":"input_audio_buffer.append","audio":"AAAA" no json'
    assert AppSide(app, "ga").to_session(append) is append


# --- a GA app on a beta service --------------------------------------------------------------------------------------


def test_an_item_that_enters_complete_is_added_and_done() -> None:
    side = AppSide("ga", "beta")
    words = item("a", content=[{"type": "input_text", "text": "Hi"}])
    ga = {key: value for key, value in words.items() if key != "object"}
    assert told(
        side, type="conversation.item.created", event_id="event_1", previous_item_id="z", item=words
    ) == [
        {"type": "conversation.item.added", "event_id": "event_1", "previous_item_id": "z", "item": ga},
        {"type": "conversation.item.done", "event_id": "event_1_done", "previous_item_id": "z", "item": ga},
    ]  # fmt: skip
    output = item("b", None, type="function_call_output")
    assert [event["type"] for event in told(side, type="conversation.item.created", item=output)] == [
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_a_service_that_says_done_itself_says_it_once() -> None:
    """Voice Live does, of a user's sound."""
    side = AppSide("ga", "beta")
    assert len(told(side, type="conversation.item.created", item=item("a"))) == 2
    assert told(side, type="conversation.item.done", item=item("a")) == []
    told(side, type="conversation.item.created", item=item("b", "in_progress"))
    assert [event["type"] for event in told(side, type="conversation.item.done", item=item("b"))] == [
        "conversation.item.done"
    ]
    assert [event["type"] for event in told(side, type="response.output_item.done", item=item("b"))] == [
        "response.output_item.done"
    ]


def test_an_item_told_of_twice_is_done_once() -> None:
    side = AppSide("ga", "beta")
    assert len(told(side, type="conversation.item.created", item=item("a"))) == 2
    assert len(told(side, type="conversation.item.created", item=item("a"))) == 1
    told(side, type="conversation.item.deleted", item_id="a")
    assert len(told(side, type="conversation.item.created", item=item("a"))) == 2  # the id is free again


def test_what_a_response_writes_is_done_when_it_is_complete() -> None:
    side = AppSide("ga", "beta")
    writing, written = item("a", "in_progress", role="assistant"), item("a", role="assistant")
    written["content"] = [{"type": "audio", "transcript": "Hi"}]
    assert len(told(side, type="conversation.item.created", previous_item_id="z", item=writing)) == 1
    done, output_done = told(side, type="response.output_item.done", response_id="r", event_id="event_9", item=written)
    assert (done["type"], done["previous_item_id"], done["event_id"]) == ("conversation.item.done", "z", "event_9_done")
    assert done["item"] == output_done["item"]
    assert done["item"]["content"] == [{"type": "output_audio", "transcript": "Hi"}]
    assert output_done["type"] == "response.output_item.done"


def test_what_a_cancelled_response_leaves_open_is_done_with_it() -> None:
    side = AppSide("ga", "beta")
    for name in ("a", "b"):
        told(side, type="conversation.item.created", previous_item_id=None, item=item(name, "in_progress"))
    output = [item("x"), item("a", "incomplete"), item("b", "incomplete")]
    found = told(side, type="response.done", event_id="event_1", response={"id": "r", "output": output})
    assert [(event["type"], event["event_id"]) for event in found] == [
        ("conversation.item.done", "event_1_done_1"),
        ("conversation.item.done", "event_1_done_2"),
        ("response.done", "event_1"),
    ]


def test_an_item_outside_the_conversation_never_entered_it() -> None:
    side = AppSide("ga", "beta")
    assert [event["type"] for event in told(side, type="response.output_item.done", item=item("a"))] == [
        "response.output_item.done"
    ]


def test_an_item_deleted_while_it_is_written_is_not_done() -> None:
    side = AppSide("ga", "beta")
    told(side, type="conversation.item.created", item=item("a", "in_progress"))
    assert told(side, type="conversation.item.deleted", item_id="a") == [
        {"type": "conversation.item.deleted", "item_id": "a"}
    ]
    assert len(told(side, type="response.output_item.done", item=item("a"))) == 1


def test_a_ga_app_speaks_as_it_is() -> None:
    update = '{"type":"session.update","session":{"type":"realtime","audio":{}}}'
    assert AppSide("ga", "beta").to_session(update) is update


# --- a beta app on a GA service --------------------------------------------------------------------------------------


def test_a_beta_app_hears_of_an_item_once() -> None:
    side = AppSide("beta", "ga")
    words = {key: value for key, value in item("a").items() if key != "object"}
    assert told(side, type="conversation.item.added", previous_item_id=None, item=words) == [
        {"type": "conversation.item.created", "previous_item_id": None, "item": item("a")}
    ]
    assert told(side, type="conversation.item.done", previous_item_id=None, item=words) == []


def test_a_beta_app_hears_no_padding() -> None:
    side = AppSide("beta", "ga")
    assert told(side, type="response.output_text.delta", delta="a", obfuscation="xyz") == [
        {"type": "response.text.delta", "delta": "a"}
    ]
    assert told(side, type="response.function_call_arguments.delta", delta="a", obfuscation="xyz") == [
        {"type": "response.function_call_arguments.delta", "delta": "a"}
    ]


def test_a_beta_app_is_understood() -> None:
    side = AppSide("beta", "ga")
    assert said(side, type="session.update", session={"voice": "alloy", "temperature": 0.8}) == {
        "type": "session.update",
        "session": {"type": "realtime", "audio": {"output": {"voice": "alloy"}}},
    }
    assert said(side, type="response.create", response={"modalities": ["text"]})["response"] == {
        "output_modalities": ["text"]
    }


def test_settings_only_beta_has_reach_a_beta_service() -> None:
    """Through the session, which speaks GA's spelling with the app and the service's own with the service."""
    settings = {
        "voice": "alloy",
        "temperature": 0.8,
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": 16000,
        "avatar": {"character": "lisa"},
    }
    asked = {"instructions": "Be brief.", "temperature": 0.6, "max_response_output_tokens": 50}
    session, side = Session(ids=counter()), AppSide("beta", "beta")
    session.from_service(json.dumps({"type": "session.created", "session": {"modalities": ["text"]}}), 0.0)
    session.from_app(side.to_session(json.dumps({"type": "session.update", "session": settings})), 0.0)
    session.from_app(side.to_session(json.dumps({"type": "response.create", "response": asked})), 0.0)
    sent = [json.loads(action.raw) for action in session.actions() if isinstance(action, ToService)]
    assert sent == [{"type": "session.update", "session": settings}, {"type": "response.create", "response": asked}]


# --- neither, or not yet known ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_who_speaks_alike_needs_nothing(dialect: Dialect) -> None:
    side = AppSide(dialect, dialect)
    flat, nested = {"modalities": ["text"]}, {"type": "realtime"}
    created = json.dumps({"type": "session.created", "session": nested if dialect == "ga" else flat})
    assert side.to_app(created) == [created]
    raw = DELTA % ("response.output_audio.delta" if dialect == "ga" else "response.audio.delta")
    [same] = side.to_app(raw)
    assert same is raw


def test_what_the_session_object_betrays_counts() -> None:
    """Somebody wrote the wrong dialect into a file; the conversation goes on all the same."""
    side = AppSide("ga", "ga")
    [created] = told(side, type="session.created", session={"modalities": ["text"], "voice": "alloy"})
    assert created["session"] == {
        "type": "realtime",
        "output_modalities": ["text"],
        "audio": {"output": {"voice": "alloy"}},
    }
    assert side.service == "beta"
    assert [event["type"] for event in told(side, type="response.text.done")] == ["response.output_text.done"]


def test_a_session_object_that_betrays_nothing_leaves_what_was_dialled() -> None:
    side = AppSide("ga", "beta")
    assert told(side, type="session.created", session=7) == [{"type": "session.created", "session": 7}]
    assert side.service == "beta"


@pytest.mark.parametrize("raw", ["", "[]", "7", '{"type":7}', '{"type":"response.done"', "{\x00", '{"a":' * 4000])
@pytest.mark.parametrize(("app", "service"), [("ga", "beta"), ("beta", "ga"), ("beta", "beta")])
def test_what_cannot_be_read_passes_unchanged(raw: str, app: Dialect, service: Dialect) -> None:
    side = AppSide(app, service)
    assert side.to_app(raw) == [raw]
    assert side.to_session(raw) == raw
    assert side.to_app(raw.encode()) == [raw.encode()]
    assert side.to_session('{"type":"session.update"') == '{"type":"session.update"'


def test_a_message_that_only_seems_to_be_one_passes_unchanged() -> None:
    """Its type comes late, so it was read once for that; read again it is nested too deep."""
    raw = '{"x":' + "[" * 3000 + "]" * 3000 + ',"type":"response.audio.done"}'
    assert AppSide("ga", "beta").to_app(raw) == [raw]


def test_unknown_events_pass_unchanged() -> None:
    side = AppSide("ga", "beta")
    for raw in ('{"type":"ping","item":{"object":"x"},"session":{"voice":"a"}}', '{"type":"error","error":{}}'):
        assert side.to_app(raw) == [raw]
        assert AppSide("beta", "ga").to_app(raw) == [raw]
        assert AppSide("beta", "ga").to_session(raw) == raw


fields = st.fixed_dictionaries(
    {},
    optional={
        "item": st.sampled_from(
            [None, 7, {}, item("a"), item("a", "in_progress"), {"id": 7}, {"id": "a", "content": 7}]
        ),
        "item_id": st.sampled_from([None, 7, "a"]),
        "session": st.sampled_from([None, 7, {}, {"modalities": 7}, {"audio": 7}, {"modalities": ["text"]}]),
        "response": st.sampled_from([None, 7, {}, {"output": 7}, {"output": [7, {"id": "a"}]}, {"usage": 7}]),
        "delta": st.text(max_size=4),
        "event_id": st.sampled_from(["event_1", "ü", None]),
        "previous_item_id": st.sampled_from([None, "z", 7]),
    },
)
names = st.sampled_from(sorted({*ev.EVENTS, *GA_NAMES, *BETA_NAMES, "x"}))


@given(st.lists(st.tuples(names, fields), max_size=8), st.sampled_from(["ga", "beta"]), st.booleans())
def test_whatever_comes_is_carried_over_in_one_dialect(
    events: list[tuple[str, Wire]], app: Dialect, as_bytes: bool
) -> None:
    """No event raises, none is in the other dialect's spelling, only `item.done` may vanish and only it be made."""
    side = AppSide(app, "beta" if app == "ga" else "ga")
    foreign = GA_NAMES if app == "ga" else BETA_NAMES
    for name, rest in events:
        raw = json.dumps({"type": name, **rest})
        service = side.service
        found = side.to_app(raw.encode() if as_bytes else raw)
        assert all(isinstance(one, bytes if as_bytes else str) for one in found)
        if side.service == app:  # a session object said so
            side.service = service
            continue
        told = [json.loads(one)["type"] for one in found]
        rest_of = [one for one in told if one != "conversation.item.done"]
        assert not set(told) & set(foreign)
        assert len(rest_of) == (name != "conversation.item.done")
        side.to_session(raw.encode() if as_bytes else raw)


# --- recordings ------------------------------------------------------------------------------------------------------


def recorded(folder: Path, name: str) -> Iterator[tuple[str, Wire]]:
    for line in (folder / f"{name}.jsonl").read_text().splitlines():
        message = json.loads(line)
        yield message["from"], message["event"]


ADDED_WHERE = {
    "openai-ga-tool-call": "openai",
    "openai-ga-speech-turn": "openai",
    "openai-ga-history-seeding": "openai",
    "openai-2.1-tool-call": "openai",
    "azure-ga-tool-call": "azure",
    "azure-ga-speech-transcribed": "azure",
}


@pytest.mark.parametrize("name", sorted(ADDED_WHERE))
def test_a_recorded_ga_session_survives_going_to_beta_and_back(recordings: Path, name: str) -> None:
    """GA → beta → GA gives what was recorded, in its order, but for what beta has no word for."""
    down, up = AppSide("beta", "ga"), AppSide("ga", "beta")
    there: list[Wire] = []
    back: list[Wire] = []
    for who, event in recorded(recordings, name):
        if who == "service":
            there.append(event)
            back += [json.loads(again) for beta in down.to_app(json.dumps(event)) for again in up.to_app(beta)]
        else:
            assert said(down, **client_to_beta(event)) == client_to_ga(event)
    assert [spoken(event) for event in back] == [spoken(event) for event in there]


@pytest.mark.parametrize("name", ["azure-voicelive-speech-turn", "azure-voicelive-tool-call"])
def test_a_recorded_beta_session_is_ga_to_the_last_event(recordings: Path, name: str) -> None:
    """Every event is one GA has, each item is added once and done once, in the order of the GA recordings."""
    side = AppSide("ga", "beta")
    found = [
        event for who, said in recorded(recordings, name) if who == "service" for event in told(side, **said)
    ]  # fmt: skip
    assert not {event["type"] for event in found} & set(GA_NAMES)
    added = [event["item"]["id"] for event in found if event["type"] == "conversation.item.added"]
    done = [event["item"]["id"] for event in found if event["type"] == "conversation.item.done"]
    assert sorted(added) == sorted(done)
    assert len(set(added)) == len(added) >= 2
    for place, event in enumerate(found):
        if event["type"] == "response.output_item.done":
            assert found[place - 1]["type"] == "conversation.item.done"
            assert found[place - 1]["item"] == event["item"]
    session = found[0]["session"]
    assert session["type"] == "realtime"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    [first, *_] = [event["response"] for event in found if event["type"] == "response.done"]
    assert first["output_modalities"] in (["audio"], ["text"])
