// What stands round the handlers of a router: logins, headers for all, timing.
//
// All of these convert to a Middleware:
//     std::optional<Response> (Request&)           before: an answer ends it there
//     void (const Request&, Response&)             after: changes what goes out (of a stream: its head)
//     Deferred<Response> (Request&, Next)          around: `co_return co_await next();`
// With the first two a plain handler stays plain; the third makes every request below it asynchronous.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "bine/http/handler.h"

namespace bine::http {

// What is inside: the next middleware, or the handler. Valid as long as the Request; to be called once.
class Next {
public:
    Deferred<Response> operator()();

private:
    friend class Dispatch;
    Next(Request& request, Handler& handler, uint8_t index) noexcept
        : request_(&request), handler_(&handler), index_(index) {}

    Request* request_;
    Handler* handler_;
    uint8_t index_;
};

class Middleware {
public:
    using Before = Function<std::optional<Response>(Request&)>;
    using After = Function<void(const Request&, Response&)>;
    using Around = Function<Deferred<Response>(Request&, Next)>;

    enum class Kind : uint8_t { before, after, around };

    template <class F>
        requires std::is_invocable_r_v<std::optional<Response>, std::decay_t<F>&, Request&>
    Middleware(F&& f) : kind_(Kind::before), before_(std::forward<F>(f)) {}
    template <class F>
        requires std::is_invocable_v<std::decay_t<F>&, const Request&, Response&>
    Middleware(F&& f) : kind_(Kind::after), after_(std::forward<F>(f)) {}
    template <class F>
        requires std::is_invocable_r_v<Deferred<Response>, std::decay_t<F>&, Request&, Next>
    Middleware(F&& f) : kind_(Kind::around), around_(std::forward<F>(f)) {}

    Kind kind() const noexcept { return kind_; }
    std::optional<Response> before(Request& request) { return before_(request); }
    void after(const Request& request, Response& response) { after_(request, response); }
    Deferred<Response> around(Request& request, Next next) { return around_(request, next); }

private:
    Kind kind_;
    Before before_;
    After after_;
    Around around_;
};

}  // namespace bine::http
