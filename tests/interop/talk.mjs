// How a script speaks with the test: it asks for a person to open an address, and reports in the end.
import { createInterface } from "node:readline";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

export const { ISSUER, REDIRECT, SIGNED_OUT, CLIENT_SECRET, CLIENT_KEY } = process.env;

/** A person opens the address, does what the pages ask, and is sent to the address that comes back (or nowhere). */
export async function open(url) {
  say({ open: String(url) });
  const to = JSON.parse((await answers.next()).value);
  return to === null ? null : new URL(to);
}

/** The last word. */
export function done(report) {
  say({ done: report });
  process.exit(0);
}

/** The error code that the promise fails with; null where it does not fail. */
export const refused = (promise) => promise.then(() => null, (error) => {
  if (error.error === undefined) throw error;
  return error.error;
});

/** The client's private key, which never leaves Web Crypto. */
export const privateKey = () => crypto.subtle.importKey(
  "pkcs8", Buffer.from(CLIENT_KEY.replace(/-----.*-----/g, ""), "base64"), { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"],
);
