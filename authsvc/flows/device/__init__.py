"""The device grant: a device asks, a person confirms."""
