// Code that fetches, tested without a network.
#include <doctest/doctest.h>

#include <string>

#include "bine/client/stub_client.h"

namespace {

using namespace bine;

// The title of a page; what is asked for is anything that answers requests.
Deferred<std::string> title_of(http::Requester& http, std::string url) {
    const http::Answer page = co_await http.get(url);
    if (const Result<> good = page.expect_ok(); !good) throw good.error();
    const std::size_t begin = page.body.find("<title>");
    if (begin == std::string::npos) co_return "(no title)";
    co_return page.body.substr(begin + 7, page.body.find('<', begin + 7) - begin - 7);
}

TEST_CASE("a page has a title, or none, or is not there") {
    http::StubClient stub;
    stub.on("GET", "http://example.org/").answer(200, "<html><title>An example</title></html>");
    stub.on("GET", "http://example.org/plain").answer(200, "text");
    stub.on("GET", "http://example.org/gone").answer(410);
    stub.on("GET", "http://example.org/far").fail(Error(Errc::timed_out, "as it is meant to"));

    CHECK(*title_of(stub, "http://example.org/").result() == "An example");
    CHECK(*title_of(stub, "http://example.org/plain").result() == "(no title)");
    CHECK_FALSE(title_of(stub, "http://example.org/gone").result());
    CHECK(title_of(stub, "http://example.org/far").result().error().is(Errc::timed_out));
    CHECK(stub.problem() == "");
}

}  // namespace
