"""What a worker does beside requests: follow changes, sweep."""
