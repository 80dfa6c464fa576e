// A page with the module. Its address says how: /CLIENT/STORAGE[/dpop]. `auth` is for the test to press its buttons.
const [, clientId, storage, dpop] = location.pathname.split("/");
const { issuer } = await (await fetch("/config.json")).json();
const { createClient } = await import(`${issuer}/static/authsvc.js`);
window.ended = [];
window.heard = [];
window.auth = createClient({
  issuer, clientId, storage, dpop: dpop === "dpop", redirectUri: location.origin + location.pathname,
  onLoggedOut: (reason) => ended.push(reason),
});
auth.onChange((user) => heard.push(user && user.email));
window.me = async () => (await auth.fetch(`${issuer}/api/profile/me`)).status;
try {
  window.back = await auth.handleRedirect();
} catch (error) {
  window.failed = error.code;
}
document.getElementById("state").textContent = auth.user ? auth.user.name : "nobody";
