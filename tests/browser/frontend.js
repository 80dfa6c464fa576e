// What a frontend does with oidc-client-ts. `manager` is for the test to press its buttons.
const config = await (await fetch("/config.json")).json();
const manager = new oidc.UserManager({ ...config, userStore: new oidc.WebStorageStateStore({ store: sessionStorage }) });
window.manager = manager;
const say = (text) => { document.getElementById("state").textContent = text; };
try {
  if (location.pathname === "/callback") await manager.signinRedirectCallback();
  else if (location.pathname === "/silent") await manager.signinSilentCallback();
  else if (location.pathname === "/bye") await manager.signoutRedirectCallback();
  say(location.pathname === "/bye" ? "signed out" : (await manager.getUser()) ? "signed in" : "nobody");
} catch (error) {
  say(`failed: ${error.message}`);
}
