// A device without a keyboard is allowed from elsewhere (RFC 8628): it shows a code, and asks until it knows.

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
const SLOWER = 5; // seconds (section 3.5)
const LONGEST = 60;

/**
 * @typedef {{access_token: string, refresh_token: string, expires_in: number}} Tokens
 * @typedef {{device_code: string, user_code: string, verification_uri: string, verification_uri_complete?: string,
 *   expires_in: number, interval?: number}} Codes section 3.2
 * @typedef {{tokens: Tokens} | {interval: number} | {over: "denied" | "expired" | "failed"}} Verdict
 */

/**
 * What an answer means (section 3.5): tokens, ask again after so many seconds, or the end.
 * @param {number} status 0 where no answer came
 * @param {any} said
 * @param {number} interval seconds, as until now
 * @returns {Verdict}
 */
export function judge(status, said, interval) {
  if (status === 200) return { tokens: said };
  if (status === 0 || status === 429 || status >= 500) return { interval: Math.min(interval * 2, LONGEST) };
  switch (said?.error) {
    case "authorization_pending": return { interval };
    case "slow_down": return { interval: interval + SLOWER };
    case "access_denied": return { over: "denied" };
    case "expired_token": return { over: "expired" };
    default: return { over: "failed" };
  }
}

/**
 * The codes; null where they cannot be had now.
 * @param {string} issuer
 * @param {string} client_id
 * @param {string} scope
 * @returns {Promise<Codes | null>}
 */
export async function askForCode(issuer, client_id, scope) {
  const { status, said } = await post(`${issuer}/device_authorization`, { client_id, scope });
  return status === 200 ? said : null;
}

/**
 * Asks until somebody has decided, the code has expired or `signal` says so.
 * @param {string} issuer
 * @param {string} client_id
 * @param {Codes} codes
 * @param {AbortSignal} signal
 * @returns {Promise<Verdict>}
 */
export async function untilDecided(issuer, client_id, codes, signal) {
  const end = Date.now() + codes.expires_in * 1000;
  let interval = codes.interval ?? 5;
  for (;;) {
    await pause(interval, signal);
    if (signal.aborted) return { over: "failed" };
    if (Date.now() > end) return { over: "expired" };
    const { status, said } = await post(`${issuer}/token`, { grant_type: GRANT_TYPE, client_id, device_code: codes.device_code });
    const verdict = judge(status, said, interval);
    if (!("interval" in verdict)) return verdict;
    interval = verdict.interval;
  }
}

/**
 * @param {string} url
 * @param {Record<string, string>} form
 */
async function post(url, form) {
  const request = { method: "POST", body: new URLSearchParams(form), credentials: /** @type {const} */ ("omit") };
  try {
    const answer = await fetch(url, request);
    return { status: answer.status, said: await answer.json() };
  } catch {
    return { status: 0, said: null };
  }
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal
 */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(undefined);
    }, { once: true });
  });
}
