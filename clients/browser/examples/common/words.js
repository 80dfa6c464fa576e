// What went wrong, for people.

/** @typedef {import("./authsvc.js").AuthError} AuthError */

/** @type {Record<import("./authsvc.js").Reason, string>} */
export const LOGGED_OUT = {
  session_over: "You are signed out: this session has expired, or was ended on another device. Sign in to go on.",
  refused: "You are signed out: this session is no longer accepted. Sign in to go on.",
  elsewhere: "You are signed out: you signed out in another tab.",
};
export const NO_FACTOR = "That needs a second factor, and your account has none. Set one up on its page at the service.";
export const UNREACHABLE = "No connection. You stay signed in, and this page goes on by itself.";

/**
 * @param {any} error an AuthError, or anything else that was thrown
 * @param {{role: string, email?: string, passkey?: boolean}} about who was to sign in, and how
 */
export function explain(error, { role, email, passkey }) {
  if (error?.name === "NotAllowedError") return "No passkey was used.";
  if (error?.temporary && error.status !== 429) {
    return "The service cannot be reached just now. Nothing is lost: try again in a moment.";
  }
  switch (error?.code) {
    case "invalid_credentials":
      if (passkey) return "This passkey was not accepted.";
      return /code/.test(error.message) ? error.message : "This e-mail address or this password is wrong.";
    case "too_many_attempts":
      return `Too many attempts. Try again ${later(error.retryAfter)}.`;
    case "access_denied":
      return `${email || "This account"} has no access here: only accounts with the role “${role}” have. `
        + "Sign in with another account, or ask whoever runs the bar.";
    case "state_mismatch":
    case "iss_mismatch":
    case "id_token_mismatch":
    case "invalid_grant":
      return "That sign-in was not begun in this tab, or took too long. Begin again.";
    default:
      return error?.message || "That did not work. Try again.";
  }
}

/** @param {number} seconds */
const later = (seconds) => (seconds > 90 ? `in ${Math.ceil(seconds / 60)} minutes` : "in a minute");
