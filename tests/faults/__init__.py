"""Real faults on private servers, one test for each promise of what must hold when things break."""
