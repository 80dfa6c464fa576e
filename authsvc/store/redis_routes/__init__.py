"""Which Redis server a command goes to: `server` is one, with our deadlines; `sentinel` the master that Sentinels name;
`cluster` the owner of the key's slot. `url` reads AUTHSVC_REDIS_URL, `lookout` looks for servers in the background."""
