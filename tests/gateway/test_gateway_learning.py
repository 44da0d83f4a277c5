"""What the gateway learns of services outlives its sessions."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

import pytest

from laconic.client.laws_file import laws_path, learned_laws, load_laws
from laconic.gateway.learning import Learning
from laconic.session import Session


def talked(exchanges: int) -> Session:
    """A session that has learned from so many responses."""
    ids = count(1)
    session = Session(ids=lambda: f"ours_{next(ids)}", model="gpt-realtime")

    def said(type: str, **fields: Any) -> None:
        session.from_service(json.dumps({"type": type, **fields}), 0.0)

    said("session.created", session={"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."})
    for n in range(exchanges):
        words = [{"type": "input_text", "text": "How high is the mountain?"}]
        item = {"id": f"u{n}", "type": "message", "role": "user", "status": "completed", "content": words}
        said("conversation.item.added", item=item, previous_item_id=f"u{n - 1}" if n else None)
        said("response.created", response={"id": f"r{n}", "conversation_id": "c", "output": []})
        usage = {
            "total_tokens": 130 + 9 * n,
            "input_tokens": 120 + 9 * n,
            "output_tokens": 10,
            "input_token_details": {"text_tokens": 120 + 9 * n, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": 10, "audio_tokens": 0},
        }
        done = {"id": f"r{n}", "conversation_id": "c", "status": "completed", "output": [], "usage": usage}
        said("response.done", response=done)
    list(session.actions())
    return session


async def test_many_sessions_that_end_together_keep_what_each_has_learned() -> None:
    session, told = talked(3), list[str]()
    assert session.learned_from > 0
    learning = Learning(told.append)
    await asyncio.gather(*(learning.keep("openai", f"model-{n % 4}", session) for n in range(20)))
    entries, wrong = learned_laws()
    assert wrong is None
    assert [(entry.model, entry.responses) for entry in entries] == [
        (f"model-{n}", 5 * session.learned_from) for n in range(4)
    ]
    assert await learning.laws("openai", "model-0") == session.laws == load_laws("openai", "model-0")
    assert await learning.laws("openai", "model-9") is None
    assert told == []


async def test_who_has_learned_nothing_writes_nothing() -> None:
    await Learning([].append).keep("openai", "gpt-realtime", talked(0))
    assert not laws_path().exists()


async def test_what_cannot_be_kept_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null/nowhere")
    told: list[str] = []
    learning = Learning(told.append)
    for _ in range(3):
        await learning.keep("openai", "gpt-realtime", talked(3))
    assert len(told) == 1
    assert "cannot be kept" in told[0]
