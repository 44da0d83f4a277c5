"""`laconic whatif`: what a conversation would have cost under other memories, models and laws.

A recording is taken as it is; without one a conversation is made up from a seed. The table has a row for each memory
and a column for each hit rate, money beside multiples of the floor; the page (`--html`) has the plots.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from laconic.cli import Commands
from laconic.cli.rates import rate_table
from laconic.currencies import Currency, currency
from laconic.errors import BadInput
from laconic.items import Wire
from laconic.meter import Cost
from laconic.rates import Rates, RateTable
from laconic.terminal.columns import clip, width_of, wrap
from laconic.whatif.compare import Outcome, Story, by_the_minute, cases, minute_cost, tell
from laconic.whatif.page import page
from laconic.whatif.recorded import talk_of
from laconic.whatif.turns import Talk
from laconic.whatif.workload import Workload, generate

__all__ = ["add_parser", "rows", "to_json"]

_WIDTH = 80
_CELL = 14
_KEPT_WIDTH = 8
_MEMORIES = "everything,last:5,last:20,service:8000:0.8,window:8000,written,summary"
_MODEL = "gpt-realtime-2.1"
_TRANSCRIPTION, _SUMMARY = "gpt-transcribe", "gpt-5.4-nano"
_LONGEST_MINUTES = 24 * 60

_SAID = {
    "talk": (
        "{name}: {minutes:.1f} minutes, {exchanges} exchanges, {cuts} cut short, {ghosts} ghost turns",
        "{name}: {minutes:.1f}分・やりとり{exchanges}回・途中で遮られた返事{cuts}回・空振り{ghosts}回",
    ),
    "case": ("{model}, old reply audio {audio}", "{model}・古い返事の音声は{audio}"),
    "kept": ("kept", "保持"),
    "dropped": ("dropped", "破棄"),
    "hits": ("{rate:.0%} hits", "命中{rate:.0%}"),
    "words": ("kept", "記憶"),
    "floor": ("floor", "下限"),
    "chose": ("{memory} chose {names}", "{memory} の選択：{names}"),
    "by_minute": ("by the minute, {names}: {cost}, {verdict}", "分単位の {names}: {cost}（{verdict}）"),
    "never": ("dearer than every memory above", "上のどの記憶よりも高い"),
    "always": ("cheaper than every memory above", "上のどの記憶よりも安い"),
    "cheaper": ("cheaper than {dearer}", "{dearer} より安い"),
    "legend": (
        "floor: new speech, replies and their transcription, without any history. kept: the share of what was said "
        "that is still there at the end, word for word, and after + as the gist of it in a summary.",
        "下限：新しい発話と返事と文字起こしだけの料金（履歴なし）。"
        "記憶：最後まで残った割合、+ のあとは要約に残った要旨。",
    ),
    "written": ("written to {file}", "{file} に書き出しました"),
}


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "whatif",
        help="reckon a conversation under other memories, models and laws",
        description="Takes recordings, or makes up a conversation, and reckons it in every cell asked for.",
    )
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="a recording, one event per line")
    made_up = parser.add_argument_group("a conversation made up, where no recording is given")
    made_up.add_argument("--minutes", type=float, default=60.0, help="its length (60)")
    made_up.add_argument("--seed", type=int, default=1, help="another number, another conversation (1)")
    cells = parser.add_argument_group("what to compare; lists are separated by commas")
    cells.add_argument("--memory", default=_MEMORIES, metavar="LIST", help=f"memories ({_MEMORIES}); auto too")
    cells.add_argument("--model", metavar="LIST", help=f"models (as recorded, or {_MODEL})")
    cells.add_argument("--hit-rate", default="100,75,50,0", metavar="LIST", help="cache hits in percent (100,75,50,0)")
    cells.add_argument("--reply-audio", default="kept,dropped", metavar="LIST", help="kept, dropped, or prior")
    cells.add_argument("--transcription-model", default=_TRANSCRIPTION, metavar="MODEL", help=f"({_TRANSCRIPTION})")
    cells.add_argument("--summary-model", default=_SUMMARY, metavar="MODEL", help=f"writes summaries ({_SUMMARY})")
    shown = parser.add_argument_group("how to show it")
    shown.add_argument("--currency", default="USD", metavar="CODE", help="show money in this currency")
    shown.add_argument("--per-usd", metavar="RATE", help="how many of it are a dollar")
    shown.add_argument("--rates", type=Path, metavar="FILE", help="prices of your own, over the shipped ones")
    shown.add_argument("--json", action="store_true", help="for machines: one object for each memory in each case")
    shown.add_argument("--html", type=Path, metavar="FILE", help="also write a page with plots")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Reckon and show. Raises BadInput for what cannot be reckoned."""
    table = rate_table(args.rates)
    money = currency(args.currency, args.per_usd)
    memories = _list(args.memory, "--memory")
    hit_rates = [_hit_rate(text) for text in _list(args.hit_rate, "--hit-rate")]
    reply_audio = [_one_of(text, ("kept", "dropped", "prior")) for text in _list(args.reply_audio, "--reply-audio")]
    stories: list[Story] = []
    for talk in _talks(args):
        named = _list(args.model, "--model") if args.model else [talk.model or _MODEL]
        every_case = cases(
            [_model(table, name) for name in named],
            reply_audio,
            hit_rates,
            transcription_rates=_priced(table, talk.transcription_model or args.transcription_model, "transcription"),
            summary_rates=_priced(table, args.summary_model, "text"),
        )
        stories += [tell(talk, case, memories) for case in every_case]
    if args.json:
        for story in stories:
            for outcome in story.outcomes:
                print(json.dumps(to_json(story, outcome), ensure_ascii=False))
    else:
        print("\n".join(rows(stories, table, money, args.lang)))
    if args.html is not None:
        _write(args.html, page(stories, by_the_minute(table, "USD"), money, lang=args.lang))
        if not args.json:
            print(_SAID["written"][args.lang == "ja"].format(file=args.html))
    return 0


