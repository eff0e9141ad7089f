"""Databases, caches, queues."""

import tlstest as t

from ..dialogues import beanstalk, memcached, redis
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
