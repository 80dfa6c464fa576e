import type { Client, User } from "authsvc-browser";

/** `response`: to the request that was refused before, sent again; absent where the login was for nothing else, or where
 * the body of that request was no text. */
export interface SteppedUp {
  user: User;
  returnTo: string;
  response?: Response;
}

/** `fetch` leaves the page for a better login where a service refuses with 401 `insufficient_user_authentication`
 * (RFC 9470), once a minute for the same demand; `handleRedirect` then sends the request again. */
export function withStepUp(
  client: Client,
): Omit<Client, "handleRedirect"> & { handleRedirect(): Promise<SteppedUp | null> };
