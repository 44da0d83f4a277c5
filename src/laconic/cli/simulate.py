"""`laconic simulate`: the stand-in service on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
from math import inf
from typing import TYPE_CHECKING

from laconic.errors import BadInput

if TYPE_CHECKING:
    from laconic.cli import Commands
    from laconic.simulator.habits import Habits
    from laconic.simulator.parts import Parts

__all__ = ["add_parser", "habits", "parts"]

_DESCRIPTION = """\
Run a stand-in for a Realtime service: it hears where speech begins and ends, understands the recorded callers (and
your own clips), answers in speech, forgets what it is told to forget, and bills like the real one. No key, no bill.
"""
_EPILOG = """\
Point a client at the address it prints, with any key. OpenAI's library: AsyncOpenAI(base_url="http://127.0.0.1:8765/v1",
api_key="any"); laconic itself: laconic talk --service ws://127.0.0.1:8765/v1/realtime. Summaries are written
at http://127.0.0.1:8765/v1/chat/completions. Calls are made by POST to http://127.0.0.1:8765/v1/realtime/calls and
joined from the side by laconic attach; in place of media, a WebSocket at …?call_id=rtc_…&leg=caller speaks.
"""

_LAST_PORT = 65_535

_FAULTS = """\
what goes wrong, and may be said several times: refuse=EDIT or ignore=EDIT (create, delete, truncate,
create-assistant, create-image), append-inserts, ack-late-ms=N, drop-after=N (events), transcription=fails or never,
null-error-event-id, duplicate-added, null-usage, refuse-beta-shape, stranger
"""

_CHAT_FAULTS = ("error", "never", "empty", "cut", "old")


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("simulate", help="run the stand-in service", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (default %(default)s)")
    parser.add_argument("--dialect", choices=("ga", "beta"), default="ga", help="what is spoken at /v1/realtime")
    parser.add_argument("--model", default="gpt-realtime", help="model named in the address (default %(default)s)")
    parser.add_argument("--key", help="the one key that is accepted; without it any key is, and none")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same ids and same cache hits")
    mind = parser.add_argument_group("what it says")
    mind.add_argument("--mind", default="facts", help="facts, small_talk, echo, or a script (.toml)")
    mind.add_argument("--no-commentary", action="store_true", help="2.1 calls a function without a word before it")
    mind.add_argument("--voice-engine", choices=("flite", "espeak", "tones"), help="default: the best there is")
    mind.add_argument("--clips", action="append", default=[], metavar="FOLDER", help="WAVs with their words in .txt")
    mind.add_argument("--recogniser", action="store_true", help="understand unknown speech with pocketsphinx (English)")
    mind.add_argument("--drift-after", type=int, metavar="N", help="with N written replies in it, writes its own too")
    chat = parser.add_argument_group("its chat endpoint, which writes summaries")
    chat.add_argument("--chat-latency-ms", type=int, default=800, help="from a request to its answer")
    chat.add_argument("--chat-fault", choices=_CHAT_FAULTS, help="what goes wrong there; see chat.py")
    pace = parser.add_argument_group("how fast")
    pace.add_argument("--latency-ms", type=int, default=350, help="from the end of a turn to the first item")
    pace.add_argument("--speedup", type=float, default=5.0, help="sound is made so much faster than it plays")
    pace.add_argument("--transcription-latency-ms", type=int, default=700, help="from a turn's end to its transcript")
    pace.add_argument("--session-minutes", type=float, default=60.0, help="after this the session expires")
    pace.add_argument("--sample-time", action="store_true", help="time is the amount of sound received")
    bill = parser.add_argument_group("what it bills")
    bill.add_argument("--hit-rate", type=float, metavar="0..1", help="share of responses that hit the prompt cache")
    audio = bill.add_mutually_exclusive_group()
    audio.add_argument("--keep-reply-audio", action="store_const", const=True, dest="keeps_reply_audio")
    audio.add_argument("--drop-reply-audio", action="store_const", const=False, dest="keeps_reply_audio")
    bill.add_argument("--ghost-usage", choices=("zero", "null"), default="zero", help="of a response cut at once")
    bill.add_argument("--ghost-item", action="store_true", help="a response cut at once leaves an empty item")
    parser.add_argument("--fault", action="append", default=[], metavar="FAULT", help=_FAULTS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; exit code 0 then. BadInput for what cannot be served."""
    from laconic.simulator.faults import Faults

    Faults.named(args.fault)  # complains before anything starts
    how, of_what = habits(args), parts(args)
    try:
        asyncio.run(_serve(args, how, of_what))
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        where = f"{args.host}:{args.port}"
        raise BadInput(f"Cannot listen on {where}: {error.strerror or error}; choose another --port") from error
    return 0


