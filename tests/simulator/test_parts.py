"""What is shared between connections and what is not, and the parameters of the bill."""

from __future__ import annotations

import json
from typing import Any

from doubles import Ears, LoudTurns, Voice, Yes

from laconic.simulator.habits import Habits
from laconic.simulator.parts import Parts
from laconic.simulator.service import Service


def parts(**settings: Any) -> Parts:
    return Parts(hearing=Ears(), voice=Voice(), mind=Yes(*["One two three four five."] * 9), **settings)


def usages(service: Service, responses: int = 3) -> list[dict[str, Any]]:
    """The usage of some spoken replies, one after the other."""
    service.connected(0.0)
    now = 0.0
    found: list[dict[str, Any]] = []
    for _ in range(responses):
        service.receive('{"type": "response.create"}', now)
        while (due := service.pending) is not None:
            now = due
            service.tick(now)
        events = [json.loads(message) for message in service.outbox()]
        found += [event["response"]["usage"] for event in events if event["type"] == "response.done"]
    return [usage["input_token_details"] for usage in found]


def test_the_hit_rate_decides_what_is_cached() -> None:
    always = usages(parts(hit_rate=1.0).service(Habits()))
    never = usages(parts(hit_rate=0.0).service(Habits()))
    assert [usage["cached_tokens"] > 0 for usage in always] == [False, True, True]
    assert [usage["cached_tokens"] for usage in never] == [0, 0, 0]
    assert [usage["text_tokens"] for usage in always] == [usage["text_tokens"] for usage in never]


def test_hits_may_come_evenly() -> None:
    """At random, three of nine could be any three; evenly, no three in a row are all hits or all misses."""
    even = usages(parts(hit_rate=0.5, even_hits=True).service(Habits()), responses=9)
    hits = [usage["cached_tokens"] > 0 for usage in even]
    assert sum(hits[1:]) == 4
    assert all(len(set(hits[at : at + 3])) == 2 for at in range(1, 7))


def test_old_reply_audio_is_kept_or_dropped() -> None:
    kept = usages(parts(keeps_reply_audio=True).service(Habits()))
    dropped = usages(parts(keeps_reply_audio=False).service(Habits()))
    assert [usage["audio_tokens"] for usage in kept] == [0, 30, 60]
    assert [usage["audio_tokens"] for usage in dropped] == [0, 30, 30]
    assert usages(parts().service(Habits(model="gpt-4o-realtime-preview")))[2]["audio_tokens"] == 60


def test_written_replies_may_make_the_model_write_until_they_stand_in_a_note() -> None:
    service = parts().service(Habits(drift_after=1))
    service.connected(0.0)

    def reply() -> list[str]:
        """The kinds of parts of one reply, sound asked for; it is deleted again."""
        service.receive('{"type": "response.create"}', 0.0)
        while (due := service.pending) is not None:
            service.tick(due)
        made = service.conversation[-1]
        service.receive(json.dumps({"type": "conversation.item.delete", "item_id": made.id}), 0.0)
        return [part.kind for part in made.parts]

    def create(item_id: str, role: str, kind: str) -> None:
        content = [{"type": kind, "text": "Assistant: Hello."}]
        item = {"id": item_id, "type": "message", "role": role, "content": content}
        service.receive(json.dumps({"type": "conversation.item.create", "item": item}), 0.0)

    assert reply() == ["output_audio"]
    create("words", "assistant", "output_text")
    assert reply() == ["output_text"]
    create("note", "system", "input_text")
    service.receive('{"type": "conversation.item.delete", "item_id": "words"}', 0.0)
    assert reply() == ["output_audio"]


def test_the_same_seed_gives_the_same_connections_and_each_is_another() -> None:
    def begins(seed: int) -> list[str]:
        shared = parts(seed=seed)
        services = [shared.service(Habits()) for _ in range(2)]
        for service in services:
            service.connected(0.0)
        return [json.loads(service.outbox()[0])["event_id"] for service in services]

    assert begins(1) == begins(1)
    assert len({*begins(1), *begins(2)}) == 4


def test_turn_taking_may_be_a_simpler_one() -> None:
    """For experiments whose sound is no speech: silence and tones."""
    asked: list[object] = []

    def turns(finished: Any) -> LoudTurns:
        asked.append(finished)
        return LoudTurns(finished)

    parts(turns=turns).service(Habits()).connected(0.0)
    assert len(asked) == 1
