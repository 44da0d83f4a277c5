"""Without a budget nothing is held back and nothing hidden."""

from __future__ import annotations

import json

from laconic import events as ev
from laconic.laws import Laws
from laconic.unlimited import Unlimited


def test_everything_passes_as_it_is() -> None:
    sent: list[ev.Raw] = []
    free = Unlimited(Laws(), lambda raw, now: sent.append(raw))
    raw = json.dumps({"type": "response.create"})
    done = ev.ResponseDone(response={"id": "r"})
    assert free.ask(raw, 0.0)
    assert free.ours(raw, 0.0)
    assert free.at_once(raw, 0.0)
    assert sent == [raw, raw, raw]
    free.watch(done, 0.0)
    free.counted(done, None)
    free.transcribed("u", None, priced=False)
    free.follow(done, 0.0)
    free.leased("tokens", 5, 0.0)
    free.pressed("tokens", 0.0)
    free.tick(0.0)
    assert free.from_app(raw, done, 0.0) is free.shown(raw, done) is raw
    assert (free.kind("r"), free.over, free.near, free.account, free.deadline) == (None, None, False, None, None)
