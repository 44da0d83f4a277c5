"""How a service counts, caches and forgets: the parameters of `tokens` and `prompt_cache`, and our priors.

None of this is promised by any service. Each number was read off recorded usage, and services differ, so the
numbers travel as one frozen value. A prior is what we assume of a model before it has reported anything; the
fields nobody has measured on that model are named in `unverified`. Evidence: COST.md sections 2 to 4, with the
recordings beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["EDITS", "Laws", "prior"]

EDITS = ("delete", "truncate", "create", "place")
"""What a service may be unable to do to its conversation; `place`: to put what we write where we ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """The defaults are gpt-realtime as recorded between November 2025 and August 2026."""

    keeps_reply_audio: bool = False
    """False: only the newest reply keeps its sound in the input, older ones stay as text (COST.md section 4)."""
    hit_rate: float = 0.9
    """Share of responses, 0 to 1, that read what the cache law promises them. The prior lies between 11 of 11 checkable
    rows of July to September 2026 and about 75 % of the interpreter's 25 turns (COST.md sections 3 and 8)."""
    cache_block: int = 64
    """Cached text and audio are whole multiples of this many tokens."""
    user_audio_ms_per_token: int = 100
    assistant_audio_ms_per_token: int = 50
    user_text_framing: int = 4
    """Added to the text of a user or system item. 4 fits the six text items of the recordings."""
    user_audio_framing: int = 8
    """Text tokens of a spoken user item; its transcript never enters the input."""
    reply_framing: int = 2
    """Added to what the service generated when that is read again."""
    reply_text_extra: int = 2
    """What generating a written reply bills beyond its text: 14 for 12 tokens on gpt-realtime."""
    call_extra: int = 8
    """What generating a function call bills beyond its name and arguments: 22 for 2 and 12."""
    call_output_framing: int = 5
    """Added to a function's output: 103 = 63 + 22 + 2 + 11 + 5 (recording openai-ga-tool-call)."""
    compacts_arguments: bool = False
    """True: a call's arguments are read again without their white space. Azure's tool rounds are 7 tokens
    shorter than OpenAI's for the same content, exactly what that saves."""
    truncated_reply_text: int = 8
    """All the text that is left of a reply cut short by the caller (banyan log 1, 4o preview, May 2025)."""
    base_text: int = 0
    """Text tokens of every input, before the instructions."""
    tools_framing: int = 12
    """Text tokens of having tools at all; each tool's signature comes on top."""
    image_tokens: int = 194
    """One recorded image (litellm#39850). Images surely differ; we know no rule."""
    default_instructions_tokens: int = 111
    """The service's own instructions, in force until the app sends some, and again after `""`."""
    context_tokens: int = 32_000
    """Size of the context: input and output of one response together."""
    bills_whole_input: bool = True
    """False: only the messages that are new since the last response are counted, and nothing else (xAI)."""
    lacks: tuple[str, ...] = ()
    """Of EDITS, those the service was found not to do."""
    unverified: tuple[str, ...] = ()
    """Names of the fields above that are guesses for this model."""

    def dropped_reply_discount(self, audio: int) -> int:
        """Text tokens a spoken reply of `audio` tokens loses together with its sound.

        A fit, not a rule we understand: 8 for 42 (three turns of gpt-realtime, August 2026) and 14, 18, 16, 16
        for 150, 245, 218, 219 (notebook, November 2025) are all met by twice 3 + audio / 42, rounded. Even
        numbers suggest two tokens of framing for each piece of sound among the text.
        """
        return 2 * (3 + (audio + 21) // 42) if audio else 0


_GUESSED = ("keeps_reply_audio", "hit_rate", "truncated_reply_text")
_GA = Laws(unverified=("hit_rate", "truncated_reply_text"))
# 51 against 44 tokens for one conversation, 347 against 62 for one small tool; one recording each (July 2026).
# The generated text is 4 longer than its words there, which leaves 5 of the 7 for every input.
_GA_2 = Laws(
    base_text=5,
    reply_text_extra=4,
    call_output_framing=5,
    tools_framing=292,
    context_tokens=128_000,
    unverified=_GUESSED,
)
_PREVIEW = Laws(keeps_reply_audio=True, hit_rate=0.7, unverified=("hit_rate", "reply_text_extra", "tools_framing"))
# Servers we know nothing about: nothing is forgotten for us and nothing is cheap, so that no budget is surprised.
_STRANGER = Laws(
    keeps_reply_audio=True,
    hit_rate=0.0,
    unverified=(
        *_GUESSED,
        "cache_block",
        "user_audio_ms_per_token",
        "assistant_audio_ms_per_token",
        "user_text_framing",
        "user_audio_framing",
        "reply_framing",
        "call_output_framing",
        "base_text",
        "tools_framing",
        "default_instructions_tokens",
        "context_tokens",
    ),
)
# Two recordings, July 2026: 50 tokens for a second of sound either way, 7 for a text of 7, 0 for a call's output.
_XAI = replace(
    _STRANGER,
    bills_whole_input=False,
    user_audio_ms_per_token=20,
    assistant_audio_ms_per_token=20,
    user_text_framing=0,
    user_audio_framing=0,
    reply_text_extra=0,
)

_MODELS = {
    "gpt-realtime": _GA,
    "gpt-realtime-1.5": replace(_GA, unverified=_GUESSED),
    "gpt-realtime-mini": replace(_GA, unverified=_GUESSED),
    "gpt-realtime-2": replace(_GA_2, unverified=(*_GUESSED, "base_text", "tools_framing")),
    "gpt-realtime-2.1": _GA_2,
    "gpt-realtime-2.1-mini": replace(_GA_2, unverified=(*_GUESSED, "base_text", "tools_framing")),
    "gpt-4o-realtime-preview": _PREVIEW,
    # Its audio was never read from cache, its text hardly (forum thread 1009129, November 2024).
    "gpt-4o-realtime-preview-2024-10-01": replace(_PREVIEW, hit_rate=0.0),
    "gpt-4o-mini-realtime-preview": replace(_PREVIEW, context_tokens=16_000),
}


def prior(service: str, model: str) -> Laws:
    """What to assume of `model` at `service` ("openai", "azure", "voicelive", "xai", or any other name) at first.

    A snapshot is taken for the model it is a snapshot of, the longest known name that begins it. Voice Live's
    gpt-realtime follows the same rules (recordings azure-voicelive-*), as does Azure's, but for call arguments.
    Qwen counts 125 audio tokens a second (hyprwhspr#227) and is otherwise a stranger.
    """
    if service == "xai" or model.startswith("grok"):
        return _XAI
    if model.startswith("qwen-audio"):
        return replace(_STRANGER, user_audio_ms_per_token=8)
    known = [name for name in _MODELS if model == name or model.startswith(f"{name}-")]
    if not known:
        return _STRANGER
    laws = _MODELS[max(known, key=len)]
    return replace(laws, compacts_arguments=True) if service in ("azure", "voicelive") else laws
