"""What the notes of a probe say of how a service behaves: to edits, to cancelling, to a history in writing."""

from __future__ import annotations

from laconic.probing.asking import spoken
from laconic.probing.results import Finding, Reckoned, Sure, difference, placed

__all__ = ["cancelled", "deletes", "drift", "inserts", "truncated", "truncates", "unknown_id"]


def _edits(reckoned: Reckoned, kind: str, question: str) -> Finding:
    tried = [edit for edit in reckoned.notes.edits if edit.kind == kind and edit.place != "unknown"]
    key = f"{kind}s"
    if not tried:
        return Finding(key, question, "not tried", sure="not found")
    done = [edit for edit in tried if edit.result == "done"]
    refused = next((edit.error for edit in tried if edit.error is not None), None)
    if done:
        said = f"yes, {len(done)} of {len(tried)}"
        rests_on = f"answered within {max(edit.took_ms for edit in done)} ms"
    elif refused is not None:
        said, rests_on = "no, it refuses", f"{refused.code}: {refused.message}"
    else:
        said, rests_on = "no, it does not answer", f"waited {tried[0].took_ms} ms"
        after = reckoned.prompt("its reply deleted")
        if kind == "delete" and after is not None:
            left = difference(after).audio < -3
            rests_on += "; but the item left the next input" if left else "; the item is still in the next input"
    value = "done" if done else "refused" if refused is not None else "unanswered"
    return Finding(key, question, said, rests_on, value=value)


def deletes(reckoned: Reckoned) -> Finding:
    return _edits(reckoned, "delete", "Does it delete, and say so?")


def truncates(reckoned: Reckoned) -> Finding:
    return _edits(reckoned, "truncate", "Does it truncate, and say so?")


def unknown_id(reckoned: Reckoned) -> Finding:
    question, tried = "What does it say to the deletion of an unknown id?", reckoned.edits("unknown")
    if not tried:
        return Finding("unknown_id", question, "not tried: deletes are not done here", sure="not found")
    [edit] = tried
    if edit.error is None:
        said = "nothing" if edit.result == "unanswered" else "that it was deleted"
        return Finding("unknown_id", question, said, value=(edit.result, None))
    named = edit.error.event_id
    event_id = "null" if named is None else "echoed" if named == edit.event_id else "another"
    quoted = "quoted" if edit.item_id in edit.error.message else "not quoted"
    said = f"error with code {edit.error.code}, event_id {event_id}, the item's id {quoted} in the message"
    return Finding("unknown_id", question, said, edit.error.message, value=(edit.error.code, event_id))


def truncated(reckoned: Reckoned) -> Finding:
    question = "What does a truncated reply count?"
    if not any(edit.result == "done" for edit in reckoned.edits("cut")):
        return Finding("truncated", question, "not found: no reply was truncated", sure="not found")
    sound, framing = reckoned.sound, reckoned.framing
    after, later = reckoned.prompt("the newest reply truncated"), reckoned.prompt("one turn later")
    if after is None or sound.cut is None:
        return Finding("truncated", question, "not found: no counts", sure="not found")
    [cut] = [item for item in after.answer.read if item.id == reckoned.edits("cut")[0].item_id]
    law = reckoned.laws.truncated_reply_text
    text = law + difference(after).text
    said, value = f"{text} text and {sound.cut} audio tokens as the newest reply", (text, sound.cut)
    if later is not None:
        text = law + difference(later).text
        audio = difference(later).audio + (sound.cut if reckoned.laws.keeps_reply_audio else 0)
        said, value = f"{said}, {text} text and {audio} audio one turn later", (*value, text, audio)
    sure: Sure = "measured" if "truncated_reply_text" in framing.measured else "inferred"
    return Finding("truncated", question, said, f"cut at {cut.audio_ms} ms", sure, value)


def inserts(reckoned: Reckoned) -> Finding:
    question = "Does an item we write stand where we ask?"
    tried = [edit for edit in reckoned.edits("written") if edit.kind == "create"]
    if not tried:
        return Finding("inserts", question, "not tried", sure="not found")
    done = [edit for edit in tried if edit.result == "done"]
    if not done:
        error = tried[0].error
        why = error.message if error is not None else "no answer"
        return Finding("inserts", question, "nothing can be written", why, value=tried[0].result)
    right, telling = placed(reckoned.notes)
    rests_on = f"{right} of {telling} writings that say where they stand"
    if len(done) < len(tried):
        rests_on += f"; {len(tried) - len(done)} not done"
    if not telling:
        return Finding("inserts", question, "it does not say where", rests_on, "not found")
    if right == telling:
        return Finding("inserts", question, "yes", rests_on, value="honoured")
    return Finding("inserts", question, "no: they are put elsewhere, such as the end", rests_on, value="elsewhere")


def drift(reckoned: Reckoned) -> Finding:
    question = "Does it still speak when its history is written?"
    written = [edit for edit in reckoned.edits("written") if edit.kind == "create" and edit.result == "done"]
    after = [found for name in ("written down", "after that") if (found := reckoned.answer(name)) is not None]
    after = [answer for answer in after if answer.made]
    if not written or not after:
        return Finding("drift", question, "not found", sure="not found")
    told = f"{len(written)} turns and replies written down; then " + ", ".join(
        "spoken" if spoken(answer) else "in writing" for answer in after
    )
    if all(spoken(answer) for answer in after):
        return Finding("drift", question, "yes, every time", told, "inferred", False)
    said, note = "no: it drifts into writing", reckoned.answer("in one note")
    if note is not None and note.made:
        said += ", and speaks again when all is one system note" if spoken(note) else ", even when all is one note"
    return Finding("drift", question, said, told, value=True)


def cancelled(reckoned: Reckoned) -> Finding:
    question, answer = "Is a response cancelled at once free?", reckoned.answer("cancelled")
    if answer is None:
        return Finding("cancelled", question, "not found", sure="not found")
    made = sum(item.audio_ms for item in answer.made)
    rests_on = f"status {answer.status}, {made} ms of sound made"
    if answer.status == "completed":
        return Finding("cancelled", question, "not found: it was done before the cancel", rests_on, "not found")
    if answer.usage is None:
        said = "unknown: its usage is null; look at the bill"
        return Finding("cancelled", question, said, rests_on, value="null")
    if not answer.usage.total_tokens:
        return Finding("cancelled", question, "by its usage, yes: all zero", rests_on, value="zero")
    said = f"no: {answer.usage.input_tokens} tokens in and {answer.usage.output_tokens} out"
    return Finding("cancelled", question, said, rests_on, value="billed")
