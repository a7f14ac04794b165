#include "bine/http/conditional.h"

#include <doctest/doctest.h>

#include "bine/wire/http1/date.h"
#include "tests/http/client.h"

namespace bine::http {
namespace {

constexpr std::string_view kBody = "0123456789";
constexpr std::string_view kModified = "Sun, 06 Nov 1994 08:49:37 GMT";

Response resource(Request& request) {
    const Validators validators{.etag = "\"v1\"",
                                .modified = *http1::parse_date(kModified) + std::chrono::milliseconds(500)};
    if (auto answer = answer_if_unchanged(request, validators)) return std::move(*answer);
    const RangeChoice range = choose_range(request, kBody.size(), validators);
    if (range.kind == RangeChoice::Kind::unsatisfiable) return range_not_satisfiable(kBody.size());
    const bool part = range.kind == RangeChoice::Kind::part;
    Response response = Response::text(part ? kBody.substr(range.offset, range.length) : kBody);
    if (part) set_range(response, range, kBody.size());
    set_validators(response, validators);
    return response;
}

// "status body" of what GET (or another method) with these fields gets.
std::string ask(std::string_view fields, std::string_view method = "GET") {
    Client client(resource);
    const std::string said =
        client.send(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n");
    return said.substr(9, 3) + " " + said.substr(said.find("\r\n\r\n") + 4);
}

int status(std::string_view fields, std::string_view method = "GET") { return std::stoi(ask(fields, method)); }

TEST_CASE("an answer carries its validators") {
    Client client(resource);
    CHECK(client.send(get("/")) == ok(kBody, "").insert(58, "ETag: \"v1\"\r\nLast-Modified: " + std::string(kModified) +
                                                                "\r\nAccept-Ranges: bytes\r\n"));
    CHECK(client.send(get("/", "If-None-Match: \"v1\"\r\n")) ==
          "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nLast-Modified: " + std::string(kModified) +
              "\r\nAccept-Ranges: bytes\r\n\r\n");
}

TEST_CASE("If-None-Match compares weakly and goes before dates") {
    CHECK(status("If-None-Match: \"v1\"\r\n") == 304);
    CHECK(status("If-None-Match: \"x\", W/\"v1\"\r\n") == 304);
    CHECK(status("If-None-Match: *\r\n") == 304);
    CHECK(status("If-None-Match: \"v2\"\r\n") == 200);
    CHECK(status("If-None-Match: v1\r\n") == 200);
    CHECK(status("If-None-Match: \"v2\"\r\nIf-Modified-Since: " + std::string(kModified) + "\r\n") == 200);
    CHECK(status("If-None-Match: \"v1\"\r\n", "HEAD") == 304);
    CHECK(status("If-None-Match: \"v1\"\r\n", "PUT") == 412);
    CHECK(status("If-None-Match: *\r\n", "PUT") == 412);
}

TEST_CASE("If-Modified-Since is for whole seconds and for reading") {
    CHECK(status("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n") == 304);
    CHECK(status("If-Modified-Since: Sunday, 06-Nov-94 08:49:38 GMT\r\n") == 304);
    CHECK(status("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n") == 200);
    CHECK(status("If-Modified-Since: yesterday\r\n") == 200);
    CHECK(status("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "POST") == 200);
}

TEST_CASE("If-Match compares strongly") {
    CHECK(status("If-Match: \"v1\"\r\n") == 200);
    CHECK(status("If-Match: *\r\n") == 200);
    CHECK(status("If-Match: W/\"v1\"\r\n") == 412);
    CHECK(status("If-Match: \"v2\"\r\n", "PUT") == 412);
    CHECK(status("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n") == 200);
    CHECK(status("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n") == 412);
    CHECK(status("If-Match: \"v1\"\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n") == 200);
}

TEST_CASE("a single range is a part, anything else the whole") {
    CHECK(ask("Range: bytes=2-4\r\n") == "206 234");
    CHECK(ask("Range: bytes=-3\r\n") == "206 789");
    CHECK(ask("Range: bytes=8-\r\n") == "206 89");
    CHECK(ask("Range: bytes=0-1,4-5\r\n") == "200 0123456789");
    CHECK(ask("Range: lines=0-1\r\n") == "200 0123456789");
    CHECK(ask("Range: bytes=2-4\r\n", "HEAD") == "200 ");
    CHECK(ask("Range: bytes=2-4\r\n", "POST") == "200 0123456789");
    CHECK(status("Range: bytes=10-\r\n") == 416);
    Client client(resource);
    CHECK(client.send(get("/", "Range: bytes=2-4\r\n")).find("\r\nContent-Range: bytes 2-4/10\r\n") !=
          std::string::npos);
    CHECK(client.send(get("/", "Range: bytes=10-\r\n")).find("\r\nContent-Range: bytes */10\r\n") != std::string::npos);
}

TEST_CASE("If-Range gives the part of this version only") {
    CHECK(status("Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n") == 206);
    CHECK(status("Range: bytes=2-4\r\nIf-Range: W/\"v1\"\r\n") == 200);
    CHECK(status("Range: bytes=2-4\r\nIf-Range: \"v2\"\r\n") == 200);
    CHECK(status("Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n") == 206);
    CHECK(status("Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n") == 200);
    CHECK(status("Range: bytes=20-\r\nIf-Range: \"v2\"\r\n") == 200);
}

TEST_CASE("without validators there is nothing to match") {
    Client client([](Request& request) {
        auto answer = answer_if_unchanged(request, {});
        return answer ? std::move(*answer) : Response::text("new");
    });
    CHECK(client.send(get("/", "If-None-Match: \"\"\r\n")).starts_with("HTTP/1.1 200 "));
    CHECK(client.send(get("/", "If-Match: \"\"\r\n")).starts_with("HTTP/1.1 412 "));
    CHECK(client.send(get("/", "If-None-Match: *\r\n")).starts_with("HTTP/1.1 304 "));
    CHECK(client.send(get("/", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n")).starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace bine::http
