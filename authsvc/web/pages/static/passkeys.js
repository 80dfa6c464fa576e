// Passkeys on the hosted pages: on the login page (a button, and the address field), where one is made, and on the
// account page. Every page works without this, but for passkeys. Nothing is kept here, and nothing is decided here.
"use strict";
(() => {
  const { PublicKeyCredential } = window;
  if (!PublicKeyCredential || !navigator.credentials) return;
  const FRESH = 240_000; // a challenge is good for five minutes

  const one = (selector) => document.querySelector(selector);
  const show = (element, shown = true) => { if (element) element.hidden = !shown; };
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  const text = (buffer) => {
    let binary = "";
    for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
    return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const known = (list) => list.map((each) => ({ ...each, id: bytes(each.id) }));

  const asked = (options) => ({
    ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials),
  });

  // Written by hand: password managers that stand in for the browser often have no toJSON.
  const asJson = ({ id, rawId, type, response }) => JSON.stringify({
    id, rawId: text(rawId), type, response: {
      clientDataJSON: text(response.clientDataJSON),
      ...(response.attestationObject
        ? { attestationObject: text(response.attestationObject), transports: response.getTransports?.() ?? [] }
        : {
          authenticatorData: text(response.authenticatorData), signature: text(response.signature),
          userHandle: response.userHandle ? text(response.userHandle) : null,
        }),
    },
  });

  // The login page

  const button = one("#passkey");
  if (button) {
    const later = one("#passkey-later");
    let waiting = null;

    const ask = async () => {
      const answer = await fetch("/login/passkey", { method: "POST", headers: { accept: "application/json" } });
      if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status });
      const { options, challenge } = await answer.json();
      return { sealed: challenge, publicKey: asked(options) };
    };

    /** A form of its own: what the person typed stays out of it, and nothing is left behind when they come back. */
    const send = (credential, sealed) => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = "/login";
      form.hidden = true;
      const members = { passkey: asJson(credential), passkey_challenge: sealed };
      for (const name of ["csrf", "request"]) members[name] = button.form.elements.namedItem(name)?.value ?? "";
      if (one("#remember_me")?.checked) members.remember_me = "1";
      for (const [name, value] of Object.entries(members)) {
        const input = document.createElement("input");
        input.type = "hidden";
        input.name = name;
        input.value = value;
        form.append(input);
      }
      document.body.append(form);
      form.submit();
    };

    const stop = () => { waiting?.abort(); waiting = null; };

    /** Passkeys among what the browser offers for the address field, for as long as the page is open. */
    const offer = async () => {
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
      for (;;) {
        stop();
        const mine = waiting = new AbortController();
        const timer = setTimeout(() => mine.abort("renew"), FRESH);
        try {
          const { publicKey, sealed } = await ask();
          const credential = await navigator.credentials.get({ mediation: "conditional", publicKey, signal: mine.signal });
          if (credential) send(credential, sealed);
          return;
        } catch {
          if (mine.signal.reason !== "renew" || waiting !== mine) return;
        } finally {
          clearTimeout(timer);
        }
      }
    };

    button.addEventListener("click", async () => {
      stop();
      button.disabled = true;
      show(later, false);
      try {
        const { publicKey, sealed } = await ask();
        send(await navigator.credentials.get({ publicKey }), sealed);
      } catch ({ status }) {
        if (status === 429) show(later);
        else offer(); // the person thought better of it, or has none here
      } finally {
        button.disabled = false;
      }
    });
    show(button);
    offer();
  }

  // Where one is made, and where one is asked for as a second factor: the form's own button starts it

  const run = (form, ceremony, refused = () => {}) => {
    if (!form) return;
    const start = form.querySelector("button");
    show(start);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      start.disabled = true;
      refused(null);
      try {
        const input = document.createElement("input");
        input.type = "hidden";
        input.name = "credential";
        input.value = asJson(await ceremony(JSON.parse(form.dataset.options)));
        form.append(input);
        form.submit();
      } catch (error) {
        refused(error);
        start.disabled = false;
      }
    });
  };

  run(one("#new-passkey"), (options) => navigator.credentials.create({
    publicKey: {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  }), (error) => {
    show(one("#passkey-known"), error?.name === "InvalidStateError");
    show(one("#passkey-failed"), Boolean(error) && !["InvalidStateError", "NotAllowedError"].includes(error.name));
  });
  run(one("#second-passkey"), (options) => navigator.credentials.get({ publicKey: asked(options) }));

  // The account page

  show(one("#add-passkey"));
  const signal = one("#passkey-list")?.dataset.signal;
  if (signal) {
    const [method, about] = JSON.parse(signal);
    PublicKeyCredential[method]?.(about)?.catch(() => {});
  }
})();
