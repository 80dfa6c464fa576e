"""Sessions of people, and the browser that holds one."""
