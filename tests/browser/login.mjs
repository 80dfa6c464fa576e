// oidc-client-ts logs a person in, keeps the login going, gives its tokens back and logs out.
import { job, logIn, play, post, standing, visitor } from "./stage.mjs";

const state = (page, text) => page.locator("#state", { hasText: text }).waitFor();
const asked = [];

await play(async () => {
  const { context, page } = await visitor();
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin === job.issuer && request.resourceType() === "fetch") asked.push(`${request.method()} ${url.pathname}`);
  });
  await page.goto(job.shop);
  await state(page, "nobody");
  await page.evaluate(() => { manager.signinRedirect(); });
  await logIn(page, "test@example.com");
  const consent = await page.getByRole("heading").textContent();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.waitForURL((url) => url.origin === job.shop);
  await state(page, "signed in");
  const user = await page.evaluate(async () => {
    const { profile, access_token, refresh_token, scope } = await manager.getUser();
    return { profile, access_token, refresh_token, scope };
  });
  const renewed = await page.evaluate(async () => {
    const { access_token, refresh_token, profile } = await manager.signinSilent();
    return { access_token, refresh_token, sub: profile.sub };
  });
  const before = await standing(renewed.access_token);
  await page.evaluate(() => manager.revokeTokens(["access_token", "refresh_token"]));
  const after = await standing(renewed.access_token);
  const { refresh_token } = renewed;
  const refused = await post("/token", { grant_type: "refresh_token", client_id: "shop", refresh_token });
  await page.evaluate(() => { manager.signoutRedirect(); });
  await page.waitForURL((url) => url.origin === job.shop && url.pathname === "/bye");
  await state(page, "signed out");
  await page.goto(`${job.issuer}/account`);
  const account = new URL(page.url()).pathname;
  return { consent, user, renewed, before, after, refused: (await refused.json()).error, account, asked };
});
