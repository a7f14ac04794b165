#include "bine/app/get_error.h"

#include <cerrno>

namespace bine::app {

namespace {

bool has(const Error& error, std::string_view words) { return error.text().find(words) != std::string::npos; }

std::string_view cure_of_connecting(const Error& error) {
    if (error.is_errno(ECONNREFUSED)) return "nothing listens there: does the server run, and is the port right?";
    if (error.is_errno(ENOENT)) return "there is no such socket: does the server run, and is the path right?";
    if (error.is_errno(EACCES) && !has(error, "the SOCKS proxy")) return "this user may not connect there";
    if (error.is_errno(ENETUNREACH) || error.is_errno(EHOSTUNREACH)) return "is this machine online?";
    if (error.is(Errc::timed_out) && has(error, "handshake")) return "is it a proxy, and of that kind?";
    if (error.is(Errc::timed_out)) return "is the address right? --connect-timeout gives it longer";
    if (error.is(Errc::not_found)) return "is the name spelled right, and is this machine online?";
    return {};
}

std::string_view cure_of_securing(const Error& error) {
    if (error.is(Errc::not_trusted)) {
        return "--cacert FILE believes an authority of your own; --insecure believes anybody, for tests only";
    }
    if (error.is(Errc::timed_out)) return "does the server speak TLS on that port? With http:// it is asked without";
    if (error.is(Errc::remote_protocol))
        return "does the server speak TLS on that port? With http:// it is asked without";
    return {};
}

std::string_view cure_of_asking(const Error& error) {
    if (error.is(Errc::timed_out) && has(error, "the whole of it"))
        return "--timeout 0 waits as long as something comes";
    if (error.is(Errc::limit_exceeded) && has(error, "inflate")) return "--compressed=no takes it as it comes";
    if (error.is(Errc::limit_exceeded) && has(error, "redirect")) return "--follow=no shows where it leads";
    return {};
}

std::string_view cure_of(const Error& error, GetPhase phase) {
    if (error.is(Errc::not_trusted) || phase == GetPhase::securing) return cure_of_securing(error);
    return phase == GetPhase::connecting ? cure_of_connecting(error) : cure_of_asking(error);
}

}  // namespace

ExitCode exit_code_of_get_error(const Error& error, GetPhase phase) noexcept {
    if (error.is(Errc::not_trusted)) return ExitCode::not_trusted;
    if (error.is(Errc::timed_out) || error.is_errno(ETIMEDOUT)) return ExitCode::timed_out;
    if (phase == GetPhase::connecting) {
        return error.is(Errc::invalid_argument) ? ExitCode::usage : ExitCode::unreachable;
    }
    return error.is(Errc::invalid_argument) || error.is(Errc::local_protocol) ? ExitCode::usage : ExitCode::broken;
}

std::string explain_get_error(const Error& error, GetPhase phase) {
    std::string text = error.text();
    const std::string_view cure = cure_of(error, phase);
    if (!cure.empty()) (text += "; ") += cure;
    return text;
}

}  // namespace bine::app
