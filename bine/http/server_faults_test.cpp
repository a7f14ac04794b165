// The server over TCP while the kernel is in a bad mood: every answer is complete and in order, or the connection ends.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/net/listener.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/expect.h"
#include "bine/testing/faulty_system.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/transport_contract.h"
#include "tests/http/client.h"

namespace bine::http {
namespace {

using testing::Fault;
using testing::FaultySystem;

constexpr uint64_t kSeeds = 20;
constexpr int kRounds = 30;

// Sends all it has to say at once, and keeps what it hears.
class Asker final : public Protocol {
public:
    struct Heard {
        std::string answers;
        std::optional<CloseReason> lost;
    };
    Asker(std::string questions, Heard& heard) : questions_(std::move(questions)), heard_(heard) {}

    void connection_made(Transport& transport) override { transport.write(questions_); }
    void data_received(std::string_view bytes) override { heard_.answers.append(bytes); }
    void connection_lost(const CloseReason& reason) override { heard_.lost = reason; }

private:
    std::string questions_;
    Heard& heard_;
};

Ref<SharedFile> file_with(const std::string& content) {
    Descriptor file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    return Ref<SharedFile>(new SharedFile(std::move(file)));
}

// Answers of every kind: at once, later, echoed, streamed, out of a file.
struct Site {
    Site() : content(testing::pattern(300'000)), file(file_with(content)) {}

    Router router() {
        Router router;
        router.get("/now/{n}", [](Request& request) { return Response::text(request.param("n")); });
        router.get("/file", [this](Request&) {
            Output body;
            body.append(Output::FileRange{file, 0, content.size()});
            return Response::of("x/y", std::move(body));
        });
        router.post("/echo", [](Request& request) -> Deferred<Response> {
            const std::string body = co_await request.body();
            co_return Response::text(body);
        });
        router.get("/stream", [this](Request&) {
            return Response::stream([this](ResponseWriter& out) -> Deferred<> {
                       for (std::string_view left = content; !left.empty(); left.remove_prefix(10'000)) {
                           co_await out.write(left.substr(0, 10'000));
                       }
                   })
                .length(content.size());
        });
        return router;
    }
    std::string questions() const {
        std::string all;
        for (int i = 0; i < kRounds; ++i) {
            all += get("/now/" + std::to_string(i));
            if (i % 10 == 3) all += get("/file");
            if (i % 10 == 5) all += post("/echo", content);
            if (i % 10 == 8) all += get("/stream");
        }
        return all + get("/now/last", "Connection: close\r\n");
    }
    std::string answers() const {
        const std::string length = "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n";
        std::string all;
        for (int i = 0; i < kRounds; ++i) {
            all += ok(std::to_string(i));
            if (i % 10 == 3) all += "HTTP/1.1 200 OK\r\nContent-Type: x/y\r\n" + length + content;
            if (i % 10 == 5) all += ok(content);
            if (i % 10 == 8) all += "HTTP/1.1 200 OK\r\n" + length + content;
        }
        return all + ok("last", "Connection: close\r\n");
    }

    const std::string content;
    const Ref<SharedFile> file;
};

// Two clients ask everything at once.
struct Meeting {
    explicit Meeting(FaultySystem& system)
        : server(site.router()), reactor(testing::native_driver(system)), listener(reactor, server.factory(), {}) {
        REQUIRE(listener.open(Address::loopback(0), {}));
        for (Asker::Heard& one : heard) {
            const auto asker = [this, &one] { return std::make_unique<Asker>(site.questions(), one); };
            REQUIRE(Connection::connect(reactor, listener.address(), {}, asker, nullptr, {}));
        }
    }
    bool finish() {
        return testing::run_until(reactor, [this] { return heard[0].lost && heard[1].lost; });
    }

    Site site;
    Asker::Heard heard[2];
    Server server;
    Reactor reactor;
    Listener listener;
};

TEST_CASE("every answer is complete and in order, whatever the kernel's mood") {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed, seed % 2 == 0 ? 0.1 : 0.25);
        Meeting meeting(system);
        REQUIRE(meeting.finish());
        for (const Asker::Heard& heard : meeting.heard) {
            CHECK(heard.lost->to_string() == "closed by the other side");
            CHECK((without_common_lines(heard.answers) == meeting.site.answers()));
        }
        CHECK(system.count(Fault::short_write) > 0);
    }
}

TEST_CASE("what ends in a shortage of memory was right until then, and the server goes on") {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        CAPTURE(seed);
        const testing::CapturedLogs quiet;
        FaultySystem system(seed);
        system.set_rate(Fault::no_memory, 0.01);
        Meeting meeting(system);
        REQUIRE(meeting.finish());
        for (const Asker::Heard& heard : meeting.heard) {
            const std::string lines = heard.answers.substr(0, heard.answers.rfind("\r\n") + 2);
            CHECK(meeting.site.answers().starts_with(without_common_lines(lines)));
        }
        CHECK(testing::run_until(meeting.reactor, [&] { return meeting.server.connections() == 0; }));
    }
}

}  // namespace
}  // namespace bine::http
