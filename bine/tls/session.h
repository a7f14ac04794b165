// What a connection's handshake has agreed on.
//
//     void connection_made(Transport& transport) override {
//         if (const tls::Session* session = tls::session_of(transport)) protocol = session->alpn();
//     }
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/tls/certificate.h"

namespace bine {
class Transport;
}

namespace bine::tls {

// Lifetime: that of the transport. Confined to its thread.
class Session {
public:
    virtual std::string_view version() const noexcept = 0;  // "TLSv1.3"
    virtual std::string_view cipher() const noexcept = 0;   // "TLS_AES_256_GCM_SHA384"
    // The protocol chosen by ALPN; empty when none was.
    virtual std::string_view alpn() const noexcept = 0;
    // The name that the client asked for (SNI); empty when none.
    virtual std::string_view server_name() const noexcept = 0;
    // Taken up from an earlier connection: no certificates were exchanged.
    virtual bool resumed() const noexcept = 0;
    // What the other side has shown; nothing, when it has shown none.
    virtual std::optional<Certificate> peer_certificate() const = 0;
    virtual std::vector<Certificate> peer_chain() const = 0;
    // RFC 9266 ("tls-exporter"): 32 bytes that only the two ends know, to bind an authentication to this connection.
    virtual std::string channel_binding() const = 0;

protected:
    ~Session() = default;
};

// Of a transport that is TLS; null otherwise.
const Session* session_of(const Transport& transport) noexcept;

}  // namespace bine::tls