def to_json(story: Story, outcome: Outcome) -> Wire:
    """One memory in one case. Costs are in 10⁻⁹ of `currency`; null where something in them is unknown. `chosen`: what
    `auto` had in force, in order; empty for others."""
    cost, kept = outcome.cost, outcome.remembered
    return {
        "conversation": story.talk.name,
        "minutes": round(story.talk.length_ms / 60_000, 3),
        "memory": outcome.memory,
        "chosen": list(outcome.chosen),
        "model": story.case.model,
        "reply_audio": story.case.reply_audio,
        "hit_rate": story.case.laws.hit_rate,
        "currency": cost.currency,
        "cost_nanodollars": None if cost.unknown else cost.nanodollars,
        "floor_nanodollars": None if story.floor.unknown else story.floor.nanodollars,
        "multiple": None if outcome.multiple is None else round(outcome.multiple, 4),
        "speech_ms": story.said.speech_ms,
        "words_ms": kept.speech_ms,
        "gist_ms": kept.gist_ms,
        "facts": story.said.facts,
        "facts_kept": kept.facts,
        "facts_in_gist": kept.gist_facts,
    }


# --- for people --------------------------------------------------------------------------------------------------


def rows(stories: Sequence[Story], table: RateTable, money: Currency, lang: str) -> Iterator[str]:
    """The tables, in rows of at most 80 columns: one for each conversation, model and law of reply audio."""

    def say(key: str, **values: object) -> str:
        return _SAID[key][lang == "ja"].format_map(values)

    for _, told in groupby(stories, key=lambda story: id(story.talk)):
        of_talk = list(told)
        first = of_talk[0].talk
        yield from wrap(
            say(
                "talk",
                name=first.name,
                minutes=first.length_ms / 60_000,
                exchanges=first.exchanges,
                cuts=first.cuts,
                ghosts=first.ghosts,
            ),
            _WIDTH,
        )
        for (model, audio), group in groupby(of_talk, key=lambda story: (story.case.model, story.case.reply_audio)):
            alike = list(group)
            yield ""
            yield clip(say("case", model=model, audio=say(audio)), _WIDTH)
            most = (_WIDTH - _KEPT_WIDTH - _name_width(alike)) // _CELL
            for start in range(0, len(alike), most):
                yield from _table(alike[start : start + most], money, say("floor"), lang)
            yield from _chosen(alike, lang)
            yield from _by_minute(alike, table, money, lang)
        yield ""
    yield from wrap(say("legend"), _WIDTH)


