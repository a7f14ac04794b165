// What the copies of a Context share. Inner part of the layer.
//
// Any thread: what changes (the identities of a server, at a reload) is exchanged as a whole, under a lock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/descriptor.h"
#include "bine/tls/context.h"
#include "bine/tls/openssl.h"
#include "bine/tls/sessions.h"

namespace bine::tls {

constexpr unsigned int kScope = 32;

// A server's certificates for some names, with OpenSSL's context that shows them. A client has one, without names.
struct Host {
    OwnedContext ssl;
    std::vector<std::string> names;                     // lower case
    std::array<unsigned char, kScope> session_scope{};  // what its sessions are good for
    std::vector<Certificate> certificates;
};

using Hosts = std::vector<Host>;

struct Context::State {
    explicit State(ClientOptions options) : client(std::move(options)) {}
    explicit State(ServerOptions options) : server(std::move(options)) {}

    std::shared_ptr<const Hosts> hosts() const {
        const std::lock_guard lock(mutex);
        return current;
    }
    const Trust& trust() const noexcept { return server ? server->client_trust : client->trust; }
    const std::vector<std::string>& alpn() const noexcept { return server ? server->alpn : client->alpn; }

    std::optional<ClientOptions> client;
    std::optional<ServerOptions> server;
    std::string alpn_wire;  // as the handshake carries them: each behind its length
    Owned<X509_STORE, X509_STORE_free> store;
    Descriptor key_log;
    Sessions sessions{256};

    mutable std::mutex mutex;
    std::shared_ptr<const Hosts> current;
};

// The one to show to who asks for `name`, in lower case.
const Host& choose_host(const Hosts& hosts, std::string_view name) noexcept;

}  // namespace bine::tls
