// The rule of RFC 8628 section 3.5, and what a terminal does by it.
import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { askForCode, judge, untilDecided } from "../../clients/browser/examples/common/device.js";

const tokens = { access_token: "a", refresh_token: "r", expires_in: 1800 };
const TABLE = [
  [200, tokens, 5, { tokens }],
  [400, { error: "authorization_pending" }, 5, { interval: 5 }],
  [400, { error: "slow_down" }, 5, { interval: 10 }],
  [400, { error: "slow_down" }, 10, { interval: 15 }],
  [400, { error: "access_denied" }, 5, { over: "denied" }],
  [400, { error: "expired_token" }, 5, { over: "expired" }],
  [400, { error: "invalid_grant" }, 5, { over: "failed" }],
  [401, null, 5, { over: "failed" }],
  [0, null, 5, { interval: 10 }],
  [429, { error: "too_many_attempts" }, 5, { interval: 10 }],
  [503, { error: "temporarily_unavailable" }, 40, { interval: 60 }],
];

for (const [status, said, interval, verdict] of TABLE) {
  test(`after ${status} ${said?.error ?? (said ? "tokens" : "nothing")} at ${interval} s`, () => {
    assert.deepEqual(judge(status, said, interval), verdict);
  });
}

const CODES = { device_code: "d", user_code: "U", verification_uri: "https://a.example/device", expires_in: 600 };

/** Runs `untilDecided` against these answers on a clock of our own; when each question came, in seconds, and the end. */
async function run(answers, codes = CODES) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const asked = [];
  mock.method(globalThis, "fetch", async (url, { body }) => {
    asked.push(Date.now() / 1000);
    assert.equal(`${url}?${body}`, "https://a.example/token?grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=t&device_code=d");
    const answer = answers.shift();
    if (!answer) throw new TypeError("no network");
    return new Response(JSON.stringify(answer[1]), { status: answer[0] });
  });
  let end = null;
  untilDecided("https://a.example", "t", codes, new AbortController().signal).then((verdict) => { end = verdict; });
  for (let second = 0; second < 900 && !end; second += 1) {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(1000);
  }
  mock.timers.reset();
  mock.restoreAll();
  return { asked, end };
}

test("the interval is kept, grows by slow_down, and doubles while no answer comes", async () => {
  const pending = [400, { error: "authorization_pending" }];
  const { asked, end } = await run([pending, [400, { error: "slow_down" }], pending, null, [503, {}], [200, tokens]]);
  assert.deepEqual(asked, [5, 10, 20, 30, 50, 90]);
  assert.deepEqual(end, { tokens });
});

test("it asks no more once the code has expired", async () => {
  const { asked, end } = await run([], { ...CODES, expires_in: 21, interval: 10 });
  assert.deepEqual(asked, [10]);
  assert.deepEqual(end, { over: "expired" });
});

test("a service that cannot be reached gives no code", async () => {
  mock.method(globalThis, "fetch", async () => { throw new TypeError("no network"); });
  assert.equal(await askForCode("https://a.example", "t", "openid"), null);
  mock.restoreAll();
});
