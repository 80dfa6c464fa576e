// Where the others are. scripts/demo serves its own in place of this file.
export const issuer = "http://localhost:8000";
export const api = "http://localhost:8001";
/** Said below the login form; "" for nothing. */
export const hint = "";
