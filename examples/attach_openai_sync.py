"""The same without asyncio: a written conversation over the SDK's sync client.

    OPENAI_API_KEY=… python examples/attach_openai_sync.py

`OPENAI_BASE_URL` names another service, such as `http://127.0.0.1:8765/v1` after `laconic simulate`.
"""

from __future__ import annotations

from openai import OpenAI

import laconic  # 1

QUESTIONS = ("Hello. My name is Marco.", "How is the weather today?", "Tell me something.", "What is my name?")

with OpenAI().realtime.connect(model="gpt-realtime") as connection:
    connection = laconic.attach(connection, memory="written", budget="$2")  # 2
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    for question in QUESTIONS:
        print("you:  ", question)
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
        )
        connection.response.create()
        for event in connection:
            if event.type == "response.output_text.done":
                print("reply:", event.text)
            elif event.type == "response.done":
                break
    print(f"{connection.laconic.meter.total}; {connection.laconic.why()}")
