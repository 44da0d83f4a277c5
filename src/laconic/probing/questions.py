"""What the counts of a probe say of how a service bills and caches: one function for each question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from laconic.laws import Laws
from laconic.probing import manners
from laconic.probing.notes import Notes
from laconic.probing.picture import SIDE
from laconic.probing.plan import Turn
from laconic.probing.reckoning import CacheRow, roundest
from laconic.probing.results import Finding, Reckoned, Sure, difference
from laconic.tokens import Tokens

__all__ = ["findings"]


def findings(notes: Notes, turns: Sequence[Turn], prior: Laws) -> tuple[list[Finding], Reckoned]:
    """Every question answered, as far as the notes go."""
    reckoned = Reckoned(notes, turns, prior)
    return [answer for ask in _QUESTIONS for answer in [ask(reckoned)] if answer is not None], reckoned


# --- what is billed ----------------------------------------------------------------------------------------------


def _usage(reckoned: Reckoned) -> Finding:
    answers = [answer for answer in reckoned.answers if answer.name != "cancelled"]
    told = [answer for answer in answers if answer.usage is not None]
    if not told:
        said = f"no: {len(answers)} responses, none of them with usage"
        return Finding("usage", "Does it report usage?", said, sure="not found", value=False)
    if not reckoned.whole_input:
        counts = ", ".join(str(answer.usage.input_tokens) for answer in told if answer.usage is not None)
        said = "yes, of what is new in each turn only; the counts below do not apply"
        return Finding("usage", "Does it report usage?", said, f"input tokens {counts}", value="new only")
    said = f"yes, of the whole input, in {len(told)} of {len(answers)} responses"
    return Finding("usage", "Does it report usage?", said, value=True)


def _reply_audio(reckoned: Reckoned) -> Finding:
    question, sound = "Does the sound of older replies stay in the input?", reckoned.sound
    kept, dropped = sound.accounts[True], sound.accounts[False]
    both = list(zip(kept.expected, dropped.expected, strict=True))
    rows = [
        f"'{name}': {reported} audio in, of which replies {with_all} if all stay, {with_newest} if the newest does"
        for (name, with_all, reported), (_, with_newest, _) in both
        if with_all != with_newest
    ][:3]
    rests_on = "; ".join(rows)
    if sound.keeps is None or not rows:
        return Finding("reply_audio", question, "not found: nothing in the counts told", rests_on, "not found")
    answer = "yes, it is kept" if sound.keeps else "no: only the newest reply keeps its sound"
    wrong = (dropped if sound.keeps else kept).faults
    right = sound.account.faults
    rests_on += f". {wrong} contradictions the other way, {right} this way"
    return Finding("reply_audio", question, answer, rests_on, "measured" if not right else "inferred", sound.keeps)


def _discount(reckoned: Reckoned) -> Finding | None:
    if reckoned.sound.keeps is not False:
        return None
    question, lost = "How much text does a reply lose with its sound?", reckoned.framing.discounts
    if not lost:
        return Finding("discount", question, "not found", sure="not found")
    pairs = ", ".join(f"{text} text tokens for {audio} audio tokens" for audio, text in lost)
    usual = sum(text == reckoned.laws.dropped_reply_discount(audio) for audio, text in lost)
    said = f"{min(text for _, text in lost)} to {max(text for _, text in lost)} tokens"
    return Finding("discount", question, said, f"{pairs}; {usual} of {len(lost)} as the known fit has it", value=lost)


def _user_sound(reckoned: Reckoned) -> Finding:
    question, interval = "How many audio tokens is a second of the user's speech?", reckoned.sound.token_ms
    if interval is None:
        return Finding("user_sound", question, "not found", sure="not found")
    ms = roundest(interval)
    account = reckoned.sound.account
    solved = account.equations.solved
    turns = ", ".join(f"{length} ms = {solved[name]}" for name, length in account.user.items() if name in solved)
    rests_on = f"{turns}: a token is {float(interval.low):.2f} to {float(interval.high):.2f} ms"
    sure: Sure = "measured" if interval.agree == interval.of else "inferred"
    return Finding("user_sound", question, f"{1000 / ms:g} ({ms} ms a token)", rests_on, sure, ms)


def _reply_sound(reckoned: Reckoned) -> Finding:
    question, interval = "How many audio tokens is a second of its own speech?", reckoned.reply_sound
    if interval is None:
        return Finding("reply_sound", question, "not found", sure="not found")
    ms = roundest(interval)
    rests_on = (
        f"{interval.agree} of {interval.of} whole replies: a token is {float(interval.low):.2f} to "
        f"{float(interval.high):.2f} ms"
    )
    sure: Sure = "measured" if interval.agree == interval.of else "inferred"
    return Finding("reply_sound", question, f"{1000 / ms:g} ({ms} ms a token)", rests_on, sure, ms)


def _framing(reckoned: Reckoned) -> Finding:
    question, framing = "How many text tokens frame an item?", reckoned.framing
    names = {
        "user_audio_framing": "spoken turn",
        "user_text_framing": "written turn",
        "reply_framing": "reply",
        "truncated_reply_text": "all of a truncated reply",
        "base_text": "every input",
    }
    if not reckoned.prompts:
        return Finding("framing", question, "not found", sure="not found")
    value = {name: getattr(reckoned.laws, name) for name in names if name in framing.known}
    told = [f"{what} {getattr(reckoned.laws, name)}" for name, what in names.items()]
    told = [line if name in framing.known else f"{line} (assumed)" for name, line in zip(names, told, strict=True)]
    fit = len(framing.misfits)
    rests_on = f"{framing.checks - fit} of {framing.checks} further counts agree to the token"
    if framing.misfits:
        rests_on += "; off by " + ", ".join(f"{float(by):+g} at '{name}'" for name, by in framing.misfits)
    measured = all(("head" if name == "base_text" else name) in framing.measured for name in value)
    sure: Sure = "measured" if value and measured and not fit else "inferred" if value else "not found"
    return Finding("framing", question, ", ".join(told), rests_on, sure, value)


def _tools(reckoned: Reckoned) -> Finding:
    question, prompt = "How many text tokens is having tools?", reckoned.prompt("with a tool")
    if prompt is None or not prompt.tools or "tools_framing" not in reckoned.framing.known:
        return Finding("tools", question, "not found", sure="not found")
    law, usage = reckoned.laws.tools_framing, prompt.answer.usage
    assert usage is not None
    rests_on = f"{usage.text_in} text in, of which the one tool's signature is {prompt.tools - law}"
    sure: Sure = "measured" if "tools_framing" in reckoned.framing.measured else "inferred"
    return Finding("tools", question, f"{law}, and each tool's signature", rests_on, sure, law)


def _picture(reckoned: Reckoned) -> Finding:
    question, shown = f"How many tokens is a picture of {SIDE} by {SIDE} pixels?", reckoned.edits("picture")
    if not shown:
        return Finding("picture", question, "not tried", sure="not found")
    if shown[0].result != "done":
        error = shown[0].error
        why = error.message if error is not None else "no answer"
        return Finding("picture", question, "it takes no pictures", why, value=shown[0].result)
    if reckoned.picture is None:
        return Finding("picture", question, "not found: none were reported", sure="not found")
    return Finding("picture", question, f"{reckoned.picture}", "as reported", value=reckoned.picture)


def _fit(reckoned: Reckoned) -> Finding | None:
    """How well all that was found foretells what was reported."""
    if not reckoned.prompts or not reckoned.whole_input:
        return None
    off = [(prompt.answer, difference(prompt)) for prompt in reckoned.prompts]
    worst = Tokens(max(abs(each.text) for _, each in off), max(abs(each.audio) for _, each in off))
    said = f"yes, within {worst.text} text and {worst.audio} audio tokens in {len(off)} responses"
    wrong = [f"'{answer.name}' {each.text:+} text, {each.audio:+} audio" for answer, each in off if each]
    return Finding("fit", "Do these laws foretell its counts?", said, "; ".join(wrong), value=(worst.text, worst.audio))


# --- the prompt cache --------------------------------------------------------------------------------------------


def _block(reckoned: Reckoned) -> Finding:
    question, cache = "In which blocks does it cache?", reckoned.cache
    if cache.block is None:
        return Finding("block", question, "not found: nothing was ever read from cache", sure="not found")
    counts = sorted({count for row in cache.rows for count in (row.read.text, row.read.audio) if count})
    rests_on = f"cached counts {', '.join(map(str, counts))}; {cache.exact} of {cache.hits} hits exactly as foretold"
    said = f"{cache.block} tokens"
    if len(cache.blocks) > 1:
        said += f" (as good: {', '.join(str(block) for block in cache.blocks if block != cache.block)})"
    sure: Sure = "measured" if cache.exact >= 3 and len(cache.blocks) == 1 else "inferred"
    return Finding("block", question, said, rests_on, sure, cache.block)


def _hit_rate(reckoned: Reckoned) -> Finding:
    question, rate = "How often does it read what it could from cache?", reckoned.cache.hit_rate
    rows = reckoned.cache.telling
    if rate is None:
        return Finding("hit_rate", question, "not found: no prompt was long enough", sure="not found")
    hits, missed = sum(row.hit for row in rows), sum(row.missed for row in rows)
    said = f"{hits} of {len(rows)} times in full, {missed} times not at all ({rate:.0%} of the tokens)"
    gaps = "; ".join(f"after {row.after_s:.0f} s {_read(row)}" for row in rows if row.name in reckoned.gaps)
    waited = sorted(row.after_s for row in rows if row.name not in reckoned.gaps)
    rests_on = f"{waited[0]:.1f} to {waited[-1]:.1f} s apart" if waited else ""
    rests_on += f"; {gaps}" if gaps else ""
    return Finding("hit_rate", question, said, rests_on, "inferred", (hits, missed, len(rows)))


def _read(row: CacheRow) -> str:
    state = "missed" if row.missed else "in full" if row.hit else "in part"
    return (
        f"{state} ({row.read.text} of {row.promised.text} text, {row.read.audio} of {row.promised.audio} audio "
        f"that had not changed)"
    )


def _after_edit(reckoned: Reckoned, place: str, names: Sequence[str], later: str | None = None) -> Finding:
    """What a deletion there does to the prompt cache, by the first of these turns that hit it."""
    question = f"What does deleting at the {place} leave in the cache?"
    key = f"delete_{place}"
    edits = reckoned.edits(place)
    if not edits:
        return Finding(key, question, "not tried: deletes are not done here", sure="not found")
    if edits[0].result != "done":
        return Finding(key, question, f"not found: the delete was {edits[0].result}", sure="not found")
    rows = [row for row in map(reckoned.row, names) if row is not None]
    if not rows:
        return Finding(key, question, "not found: no counts", sure="not found")
    row = next((row for row in rows if row.tells and not row.missed), rows[0])
    rests_on = f"'{row.name}': {_read(row)}"
    if row.missed and row.tells:
        again = reckoned.row(later) if later is not None else None
        rests_on += f"; one turn later {_read(again)}" if again is not None else ""
        return Finding(key, question, "not found: this time the cache was missed", rests_on, "not found")
    if not row.tells:
        said = "nothing, as no whole block stood before it" if row.missed else "more than stands before it"
        return Finding(key, question, said, rests_on, "inferred", "nothing" if row.missed else "more")
    said = "all that stands before it" if row.hit else "a part of what stands before it"
    exact = row.read == row.promised
    return Finding(key, question, said, rests_on, "measured" if exact else "inferred", "before" if row.hit else "part")


def _delete_end(reckoned: Reckoned) -> Finding:
    return _after_edit(reckoned, "end", ["that reply deleted too", "its reply deleted"])


def _delete_front(reckoned: Reckoned) -> Finding:
    return _after_edit(reckoned, "front", ["the front deleted"], "the front deleted, again")


def _delete_middle(reckoned: Reckoned) -> Finding:
    return _after_edit(reckoned, "middle", ["the middle deleted"], "the middle deleted, again")


def _update(reckoned: Reckoned) -> Finding:
    question, drops = "Does a session.update cost the cache?", reckoned.update_drops_cache
    edits = reckoned.edits("other settings")
    if not any(edit.result == "done" for edit in edits):
        said = f"not found: it was {edits[0].result}" if edits else "not tried"
        return Finding("update", question, said, sure="not found")
    rows = [row for row in reckoned.cache.rows if row.name.startswith("other settings")]
    rests_on = "; ".join(f"'{row.name}': {row.read.text} text and {row.read.audio} audio from cache" for row in rows)
    if drops is None:
        return Finding("update", question, "not found: the cache was missed too often", rests_on, "not found")
    if drops:
        return Finding("update", question, "yes: nothing is read from cache after one", rests_on, "inferred", True)
    return Finding("update", question, "no, if it changes no word of the prompt", rests_on, value=False)


_QUESTIONS: tuple[Callable[[Reckoned], Finding | None], ...] = (
    _usage,
    _reply_audio,
    _discount,
    _hit_rate,
    _block,
    _update,
    _delete_end,
    _delete_front,
    _delete_middle,
    manners.deletes,
    manners.truncates,
    manners.truncated,
    manners.inserts,
    manners.drift,
    manners.unknown_id,
    manners.cancelled,
    _user_sound,
    _reply_sound,
    _framing,
    _tools,
    _picture,
    _fit,
)
