// What stands in the place of a Client in tests: answers out of a table, without a network, and says what was asked.
//
//     http::StubClient stub;
//     stub.on("GET", "http://example.org/").answer(200, "hello");
//     stub.on("POST", "http://example.org/things").answer(201, "", {{"Location", "/things/1"}});
//     stub.on("GET", "http://example.org/slow").fail(Error(Errc::timed_out, "as it is meant to"));
//     CHECK(count_words(stub, "http://example.org/") == 1);      // the code under test takes a Requester&
//     CHECK(stub.problem() == "");                                // everything expected was asked, and nothing else
//
// Requests are matched by method and URL (without fragment), each expectation answers once unless always() is said, those of
// one kind in their order. A request that nobody expects ends in an error that lists what is expected, and is a problem().
// Redirects are not followed. Confined to one thread; outlives its answers' bodies.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bine/client/requester.h"

namespace bine::http {

class StubClient final : public Requester {
public:
    // What was asked.
    struct Asked {
        std::string method;
        std::string url;
        std::string fields;  // "Name: value\r\n"..., as set by the code under test
        std::string body;    // produced to its end
    };
    using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    class Expectation {
    public:
        Expectation& answer(int status, std::string body = {}, Fields fields = {});
        // The body comes in these pieces, one a read.
        Expectation& pieces(std::initializer_list<std::string_view> pieces);
        // The body ends in an error, behind what there is of it.
        Expectation& break_off(Error error);
        // There is no answer.
        Expectation& fail(Error error);
        // Looked at before it answers; what it throws is the error of the request.
        Expectation& check(Function<void(const Asked&)> check);
        // Answers any number of times, also none.
        Expectation& always() noexcept;

    private:
        friend class StubClient;
        struct Script;
        explicit Expectation(Script& script) noexcept : script_(&script) {}
        Script* script_;
    };

    StubClient();
    ~StubClient() override;
    StubClient(const StubClient&) = delete;
    StubClient& operator=(const StubClient&) = delete;

    // Valid as long as the stub.
    Expectation on(std::string_view method, std::string_view url);

    Deferred<ClientResponse> send(ClientRequest request) override;

    std::size_t asked() const noexcept;
    const Asked& asked(std::size_t index) const noexcept;
    // What was asked and not expected, or expected and not asked; nothing when all went well.
    std::string problem() const;

private:
    struct Table;
    static Deferred<std::string> collect_body(ClientRequest& request);
    Result<ClientResponse> respond(const ClientRequest& request, Asked asked);

    std::unique_ptr<Table> table_;
};

}  // namespace bine::http
