/* Botan 2.19 as a peer: see peer.h. */
#include "peer.h"

#include <botan/auto_rng.h>
#include <botan/certstor.h>
#include <botan/data_src.h>
#include <botan/pkcs8.h>
#include <botan/tls_client.h>
#include <botan/tls_server.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <unistd.h>

using namespace Botan;

namespace
{

struct Log : TLS::Session_Manager {
    /* What a session manager of the library does, and the client's latest session. */
    explicit Log(RandomNumberGenerator &rng) : memory(rng) {}
    bool load_from_session_id(const std::vector<uint8_t> &id, TLS::Session &out) override
    {
        return peer_options.resume == PEER_BY_ID && memory.load_from_session_id(id, out);
    }
    bool load_from_server_info(const TLS::Server_Information &info, TLS::Session &out) override
    {
        return peer_options.resume != PEER_NOT && memory.load_from_server_info(info, out);
    }
    void remove_entry(const std::vector<uint8_t> &id) override { memory.remove_entry(id); }
    size_t remove_all() override { return memory.remove_all(); }
    void save(const TLS::Session &session) override { memory.save(session); }
    std::chrono::seconds session_lifetime() const override { return memory.session_lifetime(); }

    TLS::Session_Manager_In_Memory memory;
};

struct One_Suite : TLS::Policy {
    std::vector<uint16_t> ciphersuite_list(TLS::Protocol_Version, bool) const override
    {
        return {static_cast<uint16_t>(peer_options.suite)};
    }
    std::vector<std::string> allowed_signature_methods() const override
    {
        return {"RSA", "ECDSA", "DSA", "IMPLICIT"};
    }
    std::vector<std::string> allowed_key_exchange_methods() const override
    {
        return {"RSA", "DH", "ECDH", "PSK", "DHE_PSK", "ECDHE_PSK"};
    }
    std::vector<std::string> allowed_macs() const override { return {"SHA-1"}; }
    std::vector<std::string> allowed_ciphers() const override
    {
        return {"AES-128", "AES-256", "3DES", "Camellia-128", "Camellia-256"};
    }
    std::vector<std::string> allowed_signature_hashes() const override
    {
        return {"SHA-256", "SHA-1"};
    }
    bool allow_tls10() const override { return true; }
    bool allow_tls11() const override { return false; }
    bool allow_tls12() const override { return false; }
    bool acceptable_ciphersuite(const TLS::Ciphersuite &) const override { return true; }
    size_t minimum_dsa_group_size() const override { return 1024; }
    bool require_client_certificate_authentication() const override { return peer_options.ask; }
    bool request_client_certificate_authentication() const override { return peer_options.ask; }
    bool require_cert_revocation_info() const override { return false; }
    bool support_cert_status_message() const override { return false; }
};

struct Credentials : Credentials_Manager {
    std::unique_ptr<Private_Key> key;
    std::vector<X509_Certificate> chain;
    Certificate_Store_In_Memory roots;

    void load()
    {
        if (peer_options.certificate != nullptr) {
            DataSource_Stream certificate(peer_options.certificate), text(peer_options.key);
            chain.emplace_back(certificate);
            key = PKCS8::load_key(text);
        }
        if (peer_options.ca != nullptr) {
            roots.add_certificate(X509_Certificate(peer_options.ca));
        }
    }
    std::vector<Certificate_Store *> trusted_certificate_authorities(const std::string &,
                                                                     const std::string &) override
    {
        return {&roots};
    }
    std::vector<X509_Certificate> cert_chain(const std::vector<std::string> &kinds,
                                             const std::string &, const std::string &) override
    {
        for (const std::string &kind : kinds) {
            if (key != nullptr && key->algo_name() == kind) {
                return chain;
            }
        }
        return {};
    }
    Private_Key *private_key_for(const X509_Certificate &, const std::string &,
                                 const std::string &) override
    {
        return key.get();
    }
    std::string psk_identity(const std::string &, const std::string &, const std::string &) override
    {
        return peer_options.psk_identity != nullptr ? peer_options.psk_identity : "";
    }
    SymmetricKey psk(const std::string &, const std::string &context,
                     const std::string &identity) override
    {
        if (context == "session-ticket" && peer_options.resume == PEER_BY_TICKET) {
            return SymmetricKey(std::vector<uint8_t>(32, 0x5a));
        }
        if (peer_options.psk_identity != nullptr && identity == peer_options.psk_identity) {
            return SymmetricKey(peer_options.psk, peer_options.psk_length);
        }
        throw Internal_Error("no key for " + context);
    }
};

/* The session tells only by its age, or a new master secret, whether it was resumed. */
struct Wire : TLS::Callbacks {
    int fd = -1;
    bool closed = false;
    std::vector<uint8_t> plain;
    secure_vector<uint8_t> master, master_before;
    peer_facts *facts = nullptr;

