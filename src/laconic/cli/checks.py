"""What can be found out about a machine before somebody talks on it: one function for each question.

Nothing here prints. A check says what it looked at, how that is, and, where it is not well, what to do; in both
languages. Checks try the real thing rather than look for its name: the echo canceller cancels an echo, the stand-in
hears a recorded sentence, the service is dialled.
"""

from __future__ import annotations

import asyncio
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from laconic import __version__
from laconic import events as ev
from laconic.client.dial import dial
from laconic.client.endpoints import Endpoint, endpoint
from laconic.client.laws_file import Learned, learned_laws
from laconic.errors import LaconicError, NoKey
from laconic.laws import Laws

if TYPE_CHECKING:  # these need extras, and a missing extra is something to report
    from laconic.voice.backends import Device
    from laconic.voice.duplex import Microphone

__all__ = [
    "Check",
    "Text",
    "devices",
    "echo_cancellation",
    "extra",
    "files",
    "hearing",
    "key",
    "laws",
    "level",
    "listen",
    "python",
    "reachable",
    "speech",
    "stand_in",
    "tried",
]

_OLDEST = (3, 11)


class Text(NamedTuple):
    """The same words in English and in Japanese."""

    en: str
    ja: str

    def say(self, lang: str) -> str:
        return self.ja if lang == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Check:
    """One answer."""

    name: Text
    ok: bool | None
    """None: not here, and nobody said it had to be."""
    fact: Text
    do: Text | None = None
    """What to do about it; always there when `ok` is False, unless the fact says it already."""
    needed: bool = False
    """Without it not even a talk with the stand-in works."""


def tried(name: Text, look: Callable[[], Check], *, needed: bool = False) -> Check:
    """The outcome of `look`; if it fails, why, as a check that failed."""
    try:
        return look()
    except LaconicError as error:
        return Check(name, False, Text(error.sentence, error.ja or error.sentence), needed=needed)
    except ImportError as error:
        fact = Text(f"{error.name or error} is missing", f"{error.name or error} がありません")
        do = Text("pip install 'laconic[all]'", "pip install 'laconic[all]' を実行してください")
        return Check(name, False, fact, do, needed)
    except Exception as error:  # noqa: BLE001  a library that breaks on this machine is what we are looking for
        what = f"{type(error).__name__}: {error}"
        do = Text(
            "install laconic anew; if that does not help, report this line",
            "laconic を再インストールし、直らなければこの行を報告してください",
        )
        return Check(name, False, Text(f"does not work here ({what})", f"動作しません（{what}）"), do, needed)


# --- versions ----------------------------------------------------------------------------------------------------


def python() -> Check:
    """Which Python and which laconic run on which machine."""
    version = platform.python_version()
    facts = f"laconic {__version__}, Python {version}, {platform.system()} {platform.machine()}"
    ok = sys.version_info[:2] >= _OLDEST
    do = None if ok else Text("use Python 3.11 or newer", "Python 3.11 以降を使ってください")
    return Check(Text("versions", "バージョン"), ok, Text(facts, facts), do, needed=True)


def extra(name: str, *, needed: bool) -> Check:
    """The packages of one extra (of none, for the base install): which versions, which are missing."""
    title = Text(f"{name} packages", f"{name} パッケージ") if name else Text("packages", "パッケージ")
    have: list[str] = []
    missing: list[str] = []
    for package in _packages(name):
        try:
            have.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    if not missing:
        return Check(title, True, Text(", ".join(have), "、".join(have)), needed=needed)
    what = f"laconic[{name}]" if name else "laconic"
    fact = Text(f"missing: {', '.join(missing)}", f"不足: {'、'.join(missing)}")
    do = Text(f"pip install '{what}'", f"pip install '{what}' を実行してください")
    return Check(title, False if needed else None, fact, do, needed)


