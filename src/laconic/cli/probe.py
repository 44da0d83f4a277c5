"""`laconic probe`: a short, cheap conversation with a service that finds out what it does and nobody documents.

It says what it may cost and asks before it dials. What was found is printed as a report that can be pasted into an
issue, and the laws are kept where talks look for them. What the user reads on the way is on stderr, in his language;
the report is on stdout, in English.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from laconic import __version__
from laconic.cli.checks import Text
from laconic.cli.rates import rate_table
from laconic.client.dial import dial
from laconic.client.endpoints import DEFAULT_MODEL, Endpoint, endpoint, named, provider
from laconic.client.laws_file import load_laws, save_laws
from laconic.errors import BadInput, LaconicError, Refused
from laconic.laws import Laws, prior
from laconic.meter import dollars
from laconic.probing.asking import Clip, Limits
from laconic.probing.notes import Notes
from laconic.probing.plan import Price, Turn, plan, reckon, time_limit_s
from laconic.probing.probe import Clock, clips, probe
from laconic.probing.questions import findings
from laconic.probing.report import About, report

if TYPE_CHECKING:
    from laconic.cli import Commands

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Hold a short, cheap conversation with a service and find out how it bills, caches and forgets: which sound stays in the
input, how often the prompt cache hits, what edits do. It says what it may cost and asks first.
"""
_LEAST = 5
"""Responses without which there is nothing to report."""
_LONGEST_GAP_S = 3600.0

