"""The other story: counts as the service's own bill has them, costs as expected, the floor, what is remembered."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laconic.alternatives import Alternatives
from laconic.errors import BadInput
from laconic.items import Item, Part
from laconic.laws import Laws, prior
from laconic.meter import Cost, Meter, price
from laconic.rates import Rates, load
from laconic.running_prompt import Remembered
from laconic.simulator.bill import Bill
from laconic.tokens import Tokens, generated_tokens, item_tokens, text_tokens
from laconic.usage import TranscriptionUsage, Usage

TABLE = load()
KEPT = Laws(keeps_reply_audio=True, hit_rate=1.0)
DROPPED = Laws(keeps_reply_audio=False, hit_rate=1.0)
FREE = Cost()


def rates(model: str) -> Rates:
    found = TABLE.find(model)
    assert found is not None
    return found


GA = rates("gpt-realtime")


def heard_user(item_id: str, ms: int = 3_000, words: str | None = None) -> Item:
    return Item(item_id, role="user", parts=[Part("input_audio", words, ms)])


def typed(item_id: str, text: str, role: str = "user") -> Item:
    return Item(item_id, role=role, parts=[Part("input_text", text)])


def spoken(item_id: str, ms: int = 8_000, words: str = "so it goes, and goes on, and on for a while") -> Item:
    return Item(item_id, role="assistant", parts=[Part("output_audio", words, ms)])


def call(item_id: str, call_id: str, arguments: str = '{"city": "Kyoto"}') -> Item:
    return Item(item_id, type="function_call", call_id=call_id, name="weather", arguments=arguments)


def output(item_id: str, call_id: str) -> Item:
    return Item(item_id, type="function_call_output", call_id=call_id, output="foggy, 12 degrees")


def usage_of(items: Sequence[Item], laws: Laws, heard: bool = True) -> Usage:
    made = sum((generated_tokens(item, laws) for item in items), Tokens())
    return Usage(text_in=10, audio_in=int(heard), text_out=made.text, audio_out=made.audio)


def exchange(story: Alternatives, number: int, laws: Laws = KEPT, ms: int = 3_000) -> None:
    """One exchange as it usually goes: heard, written down, answered and heard out."""
    story.said(heard_user(f"u{number}", ms))
    story.transcribed(f"u{number}", "what shall we cook tonight, then", FREE)
    reply = [spoken(f"r{number}")]
    story.replied(f"response {number}", reply, usage_of(reply, laws))


# --- against the service's own bill ------------------------------------------------------------------------------


@dataclass
class Service:
    """The stand-in's bill over items that are really kept, or really deleted down to `last` at each quiet moment."""

    laws: Laws
    last: int | None
    items: list[Item] = field(default_factory=list[Item])
    read: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])

    def __post_init__(self) -> None:
        self.bill = Bill(self.laws, hits=lambda: 0.5)

    def respond(self, made: Sequence[Item]) -> Usage:
        usage = self.bill.respond(instructions="Be brief.", tools=(), items=self.items, generated=made)
        self.read.append((usage.text_in, usage.audio_in, usage.cached_text, usage.cached_audio))
        self.items.extend(copy.deepcopy(made))
        return usage

    def tidy(self) -> None:
        """What Session deletes under `last:N`: a call and its outputs together, or not at all."""
        if self.last is None or len(self.items) <= self.last:
            return
        surplus = self.items[: len(self.items) - self.last]
        for item in surplus:
            partners = [one for one in self.items if one.call_id and one.call_id == item.call_id and one is not item]
            open_call = item.type == "function_call" and not partners
            if not open_call and all(any(one is other for other in surplus) for one in partners):
                self.items = [one for one in self.items if one is not item]