def _packages(name: str) -> list[str]:
    wanted = f"extra == '{name}'"
    found: list[str] = []
    for requirement in metadata.requires("laconic") or ():
        package, _, marker = requirement.partition(";")
        if (wanted in marker.replace('"', "'")) if name else "extra" not in marker:
            found.append(re.split(r"[\s<>=!~\[(]", package.strip())[0])
    return found


# --- sound -------------------------------------------------------------------------------------------------------


def devices(found: Sequence[Device]) -> Check:
    """Which microphones and speakers there are."""
    title = Text("sound devices", "音声デバイス")
    by_kind = {kind: [device.name for device in found if device.kind == kind] for kind in ("microphone", "speaker")}
    if not found:
        fact = Text("no microphone and no speaker", "マイクもスピーカーもありません")
    else:
        mics, speakers = (", ".join(names) or "–" for names in by_kind.values())
        fact = Text(f"microphones: {mics}; speakers: {speakers}", f"マイク: {mics} / スピーカー: {speakers}")
    if all(by_kind.values()):
        return Check(title, True, fact)
    do = Text(
        "plug one in, or talk with files: --input FILE.wav --output FILE.wav",
        "接続するか、ファイルで話してください: --input FILE.wav --output FILE.wav",
    )
    return Check(title, None, fact, do)


def files() -> Check:
    """Whether sound files can stand in for devices."""
    from laconic.scenarios import load, names
    from laconic.voice.files import read_wav

    clip = load(names()[0]).lines[0].clip_path
    length = f"{len(read_wav(clip)) / 48_000:.1f}"
    fact = Text(f"a recorded caller's {length} s were read", f"録音された発話{length}秒を読み込みました")
    return Check(Text("sound files", "音声ファイル"), True, fact, needed=True)


