// npm `openai`: OpenAIRealtimeWS, which speaks TLS and nothing else. The certificate is one of our own making, told to
// Node by NODE_EXTRA_CA_CERTS.
//
// Run as: node talk_openai_js.mjs BASE_URL FOLDER
import assert from "node:assert/strict";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { begun, CUT_IN_PACE_MS, DETECTION, exchanges, Heard, speak, tell, weather } from "./caller.mjs";

const [baseUrl, folder] = process.argv.slice(2);
const talk = exchanges(folder);
const client = new OpenAI({ apiKey: "any", baseURL: baseUrl.replace("wss://", "https://") });
const connection = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
const heard = new Heard();
connection.on("event", (event) => heard.put(event));
connection.on("error", (error) => heard.put({ type: "error", message: error.message }));

function say(line, paceMs = 0) {
  if (!line.typed) {
    return speak(line, (pcm) => connection.send({ type: "input_audio_buffer.append", audio: pcm.toString("base64") }), paceMs);
  }
  const item = { type: "message", role: "user", content: [{ type: "input_text", text: line.say }] };
  connection.send({ type: "conversation.item.create", item });
  connection.send({ type: "response.create" });
}

// Listen to a part of a reply, speak into it, and tell the service how much was heard.
async function interrupted(line, cutIn) {
  let heardMs = 0;
  let itemId, speaking, ended, cut;
  while (!ended || !cut) {
    const event = await heard.next();
    if (event.type === "response.output_audio.delta") {
      itemId = event.item_id;
      heardMs += Buffer.from(event.delta, "base64").length / 48;
      if (heardMs >= line.cut_in_ms) speaking ??= say(cutIn, CUT_IN_PACE_MS);
    } else if (event.type === "input_audio_buffer.speech_started" && speaking) {
      const where = { item_id: itemId, content_index: 0, audio_end_ms: line.cut_in_ms };
      connection.send({ type: "conversation.item.truncate", ...where });
    } else if (event.type === "response.done") {
      ended = event.response;
    } else if (event.type === "conversation.item.truncated") {
      cut = event;
    }
  }
  await speaking;
  assert.equal(ended.status, "cancelled");
  assert.deepEqual([cut.item_id, cut.audio_end_ms], [itemId, line.cut_in_ms]);
}

await heard.until("session.created");
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const input = { turn_detection: DETECTION, transcription: { model: "gpt-4o-transcribe" } };
const tool = { type: "function", name: "get_weather", description: "The weather in a city.", parameters };
connection.send({
  type: "session.update",
  session: { type: "realtime", instructions: "Be brief.", tools: [tool], audio: { input } },
});
await heard.until("session.updated");

let said = false;
for (const [nth, line] of talk.entries()) {
  begun(line);
  if (!said) say(line);
  said = Boolean(line.cut_in_ms);
  if (said) {
    await interrupted(line, talk[nth + 1]);
    continue;
  }
  let { response } = await heard.until("response.done");
  if (line.tool) {
    const call = response.output.at(-1);
    const output = weather(talk, JSON.parse(call.arguments).city);
    connection.send({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: call.call_id, output },
    });
    connection.send({ type: "response.create", response: { metadata: { topic: "weather" } } });
    response = (await heard.until("response.done")).response;
    assert.deepEqual(response.metadata, { topic: "weather" });
  }
  assert.equal(response.output.at(-1).content[0].transcript, line.reply);
  assert.equal(response.status, "completed");
}
await heard.settle();
connection.close();
tell(heard.seen);
