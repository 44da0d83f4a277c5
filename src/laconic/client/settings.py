"""How a session shall be: voice, instructions, turn detection and the rest, from a TOML file and from flags.

A setting has one name: `silence_duration_ms` in the file is `--silence-duration-ms` as a flag. The file is flat,
flags win over it, and what neither says is left to the service. SETTINGS is the whole list, with what each may be;
flags, help and checks all come from it.

What goes to the service is one `session.update` in GA shape. A service throws the whole update away for one bad
field (recorded 2026-09-18), so every value is checked here first, and nothing is sent that nobody asked for.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any, Literal

from laconic.currencies import Currency, currency
from laconic.dialects import Dialect
from laconic.errors import BadInput
from laconic.items import Wire

__all__ = ["DEFAULT_TRANSCRIPTION", "SETTINGS", "SessionSettings", "Setting", "read_settings"]

DEFAULT_TRANSCRIPTION = "gpt-transcribe"
"""Listed for realtime sessions by openai-python 3.54.0, with no end announced, at $0.0045 a minute. whisper-1 and
the gpt-4o transcribers are shut down on 2027-02-26, and gpt-realtime-whisper, which writes while one still speaks,
costs $0.017 a minute, nearly as much as the speech itself. On Azure this is a deployment's name."""

_PCM: Wire = {"type": "audio/pcm", "rate": 24000}

