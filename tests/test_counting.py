"""What a session counts, told event by event: prices, laws, other memories and averages. No session is needed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playbook import USAGE, reply_item, user_item

from laconic import events as ev
from laconic.actions import Charged, Summarise, Transcribed
from laconic.conversation import Conversation
from laconic.counting import Counting
from laconic.laws import Laws, prior
from laconic.meter import Cost
from laconic.plans import Typical
from laconic.rates import RateTable, load
from laconic.tokens import text_tokens
from laconic.usage import Usage
from laconic.worst_case import Spend

Wire = dict[str, Any]

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


class Talk:
    """The mirror and what is counted beside it, told the same things."""

    def __init__(self, **options: Any) -> None:
        self.conversation = Conversation()
        self.counting = Counting(self.conversation, load(), **options)

    def says(self, type: str, **fields: Any) -> ev.Event:
        event = ev.read(json.dumps({"type": type, **fields}))
        self.conversation.read(event)
        self.counting.read(event)
        return event

    def created(self, **settings: Any) -> None:
        self.says("session.created", session={"type": "realtime", "model": "gpt-realtime", **settings})

    def turn(self, item_id: str, previous: str | None = None) -> None:
        """The user speaks for two seconds."""
        self.says("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=1000)
        self.says("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=3000)
        self.says("conversation.item.added", item=user_item(item_id), previous_item_id=previous)
        self.counting.entered(item_id)

    def reply(self, response_id: str, item_id: str, usage: Wire | None = USAGE, previous: str = "u1") -> Charged:
        """A response of two seconds begins and ends."""
        begun = {"id": response_id, "conversation_id": "conv", "status": "in_progress"}
        self.says("response.created", response=begun)
        item = reply_item(item_id, status="in_progress")
        self.says("response.output_item.added", response_id=response_id, item=item)
        self.says("conversation.item.added", item=item, previous_item_id=previous)
        self.counting.entered(item_id)
        where: Wire = {"response_id": response_id, "item_id": item_id, "content_index": 0}
        self.says("response.content_part.added", part={"type": "audio", "transcript": ""}, **where)
        self.says("response.output_audio.delta", delta="A" * 128_000, **where)
        item = reply_item(item_id, "Well.")
        self.says("conversation.item.done", item=item, previous_item_id=None)
        done = begun | {"status": "completed", "output": [item], "usage": usage}
        event = self.says("response.done", response=done)
        assert isinstance(event, ev.ResponseDone)
        made = self.conversation.get(item_id)
        assert made is not None
        return self.counting.responded(event, [made])

    def beside(self, response_id: str = "r9", **fields: Any) -> Charged:
        """A response outside the conversation is over."""
        response = {"id": response_id, "conversation_id": None, "status": "completed", "usage": USAGE, **fields}
        event = self.says("response.done", response=response)
        assert isinstance(event, ev.ResponseDone)
        return self.counting.responded(event, None)

    def transcribed(self, item_id: str, **fields: Any) -> Transcribed | None:
        event = self.says(TRANSCRIBED, item_id=item_id, **fields)
        assert isinstance(event, ev.InputAudioTranscriptionCompleted)
        return self.counting.transcribed(event)

    @property
    def cost(self) -> int:
        return self.counting.meter.total.nanodollars

    def otherwise(self, name: str = "everything") -> int:
        return self.counting.alternatives.cost(name).nanodollars


# --- by which prices, under which laws ------------------------------------------------------------------------------


def test_a_response_is_charged_by_the_model_the_service_names() -> None:
    """The second turn of the three-turn session of 2026-08-03: $0.0042616 (COST.md §1)."""
    talk = Talk()
    talk.created()
    talk.turn("u1")
    charged = talk.reply("r1", "a1")
    assert (charged.response_id, charged.status, charged.kind) == ("r1", "completed", "reply")
    assert talk.cost == charged.cost.nanodollars == 4_261_600
    assert talk.counting.alternatives.rates == talk.counting.meter.rates == load().find("gpt-realtime")


def test_without_a_name_nothing_has_a_price() -> None:
    talk = Talk()
    talk.turn("u1")
    assert talk.reply("r1", "a1").cost.unknown == 1
    assert talk.counting.meter.rates is None


def test_the_users_own_name_for_the_model_comes_first() -> None:
    """On Azure the service may answer with a deployment's name; and a price list once found stays."""
    talk = Talk(model="gpt-realtime-2.1-mini")
    assert talk.counting.alternatives.rates == load().find("gpt-realtime-2.1-mini")
    talk.created()
    assert talk.counting.meter.rates == load().find("gpt-realtime-2.1-mini")


