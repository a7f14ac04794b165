#include "bine/http/dispatch.h"

#include "bine/base/log.h"
#include "bine/base/text.h"
#include "bine/http/exchange.h"
#include "bine/wire/http1/target.h"

namespace bine::http {

namespace {

Handler& fixed_answer(int status) {
    static Handler bad_request = Handler::without_body(
        [](Request&) { return Response::error(400, "The address is not encoded as it should be."); });
    static Handler no_tunnel = Handler::without_body([](Request&) { return Response::error(501); });
    static Handler failure = Handler::without_body([](Request&) { return Response::error(500); });
    static Handler options = Handler::without_body([](Request&) { return Response(204); });
    switch (status) {
        case 400: return bad_request;
        case 500: return failure;
        case 501: return no_tunnel;
        default: return options;
    }
}

}  // namespace

void log_failure(const Request& request, const Error& error) {
    log::error("http", "a handler failed",
               {{"method", request.method_name()},
                {"target", escape(request.target())},
                {"error", error.text()},
                {"place", to_string(error.place())}});
}

Handler& Dispatch::refused(Request& request, const Error& error) {
    log_failure(request, error);
    request.middleware_count_ = 0;
    return fixed_answer(500);
}

// Views of what is decoded stay valid because text_ has room for all of it from the start.
bool Dispatch::prepare_path(Request& request) {
    const std::string_view sent = request.head().path;
    if (http1::is_plain_path(sent)) {
        request.path_ = request.routed_ = sent;
        return true;
    }
    const auto routed = http1::normalize_path(sent);
    if (!routed) return false;
    std::string& text = request.text_;
    text.clear();
    text.reserve(3 * sent.size() + 16);
    const auto add = [&text](std::string_view more) {
        const std::size_t start = text.size();
        text += more;
        return std::string_view(text).substr(start);
    };
    request.routed_ = add(*routed);
    const auto decoded = http1::decode_path(sent);
    request.path_ = decoded ? add(*decoded) : std::string_view();
    return true;
}

Handler& Dispatch::select(Handler& root, Request& request) {
    request.param_count_ = request.middleware_count_ = 0;
    request.routed_from_ = 0;
    switch (request.head().form) {
        case http1::TargetForm::authority: return fixed_answer(501);
        case http1::TargetForm::asterisk: return fixed_answer(204);
        default: break;
    }
    if (!prepare_path(request)) return fixed_answer(400);
    return root.select(request);
}

bool Dispatch::runs_at_once(const Request& request, const Handler& handler) noexcept {
    if (request.has_body() || handler.kind() != Handler::Kind::plain) return false;
    for (uint8_t i = 0; i < request.middleware_count_; ++i) {
        if (request.middleware_[i]->kind() == Middleware::Kind::around) return false;
    }
    return true;
}

std::optional<Response> Dispatch::try_at_once(Request& request, Handler& handler) {
    if (!handler.is_often_at_once() || request.has_body()) return std::nullopt;
    for (uint8_t i = 0; i < request.middleware_count_; ++i) {
        if (request.middleware_[i]->kind() != Middleware::Kind::after) return std::nullopt;
    }
    std::optional<Response> response = handler.answer_at_once(request);
    if (!response) return std::nullopt;
    for (uint8_t i = request.middleware_count_; i-- > 0;) request.middleware_[i]->after(request, *response);
    return response;
}

Response Dispatch::run_from(Request& request, Handler& handler, uint8_t index) {
    if (index == request.middleware_count_) return handler.answer(request);
    Middleware& middleware = *request.middleware_[index];
    if (middleware.kind() == Middleware::Kind::before) {
        if (auto answer = middleware.before(request)) return std::move(*answer);
        return run_from(request, handler, index + 1);
    }
    Response response = run_from(request, handler, index + 1);
    middleware.after(request, response);
    return response;
}

Deferred<Response> Dispatch::run_later(Request& request, Handler& handler, uint8_t index) {
    try {
        return start_from(request, handler, index);
    } catch (...) {
        return failed(Error::from_current_exception());
    }
}

Deferred<Response> Dispatch::start_from(Request& request, Handler& handler, uint8_t index) {
    if (index == request.middleware_count_) {
        if (handler.kind() == Handler::Kind::async) return handler.answer_later(request);
        if (request.has_body() && handler.wants_body()) return collect_and_run(request, handler);
        return ready(handler.answer(request));
    }
    Middleware& middleware = *request.middleware_[index];
    switch (middleware.kind()) {
        case Middleware::Kind::before:
            if (auto answer = middleware.before(request)) return ready(std::move(*answer));
            return run_later(request, handler, index + 1);
        case Middleware::Kind::after:
            return run_later(request, handler, index + 1).then([&request, &middleware](Response response) {
                middleware.after(request, response);
                return response;
            });
        case Middleware::Kind::around: break;
    }
    return middleware.around(request, Next(request, handler, index + 1));
}

Deferred<Response> Dispatch::collect_and_run(Request& request, Handler& handler) {
    const std::string content = co_await request.body();
    request.content_ = content;
    co_return handler.answer(request);
}

}  // namespace bine::http