def echo_cancellation() -> Check:
    """Plays eight seconds of noise with the rhythm of speech into a made-up room; the last two are measured."""
    import numpy as np

    from laconic.voice.echo import EchoCanceller
    from laconic.voice.levels import rms_dbfs

    rate, block = 24_000, 960
    noise = np.random.default_rng(1).standard_normal(8 * rate)
    syllables = np.repeat(np.random.default_rng(2).uniform(0, 1, 40) > 0.3, rate // 5)
    played = np.convolve(noise * syllables * 3000, np.ones(4) / 4, "same")
    heard = np.concatenate([np.zeros(rate * 60 // 1000), played])[: len(played)] * 0.5  # 60 ms later, 6 dB quieter
    far, near = played.astype("<i2").tobytes(), heard.astype("<i2").tobytes()
    canceller = EchoCanceller()
    cleaned = b"".join(canceller.process(near[i : i + block], far[i : i + block]) for i in range(0, len(near), block))
    gone = round(rms_dbfs(near[-2 * rate * 2 :]) - rms_dbfs(cleaned[-2 * rate * 2 :]))
    fact = Text(f"takes {gone} dB of an echo away", f"エコーを {gone} dB 減らします")
    ok = gone >= 20
    do = (
        None
        if ok
        else Text(
            "use headphones and --no-echo-cancellation; install laconic[voice] anew",
            "ヘッドホンと --no-echo-cancellation を使い、laconic[voice] を再インストールしてください",
        )
    )
    return Check(Text("echo cancellation", "エコー除去"), ok, fact, do)


async def listen(microphone: Microphone, duration_s: float, show: Callable[[float], None]) -> float:
    """Opens a microphone and listens; `show` gets the level of every 100 ms, dBFS. Returns the loudest of them."""
    from laconic.voice.levels import SILENCE_DBFS, rms_dbfs

    loudest, waiting, left = SILENCE_DBFS, bytearray(), round(duration_s * 10)
    async with microphone, aclosing(microphone.chunks()) as chunks:
        async for chunk in chunks:
            waiting += chunk
            if len(waiting) < 4800:
                continue
            loudness = rms_dbfs(bytes(waiting))
            waiting.clear()
            loudest = max(loudest, loudness)
            show(loudness)
            left -= 1
            if left <= 0:
                break
    return loudest


def level(loudest: float) -> Check:
    """What the loudest 100 ms heard say about a microphone (levels.py has the usual values)."""
    title = Text("microphone level", "マイクの音量")
    fact = Text(f"loudest {loudest:.0f} dB", f"最大 {loudest:.0f} dB")
    if loudest <= -90:
        do = Text(
            "it is muted: switch it on, here and on the device", "ミュートされています。機器と設定を確認してください"
        )
        return Check(title, False, fact, do)
    if loudest < -50:
        do = Text("speak while it listens, or raise the input level", "測定中に話すか、入力音量を上げてください")
        return Check(title, False, fact, do)
    if loudest > -3:
        do = Text("it is too loud: lower the input level", "音が大きすぎます。入力音量を下げてください")
        return Check(title, False, fact, do)
    return Check(title, True, fact)


# --- the stand-in ------------------------------------------------------------------------------------------------


def hearing() -> Check:
    """Whether the stand-in's voice detector finds the one turn in a recorded sentence."""
    import numpy as np
    import soxr

    from laconic.scenarios import CLIP_RATE, load, names
    from laconic.simulator.turns import SpeechStarted, SpeechStopped, Turns

    clip = np.frombuffer(load(names()[0]).lines[0].pcm(), "<i2")
    sound = np.asarray(soxr.resample(clip, CLIP_RATE, 24_000)).astype("<i2").tobytes()
    found = Turns(silence_duration_ms=700).hear(bytes(24_000) + sound + bytes(72_000))
    ok = [type(event) for event in found] == [SpeechStarted, SpeechStopped]
    fact = (
        Text("finds the turn in a recorded sentence", "録音した文から発話を検出しました")
        if ok
        else Text(
            f"found {len(found)} edges where a recorded sentence has 2",
            f"発話の端が 2 つのはずが {len(found)} つ見つかりました",
        )
    )
    do = None if ok else Text("install laconic[simulator] anew", "laconic[simulator] を再インストールしてください")
    return Check(Text("voice detection", "発話検出"), ok, fact, do, needed=True)


def speech() -> Check:
    """Whether the stand-in can speak, and with what."""
    from laconic.simulator.speech import Speech

    voice = Speech()
    length = f"{voice.say('Hello, this is your stand-in.').ms / 1000:.1f}"
    fact = Text(f"{voice.engine} said {length} s", f"{voice.engine} が{length}秒話しました")
    do = None
    if voice.engine == "tones":
        do = Text(
            "these are tones without words; for words: apt install flite, or pip install espeakng-loader",
            "言葉のない音です。言葉にするには apt install flite か pip install espeakng-loader を実行してください",
        )
    elif shutil.which("flite") is None:
        do = Text("a clearer English voice: apt install flite", "より聞きやすい英語の声: apt install flite")
    return Check(Text("stand-in's voice", "代役の声"), True, fact, do, needed=True)


def stand_in(timeout_s: float = 10.0) -> Check:
    """Starts the stand-in on a free port and dials it."""
    from laconic.simulator.server import serve

    async def call() -> Check:
        async with serve() as standin:
            return await _call(endpoint("simulator", url=standin.url, env={}), timeout_s)

    found = asyncio.run(call())
    return Check(Text("stand-in", "代役サービス"), found.ok, found.fact, found.do, needed=True)


# --- what was learned --------------------------------------------------------------------------------------------


def laws() -> list[Check]:
    """What is known of each service from its bills, a row for each model; and whether the file can be read."""
    title = Text("learned laws", "学んだ規則")
    entries, wrong = learned_laws()
    found = [Check(title, True, _learned(entry)) for entry in entries]
    if wrong is not None:
        found.append(Check(title, None, Text(wrong.say("en"), wrong.say("ja"))))
    if not found:
        fact = Text("none yet; they come with the first talk", "まだありません（最初の会話で学びます）")
        found.append(Check(title, None, fact))
    return found


def _learned(entry: Learned) -> Text:
    laws, hits = entry.laws, f"{entry.laws.hit_rate:.0%}"
    keeps = "keep" if laws.keeps_reply_audio else "lose"
    keeps_ja = "残る" if laws.keeps_reply_audio else "落ちる"
    return Text(
        f"{entry.model} at {entry.service}: old replies {keeps} their sound, {hits} of what the prompt cache promises "
        f"is read from it (n = {entry.responses}), in blocks of {laws.cache_block}{_lacks(laws)}; last learned "
        f"{entry.on}",
        f"{entry.service} の {entry.model}: 古い返事の音声は{keeps_ja}、キャッシュ命中 {hits}（n = {entry.responses}）"
        f"、ブロック {laws.cache_block}{_lacks(laws, ja=True)}、最終 {entry.on}",
    )


_EDITS = {
    "delete": Text("delete items", "項目の削除"),
    "truncate": Text("truncate replies", "返事の切り詰め"),
    "create": Text("take items we write", "項目の書き込み"),
    "place": Text("put them where we ask", "指定した位置への書き込み"),
}


def _lacks(laws: Laws, *, ja: bool = False) -> str:
    """What the service does not do, to go on with in a sentence; nothing if it does all."""
    edits = [_EDITS[edit].ja if ja else _EDITS[edit].en for edit in laws.lacks]
    if not edits:
        return ""
    return f"、不可: {'・'.join(edits)}" if ja else f"; it does not {' or '.join(edits)}"


# --- the service -------------------------------------------------------------------------------------------------


def key(
    service: str,
    env: Mapping[str, str],
    *,
    asked_for: bool,
    model: str | None = None,
    deployment: str | None = None,
    api_version: str | None = None,
) -> tuple[Check, Endpoint | None]:
    """Whether all is set that the service needs; keys are never shown. And its endpoint, if so.

    `asked_for`: the user named the service, so what is missing is a failure and not just a fact.
    """
    title = Text(f"key for {service}", f"{service} のキー") if "://" not in service else Text("key", "キー")
    try:
        where = endpoint(service, model=model, deployment=deployment, api_version=api_version, env=env)
    except LaconicError as error:
        missing = isinstance(error, NoKey) or not asked_for
        ok = None if missing and not asked_for else False
        return Check(title, ok, Text(error.sentence, error.ja or error.sentence)), None
    if where.key_from is None:
        return Check(title, None, Text("none is set, none will be sent", "設定なし（送信しません）")), where
    return Check(title, True, Text(f"{where.key_from} is set", f"{where.key_from} は設定されています")), where


def reachable(where: Endpoint, timeout_s: float = 10.0) -> Check:
    """Dials the service: name, TCP, TLS, handshake, first message. Nothing is said, so nothing is billed."""
    return asyncio.run(_call(where, timeout_s))


async def _call(where: Endpoint, timeout_s: float) -> Check:
    title = Text("service", "サービス")
    began = time.monotonic()
    try:
        async with dial(where, timeout_s=timeout_s, first_message_s=timeout_s) as connection:
            took = round((time.monotonic() - began) * 1000)
            first = ev.read(connection.first) if connection.first is not None else None
    except LaconicError as error:
        return Check(title, False, Text(error.sentence, error.ja or error.sentence))
    if isinstance(first, ev.SessionCreated):
        model = first.session.get("model") or "–"
        fact = Text(
            f"{where.shown} answers in {took} ms, model {model}", f"{where.shown} が {took} ms で応答（{model}）"
        )
        return Check(title, True, fact)
    fact = Text(
        f"{where.shown} connects but opens no session", f"{where.shown} に接続できましたが、セッションが始まりません"
    )
    do = Text("check the address and the model", "アドレスとモデルを確認してください")
    return Check(title, False, fact, do)
