#include "bine/client/stub_client.h"

#include <doctest/doctest.h>

#include <string>

namespace bine::http {
namespace {

// The code under test of some user.
Deferred<std::size_t> count_words(Requester& http, std::string url) {
    const Answer page = co_await http.get(url);
    std::size_t words = 0;
    for (std::size_t i = 0; i < page.body.size(); ++i) {
        if (page.body[i] != ' ' && (i == 0 || page.body[i - 1] == ' ')) ++words;
    }
    co_return words;
}

template <class T>
Result<T> result_of(Deferred<T> deferred) {
    REQUIRE(deferred.done());
    return std::move(deferred).result();
}

TEST_CASE("it answers what is in its table, each once and in order") {
    StubClient stub;
    stub.on("GET", "http://a/").answer(200, "one two", {{"X", "y"}});
    stub.on("GET", "http://A:80/#here").answer(404);
    CHECK(*result_of(count_words(stub, "http://a/")) == 2);
    CHECK(stub.problem() == "nobody asked for GET http://a/");
    CHECK(result_of(stub.get("http://a/#there"))->status == 404);
    CHECK(stub.problem().empty());
    CHECK(stub.asked() == 2);
    CHECK(stub.asked(1).url == "http://a/");
}

TEST_CASE("a request that nobody expects fails, and is remembered") {
    StubClient stub;
    stub.on("POST", "http://a/").answer(200);
    stub.on("GET", "http://b/").answer(200).always();
    const Result<Answer> answer = result_of(stub.get("http://a/"));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().is(Errc::not_found));
    CHECK(answer.error().text() == "nobody expects GET http://a/; expected: POST http://a/, GET http://b/");
    CHECK(stub.problem() == answer.error().text());
}

TEST_CASE("it sees what is sent, streams included") {
    StubClient stub;
    std::string seen;
    stub.on("POST", "http://a/?q=1").always().check([&seen](const StubClient::Asked& asked) {
        seen += asked.fields + asked.body;
        if (asked.body == "wrong") throw Error(Errc::broken, "not that");
    });
    ClientRequest request("POST", "http://a/");
    request.query("q", "1").set("A", "b");
    request.stream([](RequestWriter& out) -> Deferred<> {
        co_await out.write("some ");
        co_await out.write("text");
    });
    CHECK(result_of(stub.fetch(std::move(request))));
    CHECK(seen == "A: b\r\nsome text");
    CHECK(result_of(stub.post("http://a/?q=1", "wrong", "x/y")).error().text() == "not that");
    CHECK(stub.problem().empty());
}

TEST_CASE("it can fail before the answer, and inside of it") {
    StubClient stub;
    stub.on("GET", "http://a/").fail(Error(Errc::timed_out, "late"));
    CHECK(result_of(stub.get("http://a/")).error().is(Errc::timed_out));
    stub.on("GET", "http://a/").pieces({"half of", "", " it"}).break_off(Error(Errc::end_of_stream, "cut"));
    Result<ClientResponse> response = result_of(stub.send(ClientRequest("GET", "http://a/")));
    REQUIRE(response);
    CHECK(*result_of(response->read()) == "half of");
    CHECK(*result_of(response->read()) == " it");
    CHECK(result_of(response->read()).error().is(Errc::end_of_stream));
    CHECK_FALSE(response->upgrade(nullptr));
}

}  // namespace
}  // namespace bine::http
