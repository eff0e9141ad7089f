"""Databases, caches, queues."""

import base64
import os
import signal

import tlstest as t

from ..dialogues import beanstalk, ldap, memcached, mysql, postgresql, redis
from ..rows import client, server

server("redis", "redis-server", "epoll level, one thread",
       lambda p: t.REDIS[1](p.directory, p.port), ask=redis, core=True)
server("memcached", "memcached", "libevent, epoll level, 4 threads",
       lambda p: ["memcached", "-l", "127.0.0.1", "-p", p.port, "-m", "256", "-I", "128m",
                  "-u", "root"], ask=memcached, big=64 << 20, core=True)
server("beanstalkd", "beanstalkd", "epoll level, one thread",
       lambda p: ["beanstalkd", "-l", "127.0.0.1", "-p", p.port], ask=beanstalk, core=True)


@client("redis-cli", "redis-tools", "blocking, poll", peer="redis", core=True)
def redis_cli(p):
    command = ["redis-cli", "-h", "localhost", "-p", p.port]
    p.run(*command, "-x", "set", "key", stdin=p.big.data)
    return p.judge(p.big, p.run(*command, "--raw", "get", "key")[:-1])


def _postgresql(p):
    tools = "/usr/lib/postgresql/15/bin/"
    if not os.path.exists(p.path("db")):
        p.run(tools + "initdb", "--no-sync", "-A", "trust", "-U", "tlshim", "-D", p.path("db"),
              covered=False)
    return [tools + "postgres", "-D", p.path("db"), "-p", p.port,
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "max_connections=300", "-c", "fsync=off"]


def _mariadb(p):
    as_root = ["--user=root"] if os.getuid() == 0 else []
    if not os.path.exists(p.path("db")):
        p.run("mariadb-install-db", "--no-defaults", "--datadir=" + p.path("db"),
              "--skip-test-db", *as_root, covered=False)
    return ["mariadbd", "--no-defaults", *as_root, "--datadir=" + p.path("db"),
            "--socket=" + p.path("socket"), "--pid-file=" + p.path("pid"), "--port=%d" % p.port,
            "--bind-address=127.0.0.1", "--max-connections=400", "--max-allowed-packet=1G",
            "--skip-grant-tables", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"]


def _slapd(p):
    p.write("slapd.conf", """include /etc/ldap/schema/core.schema
pidfile DIR/slapd.pid
conn_max_pending 1000
database ldif
suffix "dc=test"
directory DIR/db
access to * by * read
""")
    if not os.path.exists(p.path("db")):
        os.makedirs(p.path("db"))
        p.write("test.ldif", "dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\n"
                "o: x\ndc: test\n" + "".join(
                    "\ndn: cn=%s,dc=test\nobjectClass: device\ncn: %s\ndescription:: %s\n"
                    % (item.file, item.file, base64.b64encode(item.data).decode())
                    for item in (p.small, p.big)))
        p.run("slapadd", "-f", p.path("slapd.conf"), "-l", p.path("test.ldif"), covered=False)
    return ["slapd", "-h", "ldap://127.0.0.1:%d" % p.port, "-f", p.path("slapd.conf"), "-d", "0"]


server("postgresql", "postgresql-15", "process per connection, epoll level", _postgresql,
       ask=postgresql, big=32 << 20, user=True, end=signal.SIGINT, warms_up=True)
server("mariadb", "mariadb-server", "thread per connection, poll", _mariadb, ask=mysql,
       big=32 << 20)
server("slapd", "slapd", "epoll level, threads", _slapd, ask=ldap, text=True, big=1 << 20)


@client("psql", "postgresql-client-15", "poll", peer="postgresql", user=True)
def psql(p):
    """A large object there and back."""
    p.write("lo", p.big.data)
    p.run("psql", "-h", "localhost", "-p", p.port, "-U", "tlshim", "-d", "postgres",
          "-v", "ON_ERROR_STOP=1", "-c", r"\lo_import '%s'" % p.path("lo"),
          "-c", r"\lo_export :LASTOID '%s'" % p.path("got"), env={"PGSSLMODE": "disable"})
    return p.differs("got")


@client("mariadb client", "mariadb-client", "poll", peer="mariadb")
def mariadb_client(p):
    command = ["mariadb", "--no-defaults", "-h", "127.0.0.1", "--protocol=tcp", "-P", p.port,
               "--max-allowed-packet=1G", "-N", "-B"]
    p.run(*command, stdin=b"create database if not exists x; use x;"
          b"create or replace table t (b longblob, c text); insert into t values (x'%s', '%s');"
          % (p.big.data.hex().encode(), t.MARKER))
    return p.judge(p.big, bytes.fromhex(p.run(*command, "-e", "select hex(b) from x.t").decode()))


@client("ldapsearch", "ldap-utils", "poll", peer="slapd")
def ldapsearch(p):
    said = p.run("ldapsearch", "-x", "-H", "ldap://localhost:%d" % p.port, "-b", "cn=big,dc=test",
                 "-s", "base", "-LLL", "-o", "ldif-wrap=no", "description")
    line = next(x for x in said.splitlines() if x.startswith(b"description:: "))
    return p.judge(p.big, base64.b64decode(line.split()[1]))


@client("redis replica, sentinel", "redis-server redis-sentinel", "epoll level, one thread",
        peer="redis", direct=True, both=True)
def redis_replica(p):
    """A replica gets what is in the master and what comes later; when the master is killed, a
    sentinel makes the replica the master."""
    ports = p.new_port(), p.new_port()
    command = ["redis-cli", "-h", "127.0.0.1", "-p"]
    p.run(*command, p.port, "-x", "set", "before", stdin=p.big.data)
    os.makedirs(p.path("replica"), exist_ok=True)
    replica = p.also("redis-server", "--bind", "127.0.0.1", "--port", ports[0], "--save", "",
                     "--dir", p.path("replica"), "--protected-mode", "no",
                     "--replicaof", "127.0.0.1 %d" % p.port, port=ports[0])

    def value(key):
        return p.run(*command, ports[0], "--raw", "get", key, status=None)[:-1]
    with replica:
        if not t.wait_until(lambda: value("before") == p.big.data, 60):
            return "the replica does not get what was there"
        p.run(*command, p.port, "-x", "set", "after", stdin=p.small.data)
        if not t.wait_until(lambda: value("after") == p.small.data, 60):
            return "the replica does not get what comes"
        p.write("sentinel.conf", "port %d\nbind 127.0.0.1\ndir DIR\n"
                "sentinel monitor x 127.0.0.1 %d 1\n"
                "sentinel down-after-milliseconds x 1000\n" % (ports[1], p.port))
        with p.also("redis-sentinel", p.path("sentinel.conf"), port=ports[1]):
            if not t.wait_until(lambda: b"slave" in p.run(
                    *command, ports[1], "sentinel", "replicas", "x", status=None), 60):
                return "the sentinel does not see the replica"
            p.peer.stop()
            if not t.wait_until(lambda: b"role:master" in p.run(
                    *command, ports[0], "info", "replication", status=None), 60):
                return "the replica does not become the master"
        p.moved += len(p.big.data)
        wrong = p.judge(p.big, value("before"))
    p.peer.start()
    return wrong
