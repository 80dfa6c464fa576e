"""A person proves who they are, on a page or through JSON."""
