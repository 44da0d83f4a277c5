"""Routes: which model goes where, and one clear sentence for each mistake in their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laconic.budget import limits
from laconic.errors import BadInput, NoKey
from laconic.gateway.pump import Bounds
from laconic.gateway.routes import Route, Routes, read_routes

EXAMPLE = Path(__file__).parents[2] / "examples" / "gateway.toml"
STAND_IN = "ws://127.0.0.1:9/v1/realtime"
KEYS = {"OPENAI_API_KEY": "sk-o", "SUPPORT_AZURE_KEY": "az", "AZURE_OPENAI_AD_TOKEN": "token"}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "routes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_read_and_each_model_finds_its_way() -> None:
    routes = read_routes(EXAMPLE)
    found = {model: routes.find(model) for model in ("support-jp", "try-me", "gpt-realtime-2.1")}
    assert {model: route.name for model, route in found.items() if route} == {
        "support-jp": "support",
        "try-me": "try",
        "gpt-realtime-2.1": "all the rest",
    }
    support = routes.find("support-jp")
    assert support is not None
    assert support.bounds == Bounds(messages_s=200, burst=5_000, bytes_s=500_000, burst_bytes=50_000_000, idle_s=900)
    assert routes.wants_simulator
    routes.check({**KEYS, "LACONIC_SUMMARY_MODEL": "mini"})


def test_a_route_knows_its_address_and_its_key() -> None:
    [support, *_] = read_routes(EXAMPLE)
    there = support.endpoint("support-jp", env=KEYS, simulator=None)
    assert there.url == "wss://example-support.openai.azure.com/openai/v1/realtime?model=support-realtime"
    assert there.headers == {"api-key": "az"}
    assert there.model == "gpt-realtime"


def test_the_model_the_app_asked_for_is_asked_for_unless_the_route_names_one() -> None:
    env = {"OPENAI_API_KEY": "sk-o"}
    assert Route().endpoint("gpt-realtime", env=env, simulator=None).url.endswith("?model=gpt-realtime")
    assert Route(model="gpt-realtime-mini").endpoint("x", env=env, simulator=None).url.endswith("=gpt-realtime-mini")


def test_of_several_budgets_the_tightest_holds() -> None:
    assert Route().allowed((), frozenset()) is None
    both = Route(budget="$2, 30 min").allowed(limits("$1, 500 tokens"), frozenset({"tokens"}))
    assert both is not None
    assert [str(limit) for limit in both.limits] == ["$1", "30 min", "500 tokens"]
    assert both.shared == {"tokens"}
    assert both.goodbye is True
    said = Route(goodbye="Bye.", budget_end="close").allowed((), frozenset({"ms"}))
    assert said is not None
    assert (said.goodbye, said.end) == ("Bye.", "close")


def test_a_call_is_joined_in_a_models_place() -> None:
    env = {"OPENAI_API_KEY": "sk-o"}
    there = Route().endpoint(None, env=env, simulator=None, beside={"call_id": "rtc_1"})
    assert there.url == "wss://api.openai.com/v1/realtime?call_id=rtc_1"
    both = Route().endpoint("m", env=env, simulator=None, beside={"intent": "transcription"})
    assert both.url == "wss://api.openai.com/v1/realtime?model=m&intent=transcription"


def test_another_base_url_and_another_key_go_together() -> None:
    route = Route(address="https://eu.api.openai.com/v1", key_env="EU_KEY")
    there = route.endpoint("m", env={"OPENAI_API_KEY": "sk-us", "EU_KEY": "sk-eu"}, simulator=None)
    assert there.url == "wss://eu.api.openai.com/v1/realtime?model=m"
    assert there.headers == {"Authorization": "Bearer sk-eu"}


def test_a_key_that_is_not_set_is_told_before_anybody_connects() -> None:
    with pytest.raises(NoKey, match="OPENAI_API_KEY"):
        Routes([Route()]).check({})
    with pytest.raises(NoKey, match="OTHER is not set, where route 'default' has its key"):
        Routes([Route(key_env="OTHER")]).check({"OPENAI_API_KEY": "sk-o"})
    with pytest.raises(NoKey, match="/nowhere/key"):
        Routes([Route(key_env="OTHER")]).check({"OTHER_FILE": "/nowhere/key"})


def test_a_summary_model_where_none_is_known() -> None:
    """On Azure a deployment has to be named; without one the realtime model writes summaries itself."""
    azure = Route(service="azure", address="https://r.openai.azure.com", deployment="d")
    env = {"AZURE_OPENAI_API_KEY": "az"}
    there = azure.endpoint(None, env=env, simulator=None)
    assert azure.chat(there, env) is None
    assert azure.writer(None) is None
    named = Route(service="azure", address="https://r.openai.azure.com", deployment="d", summary_model="mini")
    chat = named.chat(there, env)
    assert chat is not None
    assert chat.model == "mini"
    assert named.writer(chat) is not None
    with pytest.raises(BadInput):
        azure.chat(there, {**env, "LACONIC_SUMMARY_URL": "nonsense"})


def test_the_stand_in_writes_its_own_summaries() -> None:
    route = Route(service="simulator")
    there = route.endpoint("gpt-realtime", env={}, simulator=STAND_IN)
    chat = route.chat(there, {"LACONIC_SUMMARY_URL": "https://elsewhere.example/v1"})
    assert chat is not None
    assert chat.host == "127.0.0.1"


def test_callers_are_written_down_where_the_route_says_so() -> None:
    assert Route().opening(None) is None
    assert Route().opening({"instructions": "Hm."}) == {"instructions": "Hm."}
    route = Route(transcription="whisper-1")
    ours = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    assert route.opening(None) == ours
    granted: dict[str, Any] = {"audio": {"input": {"turn_detection": None}, "output": {"voice": "marin"}}}
    assert route.opening(granted) == {
        "type": "realtime",
        "audio": {
            "input": {"transcription": {"model": "whisper-1"}, "turn_detection": None},
            "output": {"voice": "marin"},
        },
    }
    theirs = {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}
    assert route.opening(theirs) == {"type": "realtime", **theirs}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[route]]\nmodels = 3", 'route 1: models has to be a name or a list of names, such as ["gpt-realtime*"]'),
        ("[[route]]\nmodels = []", "models has to be"),
        ("[[route]]\nservice = 3", "route 1: service has to be a text in quotes"),
        ("[[route]]\nservise = 'openai'", "route 1: servise is not known; a route can have address,"),
        ("[[route]]\nmemory = 'lots'", "route 1: memory cannot be used: memory 'lots' is not known"),
        ("[[route]]\n[[route]]\nbudget = '2 beers'", "route 2: budget cannot be used: budget '2 beers'"),
        ("[[route]]\nbudget = '$2/day'", "route 1: budget cannot be used"),
        ("[[route]]\ndialect = 'gamma'", 'route 1: dialect has to be "ga" or "beta"'),
        ("[[route]]\nbudget_end = 'bang'", 'route 1: budget_end has to be "stay" or "close"'),
        (
            "[[route]]\nlimits = 3",
            "route 1: limits has to be a table of messages_s, burst, bytes_s, burst_bytes, idle_s",
        ),
        (
            "[[route]]\n[route.limits]\nidle = 3",
            "route 1: limits.idle is not known; there are messages_s, burst, bytes_s, burst_bytes, idle_s",
        ),
        ("[[route]]\n[route.limits]\nidle_s = -1", "route 1: limits.idle_s has to be a number from 0"),
        ("[[route]]\n[route.limits]\nidle_s = true", "route 1: limits.idle_s has to be a number from 0"),
        ("[route]\nmodels = 'x'", "there is no route in it; write one that begins with [[route]]"),
        ("", "there is no route in it"),
        ("route = [3]", "route 1 is no table; write [[route]] with two brackets"),
        ("[gateway]\nport = 3", "gateway is not known here; every route begins with [[route]]"),
        ("[[route]]\nname = 'a'\n[[route]]\nname = 'a'", "two routes are called 'a'"),
        ("[[route]", "is no TOML"),
    ],
)
def test_every_mistake_is_one_sentence_with_the_file_in_it(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as wrong:
        read_routes(path)
    assert said in wrong.value.sentence
    assert str(path) in wrong.value.sentence
    assert "\n" not in wrong.value.sentence or "TOML" in wrong.value.sentence


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_routes(tmp_path / "none.toml")


def test_no_key_is_ever_shown() -> None:
    there = Route(key_env="MINE").endpoint("m", env={"MINE": "sk-very-secret"}, simulator=None)
    assert "sk-very-secret" not in repr(there) + repr(Route(key_env="MINE"))
