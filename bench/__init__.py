"""The benchmark: the figures of the promises, measured on the shipped command as people run it.

    make bench JSON=out.json          python -m bench [--quick] [--only S1,S3] [--json FILE]

The gateway is `python -m quarterdeck up --config FILE` with default settings, a child process; so are the model
and the platforms it speaks to, over real sockets. A lost, doubled or failed message, a log line of level warning
or worse, or a missing audit row fails the run. Every figure is the median of three rounds, and the promises
take turns within a round, so that a busy minute of the machine does not hit one of them alone. Beside each round stands
the machine's own pace: a virtual one that its neighbours slow down by a third, most of the time, is not judged. What
needs a program that is not installed is left out with a line that says so.

    figures.py     what is a figure, and when is it met?
    promises.py    which promises are there, with which targets?
    report.py      how do results look, as a table and as JSON?
    lab.py         what is a measurement given?
    machine.py     what did processes cost, and what else was going on?
    records.py     what do the stand-ins' records say about each message?
    gateway.py     how is the command started, and what does it cost?
    world.py       a gateway between its stand-ins, and what people do in it
    proof.py       was everything answered once, recorded and durable?
    latency.py     S1     throughput.py  S2     cpu.py      S3 (stages.py, profiled.py: where it goes)
    start.py       S4     memory.py      S5 (install.py: the size on disk)
    flat.py        S6 (seeding.py: the stored history)             acknowledge.py  M4
    verifying.py   A4
    pages.py       pages and streams           wires.py  calls by service           finding.py  search
    postgresql.py  several processes on one database (server.py, fleet.py), and one that is killed (failover.py)
"""
