"""A spoken conversation over a bare WebSocket, with threads: one speaks, one listens. The two lines are marked.

    OPENAI_API_KEY=… python examples/attach_websockets_sync.py wss://api.openai.com/v1/realtime?model=gpt-realtime

The caller is a recorded one; give the address that `laconic simulate` prints, and nothing is billed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from speech import PAUSE_S, SETTINGS, said
from websockets.sync.client import ClientConnection, connect

import laconic  # 1


def speak(connection: ClientConnection, sentence: int) -> None:
    for message in said(sentence):
        connection.send(message)
        time.sleep(PAUSE_S)


if len(sys.argv) != 2:
    sys.exit(__doc__)
key = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'any')}"}
with connect(sys.argv[1], additional_headers=key) as connection:
    connection = laconic.attach(connection, memory="last:5", budget="$2")  # 2
    connection.send(SETTINGS)
    for sentence in range(3):
        speaking = threading.Thread(target=speak, args=(connection, sentence))
        speaking.start()
        for message in connection:
            event = json.loads(message)
            if event["type"] == "response.output_audio_transcript.done":
                print("reply:", event["transcript"])
            elif event["type"] == "response.done":
                break
        speaking.join()
    print(f"{connection.laconic.meter.total}; {connection.laconic.why()}")
