// What a person does with letters and with an authenticator app.
import { createHmac } from "node:crypto";
import { examine, job, sleep } from "./stage.mjs";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The mails to an address, in the order in which the mail server got them. */
export const letters = async (to) => (await fetch(`${job.api}/letters?${new URLSearchParams({ to })}`)).json();

/** The newest letter with this subject, once there are `count` of them. */
export async function letter(to, subject, count = 1) {
  for (let tries = 0; tries < 400; tries++) {
    const found = (await letters(to)).filter((one) => one.subject === subject);
    if (found.length >= count) return found[count - 1];
    await sleep(50);
  }
  throw new Error(`no letter “${subject}” to ${to}, only ${JSON.stringify((await letters(to)).map((one) => one.subject))}`);
}

/** The letter as a mail program shows it, examined as our pages are. */
export async function examineLetter(context, found, label) {
  const page = await context.newPage();
  await page.setContent(found.html);
  await examine(page, label);
  await page.close();
}

/** What an authenticator app shows (RFC 6238), so many steps of half a minute from now. */
export function oneTimeCode(secret, steps = 0) {
  const bits = [...secret.replaceAll(/\s/g, "")].map((char) => BASE32.indexOf(char).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac("sha1", key).update(counter).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}
