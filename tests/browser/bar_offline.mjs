// Without a network for longer than a token lives: told, and nobody is logged out.
import { job, sleep } from "./stage.mjs";
import { APPS, guest, heading, kept, work } from "./bar_people.mjs";

export async function offline() {
  const { context, page } = await guest("customer", { refused: true });
  const before = await kept(page, "localStorage");
  const banner = page.locator(".banner");
  await context.setOffline(true);
  await banner.filter({ hasText: "No connection" }).waitFor();
  const words = await banner.textContent();
  await sleep(1000 * (job.tokenSeconds + 1));
  await heading(page, APPS.customer.heading);
  const during = await kept(page, "localStorage");
  const told = await banner.textContent();
  await context.setOffline(false);
  await banner.filter({ hasNotText: "No connection" }).waitFor({ state: "hidden" });
  const status = await work(page, "customer");
  const after = await kept(page, "localStorage");
  await context.close();
  return {
    words, told, status, same: before.refresh_token === during.refresh_token, renewed: after.access_token !== before.access_token,
    user: JSON.parse(after.user).email,
  };
}
