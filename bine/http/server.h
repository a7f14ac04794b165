// An HTTP/1.1 server on any transport.
//
//     http::Router router;
//     router.get("/", [](http::Request&) { return http::Response::text("hello\n"); });
//     http::Server server(std::move(router));
//     auto port = co_await listen(reactor, "tcp:8080", server.factory());
//     ...
//     server.drain();
//
// Requests of one connection are served one after the other: what is pipelined behind a request that waits for its
// handler stays unread, so answers are in order and a connection holds one request at a time.
// Whoever breaks a limit or the protocol gets the answer that says so, then the connection is closed; one line is logged
// a second at most. Confined to the thread of the reactor that its connections are on; not to be destroyed by a handler.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "bine/base/time.h"
#include "bine/http/handler.h"
#include "bine/net/protocol.h"
#include "bine/wire/http1/request_parser.h"

namespace bine::http {

struct ServerOptions {
    http1::Limits limits{};                          // bytes and counts; 414, 431, 413
    Duration head_time = std::chrono::seconds(10);   // from the first byte of a request to the end of its head; 408
    Duration idle_time = std::chrono::seconds(60);   // without a request, and for the first byte of the first one
    uint32_t body_rate = 1024;                       // bytes a second that a body must come with, 0: any; 408
    Duration body_grace = std::chrono::seconds(5);   // before that counts
    Duration write_time = std::chrono::seconds(30);  // without a byte leaving, while some wait: aborted, by its double
    uint32_t waiting_input = 65536;                  // bytes that may wait unread behind a request in progress
    uint32_t discarded_body = 65536;                 // of a body that nobody read, to keep the connection
    uint32_t requests = 0;                           // on one connection, 0: any number
    bool access_log = false;                         // a structured line for each answer, area "access"
    std::string_view name = "bine";                  // the Server field; empty: none. Must outlive the server
};

class Server {
public:
    explicit Server(Handler handler, ServerOptions options = {});
    // Aborts the connections that are left.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Makes the protocol of one connection; for a listener, which must not outlive the server.
    Factory factory();
    std::unique_ptr<Protocol> make_protocol();

    // Idle connections are closed when no request has come for `quiet`, the others behind the answer they are about to give
    // ("Connection: close"). New ones are closed as they come. With some quiet, a client that is at it loses no request: one
    // that is on its way now is answered.
    void drain(Duration quiet = Duration(0));
    bool draining() const noexcept;
    // Ends when no connection is left; at once when there is none. One at a time.
    Deferred<> drained();
    // When `reactor` shuts down, as react() does after SIGTERM: drains, and gives what is under way `grace` to finish. The
    // server must outlive the reactor's run.
    void drain_at_shutdown(Reactor& reactor, Duration grace = std::chrono::seconds(10));
    std::size_t connections() const noexcept;
    // Since the start.
    uint64_t requests_answered() const noexcept;

private:
    friend class ServerConnection;
    friend class Exchange;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bine::http
