"""Programs of other people, each in an environment of its own that is made on demand: scripts/interop."""
