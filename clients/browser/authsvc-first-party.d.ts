import type { Client, SecondFactor, User } from "authsvc-browser";

/** Can this browser ask for a passkey at all? */
export function hasPasskeys(): boolean;

/** Logs in with whichever passkey the person chooses, on a page of the client that is in the domain of the passkeys.
 * Rejects with AuthError: `invalid_credentials`, `access_denied`, `unmet_authentication_requirements`, `not_found` (no
 * page of this client may use one); and with the browser's own `NotAllowedError` where the person thought better of it.
 * `mediation: "conditional"` offers passkeys in the address field instead, until `signal`; a challenge is good for five
 * minutes. */
export function loginWithPasskey(
  client: Client,
  options?: {
    rememberMe?: boolean;
    deviceInfo?: string;
    mediation?: "conditional" | "optional" | "required" | "silent";
    signal?: AbortSignal;
  },
): Promise<User>;

/** An answer of `secondFactor` by a passkey: for the ways `passkey` and `device_bound_passkey`. */
export function withPasskey(way: string, said: Record<string, any>): Promise<{ way: string; credential: string }>;

export interface PendingReset {
  /** Chooses a new password by the code of the mail. Everything that was opened before ends, and nobody is logged in.
   * Rejects with AuthError: `invalid_credentials` (the code), `password_refused` (choose another one; see `codeWasRight`),
   * `mfa_required` without `secondFactor`, `invalid_grant` (begin again). */
  reset(code: string, newPassword: string, options?: { secondFactor?: SecondFactor }): Promise<void>;
  /** The code is not asked for again. */
  readonly codeWasRight: boolean;
}

/** Lets a mail be sent to who forgot the password, if anybody has the address: nobody is told. Rejects with AuthError:
 * `invalid_request` (no address looks like that), `too_many_attempts`, `not_found` (the service sends no mails). */
export function requestReset(client: Client, email: string): Promise<PendingReset>;
