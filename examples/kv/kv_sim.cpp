// The same server and client in simulated worlds that go wrong.
//
// Try it:  ./kv_sim --seeds 1000
#include "bine/reactor/reactor.h"
#include "bine/sim/explore.h"
#include "bine/testing/temp_folder.h"
#include "kv.h"

using namespace bine;
using namespace std::chrono_literals;
using sim::Host;
using sim::World;

namespace {

Deferred<> run_server(Reactor& reactor, std::string journal) {
    auto port = co_await kv::serve(reactor, "tcp:7000", journal);
    co_await port.closed();
}

// Nobody else counts in this key: the answers are 1, 2, 3 and so on.
Deferred<> count(World& world, Reactor& reactor, std::string name) {
    kv::Client client(reactor, "tcp:server:7000", name);
    for (uint64_t i = 1; i <= 5; ++i) {
        const uint64_t sum = co_await client.incr(name);
        world.note(name + " has counted to " + std::to_string(sum));
        world.check(sum == i, "what is counted is counted once");
    }
    world.sometimes(client.retries() > 0, "counted: a client tries again");
}

// Two clients count, while the server crashes and hosts are cut off.
void counted(World& world) {
    const testing::TempFolder disk;
    Host& server = world.add_host("server");
    Host& ann = world.add_host("ann");
    Host& bob = world.add_host("bob");
    server.run([&](Reactor& reactor) { return run_server(reactor, disk.path("journal")); });
    ann.run([&](Reactor& reactor) { return count(world, reactor, "ann"); });
    bob.run([&](Reactor& reactor) { return count(world, reactor, "bob"); });
    world.disturb(10s, {&server});
    world.must([&] { return ann.done() && bob.done(); }, "every client ends");
    world.finish();
}

// What was put is what is got, whatever happens in between.
Deferred<> put_and_get(World& world, Reactor& reactor) {
    kv::Client client(reactor, "tcp:server:7000", "ann");
    for (int i = 1; i <= 5; ++i) {
        const std::string value = "value " + std::to_string(i);
        co_await client.put("key", value);
        const auto found = co_await client.get("key");
        world.check(found == value, "what was put is kept");
    }
}

void kept(World& world) {
    const testing::TempFolder disk;
    Host& server = world.add_host("server");
    Host& ann = world.add_host("ann");
    server.run([&](Reactor& reactor) { return run_server(reactor, disk.path("journal")); });
    ann.run([&](Reactor& reactor) { return put_and_get(world, reactor); });
    world.disturb(10s, {&server});
    world.must([&] { return ann.done(); }, "the client ends");
    world.finish();
}

}  // namespace

int main(int argc, char** argv) { return sim::explore(argc, argv, {{"counted", counted}, {"kept", kept}}); }
