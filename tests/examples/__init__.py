"""What stands beside the browser module as an example, without a browser. In Chromium: tests/browser/test_bar.py."""
