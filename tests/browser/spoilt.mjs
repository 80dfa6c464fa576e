// What the watch must not overlook.
import { examine, expect, job, play, visitor } from "./stage.mjs";

await play(async () => {
  const { page } = await visitor();
  await page.goto(`${job.issuer}/login`);
  await page.evaluate(() => {
    document.querySelector("label").remove();
    const text = document.querySelector("h1");
    text.style.color = "#777";
    text.style.background = "#888";
    text.style.width = "2000px";
    const image = new Image();
    image.src = "https://elsewhere.example/pixel.png";
    document.body.append(image);
    console.error("something broke");
  });
  expect(418, "/login");
  await examine(page, "spoilt");
  return {};
});
