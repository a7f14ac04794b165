// What answers a request: a plain function, a coroutine, or something that chooses among others (a Router).
//
// All of these convert to a Handler:
//     Response (Request&)                      answers at once; runs when the whole body is there (the fast path)
//     Deferred<Response> (Request&)            answers later; may read the body bit by bit
//     Deferred<> (Request&, ResponseWriter&)   writes the answer bit by bit, straight down
// A Handler is stored for as long as it serves, so a coroutine lambda may capture. A handler that throws, or whose Deferred
// ends in an error, costs its own request a 500 and is logged.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "bine/base/function.h"
#include "bine/http/request.h"
#include "bine/http/response.h"

namespace bine::http {

class Handler {
public:
    using Plain = Function<Response(Request&)>;
    using Async = Function<Deferred<Response>(Request&)>;
    using Selector = Function<Handler&(Request&)>;
    using AtOnce = Function<std::optional<Response>(Request&)>;

    enum class Kind : uint8_t { plain, async, selector };

    template <class F>
        requires std::is_invocable_r_v<Response, std::decay_t<F>&, Request&>
    Handler(F&& f) : kind_(Kind::plain), plain_(std::forward<F>(f)) {}

    template <class F>
        requires std::is_invocable_r_v<Deferred<Response>, std::decay_t<F>&, Request&>
    Handler(F&& f) : kind_(Kind::async), async_(std::forward<F>(f)) {}

    template <class F>
        requires std::is_invocable_r_v<Deferred<>, std::decay_t<F>&, Request&, ResponseWriter&>
    Handler(F&& f) : Handler(streaming(std::forward<F>(f))) {}

    // One that looks at the request and says who answers. It must not answer, and may be asked twice for one request.
    static Handler selector(Selector select) { return Handler(std::move(select), 0); }

    // An asynchronous handler that can often answer without waiting: `at_once` is asked first, where nothing else of the
    // request would wait, and answers nothing when it cannot. It then must have left no trace.
    template <class F>
    static Handler often_at_once(AtOnce at_once, F&& otherwise) {
        Handler handler(std::forward<F>(otherwise));
        handler.at_once_ = std::move(at_once);
        return handler;
    }

    // A plain handler that has no use for the body, and is called without waiting for it: what refuses.
    static Handler without_body(Plain answer) {
        Handler handler(std::move(answer));
        handler.wants_body_ = false;
        return handler;
    }

    Kind kind() const noexcept { return kind_; }
    bool wants_body() const noexcept { return wants_body_; }
    bool is_often_at_once() const noexcept { return static_cast<bool>(at_once_); }

    // Follows selectors: the plain or asynchronous handler for `request`, with parameters and middleware noted in it.
    Handler& select(Request& request) {
        Handler* at = this;
        while (at->kind_ == Kind::selector) at = &at->selector_(request);
        return *at;
    }

    Response answer(Request& request) { return plain_(request); }  // only for Kind::plain
    std::optional<Response> answer_at_once(Request& request) {
        return at_once_(request);
    }  // only for is_often_at_once()
    Deferred<Response> answer_later(Request& request) { return async_(request); }  // only for Kind::async

private:
    Handler(Selector select, int) : kind_(Kind::selector), selector_(std::move(select)) {}

    // The callable is in the Handler and outlives every producer, which therefore only refers to it.
    template <class F>
    static Async streaming(F&& f) {
        return [f = std::decay_t<F>(std::forward<F>(f))](Request& request) mutable -> Deferred<Response> {
            return ready(Response::stream([&f, &request](ResponseWriter& out) { return f(request, out); }));
        };
    }

    Kind kind_;
    bool wants_body_ = true;
    Plain plain_;
    Async async_;
    Selector selector_;
    AtOnce at_once_;
};

}  // namespace bine::http
