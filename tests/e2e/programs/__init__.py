"""Programs that nobody here wrote, each doing a real task under TLS: a table and what runs it.

A row names a Debian package and says how its program is started and what a task of its protocol is.
The peer is another stack's TLS 1.0, OpenSSL's or GnuTLS's: a server is asked by streams of
tlstest.tls_connect; a client talks to a tlstest.TlsServer, or through a bridge of two such
streams to a server of the table that is covered itself. Adding a program is a row in one of the
tables:

    server("beanstalkd", "beanstalkd", "epoll level",
           lambda p: ["beanstalkd", "-l", "127.0.0.1", "-p", p.port], ask=jobs)

    @client("wget", "wget", "select", peer="http")
    def wget(p):
        p.run("wget", "-q", "-O", p.path("got"), "http://localhost:%d/big" % p.port)
        return p.differs("got")

How a program waits is what `TLSTEST_PLAIN=1 strace -f -c` shows of it.
"""
