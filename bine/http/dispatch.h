// How a request finds its handler and runs through the middleware. Inner part of the server.
#pragma once

#include <optional>

#include "bine/http/handler.h"
#include "bine/http/middleware.h"

namespace bine::http {

// One line, for the error that costs a request its answer.
void log_failure(const Request& request, const Error& error);

class Dispatch {
public:
    // Notes path, parameters and middleware in `request`. A path that cannot be decoded is answered by 400.
    static Handler& select(Handler& root, Request& request);
    // Logs why select() threw, and gives what answers instead: 500.
    static Handler& refused(Request& request, const Error& error);

    // Whether run() will do: nothing of it waits, and there is no body to be collected first.
    static bool runs_at_once(const Request& request, const Handler& handler) noexcept;
    // Throws what the handler throws.
    static Response run(Request& request, Handler& handler) {
        return request.middleware_count_ == 0 ? handler.answer(request) : run_from(request, handler, 0);
    }
    // What a handler that is often_at_once() answers now; nothing when it does not, or when middleware would run twice.
    static std::optional<Response> try_at_once(Request& request, Handler& handler);
    // From the middleware of that index inwards. Never throws. `request` and `handler` must outlive the answer.
    static Deferred<Response> run_later(Request& request, Handler& handler, uint8_t index = 0);

private:
    static Response run_from(Request& request, Handler& handler, uint8_t index);
    static Deferred<Response> start_from(Request& request, Handler& handler, uint8_t index);
    static Deferred<Response> collect_and_run(Request& request, Handler& handler);
    static bool prepare_path(Request& request);
};

}  // namespace bine::http
