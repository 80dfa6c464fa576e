// The sample frontends, as scripts/demo serves them. What has to wait waits at the same time.
import { play } from "./stage.mjs";
import { endOthers, sessions } from "./bar_sessions.mjs";
import { logins } from "./bar_logins.mjs";
import { offline } from "./bar_offline.mjs";
import { roles } from "./bar_roles.mjs";
import { terminal } from "./bar_terminal.mjs";

/** A failure is this part's alone. */
const part = async (name, work) => [name, await work().catch((error) => ({ failed: error.stack }))];

await play(async () => {
  const working = (async () => [await part("sessions", sessions), await part("roles", roles)])();
  const waiting = Object.entries({ logins, terminal, offline }).map(([name, work]) => part(name, work));
  const done = [...await Promise.all(waiting), ...await working];
  done.push(await part("endOthers", endOthers)); // it would end the others' sessions
  return Object.fromEntries(done);
});