def habits(args: argparse.Namespace) -> Habits:
    """What the flags say of the service. Raises BadInput."""
    from laconic.simulator.habits import Habits
    from laconic.simulator.responding import Pace
    from laconic.simulator.server import KNOWN_MODELS

    if not args.model.startswith(KNOWN_MODELS):
        raise BadInput(f"The stand-in has no model '{args.model}'; its models begin with {', '.join(KNOWN_MODELS)}")
    for flag, value in (("--speedup", args.speedup), ("--session-minutes", args.session_minutes)):
        if not 0 < value < inf:
            raise BadInput(f"{flag} must be above zero, not {value:g}")
    for flag, value in (
        ("--latency-ms", args.latency_ms),
        ("--transcription-latency-ms", args.transcription_latency_ms),
    ):
        if value < 0:
            raise BadInput(f"{flag} must be 0 or more, not {value}")
    if not 0 <= args.port <= _LAST_PORT:
        raise BadInput(f"--port must be from 0 (any free one) to {_LAST_PORT}, not {args.port}")
    if args.drift_after is not None and args.drift_after < 0:
        raise BadInput(f"--drift-after is a number of replies from 0, not {args.drift_after}")
    if args.hit_rate is not None and not 0 <= args.hit_rate <= 1:
        raise BadInput(f"--hit-rate is a share from 0 to 1, not {args.hit_rate:g}")
    return Habits(
        model=args.model,
        dialect=args.dialect,
        pace=Pace(latency_s=args.latency_ms / 1000, speedup=args.speedup, empty_item=args.ghost_item),
        transcription_latency_s=args.transcription_latency_ms / 1000,
        session_s=args.session_minutes * 60,
        ghost_usage_null=args.ghost_usage == "null",
        sample_time=args.sample_time,
        drift_after=args.drift_after,
    )


def parts(args: argparse.Namespace) -> Parts:
    """Mind, ears, voice and bill as the flags say. Raises BadInput."""
    from laconic.simulator.hearing import Hearing, pocketsphinx
    from laconic.simulator.minds import mind
    from laconic.simulator.parts import Parts
    from laconic.simulator.speech import Speech

    recogniser = pocketsphinx() if args.recogniser else None
    if args.recogniser and recogniser is None:
        raise BadInput("--recogniser needs the package pocketsphinx; install it with: pip install pocketsphinx")
    return Parts(
        hearing=Hearing.of_scenarios(*args.clips, recogniser=recogniser),
        voice=Speech(args.voice_engine),
        mind=mind(args.mind),
        commentary=not args.no_commentary,
        hit_rate=args.hit_rate,
        keeps_reply_audio=args.keeps_reply_audio,
        seed=args.seed,
    )


async def _serve(args: argparse.Namespace, how: Habits, of_what: Parts) -> None:
    from laconic.simulator.chat import Chat
    from laconic.simulator.faults import Faults
    from laconic.simulator.server import serve

    async with serve(
        args.host,
        args.port,
        habits=how,
        parts=of_what,
        faults=lambda: Faults.named(args.fault),
        keys=None if args.key is None else [args.key],
        chat=Chat(latency_s=args.chat_latency_ms / 1000, fault=args.chat_fault),
    ) as standin:
        print(f"{standin.url}  (any client: base URL {standin.base_url}, {_key_hint(args)})", flush=True)
        await asyncio.Event().wait()


def _key_hint(args: argparse.Namespace) -> str:
    return "any key" if args.key is None else "your --key"
