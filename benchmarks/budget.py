"""How far a session overshoots its budget: ours beside the one other that has a cap for running sessions to overrun.

    python benchmarks/budget.py [--worlds 200]

The first table is the check LiteLLM 1.109.1 was put to: a cap of $0.05 on gpt-realtime, a client that asks for twenty
spoken replies one after the other, each of about $0.0208. It spent $0.4152, 8.3 times its cap; only the next
connection was refused (measured in November 2026; PEERS.md section 7). The second plays generated sessions whose apps
do as they please (tests/simulator/spenders.py) and tells the worst of them. The bill is the stand-in's own, at the
price list's rates.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "simulator")]

from simulator.spenders import Caller, Nature, generated  # noqa: E402  # the tests' worlds, which are no package

from laconic.budget import Budget, limits  # noqa: E402
from laconic.simulator.faults import Faults  # noqa: E402
from laconic.simulator.minds.reply import Reply  # noqa: E402

_CAP = 50_000_000
_REPLIES = 20
_LITELLM = 415_200_000
_WORDS = "and so we walked along the river until the lights came on over there in the harbor"


def twenty_replies(cap: str) -> tuple[int, int, Caller]:
    """Ask for twenty replies under this cap: how many were made, nano-dollars spent, and the caller."""
    caller = Caller(
        random.Random(1),
        Budget(limits=limits(cap)),
        None,
        model="gpt-realtime",
        nature=Nature(tools=0.0, barges_in=0.0, pauses=0.0, commits=True),
        faults=Faults(),
        memory="everything",
        transcriber=None,
        delay=0,
        settings={"instructions": "Tell stories."},
    )
    for _ in range(_REPLIES):
        caller.mind._replies[:] = [Reply(text=f"{_WORDS} {_WORDS}.")]  # pyright: ignore[reportPrivateUsage]
        caller.app("response.create")
        while True:
            caller.advance()
            if not caller.service.responses_active:
                break
    made = [usage for usage in caller.service.usages.values() if usage is not None and usage.output_tokens]
    return len(made), caller.spent("nanodollars"), caller


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=50, help="generated sessions to play")
    worlds: int = parser.parse_args().worlds
    free, spent_freely, _ = twenty_replies("$1000")
    made, spent, caller = twenty_replies("$0.05")
    print(f"{'cap $0.05, twenty replies asked for':<40}{'replies':>8}{'spent':>10}{'of the cap':>12}")
    for name, replies, nano in (
        ("without a cap", free, spent_freely),
        ("LiteLLM 1.109.1 (PEERS.md)", _REPLIES, _LITELLM),
        ("laconic", made, spent),
    ):
        print(f"{name:<40}{replies:>8}{nano / 1e9:>10.4f}{nano / _CAP:>11.2f}x")
    print(f"the last of ours is the goodbye; then: {caller.session.over}")
    overshoots: list[float] = []
    for seed in range(worlds):
        world = generated(seed)
        world.run(300)
        overshoots.append(world.overshoot)
    if overshoots:
        print(f"{worlds} generated sessions: the worst spent {1 + max(overshoots):.4f} of its budget")


if __name__ == "__main__":
    main()
