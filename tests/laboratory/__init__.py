"""The laboratory: people use real replicas while their stores, their network and they themselves are broken by a seed,
and what everybody was answered is judged afterwards, from the outside.

It knows the service by its endpoints and its papers; the checker imports nothing of authsvc. `scripts/faults` runs it.

    history      what every call was answered, and when      register    whether one grant's answers have an order
    invariants   what must hold of a history                 world       the stores, the ways to them, the replicas
    people       who calls                                   breakages   what is broken, by its name
    schedule     one history: who calls, what breaks         doomed      a replica that dies at a step of its work
    campaign     many schedules, and their table             __main__    the command
    mutants      what a run must notice                      fail_points death at every step of a rotation
    balancer     HAProxy before three replicas
    network      hosts as network namespaces                 hosts       three of them, with stores and HAProxy
    partitions   each link broken, and who must do what      load        requests by a timetable
    figures      a herd, overload, stuffing and the like     commands    scripts/faults with a word
    hands        who starts servers                          handmade    histories for the checker's own tests
"""
