// What an app writes, for the type checker; never run.
import { AuthError, createClient, type Session, type User } from "authsvc-browser";
import {
  hasPasskeys, loginWithPasskey, requestLogin, requestReset, requestSignUp, withPasskey,
} from "authsvc-browser/first-party";
import { withStepUp } from "authsvc-browser/step-up";

const auth = createClient({
  issuer: "https://auth.example.com",
  clientId: "shop",
  redirectUri: "https://shop.example.com/",
  storage: "local",
  origins: ["https://api.example.com"],
  dpop: true,
  onLoggedOut: (reason) => console.log(reason === "session_over"),
});
// @ts-expect-error there is no such storage
createClient({ issuer: "", clientId: "", redirectUri: "", storage: "cookie" });
// @ts-expect-error the client is missing
createClient({ issuer: "", redirectUri: "" });

export async function main(): Promise<void> {
  const back: { user: User; returnTo: string } | null = await auth.handleRedirect();
  if (!auth.user) await auth.login({ returnTo: "/cart", ui_locales: "de" });
  const user: User = await auth.loginWithPassword("a@example.com", "x", {
    rememberMe: true,
    secondFactor: async (ways) => ({ way: ways[0]!, code: "123456" }),
  });
  if (hasPasskeys()) await loginWithPasskey(auth, { mediation: "conditional", signal: AbortSignal.timeout(1000) });
  await auth.loginWithPassword("a@example.com", "x", { secondFactor: async ([way], said) => withPasskey(way!, said) });
  const pending = await requestReset(auth, "a@example.com");
  await pending.reset("1234 5678", "a new one", { secondFactor: async (ways) => ({ way: ways[0]!, code: "123456" }) });
  console.log(pending.codeWasRight);
  const mailed = await requestLogin(auth, "a@example.com", { rememberMe: true, deviceInfo: "Till" });
  const again: User = await mailed.login("1234 5678", { secondFactor: async ([way], said) => withPasskey(way!, said) });
  const joining = await requestSignUp(auth, again.email ?? "b@example.com");
  await joining.signUp("1234 5678", "Ann", "a new one");
  const stepped: Response | undefined = (await withStepUp(auth).handleRedirect())?.response;
  console.log(stepped?.ok);
  const token: string | null = await auth.getAccessToken();
  const answer: Response = await auth.fetch("https://api.example.com/orders", { method: "POST" });
  const sessions: Session[] = await auth.sessions();
  const ended: number = await auth.endOtherSessions();
  const stop: () => void = auth.onChange((now) => console.log(now?.name));
  // @ts-expect-error read only
  auth.user = user;
  stop();
  try {
    await auth.endSession(sessions[0]!.id);
  } catch (error) {
    if (error instanceof AuthError && error.temporary) console.log(error.retryAfter, back, token, answer.ok, ended);
  }
  const told: boolean = await auth.logout();
  console.log(told);
}
