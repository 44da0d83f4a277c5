"""`laconic replay`: what the engine makes of a recorded conversation, without a service and without a bill.

Every line goes through the same Session that talks. It is told beforehand that the conversation is over, so it
only listens: whatever edits the recording holds were made then, and none is made now.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from laconic import events as ev
from laconic.cli import Commands
from laconic.cli.rates import rate_table
from laconic.errors import BadInput
from laconic.expectation import Expected
from laconic.items import Item, Wire
from laconic.meter import Cost
from laconic.rates import RateTable
from laconic.recording import Line, read_lines
from laconic.session import Charged, Session, ToApp
from laconic.terminal.bill import amount, charge_rows
from laconic.terminal.columns import clip, plain, width_of, wrap
from laconic.terminal.words import Language, Words, seconds
from laconic.usage import Usage

__all__ = ["Replay", "add_parser", "rows", "service_of", "to_json"]

_WIDTH = 80

_SAID = {
    "title": ("{file}: {lines} messages, model {model}", "{file}: メッセージ{lines}件・モデル {model}"),
    "no_model": ("unknown", "不明"),
    "held": ("the conversation at its end: {count} items", "最後の会話: {count}件"),
    "sound": ("{seconds} s", "{seconds}秒"),
    "responses": ("responses: {count}", "応答: {count}件"),
    "usage": (
        "in {tokens_in} (cached {cached}) out {tokens_out}",
        "入力{tokens_in}（キャッシュ{cached}）出力{tokens_out}",
    ),
    "no_usage": ("usage unknown", "使用量不明"),
    "cost": ("cost: {cost}", "料金: {cost}"),
    "unknown": ("unknown events: {count}", "未知のイベント: {count}件"),
    "errors": ("errors: {count}", "エラー: {count}件"),
}


@dataclass(slots=True)
class Replay:
    """A recording as far as it could be read."""

    session: Session
    expected: dict[str, Expected | None] = field(default_factory=dict[str, Expected | None])
    """What each response would read, by its id, reckoned when it began."""
    lines: int = 0
    unknown: list[str] = field(default_factory=list[str])
    """Types of the events we do not know, in order."""
    complaints: list[str] = field(default_factory=list[str])
    """Messages of the errors the service reported, in order."""
    broken: BadInput | None = None
    """Where the recording breaks off, if it does."""

    @classmethod
    def of(
        cls,
        lines: Iterable[str],
        *,
        model: str | None = None,
        rates: RateTable | None = None,
        service: str = "openai",
    ) -> Replay:
        """Play the lines of a recording. Never raises for what is in them.

        `service` names whose laws to expect the bills by; a recording does not say it (laws.py has the names).
        """
        numbers = count()
        replay = cls(Session(ids=lambda: f"replay_{next(numbers)}", model=model, rates=rates, service=service))
        replay.session.end(0.0)
        now = 0.0
        try:
            for line in read_lines(lines):
                now = now if line.at_ms is None else line.at_ms / 1000
                replay._play(line, now)
        except BadInput as broken:
            replay.broken = broken
        return replay

    def _play(self, line: Line, now: float) -> None:
        self.lines += 1
        if line.sender == "service":
            self.session.from_service(line.raw, now)
        else:  # the app's own messages and laconic's edits reached the service alike
            self.session.from_app(line.raw, now)
        for action in self.session.actions():
            match action:
                case Charged(response_id=response_id, expected=expected):
                    self.expected.setdefault(response_id, expected)
                case ToApp(event=ev.Unknown(name=name)):
                    self.unknown.append(name or "?")
                case ToApp(event=ev.Error(error=error)):
                    self.complaints.append(error.message or error.code or "?")
                case _:
                    pass


def to_json(replay: Replay) -> Wire:
    """For machines. A cost is null where it is unknown, or not in dollars; a prediction where no response began."""
    session = replay.session
    return {
        "items": [
            {
                "id": item.id,
                "role": item.role,
                "type": item.type,
                "status": item.status,
                "text": item.text,
                "audio_ms": item.audio_ms,
            }
            for item in session.conversation
        ],
        "unknown_events": session.unknown_events,
        "errors": session.errors,
        "responses": [
            {
                "status": response.status,
                "usage": response.usage.to_wire() if response.usage is not None else None,
                "cost_nanodollars": _nanodollars(response.cost),
                "predicted": _predicted(replay.expected.get(response.id)),
            }
            for response in session.meter.responses
        ],
    }


def _predicted(expected: Expected | None) -> dict[str, int] | None:
    if expected is None:
        return None
    return {
        "text_in": expected.text_in,
        "audio_in": expected.audio_in,
        "cached_text": expected.cached_text,
        "cached_audio": expected.cached_audio,
    }


def _nanodollars(cost: Cost) -> int | None:
    return None if cost.unknown or cost.currency != "USD" else cost.nanodollars


# --- for people --------------------------------------------------------------------------------------------------


def rows(replay: Replay, file: str, lang: Language) -> Iterator[str]:
    """What a person sees, in rows of at most 80 columns."""
    session, words = replay.session, Words(lang)

    def say(key: str, **values: object) -> str:
        return _SAID[key][lang == "ja"].format_map(values)

    model = session.conversation.model or say("no_model")
    yield from wrap(say("title", file=file, lines=replay.lines, model=model), _WIDTH)
    yield ""
    yield say("held", count=len(session.conversation))
    labels = [(plain(_label(item, words)), item) for item in session.conversation]
    indent = max((width_of(label) for label, _ in labels), default=0) + 4
    for label, item in labels:
        length = f" [{say('sound', seconds=seconds(item.audio_ms))}]" if item.audio_ms >= 100 else ""
        text = (item.text if item.text is not None else "–") + length
        for number, row in enumerate(wrap(text, _WIDTH - indent)):
            head = f"  {label}" if number == 0 else ""
            yield head + " " * (indent - width_of(head)) + row
    yield ""
    yield say("responses", count=len(session.meter.responses))
    for response in session.meter.responses:
        usage = response.usage
        counted = (
            say(
                "usage",
                tokens_in=f"{usage.input_tokens:,}",
                cached=f"{usage.cached_tokens:,}",
                tokens_out=f"{usage.output_tokens:,}",
            )
            if isinstance(usage, Usage)
            else say("no_usage")
        )
        yield "  " + clip(f"{response.status} · {counted} · {amount(response.cost, words)}", _WIDTH - 2)
    yield ""
    total = session.meter.total
    yield say("cost", cost=amount(total, words))
    yield from charge_rows(total, words)
    if session.meter.rates is None and session.meter.responses:
        yield from wrap(words("sum_no_price", model=model), _WIDTH)
    yield from _counted(say("unknown", count=session.unknown_events), sorted(set(replay.unknown)))
    yield from _counted(say("errors", count=session.errors), replay.complaints)


def _label(item: Item, words: Words) -> str:
    """Who said it, or what it is; and its status where it is not the usual one."""
    if item.type == "message":
        name = words(item.role) if item.role in ("user", "assistant", "system") else item.role or item.type
    else:
        name = words("tool") if item.type in ("function_call", "function_call_output") else item.type
    return name if item.status in (None, "completed") else f"{name}, {item.status}"


def _counted(head: str, details: Iterable[str]) -> Iterator[str]:
    yield head
    for detail in details:
        yield "  " + clip(detail, _WIDTH - 2)


# --- the command -------------------------------------------------------------------------------------------------


SERVICES = ("azure", "openai", "voicelive", "xai")


def service_of(path: Path) -> str:
    """The service a recording's name speaks of: Azure's messages look like OpenAI's, its bills do not quite."""
    words = path.stem.split("-")
    return next((word for word in ("voicelive", "xai", "azure") if word in words), "openai")


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "replay",
        help="show what the engine makes of a recorded conversation",
        description="Plays recordings through the engine: the conversation at the end, usage, charges, surprises.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE.jsonl", help="a recording, one event per line")
    parser.add_argument("--json", action="store_true", help="for machines: one JSON object per recording")
    parser.add_argument("--model", help="price as this model, where the recording does not say which it was")
    parser.add_argument("--rates", type=Path, metavar="FILE", help="prices of your own, over the shipped ones")
    parser.add_argument(
        "--service",
        choices=SERVICES,
        help="whose laws to predict the bills by; else the one the file's name begins with, or openai",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show each recording; what is wrong with one does not stop the next. 2 if anything was."""
    rates = rate_table(args.rates)
    code = 0
    for number, file in enumerate(args.files):
        try:
            with Path(file).open(encoding="utf-8", errors="replace") as lines:
                service = args.service or service_of(Path(file))
                replay = Replay.of(lines, model=args.model, rates=rates, service=service)
        except OSError as error:
            replay = None
            broken: BadInput | None = BadInput(
                f"the recording cannot be read ({error.strerror}); check its name",
                ja=f"録音記録を読めません（{error.strerror}）。ファイル名を確認してください。",
            )
        else:
            broken = replay.broken
        if replay is not None and args.json:
            print(json.dumps(to_json(replay), ensure_ascii=False))
        elif replay is not None:
            print(*([""] if number else []), *rows(replay, file, args.lang), sep="\n")
        if broken is not None:
            sys.stdout.flush()
            print(f"laconic: {file}: {broken.say(args.lang)}", file=sys.stderr)
            code = broken.exit_code
    return code
