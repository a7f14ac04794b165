// An HTTP server that finds no memory, at every moment at which it asks for some: the request gets a 500 or its connection
// ends; the process, the other connection and whoever comes later do not notice.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bine/async/sleep.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/net/listener.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/replace_operator_new.h"

namespace bine::http {
namespace {

using namespace std::chrono_literals;
using testing::AllocationsSucceed;
using testing::FailNthAllocation;

const std::string kBody(20'000, 'b');

Router site(Reactor& reactor) {
    Router router;
    router.get("/now", [](Request&) { return Response::text(std::string(100, 'n')); });
    router.get("/later", [&reactor](Request&) -> Deferred<Response> {
        co_await sleep(reactor, 100us);
        co_return Response::text(std::string(5000, 'l'));
    });
    router.get("/broken", [](Request&) -> Response { throw std::runtime_error("thrown by a test, in many words"); });
    router.post("/echo", [](Request& request) -> Deferred<Response> {
        const std::string body = co_await request.body();
        co_return Response::text(body);
    });
    router.get("/stream", [](Request&) {
        return Response::stream([](ResponseWriter& out) -> Deferred<> {
                   for (int i = 0; i < 4; ++i) co_await out.write(std::string(5000, 's'));
               })
            .length(20'000);
    });
    return router;
}

struct Question {
    std::string request;
    std::string_view status;  // of the right answer
    std::string body;
};

const std::vector<Question>& questions() {
    static const std::vector<Question> all = {
        {"GET /now HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", std::string(100, 'n')},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", std::string(5000, 'l')},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + kBody, "200 OK", kBody},
        {"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n", "500 Internal Server Error", {}},
        {"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", std::string(20'000, 's')},
        {"GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200 OK", std::string(100, 'n')},
    };
    return all;
}

// The other side of a connection, on a plain socket: none of its memory is the server's.
class Caller {
public:
    explicit Caller(const Address& address) {
        const AllocationsSucceed mine;
        sockaddr_storage storage{};
        auto* native = reinterpret_cast<sockaddr*>(&storage);
        const unsigned length = address.to_native(native);
        socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(socket_.get(), native, length) == 0);
        REQUIRE(::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) == 0);
    }

    void ask(const Question& question) {
        const AllocationsSucceed mine;
        received_.clear();
        if (!gone_) (void)::send(socket_.get(), question.request.data(), question.request.size(), MSG_NOSIGNAL);
    }
    // Whether the answer is complete, or none will come.
    bool is_answered(const Question& question) {
        const AllocationsSucceed mine;
        char buffer[65536];
        while (!gone_) {
            const auto count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
            if (count > 0) received_.append(buffer, static_cast<std::size_t>(count));
            if (count == 0 || (count < 0 && errno != EAGAIN)) gone_ = true;
            if (count <= 0) break;
        }
        if (!gone_ && !is_complete()) return false;
        const std::string line = "HTTP/1.1 " + std::string(question.status) + "\r\n";
        if (!received_.starts_with(line) || (!question.body.empty() && body() != question.body)) unlucky_ = true;
        return true;
    }
    // Whether an answer was not the right one.
    bool is_unlucky() const { return unlucky_; }

private:
    std::string_view body() const {
        const auto end = received_.find("\r\n\r\n");
        return end == received_.npos ? std::string_view() : std::string_view(received_).substr(end + 4);
    }
    bool is_complete() const {
        constexpr std::string_view kName = "Content-Length: ";
        const auto at = received_.find(kName);
        std::size_t length = 0;
        if (at == received_.npos || received_.find("\r\n\r\n") == received_.npos) return false;
        std::from_chars(received_.data() + at + kName.size(), received_.data() + received_.size(), length);
        return body().size() == length;
    }

    Descriptor socket_;
    std::string received_;
    bool gone_ = false;
    bool unlucky_ = false;
};

// Asks everything, one after the other. Whether all was answered in time, rightly or not.
bool talk(Reactor& reactor, std::span<Caller> callers) {
    const TimePoint limit = reactor.driver().now() + 3s;
    for (const Question& question : questions()) {
        for (Caller& caller : callers) caller.ask(question);
        for (Caller& caller : callers) {
            while (!caller.is_answered(question)) {
                if (reactor.driver().now() > limit) return false;
                reactor.turn(reactor.driver().now() + 1ms);
            }
        }
    }
    return true;
}

// So many connections that one more needs new room.
void fill(Reactor& reactor, const Listener& listener, std::vector<Caller>& idle) {
    for (int i = 0; i < 63; ++i) idle.emplace_back(listener.address());
    while (listener.connections() < idle.size()) reactor.turn(reactor.driver().now() + 1ms);
}

// Two callers while allocations of the server fail from the n-th on; false when it needs fewer.
bool serve_with_failure(uint64_t n, uint64_t in_a_row) {
    questions();
    const testing::CapturedLogs quiet;
    Reactor reactor(testing::native_driver());
    Server server(site(reactor));
    Listener listener(reactor, server.factory(), {.connection = {.idle_timeout = 60s}, .max_per_peer = 1000});
    REQUIRE(listener.open(Address::loopback(0), {}));
    std::vector<Caller> idle;
    fill(reactor, listener, idle);
    Caller callers[] = {Caller(listener.address()), Caller(listener.address())};
    bool failed = false;
    bool ended = false;
    {
        const FailNthAllocation failing(n, in_a_row);
        ended = talk(reactor, callers);
        failed = failing.has_failed();
    }
    CHECK(ended);
    if (in_a_row == 1) CHECK_FALSE((callers[0].is_unlucky() && callers[1].is_unlucky()));
    if (!failed) CHECK_FALSE((callers[0].is_unlucky() || callers[1].is_unlucky()));
    Caller later[] = {Caller(listener.address())};
    CHECK(talk(reactor, later));
    CHECK_FALSE(later[0].is_unlucky());
    return failed;
}

// Each in a thread of its own, whose pools are empty.
bool survives(uint64_t n, uint64_t in_a_row) {
    bool failed = false;
    std::thread([&] { failed = serve_with_failure(n, in_a_row); }).join();
    return failed;
}

TEST_CASE("no memory costs a request or a connection, and nobody else") {
    uint64_t n = 0;
    while (survives(++n, 1)) {
    }
    MESSAGE("allocations tried: " << n - 1);
    CHECK(n > 50);
}

TEST_CASE("no memory for a while is survived as well") {
    for (const uint64_t in_a_row : {3u, 20u}) {
        uint64_t n = 0;
        while (survives(++n, in_a_row)) {
        }
        CHECK(n > 50);
    }
}

}  // namespace
}  // namespace bine::http
