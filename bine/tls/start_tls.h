// TLS in the middle of a conversation, for those who write it straight down: SMTP's STARTTLS (RFC 3207), a proxy's CONNECT.
//
//     co_await stream.write("STARTTLS\r\n");
//     const auto answer = co_await stream.read_line();
//     Stream secure = co_await tls::start_client(std::move(stream), context, "mail.example.org");
//
// What has been read ahead of the handshake is taken for its first bytes: words that somebody slipped in before it are never
// taken for words that came through it. Errors: those of the handshake; the connection is closed then. Dropping the Deferred
// aborts it.
#pragma once

#include <string>

#include "bine/async/deferred.h"
#include "bine/net/stream.h"
#include "bine/tls/protocols.h"

namespace bine::tls {

Deferred<Stream> start_client(Stream plain, Context context, std::string name,
                              HandshakeOptions options = HandshakeOptions());
Deferred<Stream> start_server(Stream plain, Context context, HandshakeOptions options = HandshakeOptions());

}  // namespace bine::tls
