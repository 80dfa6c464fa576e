"""A database that went backwards is noticed, serves nobody, and is decided about by the operator."""
