"""The bar behind the sample frontends: a small protected API, and what starts all of it (`scripts/demo`).

    orders    rules over values, in memory           api        HTTP: who may do what
    pages     the frontends' files, an origin each   service    `authsvc dev`, as a child
    demo      what runs, and what of it is shown     __main__   the options

Law: orders, api and pages are what any house would have: they know authsvc by `authsvc_verifier` alone. Only what
starts the demo (service, demo, __main__) imports authsvc.
"""
