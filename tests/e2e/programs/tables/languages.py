"""Each language's own way of waiting, by programs of a few lines that echo."""

import tlstest as t

from ..dialogues import echo, get
from ..rows import server

ASYNCIO = """
import asyncio, sys
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
NODE = """
require('net').createServer({ allowHalfOpen: true }, s => { s.on('error', () => {}); s.pipe(s) })
    .listen({ port: +process.argv[1], host: '127.0.0.1', backlog: 400 })
"""
PERL = """
use strict; use IO::Socket::INET; use IO::Select;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => shift, Listen => 400,
    ReuseAddr => 1) or die $@;
$SIG{PIPE} = 'IGNORE';
my ($r, $w, %out) = (IO::Select->new($l), IO::Select->new);
while (my ($can_r, $can_w) = IO::Select->select($r, $w)) {
    for my $s (@$can_r) {
        if ($s == $l) { my $c = $l->accept or next; $c->blocking(0); $r->add($c); next }
        my $n = sysread $s, my $d, 65536;
        next if !defined $n && $!{EAGAIN};
        if (!$n) { $r->remove($s); $w->remove($s); delete $out{$s}; close $s; next }
        $out{$s} .= $d; $w->add($s);
    }
    for my $s (@$can_w) {
        next unless defined $out{$s};
        my $n = syswrite $s, $out{$s};
        next if !defined $n && $!{EAGAIN};
        if (!defined $n) { $r->remove($s); $w->remove($s); delete $out{$s}; close $s; next }
        substr($out{$s}, 0, $n) = '';
        $w->remove($s) unless length $out{$s};
    }
}
"""
TCL = """
proc serve {c host port} {
    fconfigure $c -blocking 0 -translation binary
    fcopy $c $c -command [list done $c]
}
proc done {c args} { catch {close $c} }
proc bgerror {text} {}
socket -server serve -myaddr 127.0.0.1 [lindex $argv 0]
vwait forever
"""
RUBY = """
require 'socket'
Thread.report_on_exception = false
server = TCPServer.new('127.0.0.1', ARGV[0].to_i)
server.listen(400)
loop do
  Thread.new(server.accept) { |c| IO.copy_stream(c, c); c.close }
end
"""
PHP = """
$l = stream_socket_server('tcp://127.0.0.1:' . $argv[1], $e, $m,
    STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, stream_context_create(['socket' => ['backlog' => 400]]));
$all = []; $out = [];
while (true) {
    $r = array_merge([$l], $all); $w = array_filter($all, fn($s) => $out[(int)$s] !== ''); $x = null;
    if (@stream_select($r, $w, $x, null) === false) continue;
    foreach ($r as $s) {
        if ($s === $l) {
            if (!($c = @stream_socket_accept($l, 0))) continue;
            stream_set_blocking($c, false); $all[(int)$c] = $c; $out[(int)$c] = ''; continue;
        }
        $d = @fread($s, 65536);
        if ($d === '' || $d === false) {
            if (feof($s)) { unset($all[(int)$s], $out[(int)$s]); fclose($s); }
            continue;
        }
        $out[(int)$s] .= $d;
    }
    foreach ($w as $s) {
        if (!isset($all[(int)$s])) continue;
        $n = @fwrite($s, substr($out[(int)$s], 0, 65536));
        if ($n === false) { unset($all[(int)$s], $out[(int)$s]); fclose($s); continue; }
        $out[(int)$s] = substr($out[(int)$s], $n);
    }
}
"""
JAVA = """
import java.net.*; import java.nio.*; import java.nio.channels.*; import java.util.*;
public class Echo {
    public static void main(String[] args) throws Exception {
        Selector selector = Selector.open();
        ServerSocketChannel listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 400);
        listener.configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
        while (true) {
            selector.select();
            Iterator<SelectionKey> keys = selector.selectedKeys().iterator();
            while (keys.hasNext()) {
                SelectionKey key = keys.next();
                keys.remove();
                try {
                    if (key.isAcceptable()) {
                        SocketChannel c = listener.accept();
                        if (c == null) continue;
                        c.configureBlocking(false);
                        c.register(selector, SelectionKey.OP_READ, ByteBuffer.allocateDirect(65536));
                        continue;
                    }
                    SocketChannel c = (SocketChannel) key.channel();
                    ByteBuffer b = (ByteBuffer) key.attachment();
                    if (key.isReadable() && c.read(b) < 0) { c.close(); continue; }
                    b.flip();
                    c.write(b);
                    key.interestOps(b.hasRemaining() ? SelectionKey.OP_WRITE : SelectionKey.OP_READ);
                    b.compact();
                } catch (java.io.IOException e) { key.channel().close(); }
            }
        }
    }
}
"""
ERLANG = """
F = fun(G, S) -> case gen_tcp:recv(S, 0) of {ok, D} -> gen_tcp:send(S, D), G(G, S);
                                            _ -> gen_tcp:close(S) end end,
{ok, L} = gen_tcp:listen(PORT, [binary, {ip, {127,0,0,1}}, {active, false}, {reuseaddr, true},
                                {backlog, 400}]),
A = fun(G) -> {ok, S} = gen_tcp:accept(L),
              P = spawn(fun() -> receive go -> F(F, S) end end),
              gen_tcp:controlling_process(S, P), P ! go, G(G) end,
A(A).
"""

server("python asyncio", "python3", "epoll level, one thread",
       lambda p: [t.PYTHON, "-c", ASYNCIO, p.port], ask=echo, core=True)
server("node", "nodejs", "libuv, epoll level", lambda p: ["node", "-e", NODE, p.port], ask=echo)
server("perl IO::Select", "perl", "select", lambda p: ["perl", "-e", PERL, p.port], ask=echo,
       core=True)
server("tcl fcopy", "tcl", "epoll level, notifier thread",
       lambda p: ["tclsh", p.write("echo.tcl", TCL), p.port], ask=echo)
server("ruby threads", "ruby", "thread per connection, poll",
       lambda p: ["ruby", "-e", RUBY, p.port], ask=echo)
server("ruby webrick", "ruby ruby-webrick", "thread per connection, select",
       lambda p: ["ruby", "-run", "-e", "httpd", p.path("www"), "-p", p.port, "-b", "127.0.0.1"],
       ask=get, many=90)  # webrick's MaxClients is 100
server("php stream_select", "php-cli", "select", lambda p: ["php", "-r", PHP, p.port], ask=echo)
server("php web server", "php-cli", "poll, one thread",
       lambda p: ["php", "-S", "127.0.0.1:%d" % p.port, "-t", p.path("www")], ask=get)
server("java NIO", "openjdk-17-jdk-headless", "epoll level, selector",
       lambda p: ["java", p.write("Echo.java", JAVA), p.port], ask=echo)
server("erlang gen_tcp", "erlang-base", "epoll one-shot, poll threads",
       lambda p: ["erl", "-noshell", "-eval", ERLANG.replace("PORT", str(p.port))], ask=echo)
