// Another host of the service's domain plants a session in a visitor's browser: over TLS, byte by byte in Set-Cookie.
import { createServer } from "node:https";
import { readFileSync } from "node:fs";
import { job, logIn, play, visitor } from "./stage.mjs";

const NAME = "__Host-authsvc_session";
let planted = "";
const files = { key: readFileSync(job.key), cert: readFileSync(job.cert) };
const sibling = createServer(files, (request, response) => {
  if (request.url === "/plant") response.setHeader("set-cookie", planted);
  response.end(Buffer.from(request.headers.cookie ?? "", "latin1").toString("hex"));
});

await play(async () => {
  await new Promise((resolve) => sibling.listen(0, "127.0.0.1", resolve));
  const home = `https://auth.bar.localhost:${job.port}`;
  const elsewhere = `https://evil.bar.localhost:${sibling.address().port}`;

  async function loggedIn(email) {
    const { context, page } = await visitor({ ignoreHTTPSErrors: true });
    await page.goto(`${home}/login`);
    await logIn(page, email);
    await page.waitForURL(`${home}/account`);
    const kept = (await context.cookies()).find(({ name }) => name === NAME);
    return { page, secret: kept.value };
  }

  async function landing(page) {
    await page.goto(`${elsewhere}/plant`);
    await page.goto(`${home}/account`);
    return new URL(page.url()).pathname;
  }

  const { secret } = await loggedIn("test@example.com");
  const said = {};
  for (const byte of ["", "\xa0", "\x85"]) {
    planted = `${byte}${NAME}=${secret}; Domain=bar.localhost; Path=/; Secure`;
    const { page } = await visitor({ ignoreHTTPSErrors: true });
    const stranger = await landing(page);
    await page.goto(`${elsewhere}/seen`);
    const sent = Buffer.from(await page.textContent("body"), "hex").toString("latin1").includes(`${byte}${NAME}=`);
    const owner = await landing((await loggedIn("admin@example.com")).page);
    said[`${byte.charCodeAt(0) || "none"}`] = { sent, stranger, owner };
  }
  sibling.close();
  return said;
});
