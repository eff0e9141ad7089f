// A TLS 1.0 peer by Java's JSSE: Peer server PORT SUITE KEYSTORE, or Peer client PORT SUITE CA, where
// an SSL 2.0 hello is sent when a fifth word says so. The server answers one request per connection;
// the client sends its standard input.
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Peer {
    static final char[] PASSWORD = "password".toCharArray();

    static SSLContext context(boolean server, String file) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        SSLContext context = SSLContext.getInstance("TLSv1");
        try (InputStream in = new FileInputStream(file)) {
            if (server) {
                store.load(in, PASSWORD);
                KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
                keys.init(store, PASSWORD);
                context.init(keys.getKeyManagers(), null, null);
            } else {
                store.load(null, null);
                store.setCertificateEntry("ca",
                    CertificateFactory.getInstance("X.509").generateCertificate(in));
                TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
                trust.init(store);
                context.init(null, trust.getTrustManagers(), null);
            }
        }
        return context;
    }

    public static void main(String[] args) throws Exception {
        boolean server = args[0].equals("server");
        int port = Integer.parseInt(args[1]);
        String[] suites = {args[2]};
        SSLContext context = context(server, args[3]);
        if (server) {
            SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(port, 5, java.net.InetAddress.getByName("127.0.0.1"));
            listener.setEnabledProtocols(new String[] {"TLSv1"});
            listener.setEnabledCipherSuites(suites);
            while (true) {
                try (SSLSocket socket = (SSLSocket) listener.accept()) {
                    socket.getInputStream().read(new byte[100]);
                    socket.getOutputStream().write("HTTP/1.0 200 OK\r\n\r\nJava\r\n".getBytes());
                } catch (Exception e) {
                    System.err.println(e);
                }
            }
        }
        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port);
        socket.setEnabledProtocols(args.length > 4 ? new String[] {"SSLv2Hello", "TLSv1"}
                                                   : new String[] {"TLSv1"});
        socket.setEnabledCipherSuites(args.length > 4
            ? new String[] {args[2], "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"} : suites);
        socket.startHandshake();
        byte[] bytes = new byte[4096];
        int n = System.in.read(bytes);
        socket.getOutputStream().write(bytes, 0, n);
        int back = 0;
        while (back < n) {
            int more = socket.getInputStream().read(bytes);
            if (more < 0) {
                break;
            }
            System.out.write(bytes, 0, more);
            System.out.flush();
            back += more;
        }
        socket.close();
    }
}
