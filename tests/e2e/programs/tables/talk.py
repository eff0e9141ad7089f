"""Programs that pass on what they are given: netcats and their kind."""

from ..rows import client


def _netcat(p, *argv):
    """Sends its input and receives at once, until both sides have ended."""
    p.write("send", p.big.data)
    with open(p.path("send"), "rb") as given, open(p.path("got"), "wb") as got:
        p.run(*argv, stdin=given, stdout=got)
    return p.judge(p.big, p.exchange.received) or p.differs("got")


@client("nc.openbsd", "netcat-openbsd", "poll", peer="exchange", core=True)
def nc_openbsd(p):
    return _netcat(p, "nc.openbsd", "-N", "localhost", p.port)


@client("nc.traditional", "netcat-traditional", "select", peer="exchange")
def nc_traditional(p):
    return _netcat(p, "nc.traditional", "-q", "0", "localhost", p.port)


@client("ncat", "ncat", "select", peer="exchange", core=True)
def ncat(p):
    return _netcat(p, "ncat", "localhost", p.port)


@client("socat", "socat", "select", peer="exchange", core=True)
def socat(p):
    return _netcat(p, "socat", "-t", "60", "-", "TCP:localhost:%d" % p.port)
