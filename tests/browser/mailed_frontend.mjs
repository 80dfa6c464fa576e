// Registered and logged in by mailed codes on a page of the house, with the browser module, and never sent to our pages.
import { letter } from "./letters.mjs";
import { claims } from "./people.mjs";
import { expect, job, play, visitor } from "./stage.mjs";

const PERSON = "frank@example.com";
const PASSWORD = "a long one for the bar";

await play(async () => {
  const { page } = await visitor();
  const said = {};
  await page.goto(`${job.app}/by-mail/local`);
  await page.waitForFunction(() => globalThis.auth);
  /** Call the module; what it gave, or the code of what it threw. */
  const call = (name, ...values) => page.evaluate(async ([issuer, name, values]) => {
    globalThis.more ??= await import(`${issuer}/static/authsvc-first-party.js`);
    try {
      if (!more[name]) return await pending[name](...values) ?? "done";
      globalThis.pending = await more[name](auth, ...values);
      return "asked";
    } catch ({ code }) {
      return code;
    }
  }, [job.issuer, name, values]);

  said.joining = [await call("requestSignUp", PERSON)];
  const first = (await letter(PERSON, "Create your account")).code;
  const wrong = first.replace(/\d/, (digit) => (Number(digit) + 1) % 10);
  expect(401, "/api/auth/signup/finish");
  said.joining.push(await call("signUp", wrong, "Frank", PASSWORD));
  expect(400, "/api/auth/signup/finish");
  said.joining.push(await call("signUp", first, "Frank", "short"));
  said.joining.push(await call("signUp", first, "Frank", PASSWORD));
  said.nobody = await page.evaluate(() => auth.user);

  said.login = [await call("requestLogin", PERSON, { rememberMe: true })];
  const second = (await letter(PERSON, "Your code to sign in")).code;
  expect(401, "/api/auth/login/mail/finish");
  said.login.push(await call("login", second.replace(/\d/, (digit) => (Number(digit) + 1) % 10)));
  const user = await call("login", second);
  said.user = [user.email, user.name, user.email_verified];
  said.me = await page.evaluate(() => me());
  const { acr, amr } = claims(await page.evaluate(() => auth.getAccessToken()));
  said.level = [acr, amr];
  return said;
});
