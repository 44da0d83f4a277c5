"""What a response can read and cost at most."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.items import Wire
from laconic.laws import Laws, prior
from laconic.rates import Rates, load
from laconic.tokens import Tokens, text_tokens
from laconic.usage import Usage
from laconic.worst_case import Reading, Spend, input_price, longest_output, output_price, transcription_price

LAWS = Laws()
RATES = load()
BOOK = "a very long book about the sea " * 100


class Talk:
    """A conversation and what it can cost."""

    def __init__(self, laws: Laws = LAWS, instructions: str = "Be kind.", reports: int = 3, **fields: Any) -> None:
        self.conversation = Conversation()
        self.reading = Reading(self.conversation, laws)
        session: Wire = {"type": "realtime", "model": "m", "instructions": instructions, "audio": {"input": {}}}
        self.service("session.created", session=session | fields)
        for n in range(reports):
            self.response(f"first{n}", [], Usage(text_in=1))

    def service(self, type: str, **fields: Any) -> None:
        event = ev.read(json.dumps({"type": type, **fields}))
        self.conversation.read(event)
        self.reading.follow(event)

    def app(self, type: str, **fields: Any) -> None:
        self.conversation.said(ev.read(json.dumps({"type": type, **fields})))

    def says(self, item_id: str, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        self.service("conversation.item.added", item=item)

    def speaks(self, item_id: str, ms: int) -> None:
        self.service("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        self.service("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=ms)
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
        self.service("conversation.item.added", item=item)

    def response(self, response_id: str, replies: list[str], usage: Usage | None) -> None:
        """A spoken response of these items, a second of sound each."""
        self.service("response.created", response={"id": response_id})
        self.reading.created(response_id)
        output: list[Wire] = []
        for reply in replies:
            item: Wire = {"id": reply, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
            self.service("response.output_item.added", response_id=response_id, item=item)
            self.service("conversation.item.added", item=item)
            where = {"response_id": response_id, "item_id": reply, "content_index": 0}
            sound = base64.b64encode(bytes(48_000)).decode()
            self.service("response.output_audio.delta", delta=sound, **where)
            self.service("response.output_audio_transcript.delta", delta="Yes indeed.", **where)
            content = [{"type": "output_audio", "transcript": "Yes indeed."}]
            output.append(item | {"status": "completed", "content": content})
            self.service("conversation.item.done", item=output[-1])
        event = ev.read(json.dumps({"type": "response.done", "response": {"id": response_id, "output": output}}))
        assert isinstance(event, ev.ResponseDone)
        self.conversation.read(event)
        self.reading.done(event, usage)
        self.reading.follow(event)

    def most(self, own: Wire | None = None, **options: Any) -> Tokens:
        return self.reading.most(own or {}, **options)


def test_everything_held_is_read_and_an_eighth_of_the_text_on_top() -> None:
    talk = Talk()
    alone = talk.most()
    head = text_tokens("Be kind.")
    assert alone == Tokens(head + head // 8 + 64)
    talk.says("u1", BOOK)
    talk.speaks("u2", 3_000)
    grown = talk.most()
    assert grown.text >= text_tokens(BOOK) * 9 // 8
    assert grown.audio == 30
    talk.service("conversation.item.deleted", item_id="u1")
    assert talk.most().text < 100


def test_before_three_reports_the_laws_are_not_trusted() -> None:
    talk, fresh = Talk(), Talk(reports=2)
    for each in (talk, fresh):
        each.speaks("u1", 3_000)
    assert fresh.most() == Tokens(talk.most().text + 400, 60)


def test_sound_that_nobody_has_measured_is_counted_as_densely_as_any_service_does() -> None:
    talk = Talk(replace(LAWS, unverified=("user_audio_ms_per_token",)))
    assert talk.most(unheard_ms=800).audio == 101


def test_what_the_app_sent_counts_before_the_service_has_it() -> None:
    talk = Talk()
    before = talk.most()
    talk.app("conversation.item.create", item={"role": "user", "content": [{"type": "input_text", "text": BOOK}]})
    assert talk.most().text > before.text + text_tokens(BOOK)
    sound = base64.b64encode(bytes(48 * 5_000)).decode()
    talk.app("input_audio_buffer.append", audio=sound)
    assert talk.most().audio == 0
    talk.app("input_audio_buffer.commit")
    assert talk.most().audio == 51
    assert talk.most(unheard_ms=1_000).audio == 61


def test_settings_on_their_way_count_as_well() -> None:
    talk = Talk()
    tool = {"type": "function", "name": "find", "description": BOOK}
    pending = [{"instructions": BOOK, "tools": [tool]}, {"max_output_tokens": 5}]
    assert talk.most(pending=pending).text > talk.most().text + 2 * text_tokens(BOOK)
    assert talk.most({"instructions": BOOK}).text > text_tokens(BOOK)
    assert talk.most({"instructions": None}) == talk.most()


def test_only_the_newest_reply_keeps_its_sound_where_the_law_says_so() -> None:
    talk = Talk()
    talk.response("r1", ["a1"], Usage(text_in=10, audio_out=20, text_out=8))
    assert talk.most().audio == 20
    talk.response("r2", ["a2"], Usage(text_in=10, audio_out=30, text_out=8))
    assert talk.most().audio == 30 + 20, "and the one before, which no report has shown to be dropped"
    talk.response("r3", [], Usage(text_in=20, audio_in=30))
    assert talk.most().audio == 30
    talk.service("conversation.item.deleted", item_id="a2")
    assert talk.most().audio >= 20, "the one before has its sound back"
    forgetful = Talk()
    forgetful.response("r1", ["a1"], Usage(text_in=10, audio_out=20, text_out=8))
    forgetful.response("r2", ["a2"], Usage(text_in=10, audio_out=30, text_out=8))
    forgetful.service("conversation.item.deleted", item_id="a1")
    assert forgetful.most().audio == 30, "what was deleted needs no report to be gone"
    forgetful.service("conversation.item.deleted", item_id="a2")
    assert forgetful.most().audio == 0
    keeps = Talk(replace(LAWS, keeps_reply_audio=True))
    keeps.response("r1", ["a1"], Usage(text_in=10, audio_out=20))
    keeps.response("r2", ["a2", "a3"], Usage(text_in=10, audio_out=30))
    assert keeps.most().audio == 50


def test_what_a_report_showed_to_be_missing_is_added() -> None:
    talk = Talk()
    talk.speaks("u1", 2_000)
    talk.response("r1", [], Usage(text_in=500, audio_in=90, image_in=7))
    talk.response("unreported", [], None)
    most = talk.most()
    assert most.text >= 500
    assert (most.audio, most.image) == (90, 7)
    talk.response("r2", [], Usage(text_in=10, audio_in=20))
    assert talk.most().audio == 20


def test_other_laws_count_everything_anew() -> None:
    talk = Talk()
    talk.speaks("u1", 2_000)
    talk.reading.laws = replace(LAWS, hit_rate=0.1)
    assert talk.most().audio == 20
    talk.reading.laws = replace(LAWS, user_audio_ms_per_token=50)
    assert talk.most().audio == 40
    assert talk.reading.laws.user_audio_ms_per_token == 50


def test_a_picture_may_be_large_until_it_has_been_counted() -> None:
    talk = Talk()
    picture = {"type": "input_image", "image_url": "data:"}
    talk.service("conversation.item.added", item={"id": "u1", "type": "message", "role": "user", "content": [picture]})
    assert talk.most().image == 1_500
    talk.response("r1", [], Usage(text_in=90, image_in=194))
    assert talk.most().image == 194


def test_a_response_with_an_input_of_its_own_reads_that() -> None:
    talk = Talk()
    talk.says("u1", BOOK)
    sound = base64.b64encode(bytes(48 * 1_000)).decode()
    content = [{"type": "input_text", "text": "Hm."}, {"type": "input_audio", "audio": sound}, {"type": "input_image"}]
    own = [{"type": "message", "role": "user", "content": content}]
    most = talk.most({"input": own})
    assert most.text < 100
    assert (most.audio, most.image) == (10, 1_500 + 194)
    twice = talk.most({"input": [{"type": "item_reference", "id": "u1"}] * 2})
    assert twice.text > 2 * text_tokens(BOOK)


def test_a_reference_to_an_item_that_is_on_its_way_may_mean_the_largest() -> None:
    talk = Talk()
    nothing = talk.most({"input": [{"type": "item_reference", "id": "mine"}]})
    assert nothing.text < 100
    item = {"id": "mine", "role": "user", "content": [{"type": "input_text", "text": BOOK}]}
    talk.app("conversation.item.create", item=item)
    assert talk.most({"input": [{"type": "item_reference", "id": "mine"}]}).text > text_tokens(BOOK)


def test_no_more_is_read_than_fits_in_the_context() -> None:
    talk = Talk(replace(LAWS, context_tokens=1_000))
    talk.says("u1", BOOK)
    talk.speaks("u2", 20_000)
    assert talk.most() == Tokens(800, 200)
    guess = Talk(replace(LAWS, context_tokens=1_000, unverified=("context_tokens",)))
    guess.says("u1", BOOK * 2)
    assert guess.most().text > 1_000


def test_an_item_that_a_cancelled_response_left_behind_and_took_back_is_gone() -> None:
    talk = Talk()
    item: Wire = {"id": "a1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    talk.service("response.created", response={"id": "r1"})
    talk.service("response.output_item.added", response_id="r1", item=item)
    talk.service("conversation.item.added", item=item)
    held = talk.most().text
    event = ev.read(json.dumps({"type": "response.done", "response": {"id": "r1", "output": []}}))
    assert isinstance(event, ev.ResponseDone)
    talk.conversation.read(event)
    talk.reading.done(event, None)
    assert talk.most().text < held


def test_reading_costs_the_full_price_and_what_has_no_price_the_dearest() -> None:
    rates = Rates(name="m", text_in=4, text_cached=1, audio_in=32, audio_cached=1)
    assert input_price(Tokens(10, 5, 2), rates, LAWS) == 40 + 160 + 64
    by_time = Rates(name="m", per_minute=60_000)
    assert input_price(Tokens(1_000, 30), by_time, LAWS) == 3_001


def test_a_token_written_costs_what_the_dearest_of_its_kind_does() -> None:
    rates = Rates(name="m", text_out=16, text_out_text_only=9, audio_out=64)
    assert output_price(rates, LAWS, spoken=True) == 64
    assert output_price(rates, LAWS, spoken=False) == 16
    assert output_price(Rates(name="m", per_minute=60_000), LAWS, spoken=True) == 51


def test_a_model_writes_as_much_as_its_page_says_or_its_context_suggests() -> None:
    assert longest_output(RATES.find("gpt-realtime-2.1"), LAWS) == 32_000
    assert longest_output(None, LAWS) == 4_096
    assert longest_output(None, prior("openai", "gpt-realtime-2.1")) == 32_000


def test_transcription_costs_the_dearest_of_what_it_may_be() -> None:
    whisper, mini = RATES.find("whisper-1"), RATES.find("gpt-4o-mini-transcribe")
    assert whisper is not None
    assert mini is not None
    assert transcription_price(59_500, [whisper]) == Spend(6_000_001, 596 + 500)
    assert transcription_price(1_000, [mini]).nanodollars > 10 * 3_000 + 8 * 5_000
    both = transcription_price(60_000, [whisper, mini])
    assert both.nanodollars == max(transcription_price(60_000, [each]).nanodollars for each in (whisper, mini))
    assert Spend(1, 2) + Spend(3, 4) == Spend(4, 6)


def test_a_response_takes_money_and_tokens_and_no_share_of_the_time() -> None:
    assert [Spend(5, 7).of(unit) for unit in ("nanodollars", "tokens", "ms")] == [5, 7, 0]
