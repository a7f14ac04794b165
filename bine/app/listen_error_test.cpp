#include "bine/app/listen_error.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "bine/endpoints/endpoints.h"

namespace bine::app {
namespace {

std::string explain(std::string_view endpoint, int number) {
    const std::string text = explain_listen_error(endpoint, Error::from_errno(number, "listen on X"));
    return text.substr(text.find(';') + 2);
}

TEST_CASE("an address in use is answered with the next port of the same endpoint") {
    CHECK(explain_listen_error("tcp:8080:interface=127.0.0.1",
                               Error::from_errno(EADDRINUSE, "listen on 127.0.0.1:8080")) ==
          "cannot listen on 127.0.0.1:8080: Address already in use; another program listens there: stop it, or try "
          "--listen tcp:8081:interface=127.0.0.1");
    CHECK(explain("tcp6:65535", EADDRINUSE).ends_with("--listen tcp6:65534"));
    CHECK(explain("tcp:port=80", EADDRINUSE).ends_with("--listen tcp:port=81"));
    CHECK(explain("unix:/run/x", EADDRINUSE).ends_with("choose another path with --listen"));
}

TEST_CASE("a privileged port is answered with one that is not, and how to be allowed") {
    CHECK(explain("tcp:80", EACCES) ==
          "ports below 1024 are privileged: try --listen tcp:8080, or give bine the right with setcap "
          "cap_net_bind_service=+ep");
    CHECK(explain("tcp:443:interface=127.0.0.1", EACCES).find("tcp:8443:interface=127.0.0.1") != std::string::npos);
    CHECK(explain("unix:/root/x", EACCES) == "this user may not create it: choose another place with --listen");
}

TEST_CASE("an error that does not say where gets the endpoint in front") {
    CHECK(explain_listen_error("fd:9", Error(Errc::unsupported, "no")) == "cannot listen on fd:9: no");
}

TEST_CASE("an error that names the endpoint is not told twice") {
    CHECK(explain_listen_error("tcp:x", Error(Errc::invalid_argument, "endpoint \"tcp:x\": no")) ==
          "cannot listen: endpoint \"tcp:x\": no");
}

TEST_CASE("a file that an endpoint names is no place to listen") {
    CHECK(explain_listen_error("ssl:1:certKey=x",
                               Error::from_errno(ENOENT, "endpoint \"ssl:1:certKey=x\": TLS: read \"x\"")) ==
          "cannot listen: endpoint \"ssl:1:certKey=x\": TLS: read \"x\": No such file or directory");
}

TEST_CASE("tls: without a certificate is told where one comes from") {
    CHECK(explain_listen_error("tls:tcp:1", Error(Errc::invalid_argument, "no"))
              .ends_with("give --certificate FILE and --key FILE, or --tls for one that is made on the spot"));
}

TEST_CASE("an endpoint that makes no sense is wrong use, a refusal of the system a failure") {
    Endpoints endpoints;
    for (const std::string_view wrong : {"nonsense:1", "tcp:seven", "tcp:1:2:3", "tcp:80:interface=example.org"}) {
        CAPTURE(wrong);
        const auto endpoint = endpoints.server(wrong);
        REQUIRE_FALSE(endpoint);
        CHECK(exit_code_of_listen_error(endpoint.error()) == ExitCode::usage);
    }
    CHECK(exit_code_of_listen_error(Error::from_errno(EADDRINUSE, "listen")) == ExitCode::failure);
}

}  // namespace
}  // namespace bine::app
