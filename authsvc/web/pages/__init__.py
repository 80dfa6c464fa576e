"""The hosted pages: views, texts, looks, and what all of them share. Rendering, and no use case.

`authorization_answer` alone calls a flow, for the endpoints that answer with what comes of an authorization request.

    views                 from a frozen view to an answer
    rendering             Jinja2 for one language
    factor_views          views of the account's second factors
    account_views         views of the pages beside the account page
    passkey_views         view of the page where a passkey is made
    account_rows          rows of the account's lists
    proof_views           views of the pages that letters are asked for at, and open
    templates/            Jinja2; every text comes from the catalogue
    catalogue             every text, English and German
    catalogue_of_factors  texts of second factors
    catalogue_of_passkeys  texts of passkeys
    catalogue_of_proofs   texts of the pages of proofs by mail
    catalogue_of_own_account  texts of the pages beside the account page
    catalogue_of_own_events  texts of what happened to an account
    chosen_language       which language a page is in, where something chose one
    language              the texts, numbers and times of a language
    brand                 name, logo, colours; static files
    static/               the style sheet of the pages, and the module for frontends
    headers               Content-Security-Policy and its kin
    cookies_and_forms     proof that a form is ours
    failure_page          failures as pages
    authorization_answer  what a person or a client sees of an authorization request
"""
