// For the tests of bine/client: a simulated world with a client's host and hosts that serve, where time only passes when
// nobody is ready, and at whose end nothing may be left over.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bine/async/sleep.h"
#include "bine/client/client.h"
#include "bine/endpoints/listen.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/reactor/reactor.h"
#include "bine/sim/world.h"

namespace bine::http {

using namespace std::chrono_literals;

class Scene {
public:
    explicit Scene(uint64_t seed = 1, sim::NetworkOptions network = {}) : world(seed, network) {}

    // A server of bine's own at http://NAME/.
    sim::Host& serve(std::string_view name, Function<Handler()> site, ServerOptions options = {}) {
        sim::Host& host = world.add_host(name);
        host.run(
            [site = std::move(site), options](Reactor& reactor) mutable { return run_site(reactor, site, options); });
        return host;
    }
    // A server at http://NAME/ that says what `script` says, for each connection.
    sim::Host& script(std::string_view name, Function<Deferred<>(Reactor&, Stream)> script) {
        sim::Host& host = world.add_host(name);
        host.run([script = std::move(script)](Reactor& reactor) mutable { return run_script(reactor, script); });
        return host;
    }
    // Answers the same bytes to every request, whose head is all there is of it; then, unless `stays`, ends the connection.
    sim::Host& answer(std::string_view name, std::string bytes, bool stays = false) {
        return script(name, [bytes = std::move(bytes), stays](Reactor&, Stream stream) {
            return answer_all(std::move(stream), bytes, stays);
        });
    }
    // The client's program: to its end, and then to the end of the world.
    void play(Function<Deferred<>(Reactor&)> program, Duration limit = std::chrono::hours(2)) {
        sim::Host& client = world.add_host("client");
        client.run([program = std::move(program)](Reactor& reactor) mutable { return program(reactor); });
        try {
            const bool ended = world.run_until([&client] { return client.done(); }, limit);
            CHECK(ended);
            world.finish();
        } catch (const sim::Violation& violation) {
            FAIL_CHECK(violation.text);
        }
    }

    sim::World world;

private:
    static Deferred<> run_site(Reactor& reactor, Function<Handler()>& site, ServerOptions options) {
        Server server(site(), options);
        Port port = co_await listen(reactor, "tcp:80", server.factory());
        co_await port.closed();
    }
    static Deferred<> run_script(Reactor& reactor, Function<Deferred<>(Reactor&, Stream)>& script) {
        Port port = co_await listen(reactor, "tcp:80",
                                    [&reactor, &script](Stream stream) { return script(reactor, std::move(stream)); });
        co_await port.closed();
    }
    static Deferred<> answer_all(Stream stream, std::string bytes, bool stays) {
        do {
            co_await stream.read_until("\r\n\r\n");
            co_await stream.write(bytes);
        } while (stays);
    }
};

// What went wrong; nothing when nothing did.
template <class T>
std::string error_of(const Result<T>& result) {
    return result ? "" : result.error().text();
}

}  // namespace bine::http
