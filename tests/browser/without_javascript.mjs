// The whole way in a browser that runs no script: log in, allow, tokens, end another session, sign out.
import { authorizeUrl, job, logIn, play, post, standing, visitor } from "./stage.mjs";

const CALLBACK = `${job.shop}/callback`;

await play(async () => {
  const { page } = await visitor({ javaScriptEnabled: false });
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const asked = authorizeUrl("shop", CALLBACK, { prompt: "consent", response_mode: "form_post" });
  await page.goto(asked.url);
  await logIn(page, "admin@example.com");
  await press("Allow");
  // What a script would do at once, the person does by the page's button.
  const sent = page.waitForRequest((request) => request.method() === "POST" && request.url() === CALLBACK);
  await press("Continue");
  const { code } = Object.fromEntries(new URLSearchParams((await sent).postData()));
  await page.waitForURL((url) => url.origin === job.shop);
  const loading = await page.locator("#state").textContent();
  const answer = await post("/token", {
    grant_type: "authorization_code", client_id: "shop", code, redirect_uri: CALLBACK, code_verifier: asked.verifier,
  });
  const { access_token } = await answer.json();
  const before = await standing(access_token);

  await page.goto(`${job.issuer}/account`);
  const apps = await page.getByRole("button", { name: "Remove" }).count();
  await page.getByRole("link", { name: "Sign out" }).click();
  await press("Sign out");
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  return { loading, before, apps, after: await standing(access_token) };
});
