// Nobody touches the mouse. Each stop of the Tab key is named, with whether the person can see where it is.
import { authorizeUrl, job, play, visitor } from "./stage.mjs";

const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  const name = at.labels?.[0]?.textContent ?? at.textContent;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  return [name.trim(), outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
});

await play(async () => {
  const { page } = await visitor();
  await page.goto(authorizeUrl("shop", `${job.shop}/silent`, { prompt: "login consent" }).url);
  const stops = [await focused(page)];
  await page.keyboard.type("admin@example.com");
  await page.keyboard.press("Tab");
  stops.push(await focused(page));
  await page.keyboard.type("password");
  await page.keyboard.press("Tab");
  stops.push(await focused(page));
  await page.keyboard.press("Space");
  const kept = await page.getByLabel("Keep me signed in").isChecked();
  await page.keyboard.press("Tab");
  stops.push(await focused(page));
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === "/login");
  await page.getByRole("button", { name: "Allow" }).waitFor();
  for (let turn = 0; turn < 3; turn++) {
    await page.keyboard.press("Tab");
    stops.push(await focused(page));
  }
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.origin === job.shop && url.searchParams.has("code"));
  return { stops, kept };
});
