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


@client("nc.traditional", "netcat-traditional", "select", peer="http")
def nc_traditional(p):
    """It cannot end one direction, so it asks for something and waits for the other's end."""
    said = p.run("nc.traditional", "localhost", p.port, stdin=b"GET /big HTTP/1.0\r\n\r\n")
    return p.judge(p.big, said.split(b"\r\n\r\n", 1)[1])


@client("ncat", "ncat", "select", peer="exchange", core=True)
def ncat(p):
    return _netcat(p, "ncat", "localhost", p.port)


@client("socat", "socat", "select", peer="exchange", core=True)
def socat(p):
    return _netcat(p, "socat", "-t", "60", "-", "TCP:localhost:%d" % p.port)
