// Java's JSSE as a peer: see peer.h, whose command line this speaks. Keys come from PKCS#12 files
// (store=, trust=; password "password"); sslv2 sends a hello in SSL 2.0's format. `Peer suites` prints names.
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.*;

public class Peer {
    static final char[] PASSWORD = "password".toCharArray();
    static final Map<String, String> options = new HashMap<>();
    static boolean server;
    static byte[] data;

    static KeyManager[] keys() throws Exception {
        if (!options.containsKey("store")) {
            return null;
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = new FileInputStream(options.get("store"))) {
            store.load(in, PASSWORD);
        }
        KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
        factory.init(store, PASSWORD);
        return factory.getKeyManagers();
    }

    static TrustManager[] trust() throws Exception {
        if (!options.containsKey("ca")) {
            return null;
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream in = new FileInputStream(options.get("ca"))) {
            store.setCertificateEntry("ca",
                CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        return factory.getTrustManagers();
    }

    static void configure(SSLSocket socket) {
        SSLParameters parameters = socket.getSSLParameters();
        String[] suite = {options.get("name")};
        if (options.containsKey("sslv2")) {
            parameters.setProtocols(new String[] {"SSLv2Hello", "TLSv1"});
            suite = new String[] {suite[0], "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"};
        } else {
            parameters.setProtocols(new String[] {"TLSv1"});
        }
        parameters.setCipherSuites(suite);
        if (options.containsKey("alpn")) {
            parameters.setApplicationProtocols(new String[] {options.get("alpn")});
        }
        if (options.containsKey("ask")) {
            parameters.setNeedClientAuth(true);
        }
        socket.setSSLParameters(parameters);
        socket.setUseClientMode(!server);
    }

    static void ask(SSLSocket socket) throws Exception {
        OutputStream out = socket.getOutputStream();
        for (int at = 0, piece = 1; at < data.length; piece = 15013) {
            int n = Math.min(piece, data.length - at);
            out.write(data, at, n);
            at += n;
        }
        byte[] back = socket.getInputStream().readNBytes(data.length);
        if (!Arrays.equals(back, data)) {
            throw new Exception("what came back differs");
        }
    }

    static void echo(SSLSocket socket) throws Exception {
        byte[] bytes = new byte[10007];
        int n;
        while ((n = socket.getInputStream().read(bytes)) > 0) {
            socket.getOutputStream().write(bytes, 0, n);
        }
    }

    static String subject(SSLSession session) {
        try {
            X509Certificate leaf = (X509Certificate) session.getPeerCertificates()[0];
            return leaf.getSubjectX500Principal().getName().replace("CN=", "");
        } catch (SSLPeerUnverifiedException e) {
            return "";
        }
    }

    // A session is resumed when it is older than the connection.
    static void converse(SSLSocket socket) throws Exception {
        configure(socket);
        Thread.sleep(2); // a new session's time differs from the connection's before
        long began = System.currentTimeMillis();
        socket.startHandshake();
        SSLSession session = socket.getSession();
        String protocol = socket.getApplicationProtocol();
        if (server) {
            echo(socket);
        } else {
            ask(socket);
        }
        socket.shutdownOutput();
        if (!server && socket.getInputStream().read() != -1) {
            throw new Exception("more came than was sent");
        }
        socket.close();
        System.out.println("resumed=" + (session.getCreationTime() < began ? 1 : 0) +
            " ems=- etm=0 alpn=" + (protocol != null ? protocol : "") + " peer=" + subject(session));
    }

    static void run(SSLContext context, int port, int connections) throws Exception {
        InetAddress address = InetAddress.getByName("127.0.0.1");
        if (!server) {
            for (int i = 0; i < connections; i++) {
                converse((SSLSocket) context.getSocketFactory().createSocket("localhost", port));
            }
            return;
        }
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory()
            .createServerSocket(port, 5, address);
        listener.setEnabledCipherSuites(new String[] {options.get("name")});
        listener.setEnabledProtocols(new String[] {"TLSv1"});
        for (int i = 0; i < connections; i++) {
            converse((SSLSocket) listener.accept());
        }
    }

    public static void main(String[] args) throws Exception {
        SSLContext context = SSLContext.getInstance("TLSv1");
        if (args[0].equals("suites")) {
            context.init(null, null, null);
            for (String name : context.getSupportedSSLParameters().getCipherSuites()) {
                System.out.println(name);
            }
            return;
        }
        server = args[0].equals("server");
        for (String argument : Arrays.asList(args).subList(2, args.length)) {
            int at = argument.indexOf('=');
            options.put(at < 0 ? argument : argument.substring(0, at),
                at < 0 ? "" : argument.substring(at + 1));
        }
        if (options.containsKey("data")) {
            data = Files.readAllBytes(Path.of(options.get("data")));
        }
        String tickets = options.getOrDefault("resume", "").equals("ticket") ? "true" : "false";
        System.setProperty("jdk.tls.client.enableSessionTicketExtension", tickets);
        System.setProperty("jdk.tls.server.enableSessionTicketExtension", tickets);
        context.init(keys(), trust(), null);
        try {
            run(context, Integer.parseInt(args[1]),
                Integer.parseInt(options.getOrDefault("connections", "1")));
        } catch (Exception e) {
            System.err.println(e);
            System.exit(1);
        }
    }
}
