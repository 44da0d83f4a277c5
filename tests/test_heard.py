"""What the caller has said, until it is written down."""

from __future__ import annotations

from limited_talk import Talk


def test_an_item_that_enters_before_its_commit_is_answered_at_the_commit() -> None:
    talk = Talk("$0.5")
    talk.accept()
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    content = [{"type": "input_audio"}]
    item = {"id": "u1", "type": "message", "role": "user", "status": "in_progress", "content": content}
    talk.service("conversation.item.added", item=item)
    talk.service("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
    assert talk.sent("response.create") == []
    talk.service("input_audio_buffer.committed", item_id="u1")
    assert len(talk.sent("response.create")) == 1


def test_a_silence_that_is_taken_for_a_turn_is_answered_as_one() -> None:
    talk = Talk("$0.5")
    talk.accept()
    talk.service("input_audio_buffer.timeout_triggered", item_id="u1", audio_start_ms=5_000, audio_end_ms=6_000)
    talk.service("input_audio_buffer.committed", item_id="u1")
    talk.service("conversation.item.added", item={"id": "u1", "type": "message", "role": "user", "content": []})
    assert len(talk.sent("response.create")) == 1, "as the service answers a timeout, too"


def test_sound_that_will_be_written_down_is_kept_aside_until_it_is_billed() -> None:
    talk = Talk("$2", transcription="whisper-1")
    account = talk.session.account
    assert account is not None
    for item_id in ("u1", "u2", "u3"):
        talk.speaks(item_id)
    assert account.left("nanodollars") == 2_000_000_000 - 3 * 300_001
    done = "conversation.item.input_audio_transcription.completed"
    talk.service(done, item_id="u1", transcript="Hi", usage={"type": "duration", "seconds": 2})
    assert account.spent("nanodollars") == 200_000
    talk.service("conversation.item.input_audio_transcription.failed", item_id="u2")
    assert account.left("nanodollars") == 2_000_000_000 - 200_000 - 300_001
    talk.service(done, item_id="u3", transcript="Hi")
    assert account.spent("nanodollars") == 500_001, "nobody said what it used"
    assert account.spent("tokens") == 65


def test_tokens_of_a_transcription_without_a_price_are_counted_and_the_money_estimated() -> None:
    talk = Talk("$2", transcription="our-deployment")
    talk.speaks("u1")
    tokens = {"type": "tokens", "input_tokens": 20, "output_tokens": 5, "input_token_details": {"audio_tokens": 20}}
    done = "conversation.item.input_audio_transcription.completed"
    talk.service(done, item_id="u1", transcript="Hi", usage=tokens)
    account = talk.session.account
    assert account is not None
    assert account.spent("tokens") == 25
    assert account.spent("nanodollars") > 800_000


def test_what_the_app_commits_itself_the_app_has_answered() -> None:
    talk = Talk("$0.5")
    talk.accept()
    talk.sound(1_000)
    talk.app("input_audio_buffer.commit")
    talk.service("input_audio_buffer.committed", item_id="u1")
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    talk.service("conversation.item.added", item=item)
    assert talk.sent("response.create") == []


def test_nothing_is_remembered_of_turns_that_are_not_written_down() -> None:
    talk = Talk("$2")
    account = talk.session.account
    assert account is not None
    talk.speaks("u1")
    talk.speaks("u2", 4_000)
    assert account._reserved == {}  # pyright: ignore[reportPrivateUsage]
