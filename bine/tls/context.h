// What a side of TLS (RFC 8446, RFC 5246) brings along: whom it trusts, who it is, what it speaks.
//
// Defaults are Mozilla's "intermediate": TLS 1.2 and 1.3, forward secrecy and authenticated encryption only, X25519, P-256, P-384;
// no compression, no renegotiation, keys that are too weak refused. A client verifies chain and name.
//
// A Context is a handle: copies share one state, any thread may use them, and connections keep what they began with. Making
// one reads files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/result.h"
#include "bine/tls/certificate.h"

namespace bine::tls {

enum class Version : uint8_t { tls1_2, tls1_3 };

// Which certificates of others are believed.
struct Trust {
    bool system = true;     // what the machine trusts
    std::string ca_file{};  // PEM, instead of the system's ...
    std::string ca_pem{};   // ... or besides that file
    std::vector<std::string>
        pins{};  // besides: one certificate of the chain must have one of these keys, "sha256/BASE64"
};

struct ClientOptions {
    Trust trust{};
    bool verify = true;  // false: believes anybody who has one of the pins; without pins, anybody. For tests.
    std::vector<Identity> identity{};  // at most one: what is shown to a server that asks
    std::vector<std::string> alpn{};   // protocols offered (RFC 7301), the best first: "h2", "http/1.1"
    Version minimum = Version::tls1_2;
    bool resume = true;     // keeps sessions (256 of them) to begin the next connection to the same server faster
    std::string key_log{};  // a file that the session keys are appended to, for debuggers; see SSLKEYLOGFILE
};

enum class ClientCertificate : uint8_t { ignored, requested, required };

// Where an identity is read from; the same files again at a reload.
struct IdentityFiles {
    std::string certificate;  // PEM, leaf first
    std::string key;          // PEM
};

struct ServerOptions {
    // By the name that the client asks for (SNI, RFC 6066), matched with the names of each certificate; the first is for
    // those who ask for none, or for one that nobody has. Two for one name with keys of two kinds serve both kinds of client.
    std::vector<IdentityFiles> files{};
    std::vector<Identity> identities{};
    ClientCertificate client_certificate = ClientCertificate::ignored;
    Trust client_trust{.system = false};  // who may sign those
    std::vector<std::string> alpn{};      // the best first; a client that offers others only is refused
    Version minimum = Version::tls1_2;
    bool resume = true;
    std::string key_log{};
};

class Context {
public:
    // Errors: files and options that cannot be used, each named.
    static Result<Context> client(const ClientOptions& options = ClientOptions());
    static Result<Context> server(const ServerOptions& options);

    // Reads the files again: for new connections, when all of it can be used; otherwise nothing changes and the error says why.
    Result<> reload();

    bool is_server() const noexcept;
    // The certificates that a server has now.
    std::vector<Certificate> certificates() const;

    struct State;
    State& state() const noexcept { return *state_; }

private:
    explicit Context(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

    std::shared_ptr<State> state_;
};

}  // namespace bine::tls
