// A page with the module. Its address says how: /CLIENT/STORAGE[/dpop|/step-up]. `auth` is for the test to press its
// buttons.
const [, clientId, storage, how] = location.pathname.split("/");
const { issuer, origins } = await (await fetch("/config.json")).json();
const { createClient } = await import(`${issuer}/static/authsvc.js`);
window.ended = [];
window.heard = [];
const client = createClient({
  issuer, clientId, storage, origins, dpop: how === "dpop", redirectUri: location.origin + location.pathname,
  onLoggedOut: (reason) => ended.push(reason),
});
window.auth = how === "step-up" ? (await import(`${issuer}/static/authsvc-step-up.js`)).withStepUp(client) : client;
auth.onChange((user) => heard.push(user && user.email));
window.me = async () => (await auth.fetch(`${issuer}/api/profile/me`)).status;
try {
  window.back = await auth.handleRedirect();
} catch (error) {
  window.failed = error.code;
}
document.getElementById("state").textContent = auth.user ? auth.user.name : "nobody";
