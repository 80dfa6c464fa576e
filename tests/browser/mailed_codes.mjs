// Logged in by a mailed code, and by the link beside it, in a browser that runs no script; and what the link is elsewhere.
import { examineLetter, letter } from "./letters.mjs";
import { claims } from "./people.mjs";
import { authorizeUrl, examine, expect, job, play, post, visitor } from "./stage.mjs";

const PERSON = "bartender@example.com";
const CALLBACK = `${job.app}/house/local`;
const SUBJECT = "Your code to sign in";

await play(async () => {
  const { context, page } = await visitor({ javaScriptEnabled: false });
  const said = {};
  // axe-core is a script as well: it looks at what was shown in a browser that runs scripts.
  const examiner = await visitor();
  const look = async (label, tab = page) => {
    const shown = { body: await tab.content(), contentType: "text/html; charset=utf-8" };
    await examiner.page.route((url) => url.href === tab.url(), (route) => route.fulfill(shown), { times: 1 });
    await examiner.page.goto(tab.url());
    await examine(examiner.page, label);
  };
  const press = (name, tab = page) => tab.getByRole("button", { name, exact: true }).click();
  const titled = (name, tab = page) => tab.getByRole("heading", { name }).waitFor();
  const type = async (code) => {
    await page.getByLabel("Code from the mail").fill(code);
    await press("Continue");
  };
  const askFor = async () => {
    const asked = authorizeUrl("by-mail", CALLBACK, { prompt: "login" });
    await page.goto(asked.url);
    await page.getByRole("link", { name: "Mail me a code" }).click();
    await titled("Sign in by mail");
    return asked;
  };
  const send = async () => {
    await page.getByLabel("E-mail address").fill(PERSON);
    await press("Send mail");
    await titled("Look at your mail");
  };
  /** What the client gets for the code that is in the address. */
  const redeem = async (asked, tab = page) => {
    await tab.waitForURL((url) => url.origin === job.app && url.searchParams.has("code"));
    const code = new URL(tab.url()).searchParams.get("code");
    const form = { grant_type: "authorization_code", client_id: "by-mail", redirect_uri: CALLBACK, code_verifier: asked.verifier };
    return claims((await (await post("/token", { ...form, code })).json()).access_token);
  };

  // The code, typed where it was asked for
  const first = await askFor();
  said.app = await page.getByText("to continue to By mail").count();
  await look("ask for a code");
  await send();
  await look("code is on its way");
  const mail = await letter(PERSON, SUBJECT);
  await examineLetter(examiner.context, mail, "letter with a code");
  expect(400, "/proof/code");
  await type(mail.code.replace(/\d/, (digit) => (Number(digit) + 1) % 10));
  await page.getByRole("alert").waitFor();
  await look("wrong code");
  await type(mail.code);
  const { acr, amr } = await redeem(first);
  Object.assign(said, { acr, amr });

  // The link, elsewhere and here
  const second = await askFor();
  await send();
  const [link] = (await letter(PERSON, SUBJECT, 2)).links;
  const elsewhere = await visitor({ javaScriptEnabled: false });
  expect(403, "/proof");
  await elsewhere.page.goto(link);
  await titled("This link works elsewhere", elsewhere.page);
  await look("link opened elsewhere", elsewhere.page);
  said.elsewhere = (await elsewhere.context.cookies()).filter(({ name }) => name.endsWith("authsvc_session")).length;
  const tab = await context.newPage();
  await tab.goto(link);
  await titled("Sign in", tab);
  await look("link opened here", tab);
  await press("Sign in", tab);
  said.byLink = (await redeem(second, tab)).acr;
  expect(403, "/proof");
  await tab.goto(link);
  said.again = await tab.getByRole("heading").textContent();
  return said;
});
