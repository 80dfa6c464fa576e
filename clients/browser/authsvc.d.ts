/** What goes wrong. `code`: OAuth's `error`, or `network`, `state_mismatch`, `iss_mismatch`, `id_token_mismatch`,
 * `insecure_context`, `unexpected`. `status`: of the HTTP answer, 0 where there was none. `retryAfter`: seconds, 0 where
 * nothing was said. `maxAge`: with `insufficient_user_authentication`, what to hand to `login({ max_age })`. */
export class AuthError extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryAfter: number;
  readonly maxAge?: string;
  /** The JSON of the answer, where there was one: with `mfa_required` its `ways`. */
  readonly said?: Record<string, unknown>;
  /** Nobody was logged out: the same may succeed later. */
  readonly temporary: boolean;
  constructor(
    code: string, message?: string, status?: number, retryAfter?: number, maxAge?: string, said?: Record<string, unknown>,
  );
}

/** `session_over`: the service ended it, it expired, or the key is lost. `refused`: a fresh token was refused as well.
 * `elsewhere`: heard from another tab. */
export type Reason = "session_over" | "refused" | "elsewhere";

export interface Options {
  /** Exactly as the service says it (its `issuer`), e.g. "https://auth.example.com". */
  issuer: string;
  clientId: string;
  /** A registered redirect URI of this client. Its origin is where the service lets this page read answers. */
  redirectUri: string;
  /** Default `session`. README says what each risks. */
  storage?: "memory" | "session" | "local";
  /** Where the token may go besides the issuer: origins or URLs of your services. Never anywhere else. */
  origins?: string[];
  /** With `openid`. Default "openid profile email". A client that is not first-party needs `offline_access`, too, to refresh. */
  scope?: string;
  /** Bind the tokens to a key that cannot leave this browser (RFC 9449). */
  dpop?: boolean;
  /** The login is over, and this tab did not call `logout`. Once for each login. */
  onLoggedOut?: (reason: Reason) => void;
}

export interface User {
  id: string;
  email?: string;
  email_verified?: boolean;
  name?: string | null;
  roles?: string[];
}

export interface Session {
  id: string;
  device_info: string | null;
  ip_address: string | null;
  user_agent: string | null;
  /** ISO 8601, as the others. */
  created_at: string;
  last_activity: string;
  expires_at: string;
  remember_me: boolean;
  /** Is it this one? */
  current: boolean;
}

export interface LoginOptions {
  /** What `handleRedirect` gives back. Default: the address of this page. */
  returnTo?: string;
  /** Default: `login` after a log-out or a refused token, so that nobody comes back unasked; else none. */
  prompt?: string;
  loginHint?: string;
  /** Any other parameter of the authorization request. */
  [parameter: string]: string | undefined;
}

/** Asks the person for one of the `ways`, and gives the answer. `said`: the JSON of `mfa_required`, with what a way
 * needs under its name. */
export type SecondFactor = (
  ways: string[],
  said: Record<string, any>,
) => Promise<{ way: string; code?: string; credential?: string }>;

/** As much of an axios instance as is used: axios itself is not needed for the types. */
export interface AxiosLike {
  getUri(config: any): string;
  request(config: any): Promise<any>;
  interceptors: {
    request: { use(done: (config: any) => any): number; eject(id: number): void };
    response: { use(done: (answer: any) => any, failed: (error: any) => any): number; eject(id: number): void };
  };
}

export interface Client {
  /** Leaves this page for the hosted login; does not resolve. Rejects on plain http other than localhost, with AuthError
   * `insecure_context`. */
  login(options?: LoginOptions): Promise<never>;
  /** On every load of the redirect URI: takes the answer of the login out of the address. Null where there is none:
   * what was not begun in this tab, or is at another path or of another issuer, is left as it is. Rejects with AuthError; after a temporary one, `login` again. */
  handleRedirect(): Promise<{ user: User; returnTo: string } | null>;
  /** For first-party clients. Rejects with AuthError: `invalid_credentials`, `too_many_attempts` (see `retryAfter`).
   * `secondFactor`: asks the person where the account has a second factor, by one of the `ways` (`otp`,
   * `recovery_code`; for passkeys see `withPasskey` of authsvc-browser/first-party); without it such a login rejects with
   * `mfa_required`. */
  loginWithPassword(
    email: string,
    password: string,
    options?: {
      rememberMe?: boolean;
      deviceInfo?: string;
      secondFactor?: SecondFactor;
    },
  ): Promise<User>;
  /** For first-party clients: POST to an endpoint under /api/auth of the service; a login that it answers is kept. Rejects
   * with AuthError. What authsvc-browser/first-party is made of. */
  firstParty(path: string, fields?: Record<string, unknown>): Promise<any>;
  /** Every tab is logged out at once; a first-party client's session ends, another's grant. False: the service could
   * not be told. */
  logout(): Promise<boolean>;
  /** Fresh; null where nobody is logged in. Rejects with a temporary AuthError where that cannot be known now. */
  getAccessToken(): Promise<string | null>;
  /** As of the login. */
  readonly user: User | null;
  /** fetch with the token, to the named origins; one refresh and one retry where the token was refused. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** The same for an axios instance; returns what takes it away again. */
  axios(instance: AxiosLike): () => void;
  sessions(): Promise<Session[]>;
  /** Another session than this one needs a login of the last 15 minutes: AuthError `insufficient_user_authentication`. */
  endSession(id: string): Promise<void>;
  /** How many ended. Needs a recent login, as `endSession`. */
  endOtherSessions(): Promise<number>;
  /** Called at login and log-out, in whichever tab. Returns what ends it. */
  onChange(listener: (user: User | null) => void): () => void;
  /** For tests and hot reload: hears of other tabs no more. Nobody is logged out. */
  close(): void;
}

export function createClient(options: Options): Client;