_PRICE = Text(
    "{turns} turns with {service}, model {model}, {minutes} minutes or less: about {likely}, never more than {most}.",
    "{service}（{model}）と{turns}回やり取りします。{minutes}分以内、およそ {likely}、最大でも {most} です。",
)
_UNPRICED = Text(
    "{turns} turns with {service}, model {model}, {minutes} minutes or less. Its price is not known here: "
    "at most {tokens} tokens, input and output.",
    "{service}（{model}）と{turns}回やり取りします。{minutes}分以内。料金は不明ですが、"
    "入出力あわせて最大 {tokens} トークンです。",
)
_FREE = Text("This is the stand-in: nothing is billed.", "代役サービスです。料金はかかりません。")
_ASK = Text("Go on? [y/N] ", "続けますか。[y/N] ")
_YES = ("y", "yes", "ｙ", "はい")
_NOT_DONE = Text("Nothing was sent.", "何も送信していません。")
_GAP = Text("a gap of {seconds:g} s", "{seconds:g} 秒おいて")
_NAMES = {
    "the first": "最初の発言",
    "its reply deleted": "返事を削除して",
    "that reply deleted too": "その返事も削除して",
    "with a tool": "ツールを付けて",
    "with a picture": "画像を付けて",
    "other settings": "設定を変えて",
    "other settings, again": "設定を変えて、もう一度",
    "other settings, once more": "設定を変えて、さらにもう一度",
    "a reply read again": "返事を残して",
    "two replies": "返事が二つ",
    "three replies": "返事が三つ",
    "the newest reply truncated": "最新の返事を途中で切って",
    "one turn later": "その次",
    "the front deleted": "先頭を削除して",
    "the front deleted, again": "先頭を削除して、もう一度",
    "the middle deleted": "中ほどを削除して",
    "the middle deleted, again": "中ほどを削除して、もう一度",
    "cancelled": "すぐ取り消す",
    "written down": "すべて文字にして",
    "after that": "その次",
    "in one note": "一つのメモにまとめて",
}
"""What a turn is called in Japanese."""
_COST = Text("It cost {cost}.", "費用は {cost} でした。")
_STOPPED = Text("It stopped early: {why}.", "途中で終わりました: {why}")
_KEPT = Text("The laws of {model} are kept for talks with it.", "{model} の規則を保存しました。次の会話から使います。")


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "probe", help="find out how a service bills, caches and forgets", description=_DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("--service", metavar="SERVICE", help="openai, azure, simulator, or an address such as wss://…")
    parser.add_argument("--model", help="the realtime model, such as gpt-realtime-2.1")
    parser.add_argument("--deployment", help="Azure: the deployment's name")
    parser.add_argument("--api-version", help="Azure: the preview address's api-version")
    parser.add_argument("--dialect", choices=("ga", "beta"), help="the protocol's spelling, where it cannot be told")
    parser.add_argument("--gaps", metavar="S,S", default="", help="also look at the cache after pauses, such as 5,60")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="write the report there, too")
    parser.add_argument("--rates", type=Path, metavar="FILE", help="your own prices (see `laconic rates`)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Probe. 0 when all was asked or the user said no; LaconicError for anything else, after what was found."""
    wanted = _wanted(args, os.environ)
    _say(wanted.offer())
    if not args.yes and not wanted.stand_in and not _agreed(args.lang):
        _say(_NOT_DONE.say(args.lang))
        return 0
    asyncio.run(_run(wanted))
    return 0


# --- before anything is sent -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Wanted:
    """What was asked for, checked."""

    args: argparse.Namespace
    service: str
    model: str | None
    turns: tuple[Turn, ...]
    spoken: list[Clip]
    laws: Laws
    notes: Notes
    price: Price

    @property
    def lang(self) -> str:
        return self.args.lang

    @property
    def stand_in(self) -> bool:
        return self.service == "simulator"

    @property
    def learned_as(self) -> tuple[str, str]:
        """Whose laws these are, as talks keep them."""
        return named(self.service, model=self.model, deployment=self.args.deployment, env=os.environ)

    def offer(self) -> str:
        """What it is about to do and what that may cost."""
        price = self.price
        words = _PRICE if price.most is not None and price.likely is not None else _UNPRICED
        offered = words.say(self.lang).format(
            turns=price.turns,
            service=self.learned_as[0],
            model=self.model or self.args.deployment or "?",
            minutes=-(-round(time_limit_s(self.turns)) // 60),
            likely=dollars(price.likely or 0, price.currency),
            most=dollars(price.most or 0, price.currency),
            tokens=f"{price.tokens:,}",
        )
        return f"{offered} {_FREE.say(self.lang)}" if self.stand_in else offered


def _wanted(args: argparse.Namespace, env: Mapping[str, str]) -> _Wanted:
    """Raises BadInput or NoKey."""
    gaps = _gaps(args.gaps)
    _check_report(args.report)
    service = args.service or ("azure" if _azure_only(env) else "openai")
    stand_in = service == "simulator"
    model = args.model or (DEFAULT_MODEL if stand_in else None)
    if not stand_in:
        model = _endpoint(args, service, model, env).model
    table = rate_table(args.rates)
    rates = table.find(model) if model is not None else None
    known = load_laws(*named(service, model=model, deployment=args.deployment, env=env))
    laws = prior(provider(service), model or "") if known is None else known
    turns, spoken = plan(gaps), clips()
    price = reckon(turns, [clip.ms for clip in spoken], laws, rates)
    return _Wanted(args, service, model, turns, spoken, laws, Notes(rates), price)


def _azure_only(env: Mapping[str, str]) -> bool:
    return bool(env.get("AZURE_OPENAI_ENDPOINT")) and not (env.get("OPENAI_API_KEY") or env.get("OPENAI_API_KEY_FILE"))


def _gaps(given: str) -> list[float]:
    gaps: list[float] = []
    for word in given.split(",") if given else ():
        try:
            gaps.append(float(word))
        except ValueError:
            gaps.append(-1.0)
        if not isfinite(gaps[-1]) or not 0 < gaps[-1] <= _LONGEST_GAP_S:
            raise BadInput(
                f"--gaps are seconds with commas between them, up to {_LONGEST_GAP_S:g}, such as 5,60, not {given!r}",
                ja=f"--gaps は 5,60 のように秒数（{_LONGEST_GAP_S:g} まで）をカンマで区切って指定してください"
                f"（今の値: {given!r}）。",
            )
    return gaps


def _check_report(path: Path | None) -> None:
    """Whether the report can be written, before it has cost anything."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise BadInput(
            f"the report cannot be written to {path}; give --report a file in a folder that exists",
            ja=f"レポートを {path} に書けません。既存のフォルダ内のファイルを --report に指定してください。",
        )


def _endpoint(
    args: argparse.Namespace, service: str, model: str | None, env: Mapping[str, str], url: str | None = None
) -> Endpoint:
    return endpoint(
        service,
        model=model,
        deployment=args.deployment,
        dialect=args.dialect,
        api_version=args.api_version,
        url=url,
        env=env,
    )


def _agreed(lang: str) -> bool:
    """Ask whoever sits at the terminal. BadInput where nobody does."""
    if not sys.stdin.isatty():
        raise BadInput(
            "this costs money and nobody is here to ask; give --yes if you agree to the price",
            ja="料金がかかりますが、確認できる端末がありません。同意する場合は --yes を付けてください。",
        )
    print(_ASK.say(lang), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in _YES


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- the probe ---------------------------------------------------------------------------------------------------


async def _run(wanted: _Wanted) -> None:
    stopped: str | None = None
    broken: LaconicError | None = None
    async with _there(wanted) as (there, clock), dial(there) as connection:
        numbers = iter(range(1, len(wanted.turns) + 1))

        def told(turn: Turn) -> None:
            _say(f"{next(numbers):2}  {_name(turn, wanted.lang)}")

        limits = Limits(most=wanted.price.most)
        try:
            stopped = await probe(
                connection, wanted.notes, wanted.turns, wanted.spoken, clock, limits=limits, told=told
            )
        except LaconicError as error:
            stopped, broken = error.sentence, error
        finally:
            _tell_cost(wanted)
    if stopped is not None:
        _say(_STOPPED.say(wanted.lang).format(why=there.hide_keys(stopped)))
    if len(wanted.notes.answers) >= _LEAST:
        _tell_findings(wanted, there, stopped)
    if broken is not None:
        raise broken
    if stopped is not None:
        raise Refused(
            f"the probe of {wanted.learned_as[0]} ended before its end: {there.hide_keys(stopped)}",
            ja=f"{wanted.learned_as[0]} の調査は途中で終わりました（{there.hide_keys(stopped)}）。",
        )


def _name(turn: Turn, lang: str) -> str:
    if turn.gap_s:
        return _GAP.say(lang).format(seconds=turn.gap_s)
    return _NAMES[turn.name] if lang == "ja" else turn.name


def _tell_cost(wanted: _Wanted) -> None:
    meter = wanted.notes.meter
    if meter.responses and not wanted.stand_in:
        _say(_COST.say(wanted.lang).format(cost=meter.total))


def _tell_findings(wanted: _Wanted, there: Endpoint, stopped: str | None) -> None:
    notes = wanted.notes
    found, reckoned = findings(notes, wanted.turns, wanted.laws)
    model = wanted.model or notes.conversation.model or "?"
    about = About(
        service=_shown_host(wanted.service, there),
        model=model,
        dialect=notes.conversation.dialect,
        date=datetime.now(UTC).date().isoformat(),
        version=__version__,
    )
    text = there.hide_keys(report(about, wanted.price, found, reckoned, stopped=stopped))
    print(text, end="", flush=True)
    learned = sum(answer.usage is not None for answer in notes.answers)
    if not wanted.stand_in and ((reckoned.whole_input and learned) or reckoned.laws.lacks):
        not_kept = save_laws(*wanted.learned_as, reckoned.laws, max(1, learned))
        _say(_KEPT.say(wanted.lang).format(model=model) if not_kept is None else not_kept.say(wanted.lang))
    if wanted.args.report is not None:
        _write(wanted.args.report, text)


def _shown_host(service: str, there: Endpoint) -> str:
    """The host, for strangers to read: the name of somebody's Azure resource is left out."""
    if service == "simulator":
        return "the stand-in"
    host = there.host
    return "…" + host[host.index(".") :] if host.endswith(".azure.com") else host


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the report cannot be written to {path} ({error.strerror}); it is printed above",
            ja=f"レポートを {path} に書けません（{error.strerror}）。内容は上に表示されています。",
        ) from None


@asynccontextmanager
async def _there(wanted: _Wanted) -> AsyncGenerator[tuple[Endpoint, Clock]]:
    """Where to dial, and by which clock; the stand-in is started for it, and runs ten times faster than life."""
    from laconic.voice.clock import Clock as Running

    if not wanted.stand_in:
        yield _endpoint(wanted.args, wanted.service, wanted.model, os.environ), Running()
        return
    from laconic.simulator.habits import Habits
    from laconic.simulator.hearing import Hearing
    from laconic.simulator.parts import Parts
    from laconic.simulator.server import serve
    from laconic.simulator.speech import Speech

    clock = Running(10.0)
    parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech())
    async with serve(habits=Habits(model=wanted.model or DEFAULT_MODEL), parts=parts, clock=clock) as standin:
        yield _endpoint(wanted.args, wanted.service, wanted.model, os.environ, standin.url), clock