    void tls_emit_data(const uint8_t bytes[], size_t n) override
    {
        while (n > 0) {
            ssize_t sent = ::write(fd, bytes, n);
            if (sent <= 0) {
                throw std::runtime_error("the connection is gone");
            }
            bytes += sent;
            n -= static_cast<size_t>(sent);
        }
    }
    void tls_record_received(uint64_t, const uint8_t bytes[], size_t n) override
    {
        plain.insert(plain.end(), bytes, bytes + n);
    }
    void tls_alert(TLS::Alert alert) override
    {
        if (alert.type() == TLS::Alert::CLOSE_NOTIFY) {
            closed = true;
        } else {
            std::fprintf(stderr, "alert: %s\n", alert.type_string().c_str());
        }
    }
    bool tls_session_established(const TLS::Session &session) override
    {
        master = session.master_secret();
        facts->resumed = master == master_before;
        facts->ems = session.supports_extended_master_secret();
        if (!session.peer_certs().empty()) {
            auto names = session.peer_certs()[0].subject_info("Name");
            std::snprintf(facts->subject, sizeof facts->subject, "%s",
                          names.empty() ? "?" : names[0].c_str());
        }
        return true;
    }
    std::string tls_server_choose_app_protocol(const std::vector<std::string> &) override
    {
        return peer_options.alpn != nullptr ? peer_options.alpn : "";
    }
};

AutoSeeded_RNG rng;
Log sessions(rng);
One_Suite policy;
Credentials credentials;
Wire wire;
std::unique_ptr<TLS::Channel> channel;

/* No exception passes through C. */
template <typename Work> void guarded(const char *what, Work work)
{
    try {
        work();
    } catch (const std::exception &e) {
        peer_die(what, e.what());
    }
}

void receive()
{
    uint8_t bytes[16384];
    ssize_t n = ::read(wire.fd, bytes, sizeof bytes);

    if (n <= 0) {
        throw std::runtime_error("the other side has ended without close_notify");
    }
    channel->received_data(bytes, static_cast<size_t>(n));
}

void list()
{
    for (const TLS::Ciphersuite &suite : TLS::Ciphersuite::all_known_ciphersuites()) {
        if (suite.usable_in_version(TLS::Protocol_Version::TLS_V10)) {
            std::printf("%04x\n", suite.ciphersuite_code());
        }
    }
}

void set_up()
{
    guarded("set-up", [] { credentials.load(); });
}

void open_session(int fd, bool, peer_facts *facts)
{
    guarded("handshake", [&] {
        std::vector<std::string> protocols;
        wire.fd = fd;
        wire.closed = false;
        wire.facts = facts;
        wire.master_before = wire.master;
        if (peer_options.alpn != nullptr) {
            protocols.push_back(peer_options.alpn);
        }
        if (peer_options.server) {
            channel.reset(new TLS::Server(wire, sessions, credentials, policy, rng));
        } else {
            channel.reset(
                new TLS::Client(wire, sessions, credentials, policy, rng,
                                TLS::Server_Information(
                                    "localhost", static_cast<uint16_t>(atoi(peer_options.port))),
                                TLS::Protocol_Version::TLS_V10, protocols));
        }
        while (!channel->is_active()) {
            if (channel->is_closed()) {
                throw std::runtime_error("closed");
            }
            receive();
        }
        std::snprintf(facts->alpn, sizeof facts->alpn, "%s",
                      channel->application_protocol().c_str());
    });
}

size_t read_bytes(void *out, size_t n)
{
    guarded("read", [] {
        while (wire.plain.empty() && !wire.closed) {
            receive();
        }
    });
    n = std::min(n, wire.plain.size());
    std::memcpy(out, wire.plain.data(), n);
    wire.plain.erase(wire.plain.begin(), wire.plain.begin() + static_cast<ptrdiff_t>(n));
    return n;
}

void write_bytes(const void *bytes, size_t n)
{
    guarded("write", [&] { channel->send(static_cast<const uint8_t *>(bytes), n); });
}

void close_session()
{
    guarded("close", [] { channel->close(); });
}

void release()
{
    channel.reset();
}

} // namespace

int main(int argc, char **argv)
{
    static const peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                     write_bytes, close_session, release,      nullptr};

    return peer_main(argc, argv, &stack);
}