def _name_width(stories: Sequence[Story]) -> int:
    return min(24, max(width_of(outcome.memory) for outcome in stories[0].outcomes))


def _table(stories: Sequence[Story], money: Currency, floor: str, lang: str) -> Iterator[str]:
    """A column for each hit rate."""
    ja = lang == "ja"
    width = _name_width(stories)
    heads = [_SAID["hits"][ja].format(rate=story.case.laws.hit_rate) for story in stories]
    yield " " * width + "".join(_right(head, _CELL) for head in heads) + _right(_SAID["words"][ja], _KEPT_WIDTH)
    for outcomes in zip(*(story.outcomes for story in stories), strict=True):
        cells = [_cell(outcome.cost, outcome.multiple, money) for outcome in outcomes]
        name = clip(outcomes[0].memory, width)
        yield f"{name:<{width}}" + "".join(cells) + _right(_kept(outcomes[0], stories[0]), _KEPT_WIDTH)
    cells = [_cell(story.floor, 1.0, money) for story in stories]
    yield floor + " " * (width - width_of(floor)) + "".join(cells)


def _cell(cost: Cost, multiple: float | None, money: Currency) -> str:
    times = "–" if multiple is None else f"{multiple:.2f}×" if multiple < 9.995 else f"{multiple:.1f}×"
    sum_ = money.show(cost) + ("?" if cost.unknown else "")
    return f"{sum_:>{_CELL - 6}}{times:>6}"


def _kept(outcome: Outcome, story: Story) -> str:
    whole = story.said.speech_ms
    if not whole:
        return "–"
    gist = f"+{outcome.remembered.gist_ms / whole:.0%}" if outcome.remembered.gist_ms else ""
    return f"{outcome.remembered.speech_ms / whole:.0%}{gist}"


def _chosen(stories: Sequence[Story], lang: str) -> Iterator[str]:
    """What `auto` chose; with the hit rates at which it did, where it is not the same at all of them."""
    for outcomes in zip(*(story.outcomes for story in stories), strict=True):
        rates: dict[str, list[str]] = {}
        for story, outcome in zip(stories, outcomes, strict=True):
            if outcome.chosen:
                rates.setdefault(" → ".join(outcome.chosen), []).append(f"{story.case.laws.hit_rate:.0%}")
        alike = len(rates) == 1
        names = ", ".join(name if alike else f"{name} ({', '.join(at)})" for name, at in rates.items())
        if names:
            yield from wrap(_SAID["chose"][lang == "ja"].format(memory=outcomes[0].memory, names=names), _WIDTH)


def _by_minute(stories: Sequence[Story], table: RateTable, money: Currency, lang: str) -> Iterator[str]:
    """Of the services that bill minutes, what each would be cheaper than. Nothing where no time is known."""
    ja, talk = lang == "ja", stories[0].talk
    if talk.length_ms < 1_000:
        return
    services = by_the_minute(table, stories[0].floor.currency)
    costs = {rates.name: minute_cost(rates, talk) for rates in services}
    for cost, names in groupby(sorted(costs, key=lambda name: costs[name].nanodollars), lambda name: costs[name]):
        alike = list(names)
        dearer = list(_dearer(stories, cost))
        if not dearer:
            verdict = _SAID["never"][ja]
        elif len(dearer) == len(stories[0].outcomes) and not any("(" in name for name in dearer):
            verdict = _SAID["always"][ja]
        else:
            verdict = _SAID["cheaper"][ja].format(dearer=", ".join(dearer))
        said = _SAID["by_minute"][ja].format(names=", ".join(alike), cost=money.show(cost), verdict=verdict)
        yield from wrap(said, _WIDTH)