TurnDetection = Literal["server_vad", "semantic_vad", "none"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name in the file, what it may be, and what it is for."""

    name: str
    help: str
    kind: type[str] | type[int] | type[float] = str
    low: float = 0
    high: float = inf
    choices: tuple[str, ...] = ()
    """The only words allowed; for a number, words allowed beside it."""
    only: str | None = None
    """The turn detection it belongs to."""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


# Ranges and choices: openai-python 3.54.0, types/realtime (RealtimeAudioConfigInput, …Output, …TurnDetection).
SETTINGS: tuple[Setting, ...] = (
    Setting("service", "openai, azure, simulator, or an address such as wss://…"),
    Setting("model", "the realtime model, such as gpt-realtime-2.1"),
    Setting("deployment", "Azure: the name the model was deployed under"),
    Setting("api_version", "Azure: the preview address's api-version; without it the GA address is used"),
    Setting("dialect", "the protocol's spelling, where it cannot be told from the service", choices=("ga", "beta")),
    Setting(
        "memory",
        "what the service shall remember, and how: auto (the default), everything, last:N, exchanges:N, "
        "window:HIGH[:LOW] (tokens), written[:notes], summary[:HIGH:LOW] (tokens of writing), select:N",
    ),
    Setting(
        "remember",
        "what auto has to remember: words (every one), gist (the default), or a number of exchanges, the latest of "
        "which stay word for word (older ones may become a gist, or go)",
    ),
    Setting(
        "budget",
        'the most a talk may use: "$2", "50000 tokens", "30 min", several with commas between them; '
        "before it is used up the model says goodbye",
    ),
    Setting("summary_model", "the text model that writes summaries (default: a cheap one of the same service)"),
    Setting("currency", "show money in this currency: JPY, EUR, … (its code)"),
    Setting("per_usd", "how many of it a dollar is, such as 155", float),
    Setting("instructions", "what the model is told before the conversation"),
    Setting("voice", "alloy, ash, ballad, cedar, coral, echo, marin, sage, shimmer, verse, or a custom voice_…"),
    Setting("speed", "how fast it speaks, 0.25 to 1.5", float, 0.25, 1.5),
    Setting("output_modality", "answer in sound or in text", choices=("audio", "text")),
    Setting("max_output_tokens", "the most a reply may cost, in tokens, or inf", int, 1, 32_768, ("inf",)),
    Setting(
        "reasoning_effort",
        "how long a reasoning model thinks (gpt-realtime-2 and later)",
        choices=("minimal", "low", "medium", "high", "xhigh"),
    ),
    Setting(
        "turn_detection",
        "who decides that you have finished: server_vad (silence), semantic_vad (sense), none (push to talk)",
        choices=("server_vad", "semantic_vad", "none"),
    ),
    Setting("threshold", "server_vad: how loud speech must be, 0 to 1", float, 0, 1, only="server_vad"),
    Setting("prefix_padding_ms", "server_vad: sound kept from before speech began", int, 0, 60_000, only="server_vad"),
    Setting("silence_duration_ms", "server_vad: silence that ends a turn", int, 0, 60_000, only="server_vad"),
    Setting("idle_timeout_ms", "server_vad: silence after which it asks if you are there", int, 0, only="server_vad"),
    Setting(
        "eagerness",
        "semantic_vad: how soon it answers: low waits 8 s at most, medium and auto 4 s, high 2 s",
        choices=("low", "medium", "high", "auto"),
        only="semantic_vad",
    ),
    Setting("transcription", f"the model that writes down what you say, or none (default: {DEFAULT_TRANSCRIPTION})"),
    Setting("transcription_language", "the language you speak, as two letters: ja, en"),
    Setting("transcription_prompt", "words the transcriber should expect"),
    Setting(
        "noise_reduction",
        "near_field for a headset, far_field for a laptop or a room, none",
        choices=("near_field", "far_field", "none"),
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What somebody asked of the session. None everywhere means: as the service has it."""

    service: str | None = None
    model: str | None = None
    deployment: str | None = None
    api_version: str | None = None
    dialect: Dialect | None = None
    memory: str | None = None
    remember: str | None = None
    budget: str | None = None
    summary_model: str | None = None
    currency: str | None = None
    per_usd: float | None = None
    instructions: str | None = None
    voice: str | None = None
    speed: float | None = None
    output_modality: Literal["audio", "text"] | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    reasoning_effort: str | None = None
    turn_detection: TurnDetection | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    idle_timeout_ms: int | None = None
    eagerness: str | None = None
    transcription: str | None = None
    transcription_language: str | None = None
    transcription_prompt: str | None = None
    noise_reduction: str | None = None

    @property
    def memory_name(self) -> str:
        """The memory asked for, in one name; `auto` where nobody asked. BadInput if the two settings do not go
        together."""
        if self.remember is None:
            return self.memory or "auto"
        if self.memory not in (None, "auto"):
            raise BadInput(
                f"remember ({self.remember}) is for the memory auto, which chooses by it, not for {self.memory}; "
                "leave one of them out",
                ja=f"remember（{self.remember}）は memory が auto のときの設定です（今の値: {self.memory}）。"
                "どちらかを外してください。",
            )
        return f"auto:{self.remember}"

    @property
    def money(self) -> Currency:
        """The currency to show money in. Raises BadInput for one that is none, or whose rate is missing."""
        rate = None if self.per_usd is None else format(Decimal(repr(self.per_usd)), "f")
        return currency(self.currency or "USD", rate)

    @property
    def transcription_model(self) -> str | None:
        """The model that writes down the user's speech; None when nobody shall."""
        model = self.transcription or DEFAULT_TRANSCRIPTION
        return None if model == "none" else model

    def update_event(self) -> Wire:
        """The `session.update` that asks for all this, in GA shape. Sound is always 24 kHz PCM16, as it is inside."""
        session: Wire = {"type": "realtime"}
        if self.instructions is not None:
            session["instructions"] = self.instructions
        if self.output_modality is not None:
            session["output_modalities"] = [self.output_modality]
        if self.max_output_tokens is not None:
            session["max_output_tokens"] = self.max_output_tokens
        if self.reasoning_effort is not None:
            session["reasoning"] = {"effort": self.reasoning_effort}
        session["audio"] = {"input": self._input(), "output": self._output()}
        return {"type": "session.update", "session": session}

    def _input(self) -> Wire:
        sound: Wire = {"format": dict(_PCM), "transcription": self._transcription()}
        if self.noise_reduction is not None:
            sound["noise_reduction"] = None if self.noise_reduction == "none" else {"type": self.noise_reduction}
        if self.turn_detection == "none":
            sound["turn_detection"] = None
        elif self.turn_detection is not None:
            owned = [setting.name for setting in SETTINGS if setting.only == self.turn_detection]
            given = {name: getattr(self, name) for name in owned if getattr(self, name) is not None}
            sound["turn_detection"] = {"type": self.turn_detection, **given}
        return sound

    def _transcription(self) -> Wire | None:
        if self.transcription_model is None:
            return None
        asked: Wire = {"model": self.transcription_model}
        if self.transcription_language is not None:
            asked["language"] = self.transcription_language
        if self.transcription_prompt is not None:
            asked["prompt"] = self.transcription_prompt
        return asked

    def _output(self) -> Wire:
        sound: Wire = {"format": dict(_PCM)}
        if self.voice is not None:
            sound["voice"] = {"id": self.voice} if self.voice.startswith("voice_") else self.voice
        if self.speed is not None:
            sound["speed"] = self.speed
        return sound


def read_settings(file: str | None, flags: Mapping[str, str]) -> SessionSettings:
    """The settings of a TOML file (or none) and of flags, by setting name. Raises BadInput naming key and file."""
    from_file = _checked(_read(file), f"in {file}") if file is not None else {}
    from_flags = _checked(flags, None)
    return SessionSettings(**_turn_detection(from_file, from_flags, file))


def _read(file: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"the settings file {file} cannot be read ({error.strerror}); check its name",
            ja=f"設定ファイル {file} を読めません（{error.strerror}）。ファイル名を確認してください。",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise BadInput(
            f"the settings file {file} is not valid TOML ({why}); mend it there",
            ja=f"設定ファイル {file} は TOML として読めません（{why}）。その箇所を直してください。",
        ) from None


# --- checks ------------------------------------------------------------------------------------------------------


def _checked(given: Mapping[str, object], where: str | None) -> dict[str, Any]:
    """Every value in its own type. `where` is None for flags."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        setting = _BY_NAME.get(name)
        if setting is None:
            raise _unknown(name, where or "")
        found[name] = _value(setting, value, f"{name} {where}" if where else setting.flag)
    return found


def _unknown(name: str, where: str) -> BadInput:
    close = difflib.get_close_matches(name, _BY_NAME, n=1)
    if "key" in name.lower() or "token" in name.lower().split("_"):
        return BadInput(
            f"{name} {where} is not read: keys come from the environment alone, such as OPENAI_API_KEY; remove it",
            ja=f"{name}（{where}）は使えません。"
            "キーは OPENAI_API_KEY などの環境変数で設定し、ここからは消してください。",
        )
    guess, guess_ja = (
        (f"did you mean {close[0]}?", f"{close[0]} ではありませんか。")
        if close
        else (
            f"there are {', '.join(_BY_NAME)}",
            f"使えるのは {'、'.join(_BY_NAME)} です。",
        )
    )
    return BadInput(
        f"there is no setting {name} ({where}); {guess}", ja=f"{name}（{where}）という設定はありません。{guess_ja}"
    )


def _value(setting: Setting, value: object, subject: str) -> str | int | float:
    """The value in its own type, or one sentence about `subject` (the key and its file, or the flag)."""
    if isinstance(value, str) and value in setting.choices:
        return value
    if setting.kind is not str:
        number = _number(value, setting.kind)
        if number is not None and setting.low <= number <= setting.high:
            return number
    elif isinstance(value, str) and not setting.choices and (value or setting.name == "instructions"):
        return value  # empty instructions put the service's own back
    wanted, wanted_ja = _wanted(setting)
    shown = f"{value!r}" if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    raise BadInput(
        f"{subject} has to be {wanted}, not {shown}",
        ja=f"{subject} は{wanted_ja}で指定してください（今の値: {shown}）。",
    )


def _number(value: object, kind: type[Any]) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return kind(value) if not (kind is int and isinstance(value, float)) else None
    except ValueError:
        return None


def _wanted(setting: Setting) -> tuple[str, str]:
    if setting.kind is str and not setting.choices:
        return "text that is not empty", "空でない文字列"
    if setting.kind is str:
        return f"one of {', '.join(setting.choices)}", f" {'、'.join(setting.choices)} のいずれか"
    name, name_ja = ("a whole number", "整数") if setting.kind is int else ("a number", "数値")
    low = f"{setting.low:g}"
    span, span_ja = (
        (f"of at least {low}", f" {low} 以上の")
        if setting.high == inf
        else (
            f"from {low} to {setting.high:g}",
            f" {low} から {setting.high:g} までの",
        )
    )
    others = "".join(f" or {word}" for word in setting.choices)
    others_ja = "".join(f"か {word}" for word in setting.choices)
    return f"{name} {span}{others}", f"{span_ja}{name_ja}{others_ja}"


def _turn_detection(from_file: dict[str, Any], from_flags: dict[str, Any], file: str | None) -> dict[str, Any]:
    """File and flags as one, with the turn detection they amount to.

    A threshold alone means server_vad, an eagerness alone semantic_vad. A flag that chooses another turn detection
    than the file's leaves the file's fine tuning behind; one that contradicts itself is a mistake.
    """
    kind = from_flags.get("turn_detection")
    if kind is not None:
        from_file = {name: value for name, value in from_file.items() if _BY_NAME[name].only in (None, kind)}
    merged = from_file | from_flags
    owned = {name: owner for name in merged if (owner := _BY_NAME[name].only) is not None}
    kind = merged.get("turn_detection") or next(iter(owned.values()), None)
    strange = next((name for name, owner in owned.items() if owner != kind), None)
    if strange is not None:
        subject = _BY_NAME[strange].flag if strange in from_flags else f"{strange} in {file}"
        raise BadInput(
            f"{subject} belongs to {owned[strange]}, and turn detection is {kind}; remove one of them",
            ja=f"{subject} は {owned[strange]} の設定ですが、turn_detection は {kind} です。どちらかを外してください。",
        )
    return merged | ({"turn_detection": kind} if kind is not None else {})