WORDS = st.sampled_from(["Yes.", "my dog is called Momo", "it was a long, long way to the sea and back", "了解です"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), st.integers(300, 9_000), st.integers(400, 12_000), WORDS),
        st.tuples(st.just("type"), st.integers(0, 1), st.integers(400, 12_000), WORDS),
        st.tuples(st.just("cut"), st.integers(300, 5_000), st.integers(400, 9_000), WORDS),
        st.tuples(st.just("ghost"), st.integers(300, 2_000), st.integers(0, 900), WORDS),
        st.tuples(st.just("call"), st.integers(300, 5_000), st.integers(0, 1), WORDS),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(
    steps=STEPS,
    last=st.sampled_from([None, 5, 3]),
    keeps=st.booleans(),
    hit_rate=st.sampled_from([0.0, 1.0]),
    azure=st.booleans(),
)
def test_the_counts_are_those_of_the_service_s_own_bill(
    steps: list[tuple[str, int, int, str]], last: int | None, keeps: bool, hit_rate: float, azure: bool
) -> None:
    """Read and cached tokens of every response equal the stand-in's, with items really kept or really deleted."""
    laws = Laws(keeps_reply_audio=keeps, hit_rate=hit_rate, compacts_arguments=azure)
    service = Service(laws, last)
    name = "everything" if last is None else f"last:{last}"
    story = Alternatives(laws, GA, memories=[name])
    story.configured("Be brief.")
    ours: list[tuple[int, int, int, int]] = []

    def said(item: Item) -> None:
        service.items.append(copy.deepcopy(item))
        story.said(item)

    def answered(response: str, made: Sequence[Item]) -> None:
        usage = service.respond(made)
        story.replied(response, made, usage)
        counts, hit = story.counts(name), int(hit_rate)
        ours.append(
            (
                counts.latest.text,
                counts.latest.audio,
                counts.latest_promised.text * hit,
                counts.latest_promised.audio * hit,
            )
        )

    for number, (kind, first, second, words) in enumerate(steps):
        said(typed(f"u{number}", words) if kind == "type" else heard_user(f"u{number}", first))
        if kind == "call":
            made = [spoken(f"r{number}", 900, words), call(f"c{number}", f"k{number}")]
            answered(f"a{number}", made if second else made[1:])
            service.tidy()
            said(output(f"o{number}", f"k{number}"))
            answered(f"b{number}", [spoken(f"s{number}", 2_000, words)])
        else:
            answered(f"a{number}", [spoken(f"r{number}", second, words)])
        if kind == "cut":
            part = next(item for item in service.items if item.id == f"r{number}").parts[0]
            part.text, part.audio_ms = None, second // 2
            story.cut(f"r{number}", second // 2)
        elif kind == "ghost":
            service.items = [item for item in service.items if item.id != f"r{number}"]
            story.left(f"r{number}")
        service.tidy()
    assert ours == service.read


def test_an_hour_costs_no_more_for_each_reply_than_a_minute() -> None:
    """Work per exchange does not grow: the 1,000th takes no longer than the 50th, with room for a busy machine."""
    story = Alternatives(KEPT, GA, memories=["everything", "last:5", "service", "written", "summary"])

    def took(first: int, last: int) -> float:
        began = time.perf_counter()
        for number in range(first, last):
            exchange(story, number)
        return time.perf_counter() - began

    took(0, 50)
    early = min(took(50 + 100 * step, 150 + 100 * step) for step in range(3))
    took(350, 1_000)
    late = min(took(1_000 + 100 * step, 1_100 + 100 * step) for step in range(3))
    assert late < 2.5 * early


# --- money -------------------------------------------------------------------------------------------------------


def test_costs_are_expected_ones_by_the_hit_rate_in_force() -> None:
    """A hit rate learned later prices the whole past: of what is promised its share is read from cache."""
    story = Alternatives(DROPPED, GA, memories=["everything"])
    for number in range(6):
        exchange(story, number, DROPPED)
    counts, made = story.counts("everything"), usage_of([spoken("r")], DROPPED)
    for hit in (1.0, 0.5, 0.0):
        story.laws = replace(story.laws, hit_rate=hit)
        usage = Usage(
            text_in=counts.read.text,
            audio_in=counts.read.audio,
            cached_text=round(counts.promised.text * hit),
            cached_audio=round(counts.promised.audio * hit),
            text_out=6 * made.text_out,
            audio_out=6 * made.audio_out,
        )
        assert story.costs() == {"everything": story.cost("everything")}
        assert story.cost("everything").nanodollars == price(usage, GA).nanodollars
    assert counts.responses == 6
    assert counts.promised.audio > 0


def test_the_floor_is_new_speech_replies_and_their_transcription() -> None:
    """No instructions, no framing, no history; what memories pay beyond it is the multiple."""
    story = Alternatives(KEPT, GA)
    assert story.multiple(FREE) is None
    meter = Meter(None, rates("whisper-1"))
    written = meter.transcription("u0", TranscriptionUsage(duration_ms=3_000))
    reply = [spoken("r0")]
    usage = usage_of(reply, KEPT)
    story.configured("A long order. " * 50)
    story.said(heard_user("u0"))
    story.transcribed("u0", "hello", written)
    story.replied("a", reply, usage)
    assert GA.audio_in is not None
    assert GA.text_out is not None
    assert GA.audio_out is not None
    floor = 30 * GA.audio_in + usage.text_out * GA.text_out + usage.audio_out * GA.audio_out + written.nanodollars
    assert story.floor.nanodollars == floor
    multiple = story.multiple(story.cost("everything"))
    assert multiple is not None
    assert multiple > 1


def test_typed_words_and_function_outputs_are_new_words_of_the_floor() -> None:
    """Without their framing."""
    story = Alternatives(KEPT, GA)
    story.said(typed("u0", "what is the weather in Kyoto?"))
    story.said(output("o0", "k"))
    words = text_tokens("what is the weather in Kyoto?") + text_tokens("foggy, 12 degrees")
    assert GA.text_in is not None
    assert story.floor.nanodollars == words * GA.text_in


def test_an_image_is_new_once_and_belongs_to_the_floor() -> None:
    """At its own price, however often it is read again."""
    story = Alternatives(KEPT, GA)
    story.said(Item("i0", role="user", parts=[Part("input_image"), Part("input_text", "What is this?")]))
    floor = story.floor.nanodollars
    assert GA.text_in is not None
    assert GA.image_in is not None
    assert floor == text_tokens("What is this?") * GA.text_in + KEPT.image_tokens * GA.image_in
    for response in ("a", "b"):
        story.replied(response, [], Usage(text_in=300))
    assert story.floor.nanodollars == floor


def test_forgetting_each_turn_costs_more_than_doing_nothing_while_the_cache_hits() -> None:
    """And less when it does not: the finding the whole project stands on (COST.md section 7)."""
    story = Alternatives(KEPT, GA, memories=["everything", "last:5", "written", "summary"])
    for number in range(60):
        exchange(story, number)
    perfect = {name: cost.nanodollars for name, cost in story.costs().items()}
    story.laws = replace(KEPT, hit_rate=0.0)
    dead = {name: cost.nanodollars for name, cost in story.costs().items()}
    assert perfect["last:5"] > perfect["everything"] > perfect["written"]
    assert dead["everything"] > dead["last:5"]
    assert dead["everything"] > dead["written"] > dead["summary"]


def test_prices_may_come_late_and_unknown_is_not_nothing() -> None:
    """Until the service names its model every response is unknown; then the whole talk has a price."""
    story = Alternatives(KEPT, None, memories=["everything"])
    exchange(story, 0)
    assert story.cost("everything").unknown == 1
    assert story.floor.unknown == 1
    story.rates = GA
    assert story.cost("everything").unknown == 0
    assert story.cost("everything").nanodollars > 0


def test_a_response_without_usage_is_unknown_in_every_story() -> None:
    """Its items are there all the same."""
    story = Alternatives(KEPT, GA, memories=["everything"])
    story.said(heard_user("u0"))
    story.replied("a", [spoken("r0")], None)
    assert story.cost("everything").unknown == 1
    exchange(story, 1)
    assert story.counts("everything").latest.audio == 30 + 160 + 30


def test_a_response_cancelled_before_it_read_anything_costs_nothing_anywhere() -> None:
    """Zeros are a report."""
    story = Alternatives(KEPT, GA, memories=["everything"])
    story.said(heard_user("u0"))
    story.replied("a", [], Usage())
    assert story.costs() == {"everything": FREE}


def test_where_minutes_are_billed_no_memory_changes_the_cost() -> None:
    """A minute of gpt-live-1 is five cents whatever is remembered."""
    story = Alternatives(KEPT, rates("gpt-live-1"), memories=["everything", "summary:100:50"])
    for number in range(9):
        exchange(story, number)
    story.elapsed(120_000)
    story.elapsed(60_000)
    assert {cost.nanodollars for cost in story.costs().values()} == {100_000_000}
    assert story.multiple(story.cost("everything")) == 1


def test_what_every_memory_pays_alike_is_in_every_cost() -> None:
    """Responses outside the conversation are; what is in another currency cannot be added and is unknown."""
    story = Alternatives(KEPT, GA, memories=["everything"])
    exchange(story, 0)
    before = story.cost("everything").nanodollars
    story.aside(price(Usage(text_in=100), GA))
    assert story.cost("everything").nanodollars == before + 100 * 4_000
    story.aside(Cost(currency="CNY"))
    assert story.cost("everything").unknown == 1


def test_a_text_price_that_depends_on_the_reply_s_sound_is_kept() -> None:
    """Qwen's text beside sound is free, its text in answer to text cheaper."""
    qwen = rates("qwen-omni-turbo-realtime")
    story = Alternatives(KEPT, qwen, memories=["everything"])
    expected = 0
    for heard, audio in ((True, 50), (True, 0), (False, 0)):
        usage = Usage(audio_in=int(heard), text_in=1, text_out=10, audio_out=audio)
        story.replied(f"{heard} {audio}", [], usage)
        expected += sum(line.nanodollars for line in price(usage, qwen).charges if line.what.endswith("_out"))
    assert story.floor.nanodollars == expected


# --- what is remembered ------------------------------------------------------------------------------------------


def test_each_memory_remembers_its_own_share() -> None:
    """Everything all, the last five a little, the written all, a summary its gist."""
    story = Alternatives(KEPT, GA, memories=["everything", "last:5", "written", "summary:400:100"])
    for number in range(40):
        story.said(heard_user(f"u{number}", 2_000), facts=int(number % 2 == 0))
        story.transcribed(f"u{number}", "my sister lives in Osaka with two cats", FREE)
        story.replied(f"a{number}", [spoken(f"r{number}", 8_000)], usage_of([spoken("r")], KEPT))
    assert story.spoken == Remembered(speech_ms=400_000, facts=20)
    assert story.remembered("everything") == story.spoken
    assert story.remembered("written") == story.spoken
    assert story.remembered("last:5").speech_ms < 40_000
    folded = story.remembered("summary:400:100")
    assert folded.facts + folded.gist_facts == 20
    assert folded.speech_ms + folded.gist_ms == 400_000
    assert folded.gist_facts > folded.facts > 0


def test_a_reply_its_service_announced_complete_is_told_once() -> None:
    """As an item of nobody knows whose, before the response that made it is over."""
    announced, plain = (Alternatives(DROPPED, GA, memories=["everything", "last:1"]) for _ in range(2))
    for number in range(3):
        reply = spoken(f"r{number}")
        announced.said(reply)
        for story in (announced, plain):
            story.replied(f"a{number}", [reply], usage_of([reply], DROPPED))
    assert announced.floor == plain.floor
    assert announced.spoken == plain.spoken
    for name in ("everything", "last:1"):
        assert announced.counts(name).latest == plain.counts(name).latest
        assert announced.remembered(name) == plain.remembered(name)


def test_what_was_not_heard_was_not_said() -> None:
    """A cut reply counts as far as it was heard and is written so; an unheard one not at all."""
    story = Alternatives(DROPPED, GA, memories=["everything", "written", "last:1"])
    story.said(heard_user("u0", 2_000, words="tell me a story"))
    story.replied("a", [spoken("r0", 10_000)], usage_of([spoken("r", 10_000)], DROPPED))
    story.cut("r0", 4_000)
    assert story.spoken.speech_ms == 6_000
    exchange(story, 1, DROPPED)
    assert story.remembered("written").speech_ms == story.spoken.speech_ms == 17_000
    written = story.counts("written").latest
    assert written.audio == 30
    exchange(story, 2, DROPPED)
    # The service has dropped the cut reply's sound, and a transcript it never had.
    assert story.remembered("everything").speech_ms == story.spoken.speech_ms - 4_000
    story.said(heard_user("u3", 1_000))
    story.replied("ghost", [spoken("r3", 500)], usage_of([spoken("r", 500)], DROPPED))
    before = story.spoken.speech_ms
    story.left("r3")
    assert story.spoken.speech_ms == before - 500
    wordless = Item("r4", role="assistant", parts=[Part("output_audio", None, 3_000)])
    story.replied("wordless", [wordless], Usage())
    story.cut("r4", 1_000)
    assert story.spoken.speech_ms == before + 500
    before += 1_000
    story.left("nobody")
    story.cut("nobody", 300)
    assert story.spoken.speech_ms == before - 500


def test_a_reply_may_be_cut_after_it_was_written_down() -> None:
    """Its words are in the past and stay; only what counts as heard is put right."""
    story = Alternatives(KEPT, GA, memories=["written"])
    exchange(story, 0)
    exchange(story, 1)
    read = story.counts("written").latest
    story.cut("r0", 1_000)
    exchange(story, 2)
    assert story.counts("written").latest.text > read.text
    assert story.remembered("written") == story.spoken == Remembered(speech_ms=33_000 - 7_000)


def test_a_ghost_turn_does_not_end_an_exchange() -> None:
    """What was said before and after it is heard as sound together, and written down together."""
    story = Alternatives(KEPT, GA, memories=["written", "exchanges:1"])
    exchange(story, 0)
    story.said(heard_user("u1", 1_000, words="I was"))
    story.replied("ghost", [spoken("g", 400)], usage_of([spoken("g", 400)], KEPT))
    story.left("g")
    story.said(heard_user("u2", 2_000, words="about to say"))
    story.replied("a", [spoken("r")], usage_of([spoken("r")], KEPT))
    assert story.counts("written").latest.audio == 10 + 20
    assert story.counts("exchanges:1").latest.audio == 30 + 160 + 10 + 20
    exchange(story, 3)
    assert story.counts("written").latest.audio == 30
    assert story.counts("exchanges:1").latest.audio == 10 + 20 + 160 + 30


def test_without_words_sound_stays_sound() -> None:
    """Nothing can be written down of what nobody transcribed; late words are written late."""
    story = Alternatives(KEPT, GA, memories=["written"])
    for number in range(3):
        story.said(heard_user(f"u{number}"))
        story.transcribed(f"u{number}", None, FREE)
        story.replied(f"a{number}", [spoken(f"r{number}")], usage_of([spoken("r")], KEPT))
    assert story.counts("written").latest.audio == 90
    story.transcribed("u0", "at last", FREE)
    exchange(story, 3)
    assert story.counts("written").latest.audio == 90


def test_notes_are_about_as_long_as_a_dialogue() -> None:
    """Both say who said what."""
    story = Alternatives(KEPT, GA, memories=["written", "written:notes"])
    for number in range(20):
        exchange(story, number)
    dialogue, notes = story.counts("written").latest, story.counts("written:notes").latest
    assert dialogue.audio == notes.audio == 30
    assert abs(dialogue.text - notes.text) <= 3 * 20


def test_a_summary_is_paid_for_at_its_model_s_price() -> None:
    """The cheap text model's where there is one, else the conversation's own."""
    own = Alternatives(KEPT, GA, memories=["summary:300:100"])
    cheap = Alternatives(KEPT, GA, memories=["summary:300:100"], summary_rates=rates("gpt-realtime-mini"))
    for number in range(20):
        exchange(own, number)
        exchange(cheap, number)
    counts = own.counts("summary:300:100")
    assert counts.summary_read > counts.summary_wrote > 0
    assert own.cost("summary:300:100").nanodollars > cheap.cost("summary:300:100").nanodollars > own.floor.nanodollars


def test_other_instructions_are_read_again_whole() -> None:
    """Nothing of the old prompt is promised after them; the same ones again change nothing."""
    story = Alternatives(KEPT, GA, memories=["everything"])
    for number in range(5):
        story.configured("Be brief.", [{"name": "weather", "description": "tells it"}])
        exchange(story, number)
    assert story.counts("everything").latest_promised.audio > 0
    story.configured("Be verbose.")
    exchange(story, 5)
    assert story.counts("everything").latest_promised == Tokens()


def test_what_is_told_twice_counts_once() -> None:
    """Items, transcripts, responses; what has no id cannot be told apart."""
    once, twice = (Alternatives(KEPT, GA, memories=["everything"]) for _ in range(2))
    written = Meter(None, rates("whisper-1")).transcription("u0", TranscriptionUsage(duration_ms=3_000))
    reply = [spoken("r0")]
    for story, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            story.said(heard_user("u0"))
            story.transcribed("u0", "hello", written)
            story.replied("a", reply, usage_of(reply, KEPT))
    assert twice.costs() == once.costs()
    assert twice.spoken == once.spoken
    twice.replied("", [], usage_of(reply, KEPT))
    twice.replied("", [], usage_of(reply, KEPT))
    assert twice.counts("everything").responses == 3


def test_better_laws_recount_instructions_without_reading_them_again() -> None:
    """What was promised of them stays promised, at their new size."""
    story = Alternatives(KEPT, GA, memories=["everything"])
    story.configured("Be brief, and kind. " * 40)
    exchange(story, 0)
    exchange(story, 1)
    before = story.counts("everything")
    story.laws = replace(KEPT, base_text=128)
    exchange(story, 2)
    after = story.counts("everything")
    added = after.latest.text - before.latest.text
    assert added > 128
    assert after.latest_promised.text >= before.latest_promised.text + 128
    story.configured("Be brief, and kind. " * 40)
    exchange(story, 3)
    assert story.counts("everything").latest_promised.text >= after.latest_promised.text


def test_a_full_context_loses_its_oldest_items() -> None:
    """Also under `everything`: the service drops them to make room for input and reply."""
    laws = replace(KEPT, context_tokens=8_000)
    story = Alternatives(laws, None, memories=["everything"])
    for number in range(60):
        exchange(story, number, laws)
    latest = story.counts("everything").latest
    assert 3_000 < latest.text + latest.audio <= 4_000


def test_a_service_that_bills_only_what_is_new_bills_it_once() -> None:
    """xAI's tokens: the messages since the last response, nothing from cache."""
    laws = prior("xai", "grok-voice-latest")
    story = Alternatives(laws, GA, memories=["everything"])
    for number in range(3):
        exchange(story, number, laws)
    counts = story.counts("everything")
    assert counts.latest == item_tokens(heard_user("u"), laws)
    assert counts.promised == Tokens()


def test_several_items_of_a_response_share_its_usage() -> None:
    """The call's size is estimated, the rest is the spoken item's; unknown item types count their words."""
    story = Alternatives(KEPT, GA, memories=["everything"])
    story.said(heard_user("u0"))
    made = [spoken("r", 2_000), call("c", "k"), Item("m", type="mcp_call")]
    story.replied("a", made, Usage(text_in=9, audio_in=30, text_out=100, reasoning=20, audio_out=41))
    story.said(output("o", "k"))
    story.replied("b", [], Usage(text_in=9, audio_in=30))
    assert story.counts("everything").latest.audio == 30 + 41
    assert story.names == ("everything",)


def test_a_name_that_means_no_memory_is_refused() -> None:
    """In one sentence."""
    with pytest.raises(BadInput, match="cannot be reckoned"):
        Alternatives(KEPT, GA, memories=["nonsense"])


def test_what_is_told_twice_counts_once_within_some_thousand_things() -> None:
    """Only so much is kept of what was told, however long the conversation: services repeat themselves soon."""
    story = Alternatives(KEPT, rates("gpt-realtime"))
    minute = Meter(None, rates("whisper-1")).transcription("i", TranscriptionUsage(duration_ms=60_000))
    for number in range(4_097):
        story.transcribed(f"i{number}", None, Cost())
    nothing = story.floor.nanodollars
    story.transcribed("i4096", None, minute)
    assert story.floor.nanodollars == nothing
    assert minute.nanodollars > 0
    story.transcribed("i0", None, minute)
    assert story.floor.nanodollars == nothing + minute.nanodollars
