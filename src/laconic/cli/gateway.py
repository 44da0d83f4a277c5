"""`laconic gateway`: where Realtime clients of any kind point their address, until Ctrl-C.

Everything the user gave is checked before anything listens. The first Ctrl-C (or SIGTERM) takes no new sessions and
lets those under way come to a quiet moment; the second ends them at once. Every row of the ledger is written first.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laconic.cli.books import add_ledger_flag, ledger_url
from laconic.cli.rates import rate_table
from laconic.client.endpoints import is_loopback
from laconic.errors import BadInput

if TYPE_CHECKING:
    from laconic.cli import Commands
    from laconic.gateway.admission import Admission
    from laconic.gateway.eyes import Eyes
    from laconic.gateway.office import Office
    from laconic.gateway.routes import Routes
    from laconic.gateway.server import Gateway
    from laconic.rates import RateTable

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Stand between Realtime clients of any kind and a service: their conversations are remembered the cheap way, held to
their budgets, and every response is in the ledger. The clients change nothing but their address.
"""
_EPILOG = """\
Keys of services are read from the environment. Without keys of its own (`laconic key create`) the gateway listens on
this machine alone and takes any key. Routes by model: see examples/gateway.toml.
"""
_LAST_PORT = 65_535
_KEEP_SOUND_MB = 64  # as a Gateway does by itself; said here so that --help need not load it


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "gateway",
        help="serve Realtime clients of any kind",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8766, help="0 takes a free one (default %(default)s)")
    way = parser.add_argument_group("the service", "For one service; --routes FILE is for several.")
    way.add_argument("--routes", type=Path, metavar="FILE", help="which model is served how (examples/gateway.toml)")
    way.add_argument("--service", help="openai, azure, simulator or an address wss://… (default: what has a key)")
    way.add_argument("--model", help="model to ask the service for (default: the one the app asks for)")
    way.add_argument("--deployment", help="Azure's name for it")
    way.add_argument("--memory", help="what conversations are remembered as (default: auto)")
    way.add_argument("--budget", help="of each session: $2, 50000 tokens, 30 min; several with commas")
    way.add_argument("--summary-model", help="text model that writes summaries")
    way.add_argument("--mind", default="facts", help="what the stand-in says: facts, small_talk, echo, or a .toml")
    way.add_argument("--rates", type=Path, metavar="FILE", help="your own prices (see `laconic rates`)")
    way.add_argument(
        "--keep-sound",
        type=int,
        default=_KEEP_SOUND_MB,
        metavar="MB",
        help="of what has left a session, in a temporary file of its own, for apps that retrieve it; 0: none "
        "(default %(default)s)",
    )
    books = parser.add_argument_group("the books")
    add_ledger_flag(books)
    books.add_argument("--no-ledger", action="store_true", help="keep no books: no ledger, no keys, no shared budgets")
    door = parser.add_argument_group("the door")
    door.add_argument("--open", action="store_true", help="let anybody in, whatever key they show")
    door.add_argument("--origin", action="append", default=[], metavar="URL", help="pages that may connect; * is all")
    door.add_argument("--sessions", type=int, default=1000, metavar="N", help="at once; 0: any (default %(default)s)")
    door.add_argument("--sessions-per-key", type=int, default=0, metavar="N", help="at once with one key; 0: any")
    door.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate, PEM")
    door.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, if it is in a file of its own")
    door.add_argument("--tls-self-signed", action="store_true", help="TLS with a certificate made for a try")
    seen = parser.add_argument_group(
        "what is seen", "No speech but in --record; never keys. Traces: OTEL_EXPORTER_OTLP_ENDPOINT=http://…"
    )
    seen.add_argument("--log", choices=("text", "json", "off"), default="text", help="on stderr (default %(default)s)")
    seen.add_argument("--log-messages", action="store_true", help="a line for every message, by name and size")
    seen.add_argument(
        "--record",
        type=Path,
        metavar="FOLDER",
        help="write each session into a file: holds what was said, in words, without sound or keys",
    )
    seen.add_argument("--metrics", action="store_true", help="serve /metrics for Prometheus, to whoever asks")
    parser.add_argument(
        "--grace", type=float, default=30.0, metavar="S", help="how long sessions have to end at Ctrl-C"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; exit code 0 then. LaconicError for what cannot be served."""
    if find_spec("aiohttp") is None:
        raise BadInput("the gateway needs its extra; install it with: pip install 'laconic[gateway]'")
    routes = _routes(args)
    routes.check(os.environ)
    _check(args)
    try:
        _with_the_fastest_loop(_serve(args, routes, rate_table(args.rates)))
    except OSError as error:
        where = f"{args.host}:{args.port}"
        raise BadInput(f"cannot listen on {where}: {error.strerror or error}; choose another --port") from error
    return 0


def _routes(args: argparse.Namespace) -> Routes:
    from laconic.gateway.routes import Route, Routes, read_routes

    one: dict[str, Any] = {
        "service": args.service,
        "model": args.model,
        "deployment": args.deployment,
        "memory": args.memory,
        "budget": args.budget,
        "summary_model": args.summary_model,
    }
    given = {name: value for name, value in one.items() if value is not None}
    if args.routes is None:
        given["service"] = args.service or _default_service()
        return Routes([Route(**given)])
    if given:
        flag = "--" + next(iter(given)).replace("_", "-")
        raise BadInput(f"{flag} and --routes are two ways of saying it; put it into {args.routes}")
    return read_routes(args.routes)


def _default_service() -> str:
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_API_KEY_FILE"):
        return "openai"
    if os.environ.get("AZURE_OPENAI_ENDPOINT"):
        return "azure"
    raise BadInput(
        "no service is named and no key is set; set OPENAI_API_KEY or AZURE_OPENAI_ENDPOINT, "
        "or try it without either: laconic gateway --service simulator"
    )


def _check(args: argparse.Namespace) -> None:
    from laconic.client.ring import ring

    if not 0 <= args.port <= _LAST_PORT:
        raise BadInput(f"--port must be from 0 (any free one) to {_LAST_PORT}, not {args.port}")
    if not 0 <= args.grace < float("inf"):
        raise BadInput(f"--grace is a number of seconds from 0, not {args.grace:g}")
    for flag, most in (("--sessions", args.sessions), ("--sessions-per-key", args.sessions_per_key)):
        if most < 0:
            raise BadInput(f"{flag} is a number of sessions from 0 (any), not {most}")
    ring(args.keep_sound)  # BadInput for what is no number of megabytes
    if args.no_ledger and args.ledger is not None:
        raise BadInput("--ledger and --no-ledger cannot both be meant; leave one out")
    if args.log_messages and args.log == "off":
        raise BadInput("--log-messages and --log off cannot both be meant; leave one out")
    if args.tls_self_signed and args.tls_cert is not None:
        raise BadInput("--tls-self-signed and --tls-cert cannot both be meant; leave one out")
    if args.tls_key is not None and args.tls_cert is None:
        raise BadInput("--tls-key needs the certificate it belongs to; give --tls-cert too")


def _with_the_fastest_loop(serving: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it is installed (the `fast` extra), else on asyncio's own."""
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    run(serving)


# --- serving -----------------------------------------------------------------------------------------------------


async def _serve(args: argparse.Namespace, routes: Routes, rates: RateTable) -> None:
    from laconic.gateway.discretion import discreet_libraries
    from laconic.gateway.learning import Learning
    from laconic.gateway.recordings import Recordings
    from laconic.gateway.server import Gateway
    from laconic.gateway.standin import standing_in

    async with AsyncExitStack() as open_things:
        office = await open_things.enter_async_context(_office(args, routes, rates))
        admission = await _admission(args, office)
        tls, hint = _tls(args)
        eyes = open_things.enter_context(_eyes(args))
        stand_in = standing_in(args.mind) if routes.wants_simulator else None
        tell = eyes.log.line if eyes.log is not None else _tell
        open_things.enter_context(discreet_libraries(tell))
        gateway = Gateway(
            routes,
            env=os.environ,
            admission=admission,
            office=office,
            rates=rates,
            origins=args.origin,
            tell=tell,
            eyes=eyes,
            sessions=args.sessions,
            sessions_per_key=args.sessions_per_key,
            learning=Learning(tell),
            keep_sound=args.keep_sound,
            recordings=Recordings(args.record, tell) if args.record is not None else None,
            simulator=await open_things.enter_async_context(stand_in) if stand_in is not None else None,
        )
        port = await open_things.enter_async_context(gateway.listening(args.host, args.port, tls=tls))
        gc.collect()
        gc.freeze()  # what is there now stays: no use looking through it again while somebody speaks
        _greet(args, port, office, admission, tls is not None, hint)
        await _until_told(gateway, args.grace)
    gc.unfreeze()  # or libraries that look after their own complain, at exit, that nobody tidied up


@asynccontextmanager
async def _office(args: argparse.Namespace, routes: Routes, rates: RateTable) -> AsyncGenerator[Office | None]:
    """The books. What only the stand-in pretends to bill is not put among real money, unless a place is named."""
    url = ledger_url(args, there=False)
    if args.no_ledger or (url is None and all(route.service == "simulator" for route in routes)):
        yield None
        return
    from laconic.gateway.office import open_office

    async with open_office(url, rates) as office:
        yield office


@contextmanager
def _eyes(args: argparse.Namespace) -> Generator[Eyes]:
    """Whoever looks on; what was traced is sent when the block is left."""
    from laconic.gateway.eyes import Eyes
    from laconic.gateway.log import Log
    from laconic.gateway.metrics import Metrics
    from laconic.gateway.spans import Spans

    log = None
    if args.log != "off":
        log = Log(_tell, clock=lambda: datetime.now(UTC), form=args.log, messages=args.log_messages)
    spans = Spans.from_environment(os.environ, clock_ns=time.time_ns)
    try:
        yield Eyes(time.monotonic, log=log, metrics=Metrics() if args.metrics else None, spans=spans)
    finally:
        if spans is not None:
            spans.close()


async def _admission(args: argparse.Namespace, office: Office | None) -> Admission:
    from laconic.gateway.admission import Admission
    from laconic.gateway.secrets import Secrets

    keys = office.keys if office is not None else None
    secrets, here = Secrets.from_environment(os.environ), is_loopback(args.host)
    if not args.open and not here and (keys is None or not await keys.ever()):
        raise BadInput(
            f"whoever reaches {args.host} could talk at your expense; make a key with `laconic key create NAME`, "
            "listen on 127.0.0.1, or say --open if that is meant"
        )
    admission = Admission(keys, secrets, open=args.open, until_keyed=here)
    await admission.anybody()  # so that the greeting knows
    return admission


def _tls(args: argparse.Namespace) -> tuple[ssl.SSLContext | None, str | None]:
    """What to serve with, and what clients have to be told."""
    from laconic.gateway.tls import loaded, self_signed

    if args.tls_self_signed:
        made = self_signed()
        return made.context, f"clients must trust {made.certificate}"
    return (None, None) if args.tls_cert is None else (loaded(args.tls_cert, args.tls_key), None)


async def _until_told(gateway: Gateway, grace_s: float) -> None:
    """Serve until Ctrl-C or SIGTERM; then drain, until done, the grace is over, or told again."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C cancels us, which ends every session as well
            loop.add_signal_handler(number, told.set)
    await told.wait()
    told.clear()
    if gateway.sessions:
        _tell(f"closing: {gateway.sessions} under way, {grace_s:g} s to end; Ctrl-C again ends them now")
    draining = asyncio.create_task(gateway.drain(grace_s), name="gateway: drain")
    again = asyncio.create_task(told.wait(), name="gateway: told again")
    await asyncio.wait((draining, again), return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    again.cancel()
    await asyncio.gather(draining, again, return_exceptions=True)


def _greet(
    args: argparse.Namespace, port: int, office: Office | None, admission: Admission, secure: bool, hint: str | None
) -> None:
    host = f"[{args.host}]" if ":" in args.host else args.host
    s = "s" if secure else ""
    print(f"listening at ws{s}://{host}:{port}/v1/realtime?model=…")
    print(f"clients: base URL http{s}://{host}:{port}/v1 or ws{s}://{host}:{port}/v1, {admission.wanted}")
    print(f"ledger:  {office.where if office is not None else 'none'}")
    if hint is not None:
        print(f"TLS:     {hint}")
    sys.stdout.flush()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