def test_a_deployments_name_has_no_prices_and_the_services_own_is_taken() -> None:
    talk = Talk(model="my-deployment")
    assert talk.counting.meter.rates is None
    talk.created()
    assert talk.counting.meter.rates == load().find("gpt-realtime")


def test_laws_are_assumed_of_the_first_name_that_tells_something() -> None:
    """A deployment's name does not; the model that Azure names does. Laws that were given stay."""
    talk = Talk(model="my-deployment", service="azure")
    assert talk.counting.expectation.laws == prior("", "")
    talk.created()
    assert talk.counting.expectation.laws == talk.counting.alternatives.laws == prior("azure", "gpt-realtime")
    talk = Talk(model="gpt-realtime-2.1")
    talk.created()
    assert talk.counting.expectation.laws == prior("openai", "gpt-realtime-2.1")
    given = Laws(hit_rate=0.123)
    talk = Talk(laws=given)
    talk.created()
    assert talk.counting.expectation.laws == talk.counting.alternatives.laws == given


def test_names_that_tell_nothing_leave_it_a_stranger() -> None:
    talk = Talk(model="my-deployment")
    talk.created(model="your-deployment")
    assert talk.counting.expectation.laws == prior("", "")


def test_what_a_response_reports_teaches_the_laws_and_a_name_does_not_undo_it() -> None:
    talk = Talk()
    talk.created()
    talk.turn("u1")
    talk.reply("r1", "a1")
    laws = talk.counting.expectation.laws
    assert laws != prior("openai", "gpt-realtime")
    assert talk.counting.alternatives.laws == laws
    talk.says("session.updated", session={"type": "realtime", "model": "gpt-4o-realtime-preview"})
    assert talk.counting.expectation.laws == laws
    assert talk.counting.meter.rates == load().find("gpt-realtime"), "nor change the price list once there is one"


def test_the_settings_in_force_are_read_by_every_response_under_any_memory() -> None:
    """Instructions and a tool cost input tokens, and a memory that looks ahead is told the instructions."""
    bare, told = Talk(), Talk()
    bare.created(instructions="")
    tool = {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}}
    told.created(instructions="Be kind. " * 200, tools=[tool])
    for talk in (bare, told):
        talk.turn("u1")
        talk.reply("r1", "a1")
    assert told.otherwise() > bare.otherwise()
    assert told.counting.averages.instructions == "Be kind. " * 200
    assert bare.counting.averages.instructions == ""


# --- what is charged ------------------------------------------------------------------------------------------------


def test_a_response_is_charged_beside_what_was_expected_of_it() -> None:
    talk = Talk()
    talk.created()
    talk.turn("u1")
    expected = talk.counting.expectation.next(talk.conversation)
    assert expected.audio_in == 20
    assert talk.reply("r1", "a1").expected == expected


def test_nothing_is_expected_of_a_response_whose_beginning_was_not_seen() -> None:
    assert Talk().beside().expected is None


def test_a_response_of_which_nothing_was_read_is_counted_all_the_same() -> None:
    """Its end was not `read`, so nothing can be said of what was expected."""
    talk = Talk(model="gpt-realtime")
    charged = talk.counting.responded(ev.ResponseDone(response={"usage": USAGE}), [])
    assert (charged.response_id, charged.status, charged.expected) == ("", "completed", None)
    assert charged.cost.nanodollars == 4_261_600


