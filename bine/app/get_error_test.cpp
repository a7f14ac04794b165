#include "bine/app/get_error.h"

#include <doctest/doctest.h>

#include <cerrno>

namespace bine::app {
namespace {

struct Row {
    Error error;
    GetPhase phase;
    ExitCode code;
    std::string_view cure;  // empty: none
};

TEST_CASE("each kind of failure has its exit code and, where there is one, its cure") {
    const Row rows[] = {
        {Error::from_errno(ECONNREFUSED, "x"), GetPhase::connecting, ExitCode::unreachable, "nothing listens there"},
        {Error::from_errno(ENETUNREACH, "x"), GetPhase::connecting, ExitCode::unreachable, "is this machine online?"},
        {Error::from_errno(ENOENT, "x"), GetPhase::connecting, ExitCode::unreachable, "is the path right?"},
        {Error::from_errno(EACCES, "x"), GetPhase::connecting, ExitCode::unreachable, "may not connect"},
        {Error::from_errno(EACCES, "the SOCKS proxy"), GetPhase::connecting, ExitCode::unreachable, ""},
        {Error(Errc::not_found, "x"), GetPhase::connecting, ExitCode::unreachable, "is the name spelled right"},
        {Error(Errc::timed_out, "x"), GetPhase::connecting, ExitCode::timed_out, "--connect-timeout"},
        {Error(Errc::timed_out, "the handshake was not done"), GetPhase::connecting, ExitCode::timed_out, "a proxy"},
        {Error(Errc::closed, "x"), GetPhase::connecting, ExitCode::unreachable, ""},
        {Error::from_errno(ETIMEDOUT, "x"), GetPhase::connecting, ExitCode::timed_out, ""},
        {Error(Errc::invalid_argument, "x"), GetPhase::connecting, ExitCode::usage, ""},
        {Error(Errc::not_trusted, "x"), GetPhase::securing, ExitCode::not_trusted, "--cacert"},
        {Error(Errc::not_trusted, "x"), GetPhase::asking, ExitCode::not_trusted, "--cacert"},
        {Error(Errc::remote_protocol, "x"), GetPhase::securing, ExitCode::broken, "With http://"},
        {Error(Errc::timed_out, "the whole of it took"), GetPhase::asking, ExitCode::timed_out, "--timeout 0"},
        {Error(Errc::timed_out, "no answer came"), GetPhase::asking, ExitCode::timed_out, ""},
        {Error(Errc::end_of_stream, "x"), GetPhase::asking, ExitCode::broken, ""},
        {Error::from_errno(ECONNRESET, "x"), GetPhase::asking, ExitCode::broken, ""},
        {Error(Errc::local_protocol, "x"), GetPhase::asking, ExitCode::usage, ""},
    };
    for (const Row& row : rows) {
        const std::string text = explain_get_error(row.error, row.phase);
        CAPTURE(text);
        CHECK(exit_code_of_get_error(row.error, row.phase) == row.code);
        CHECK(text.starts_with(row.error.text()));
        if (row.cure.empty()) CHECK(text == row.error.text());
        CHECK(text.find(row.cure) != text.npos);
    }
}

}  // namespace
}  // namespace bine::app
