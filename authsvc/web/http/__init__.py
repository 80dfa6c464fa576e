"""What every endpoint shares: requests, replies, errors, callers' addresses, CORS, DPoP headers. No route, no page."""