def test_unknown_usage_is_an_unknown_cost_under_every_memory_and_no_average() -> None:
    talk = Talk()
    talk.created()
    talk.turn("u1")
    charged = talk.reply("r1", "a1", usage=None)
    assert (charged.usage, charged.cost.unknown) == (None, 1)
    assert talk.counting.alternatives.cost("everything").unknown == 1
    assert talk.counting.averages.replies == 0


def test_what_is_made_beside_the_conversation_every_memory_would_have_paid_alike() -> None:
    talk = Talk(model="gpt-realtime")
    charged = talk.beside()
    assert charged.kind == "out_of_band"
    assert talk.cost == talk.otherwise() == talk.otherwise("last:5") == 4_261_600


def test_a_summary_made_in_the_session_itself_is_paid_by_the_memory_that_wished_for_it() -> None:
    talk = Talk(model="gpt-realtime")
    assert talk.beside(metadata={"laconic": "summary_1"}).kind == "summary"
    assert talk.cost == 4_261_600
    assert talk.otherwise() == 0


def test_a_reply_with_an_apps_own_metadata_is_a_reply() -> None:
    talk = Talk(model="gpt-realtime")
    done = ev.ResponseDone(response={"id": "r1", "conversation_id": "conv", "metadata": {"laconic": "is a word"}})
    assert talk.counting.responded(done, []).kind == "reply"


def test_usage_beside_the_response_counts_like_usage_in_it() -> None:
    """xAI puts it there."""
    talk = Talk(model="gpt-realtime")
    assert talk.counting.responded(ev.ResponseDone(response={"id": "r1"}, usage=USAGE), []).usage is not None
    assert talk.cost == 4_261_600


def test_who_knows_better_what_a_response_is_says_so() -> None:
    talk = Talk(model="gpt-realtime")
    event = talk.says("response.done", response={"id": "r1", "status": "completed", "usage": USAGE})
    assert isinstance(event, ev.ResponseDone)
    assert talk.counting.responded(event, [], "goodbye").kind == "goodbye"
    assert [entry.kind for entry in talk.counting.meter.responses] == ["goodbye"]


