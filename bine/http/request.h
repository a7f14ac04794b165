// A request as its handler sees it.
//
// Lifetime: views are valid as long as the Request, which lives until its answer is complete: for a plain handler until it
// returns, for a coroutine until it ends, for a stream until its producer has ended. Confined to the reactor's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/driver/address.h"
#include "bine/wire/http1/message.h"

namespace bine {
class Reactor;
}

namespace bine::http {

using http1::Header;
using http1::Method;

class Exchange;
class Middleware;
class ServerConnection;

class Request {
public:
    Method method() const noexcept { return head_->method; }
    std::string_view method_name() const noexcept { return head_->method_name; }
    bool is_head() const noexcept { return method() == Method::head; }

    // As sent: "/a%20b/../c?x=1".
    std::string_view target() const noexcept { return head_->target; }
    // Decoded, with "." and ".." resolved, beginning with '/': "/c". Empty when it holds an encoded '/' or NUL, which no file
    // name does; parameters of a route may.
    std::string_view path() const noexcept { return path_; }
    // Still encoded: iterate with http1::Query.
    std::string_view query() const noexcept { return head_->query; }
    // The decoded value of the first parameter of that name.
    std::optional<std::string> query_value(std::string_view name) const;
    // The host the client asked for, with its port if it said one.
    std::string_view host() const noexcept { return head_->authority; }
    int minor_version() const noexcept { return head_->minor_version; }

    const http1::HeaderList& headers() const noexcept { return head_->headers; }
    // The first value of that name, whatever its case; empty when there is none.
    std::string_view header(std::string_view name) const noexcept { return head_->headers.value(name); }
    bool has_header(std::string_view name) const noexcept { return head_->headers.find(name) != nullptr; }
    const http1::RequestHead& head() const noexcept { return *head_; }

    // What stands in the path for `{name}` of the route, decoded; empty when the route has none.
    std::string_view param(std::string_view name) const noexcept;

    // The body. A plain handler is called when all of it is there, within ServerOptions::body bytes: content().
    std::string_view content() const noexcept { return content_; }
    // A coroutine reads it: piece by piece, an empty one at the end, each valid until the next read ...
    Deferred<std::string_view> read();
    // ... or as a whole. More than `limit` is answered 413 and ends the connection.
    Deferred<std::string> body(uint64_t limit);
    Deferred<std::string> body();
    // More, or less, than ServerOptions::body for this request; before the first read.
    void limit_body(uint64_t bytes) noexcept;
    bool has_body() const noexcept { return head_->has_body(); }
    // What a handler that knows no better answers when the body could not be read: 413, 408, 400. 0: nothing is wrong with it.
    int body_status() const noexcept;
    // When the body has been read to its end.
    http1::HeaderList trailers() const noexcept { return trailers_; }

    Address peer_address() const;
    Reactor& reactor() const noexcept;

private:
    friend class Exchange;
    friend class Router;
    friend class ServerConnection;
    friend class Dispatch;

    struct Param {
        std::string_view name;
        std::string_view value;
    };
    static constexpr std::size_t kMaxParams = 8;
    static constexpr std::size_t kMaxMiddleware = 8;

    explicit Request(const http1::RequestHead& head) noexcept : head_(&head) {}

    const http1::RequestHead* head_;
    std::string_view path_;
    std::string_view routed_;  // the path with dots resolved, still encoded: what routers match
    std::size_t routed_from_ = 0;
    std::string_view content_;
    http1::HeaderList trailers_;
    std::array<Param, kMaxParams> params_;
    std::array<Middleware*, kMaxMiddleware> middleware_;
    uint8_t param_count_ = 0;
    uint8_t middleware_count_ = 0;
    const void* node_ = nullptr;  // of the router that matched the path
    ServerConnection* connection_ = nullptr;
    Exchange* exchange_ = nullptr;
    std::string text_;  // what views of path and parameters refer to when they were encoded
};

}  // namespace bine::http
