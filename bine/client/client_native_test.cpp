// Client and server on one reactor of the real world, over loopback: also while the kernel is in a bad mood.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "bine/client/client.h"
#include "bine/endpoints/listen.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/expect.h"
#include "bine/testing/faulty_system.h"
#include "bine/testing/leftovers.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/temp_folder.h"
#include "bine/testing/transport_contract.h"
#include "bine/tls/context.h"
#include "bine/tls/protocols.h"

namespace bine::http {
namespace {

using namespace std::chrono_literals;
using testing::FaultySystem;

Router make_site() {
    Router router;
    router.get("/page/{n}", [](Request& request) { return Response::text(request.param("n")); });
    router.get("/large", [](Request&, ResponseWriter& out) -> Deferred<> {
        const std::string content = testing::pattern(600'000);
        for (std::string_view left = content; !left.empty(); left.remove_prefix(20'000)) {
            co_await out.write(left.substr(0, 20'000));
        }
    });
    router.post("/echo", [](Request& request) -> Deferred<Response> {
        request.limit_body(10'000'000);
        Output body;
        body.append(co_await request.body());
        co_return Response::of("x/y", std::move(body));
    });
    return router;
}

Ref<SharedFile> file_with(const std::string& content) {
    Descriptor file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    return Ref<SharedFile>(new SharedFile(std::move(file)));
}

// Everything once; an error is thrown.
Deferred<> ask_everything(Client& client, std::string site, Ref<SharedFile> file, std::string content) {
    for (int i = 0; i < 10; ++i) {
        const Answer page = co_await client.get(site + "/page/" + std::to_string(i));
        CHECK(page.body == std::to_string(i));
    }
    const Answer large = co_await client.get(site + "/large");
    CHECK((large.body == testing::pattern(600'000)));
    ClientRequest upload("POST", site + "/echo");
    Output body;
    body.append("before ");
    body.append(Output::FileRange{file, 0, content.size()});
    body.append(" behind");
    upload.body(std::move(body));
    const Answer echoed = co_await client.fetch(std::move(upload));
    CHECK((echoed.body == "before " + content + " behind"));
    ClientRequest stream("POST", site + "/echo");
    const auto produce = [&content](RequestWriter& out) -> Deferred<> {
        for (std::string_view left = content; !left.empty(); left.remove_prefix(10'000)) {
            co_await out.write(left.substr(0, 10'000));
        }
    };
    stream.stream(produce);
    const Answer streamed = co_await client.fetch(std::move(stream));
    CHECK((streamed.body == content));
}

void play(Reactor& reactor, Function<Deferred<>()> program) {
    std::optional<Result<>> ended;
    program().as_result().then([&ended](Result<> result) { ended = std::move(result); }).detach();
    REQUIRE(testing::run_until(reactor, [&ended] { return ended.has_value(); }));
    CHECK((ended->has_value() ? "" : ended->error().text()) == "");
    CHECK(testing::run_until(reactor, [&reactor] { return testing::leftovers(reactor).empty(); }));
}

TEST_CASE("over TCP, Unix sockets and TLS") {
    const std::string content = testing::pattern(300'000);
    const Ref<SharedFile> file = file_with(content);
    const testing::TempFolder folder;
    for (const std::string_view way : {"tcp", "unix", "tls"}) {
        CAPTURE(way);
        Reactor reactor(testing::native_driver());
        play(reactor, [&]() -> Deferred<> {
            Server server(make_site());
            const auto identity = tls::Identity::self_signed({"127.0.0.1"}, reactor.wall_now());
            const std::string path = folder.path() + "/socket";
            const std::string endpoint = way == "unix" ? "unix:" + path : "tcp:0:interface=127.0.0.1";
            Factory factory = server.factory();
            if (way == "tls") {
                factory = tls::server_factory(*tls::Context::server({.identities = {*identity}}), std::move(factory));
            }
            Port port = co_await listen(reactor, endpoint, std::move(factory));
            ClientOptions options;
            if (way == "unix") options.unix_path = path;
            tls::ClientOptions trust;
            trust.trust.system = false;
            trust.trust.ca_pem = identity->certificates_pem();
            Client client(reactor, options, *tls::Context::client(trust));
            const std::string site = way == "unix" ? "http://anybody"
                                                   : std::string(way == "tls" ? "https" : "http") +
                                                         "://127.0.0.1:" + std::to_string(port.address().port());
            co_await ask_everything(client, site, file, content);
            CHECK(client.connections() == 1);
        });
    }
}

TEST_CASE("whatever the kernel's mood, answers are whole") {
    const std::string content = testing::pattern(200'000);
    const Ref<SharedFile> file = file_with(content);
    for (uint64_t seed = 1; seed <= 8; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed, seed % 2 == 0 ? 0.1 : 0.25);
        Reactor reactor(testing::native_driver(system));
        play(reactor, [&]() -> Deferred<> {
            Server server(make_site());
            Port port = co_await listen(reactor, "tcp:0:interface=127.0.0.1", server.factory());
            Client client(reactor);
            co_await ask_everything(client, "http://127.0.0.1:" + std::to_string(port.address().port()), file, content);
        });
    }
}

TEST_CASE("where memory is short, a request fails and nothing else") {
    const testing::CapturedLogs quiet;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed);
        Reactor reactor(testing::native_driver(system));
        play(reactor, [&]() -> Deferred<> {
            Server server(make_site());
            Port port = co_await listen(reactor, "tcp:0:interface=127.0.0.1", server.factory());
            const std::string site = "http://127.0.0.1:" + std::to_string(port.address().port());
            system.set_rate(testing::Fault::no_memory, 0.01);
            Client client(reactor);
            for (int i = 0; i < 30; ++i) {
                const Result<Answer> page = co_await client.get(site + "/page/" + std::to_string(i)).as_result();
                if (page && page->status == 200) CHECK(page->body == std::to_string(i));
            }
            system.set_rate(testing::Fault::no_memory, 0);
            const Answer last = co_await client.get(site + "/page/last");
            CHECK(last.body == "last");
        });
    }
}

}  // namespace
}  // namespace bine::http
