"""HTTP, and nothing else: parse a request, call one flow, render its answer. No rule lives here and no SQL.

Issuer and links come from the settings alone; the Host header is checked for form and then ignored.
"""
