"""For the examples that speak: a recorded caller's sentences, in chunks as a microphone gives them.

`PACE=20` speaks twenty times as fast as life, to a stand-in started with `--sample-time`.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator

import numpy as np
import soxr

from laconic import scenarios

CHUNK_MS = 40
PAUSE_S = CHUNK_MS / 1000 / float(os.environ.get("PACE", "1"))


def said(sentence: int) -> Iterator[str]:
    """One sentence and the quiet behind it, as the messages to send, 40 ms in each."""
    samples = np.frombuffer(scenarios.load("introduction").lines[sentence].pcm(), "<i2").astype(np.float32)
    pcm = soxr.resample(samples, scenarios.CLIP_RATE, 24_000).astype("<i2").tobytes() + bytes(48 * 1000)
    for at in range(0, len(pcm), 48 * CHUNK_MS):
        audio = base64.b64encode(pcm[at : at + 48 * CHUNK_MS]).decode()
        yield json.dumps({"type": "input_audio_buffer.append", "audio": audio})


SETTINGS = json.dumps({
    "type": "session.update",
    "session": {"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}},
})  # fmt: skip
