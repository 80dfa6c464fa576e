"""The hosted pages: views, texts, looks, and what all of them share. Rendering, and no use case.

views      from a frozen view to an answer         templates/   Jinja2; every text comes from the catalogue
catalogue  every text, English and German           language     a language chosen, its texts, numbers and times
brand      name, logo, colours; static files        headers      Content-Security-Policy and its kin
cookies_and_forms   proof that a form is ours       errors       failures as pages
authorization_answer   what a person or a client sees of an authorization request
"""
