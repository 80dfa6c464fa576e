// Steps up by itself (RFC 9470): what a service refuses for want of a better login is sent again after one.
// How and why: clients/browser/README.md

const KEY = "authsvc_step_up";
const ONCE = 60000; // ms in which the same demand is not made of the person twice
const TEXT = /^(?:text\/|application\/(?:json|x-www-form-urlencoded)|[^;]+\+json)/;

/** What an answer demands of the login; null: nothing. */
function demanded({ status, headers }) {
  const said = headers.get("www-authenticate") ?? "";
  if (status !== 401 || !/error="?insufficient_user_authentication/.test(said)) return null;
  const value = (name) => new RegExp(`\\b${name}="?([^",]+)`).exec(said)?.[1];
  return { acr_values: value("acr_values"), max_age: value("max_age") };
}

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** A client of authsvc.js whose `fetch` steps up, and whose `handleRedirect` sends the request again. */
export function withStepUp(client) {
  let returning;

  async function stepUpFetch(input, init) {
    const request = new Request(input, init);
    const copy = request.clone();
    const answer = await client.fetch(request);
    const wanted = demanded(answer);
    if (!wanted || !client.user) return answer;
    const demand = JSON.stringify(wanted);
    const before = parsed(sessionStorage.getItem(KEY));
    if (before?.demand === demand && Date.now() < before.until) return answer; // the person cannot, or did not
    const { method, url } = copy;
    const body = await copy.text();
    const headers = [...copy.headers];
    const again = !body || TEXT.test(copy.headers.get("content-type")) ? { url, method, headers, body: body || undefined } : null;
    sessionStorage.setItem(KEY, JSON.stringify({ demand, again }));
    return client.login(wanted); // leaves the page
  }

  async function back() {
    const { demand, again } = parsed(sessionStorage.getItem(KEY)) ?? {};
    let found;
    try {
      found = await client.handleRedirect();
    } catch (error) {
      sessionStorage.removeItem(KEY);
      throw error;
    }
    if (!found || !demand) return found;
    sessionStorage.setItem(KEY, JSON.stringify({ demand, until: Date.now() + ONCE }));
    return again ? { ...found, response: await client.fetch(again.url, again) } : found;
  }

  return Object.assign(Object.create(client), { fetch: stepUpFetch, handleRedirect: () => (returning ??= back()) });
}
