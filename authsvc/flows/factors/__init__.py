"""The ways in which a person proves themselves beside the password, one file a way; and passkeys, which need none."""