def _dearer(stories: Sequence[Story], cost: Cost) -> Iterator[str]:
    """The memories that cost more; with the hit rates at which they do, where it is not at all of them."""
    for outcomes in zip(*(story.outcomes for story in stories), strict=True):
        rates = [
            f"{story.case.laws.hit_rate:.0%}"
            for story, outcome in zip(stories, outcomes, strict=True)
            if outcome.cost.nanodollars > cost.nanodollars
        ]
        if rates:
            yield outcomes[0].memory + ("" if len(rates) == len(stories) else f" ({', '.join(rates)})")


def _right(text: str, width: int) -> str:
    return " " * max(0, width - width_of(text)) + text


# --- what was asked for ------------------------------------------------------------------------------------------


def _talks(args: argparse.Namespace) -> Iterator[Talk]:
    if not args.recordings:
        if not 0 < args.minutes <= _LONGEST_MINUTES:
            raise BadInput(
                f"--minutes {args.minutes:g} cannot be reckoned; give a length above 0, up to {_LONGEST_MINUTES}",
                f"--minutes {args.minutes:g} は使えません。0 より大きく {_LONGEST_MINUTES} 以下の値を指定してください",
            )
        yield generate(Workload(minutes=args.minutes), random.Random(args.seed).random, f"seed {args.seed}")
    for file in args.recordings:
        try:
            with Path(file).open(encoding="utf-8", errors="replace") as lines:
                talk, broken = talk_of(lines, Path(file).name)
        except OSError as error:
            raise BadInput(
                f"{file}: the recording cannot be read ({error.strerror}); check its name",
                f"{file}: 録音記録を読めません（{error.strerror}）。ファイル名を確認してください。",
            ) from None
        if broken is not None:
            raise BadInput(f"{file}: {broken.sentence}", f"{file}: {broken.say('ja')}")
        yield talk


def _list(text: str, flag: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if found:
        return list(dict.fromkeys(found))
    raise BadInput(
        f"{flag} is empty; name at least one, or leave it out", f"{flag} が空です。値を一つ以上指定してください"
    )


def _hit_rate(text: str) -> float:
    digits = text.removesuffix("%")
    if digits.isascii() and digits.isdigit() and int(digits) <= 100:
        return int(digits) / 100
    raise BadInput(
        f"--hit-rate {text!r} is no percentage; give whole numbers from 0 to 100, such as 100,75,0",
        f"--hit-rate {text!r} は使えません。100,75,0 のように 0 から 100 の整数を指定してください",
    )


def _one_of(text: str, known: Sequence[str]) -> str:
    if text in known:
        return text
    raise BadInput(
        f"--reply-audio {text!r} is not known; it is one of {', '.join(known)}",
        f"--reply-audio {text!r} は使えません。{'、'.join(known)} のどれかを指定してください",
    )


def _model(table: RateTable, name: str) -> Rates:
    """A model that talks and has a price."""
    rates = table.find(name)
    if rates is not None and rates.kind == "models" and rates.priced:
        return rates
    raise BadInput(
        f"no price is known for talking with {name!r}; name one with --model (`laconic rates` lists them)",
        f"{name!r} の料金が不明です。--model で指定してください（`laconic rates` で一覧を表示）",
    )


def _priced(table: RateTable, name: str, kind: str) -> Rates | None:
    """A model of that kind; None where the list has no such one, and its work is then reckoned otherwise."""
    rates = table.find(name)
    return rates if rates is not None and rates.kind == kind else None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the page cannot be written to {path} ({error.strerror})",
            f"{path} に書き込めません（{error.strerror}）",
        ) from None
