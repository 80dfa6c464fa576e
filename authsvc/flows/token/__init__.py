"""What POST /token does: one file a grant, and the signing of what it gives."""
