// A person at a site of Streamlit: logs in and out.
import { logIn, press, visit } from "./in_chromium.mjs";

await visit(async (page, address) => {
  const hints = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.pathname === "/logout") hints.push(url.searchParams.has("id_token_hint"));
  });
  await logIn(page);
  const who = await page.getByText("test@example.com").locator("..").textContent();
  await press(page, "Log out");
  await page.waitForURL((url) => url.href.startsWith(address));
  await page.getByRole("button", { name: "Log in" }).waitFor();
  return { who, hints };
});