def test_a_transcription_is_charged_once_it_is_final_at_its_own_models_price() -> None:
    """whisper-1 at $0.006 a minute; other memories pay for the same words."""
    talk = Talk()
    talk.created(audio={"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}})
    talk.turn("u1")
    assert talk.transcribed("u1", transcript="Hi", status="in_progress") is None
    assert talk.cost == 0
    told = talk.transcribed("u1", transcript="Hi there", usage={"type": "duration", "seconds": 3})
    assert told is not None
    assert (told.item_id, told.cost.nanodollars) == ("u1", 3 * 100_000)
    assert talk.cost == talk.otherwise() == talk.otherwise("last:5") == 3 * 100_000


@pytest.mark.parametrize(("item_id", "estimated"), [("u1", 2 * 100_000), ("long gone", 0)])
def test_a_transcription_without_usage_is_unknown_and_estimated_by_the_turn_if_that_is_held(
    item_id: str, estimated: int
) -> None:
    talk = Talk()
    talk.created(audio={"input": {"transcription": {"model": "whisper-1"}}})
    talk.turn("u1")
    told = talk.transcribed(item_id, transcript="Hi")
    assert told is not None
    assert told.cost.unknown == 1
    assert talk.counting.meter.estimated.nanodollars == estimated


def test_the_words_of_a_turn_are_there_for_memories_that_write_it_down() -> None:
    talk = Talk()
    talk.turn("u1")
    lines = talk.counting.alternatives._lines.values()  # pyright: ignore[reportPrivateUsage]
    assert [list(line.prompt.legible) for line in lines] == [[], [], []]
    talk.transcribed("u1", transcript="Hi there")
    assert [list(line.prompt.legible) for line in lines] == [["u1"], ["u1"], ["u1"]]


def test_a_summary_is_charged_at_the_prices_of_whoever_wrote_it() -> None:
    """By the model named, else by the one that was to write summaries; 1,000,000 tokens of text read."""
    talk = Talk(model="gpt-realtime", summary_model="gpt-realtime")
    mini = talk.counting.summarised(1, "short", Usage(text_in=1_000_000), "gpt-realtime-2.1-mini")
    assert mini is not None
    assert (mini.response_id, mini.status, mini.kind) == ("summary 1", "completed", "summary")
    assert mini.cost.nanodollars == 600_000_000
    usual = talk.counting.summarised(2, "short", Usage(text_in=1_000_000))
    assert usual is not None
    assert usual.cost.nanodollars == 4_000_000_000
    assert talk.cost == 4_600_000_000
    assert talk.otherwise() == 0, "a memory that forgets nothing needs none"


def test_a_summary_of_unknown_cost_is_charged_as_unknown_and_one_that_never_was_not_at_all() -> None:
    talk = Talk(model="gpt-realtime")
    unpriced = talk.counting.summarised(1, "short", Usage(text_in=10))
    unreported = talk.counting.summarised(2, "short")
    assert unpriced is not None
    assert unreported is not None
    assert (unpriced.cost.unknown, unreported.cost.unknown) == (1, 1)
    assert talk.counting.summarised(3, None) is None
    given_up = talk.counting.summarised(4, None, unreported=True)
    assert given_up is not None
    assert (given_up.status, given_up.usage, given_up.cost.unknown) == ("failed", None, 1)
    assert [entry.status for entry in talk.counting.meter.responses] == ["completed", "completed", "failed"]


def summary(usage: Usage | None = None, unknown: int = 1) -> Charged:
    return Charged("summary 1", "completed", usage, Cost(unknown=unknown), "summary")


ASKED = Summarise(1, "The caller likes the sea. " * 1_000, 300)


def test_what_a_summary_did_not_report_is_the_most_it_can_have_read_and_written() -> None:
    counting = Talk(model="gpt-realtime", summary_model="gpt-5.4-nano").counting
    most = counting.missing(summary(), ASKED)
    words = text_tokens(ASKED.text)
    read = most.tokens - ASKED.max_tokens
    assert words < read < 1.2 * words + 500, "the instructions are read as well"
    assert most.nanodollars == 200 * read + 1_250 * ASKED.max_tokens
    assert counting.missing(summary(unknown=0), ASKED) == Spend()
    assert counting.missing(summary(), None) == Spend(), "nobody knows what it was asked for"


def test_a_summary_by_a_model_without_a_price_costs_what_the_dearest_text_model_would() -> None:
    reported = summary(Usage(text_in=1_000, text_out=100))
    assert Talk(model="gpt-realtime").counting.missing(reported, ASKED) == Spend(1_000 * 750 + 100 * 4_500)
    free = Counting(Conversation(), RateTable({}), model="gpt-realtime")
    assert free.missing(reported, ASKED) == Spend(), "no price is known of any model"


# --- the session as a whole -----------------------------------------------------------------------------------------


def test_time_is_billed_from_the_first_word_of_the_service_where_time_is_billed() -> None:
    """gpt-live-1 at $0.05 a minute: 90 seconds are $0.075, under every memory alike."""
    talk = Talk(model="gpt-live-1")
    talk.counting.elapsed(70.0)
    assert talk.cost == 0
    talk.counting.begin(100.0)
    talk.counting.begin(120.0)
    talk.counting.elapsed(190.0)
    assert talk.cost == talk.otherwise() == 75_000_000


def test_text_messages_are_counted_where_they_are_billed() -> None:
    """xAI: $0.004 for every item the client creates, sound and outputs of calls excepted (PRICES §2)."""
    talk = Talk(model="grok-voice-latest")
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    sound = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
    output = {"type": "function_call_output", "call_id": "c", "output": "fog"}
    for item in (text, sound, output, text):
        talk.counting.said(ev.ConversationItemCreate(item=item))
    talk.counting.said(ev.InputAudioBufferCommit())
    assert talk.cost == 8_000_000


def test_what_a_response_was_asked_with_is_expected_of_it() -> None:
    """Instructions of its own are read in place of the session's."""
    talk = Talk()
    talk.created(instructions="Be kind. " * 50)
    talk.turn("u1")
    usual = talk.counting.expectation.next(talk.conversation)
    talk.counting.said(ev.ResponseCreate(response={"instructions": "Briefly."}))
    expected = talk.reply("r1", "a1").expected
    assert expected is not None
    assert 0 < expected.text_in < usual.text_in


# --- what other memories and averages are told ----------------------------------------------------------------------


def test_what_entered_is_told_to_other_memories_but_not_a_reply_before_it_is_over() -> None:
    talk = Talk(model="gpt-realtime")
    spoken = lambda: talk.counting.alternatives.spoken.speech_ms  # noqa: E731
    talk.turn("u1")
    assert spoken() == 2000
    begun = reply_item("a1", status="in_progress")
    talk.says("response.created", response={"id": "r1", "conversation_id": "conv", "status": "in_progress"})
    talk.says("conversation.item.added", item=begun, previous_item_id="u1")
    talk.counting.entered("a1")
    talk.counting.entered("never was")
    assert spoken() == 2000
    assert (talk.counting.averages.turns, talk.counting.averages.user_ms) == (1, 2000)


def test_a_reply_is_in_other_memories_prompts_once() -> None:
    """Under laws that are met, what the session expects to read is what remembering everything would have read."""
    talk = Talk()
    talk.created()
    for n, before in ((1, None), (2, "a1")):
        talk.turn(f"u{n}", before)
        due = talk.counting.expectation.next(talk.conversation)
        details = {"text_tokens": due.text_in, "audio_tokens": due.audio_in}
        made = {"text_tokens": 8, "audio_tokens": 40}
        usage = {"input_tokens": due.input_tokens, "input_token_details": details, "output_token_details": made}
        talk.reply(f"r{n}", f"a{n}", usage=usage, previous=f"u{n}")
        read = talk.counting.alternatives.counts("everything").latest
        assert (read.text, read.audio) == (due.text_in, due.audio_in)


def test_what_is_typed_or_said_by_the_model_is_no_turn_of_the_user() -> None:
    talk = Talk()
    typed = {"id": "t", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    talk.says("conversation.item.added", item=typed, previous_item_id=None)
    talk.says("conversation.item.added", item=reply_item("a", "Hello."), previous_item_id="t")
    talk.counting.entered("t")
    talk.counting.entered("a")
    assert talk.counting.averages.turns == 0
    talk.reply("r1", "a1", previous="a")
    talk.counting.entered("a1")
    assert talk.counting.averages.turns == 0


def test_a_reply_that_was_cut_is_cut_under_every_memory() -> None:
    talk = Talk()
    talk.created()
    talk.turn("u1")
    talk.reply("r1", "a1")
    held = talk.counting.alternatives.remembered("everything").speech_ms
    talk.says("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=500)
    assert held == 4000
    assert talk.counting.alternatives.remembered("everything").speech_ms == 2500


def test_the_average_exchange_is_that_of_this_talk_once_there_is_one() -> None:
    talk = Talk()
    talk.created()
    for n in range(1, 5):
        assert talk.counting.averages.typical() == Typical()
        talk.turn(f"u{n}", f"a{n - 1}" if n > 1 else None)
        talk.reply(f"r{n}", f"a{n}", previous=f"u{n}")
    typical = talk.counting.averages.typical()
    assert (typical.user_ms, typical.reply_audio, typical.reply_text) == (2000, 43, 18)
    assert typical.user_words == 5


def test_a_reply_in_writing_says_nothing_of_how_long_one_sounds() -> None:
    talk = Talk()
    talk.created()
    talk.turn("u1")
    written = {"input_tokens": 20, "output_tokens": 9, "output_token_details": {"text_tokens": 9, "audio_tokens": 0}}
    talk.reply("r1", "a1", usage=written)
    assert talk.counting.averages.replies == 0
