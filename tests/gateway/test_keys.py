"""Virtual keys: shown once, kept as a hash, found by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bookkeeping import NOON, Watch

from laconic.budget import limits
from laconic.errors import BadInput
from laconic.gateway.database import Database
from laconic.gateway.keys import PREFIX, Key, Keys


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def keys(database: Database, watch: Watch) -> Keys:
    return Keys(database, watch)


async def test_a_key_is_found_with_all_that_was_said_of_it(keys: Keys) -> None:
    key, secret = await keys.create(
        "応接室",
        session_budget=limits("$2"),
        budgets=limits("$5/day, $100/month, 50000 tokens"),
        user_budgets=limits("30 min/day"),
        models=("gpt-realtime*", "grok-voice-latest"),
        memory="summary",
        labels={"team": "front"},
        expires=NOON + timedelta(days=30),
    )
    assert await keys.find(secret) == key
    assert key.created == NOON
    assert await keys.get(key.id) == await keys.get("応接室") == key
    assert await keys.list() == [key]


async def test_a_plain_key_has_no_limits(keys: Keys) -> None:
    key, secret = await keys.create("plain")
    assert await keys.find(secret) == Key(key.id, "plain", created=NOON)
    assert key.allows("anything")


async def test_what_is_no_key_of_ours_finds_nothing(keys: Keys) -> None:
    _, secret = await keys.create("it")
    for wrong in ("", "sk-something", PREFIX, secret[:-1], secret + "x", secret.upper()):
        assert await keys.find(wrong) is None


async def test_the_books_hold_no_key(keys: Keys, database: Database) -> None:
    """Nowhere in the table is the secret, or a part of it."""
    key, secret = await keys.create("it")
    async with database.reading() as transaction:
        told = repr(await transaction.fetch("SELECT * FROM laconic_keys"))
    body = secret.removeprefix(PREFIX)
    assert len(body) >= 43
    assert not any(body[n : n + 8] in told for n in range(len(body) - 8))
    assert secret not in repr(key)


async def test_no_two_keys_are_alike(keys: Keys) -> None:
    made = [await keys.create(f"key {n}") for n in range(5)]
    assert len({secret for _, secret in made}) == len({key.id for key, _ in made}) == 5


async def test_an_expired_key_is_known_and_good_for_nothing(keys: Keys) -> None:
    key, secret = await keys.create("short", expires=NOON + timedelta(hours=1))
    assert await keys.find(secret) == key
    assert key.usable(NOON + timedelta(minutes=59, seconds=59))
    assert not key.usable(NOON + timedelta(hours=1))
    assert await keys.list() == [key]


async def test_a_revoked_key_is_known_and_good_for_nothing(keys: Keys, watch: Watch) -> None:
    key, secret = await keys.create("gone")
    watch.passes(hours=1)
    await keys.create("other")
    revoked = await keys.revoke("gone")
    assert revoked.revoked == watch.now
    watch.passes(hours=1)
    assert await keys.revoke(key.id) == revoked
    assert await keys.find(secret) == revoked
    assert not revoked.usable(watch.now)
    assert [key.revoked is None for key in await keys.list()] == [False, True]


async def test_books_that_ever_held_a_key_say_so(keys: Keys) -> None:
    assert not await keys.ever()
    key, _ = await keys.create("gone")
    assert await keys.ever()
    await keys.revoke(key.id)
    assert await keys.ever()


async def test_a_name_is_given_once(keys: Keys) -> None:
    await keys.create("it")
    with pytest.raises(BadInput, match="there is a key 'it' already"):
        await keys.create("it")
    for name in (" ", "key_of_mine"):
        with pytest.raises(BadInput, match="cannot be a key's name"):
            await keys.create(name)
    with pytest.raises(BadInput, match="there is no key 'nobody'"):
        await keys.revoke("nobody")


async def test_a_session_s_budget_has_no_period(keys: Keys) -> None:
    with pytest.raises(BadInput, match="has no period"):
        await keys.create("it", session_budget=limits("$2/day"))


@pytest.mark.parametrize(
    ("models", "model", "allowed"),
    [
        (("gpt-realtime*",), "gpt-realtime-2.1", True),
        (("gpt-realtime",), "gpt-realtime-2.1", False),
        (("gpt-*-mini", "grok*"), "grok-voice-latest", True),
        (("gpt-*",), "GPT-realtime", False),
        ((), "gpt-realtime", False),
    ],
)
def test_a_key_may_name_the_models_it_is_for(models: tuple[str, ...], model: str, allowed: bool) -> None:
    assert Key("key_1", "it", models=models).allows(model) is allowed
