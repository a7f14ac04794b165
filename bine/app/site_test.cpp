#include "bine/app/site.h"

#include <doctest/doctest.h>

#include "bine/app/site_files.h"
#include "bine/http/server.h"
#include "bine/testing/string_transport.h"

using namespace bine;
using namespace std::literals;
using bine::testing::StringTransport;

namespace {

class Visitor {
public:
    Visitor() : server_(app::example_site()) { transport_.start(server_.make_protocol()); }

    std::string ask(std::string_view target, std::string_view fields = "") {
        transport_.receive("GET " + std::string(target) + " HTTP/1.1\r\nHost: bine\r\n" + std::string(fields) + "\r\n");
        transport_.settle();
        return transport_.take_written();
    }
    StringTransport& transport() { return transport_; }

private:
    http::Server server_;
    StringTransport transport_;
};

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("the site's files are there as they were written, typed, and closed to what is foreign") {
    Visitor visitor;
    CHECK(app::site_files().size() >= 4);
    for (const app::SiteFile& file : app::site_files()) {
        CAPTURE(file.name);
        const std::string answer = visitor.ask("/" + std::string(file.name));
        CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(answer.ends_with(file.content));
        CHECK_FALSE(has(answer, "application/octet-stream"));
        CHECK(has(answer, "Content-Security-Policy: default-src 'none'; script-src 'self'"));
        CHECK(has(answer, "X-Content-Type-Options: nosniff\r\n"));
        // Works without a network, and keeps its own policy: nothing foreign, no code or style in attributes.
        for (const std::string_view foreign :
             {"https://", "//cdn", "@import", " style=\"", " onclick=", "innerHTML", "eval("}) {
            CAPTURE(foreign);
            CHECK_FALSE(has(file.content, foreign));
        }
    }
    CHECK(has(visitor.ask("/"), "<h1>bine</h1>"));
    CHECK(has(visitor.ask("/favicon.ico"), "image/svg+xml"));
    CHECK(has(visitor.ask("/nothing"), "404"));
}

TEST_CASE("a page that the browser has already is not sent again, and parts of one are") {
    Visitor visitor;
    const std::string page = visitor.ask("/style.css");
    const std::size_t at = page.find("ETag: ") + 6;
    const std::string etag = page.substr(at, page.find("\r\n", at) - at);
    const std::string again = visitor.ask("/style.css", "If-None-Match: " + etag + "\r\n");
    CHECK(again.starts_with("HTTP/1.1 304 "));
    CHECK(again.ends_with("\r\n\r\n"));
    const std::string part = visitor.ask("/style.css", "Range: bytes=0-4\r\n");
    CHECK(part.starts_with("HTTP/1.1 206 "));
    CHECK(part.ends_with("\r\n\r\n:root"));
}

TEST_CASE("the request comes back as JSON that nothing in it can break") {
    Visitor visitor;
    const std::string answer = visitor.ask("/api/request?a=\"b\"", "X-Odd: \"quoted\" \\ </script> \xff\r\n");
    CHECK(has(answer, "Content-Type: application/json\r\n"));
    CHECK(has(answer, R"("method":"GET","target":"/api/request?a=\"b\"","minor_version":1,)"));
    CHECK(has(answer, R"(["X-Odd","\"quoted\" \\)"));
    CHECK(has(answer, "\xef\xbf\xbd\"]]}\n"));
    CHECK_FALSE(has(answer, "\xff"));
}

TEST_CASE("the counter takes its time, and stops when nobody listens") {
    Visitor visitor;
    const std::string first = visitor.ask("/api/count");
    CHECK(has(first, "Transfer-Encoding: chunked\r\n"));
    CHECK(first.ends_with("\r\n2\r\n1\n\r\n"));
    visitor.transport().advance(149ms);
    CHECK(visitor.transport().take_written() == "");
    visitor.transport().advance(1ms);
    CHECK(visitor.transport().take_written() == "2\r\n2\n\r\n");
    visitor.transport().advance(10s);
    CHECK(visitor.transport().take_written().ends_with("3\r\n20\n\r\n0\r\n\r\n"));

    const std::string second = visitor.ask("/api/count");
    visitor.transport().abort();
    visitor.transport().advance(1s);
    CHECK(visitor.transport().is_lost());
    CHECK(visitor.transport().take_written() == "");
}

TEST_CASE("the facts count answers and time") {
    Visitor visitor;
    CHECK(has(visitor.ask("/api/facts"), R"("uptime_ms":0,"answers":0)"));
    visitor.ask("/api/hello");
    visitor.transport().advance(2s);
    CHECK(has(visitor.ask("/api/facts"), R"("uptime_ms":2000,"answers":2)"));
}
