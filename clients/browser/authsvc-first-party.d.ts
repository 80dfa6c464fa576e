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

export interface PendingLogin {
  /** Logs in by the code of the mail. Rejects with AuthError: `invalid_credentials` (the code), `mfa_required` without
   * `secondFactor`, `access_denied`, `unmet_authentication_requirements` (this account needs more than a mailed code),
   * `invalid_grant` (ask for another code). */
  login(code: string, options?: { secondFactor?: SecondFactor }): Promise<User>;
}

/** Lets a code be mailed to log in with, if anybody has the address: nobody is told. Only for a client that an operator
 * lets (`--mail-code-login`). Rejects with AuthError: `unauthorized_client` (it is not let), `invalid_request` (no address
 * looks like that), `too_many_attempts`, `not_found` (the service sends no mails). */
export function requestLogin(
  client: Client,
  email: string,
  options?: { rememberMe?: boolean; deviceInfo?: string },
): Promise<PendingLogin>;

export interface PendingSignUp {
  /** Makes the account by the code of the mail; nobody is logged in by it. Rejects with AuthError: `password_refused`
   * and `invalid_request` (the name), which cost no try; `invalid_credentials` (the code); `invalid_grant` (begin again, or
   * log in: somebody has the address by now). */
  signUp(code: string, name: string, newPassword: string): Promise<void>;
}

/** Lets a mail be sent to who wants an account. Who has one gets a mail that says so: nobody else is told. Rejects with
 * AuthError: `not_found` (registration is not open, or the service sends no mails), `invalid_request` (no address looks
 * like that), `too_many_attempts`. */
export function requestSignUp(client: Client, email: string): Promise<PendingSignUp>;

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
