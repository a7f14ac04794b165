// What the io_uring driver promises beyond the contract: its ring follows the thread, its choice is explained.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "bine/driver/drivers.h"
#include "bine/reactor/reactor.h"

namespace bine {
namespace {

using namespace std::chrono_literals;

struct Ear final : Sink {
    void data_received(std::string_view bytes) override { heard += bytes; }
    void end_received() override {}
    void closed(const Error*) override { is_closed = true; }
    std::string heard;
    bool is_closed = false;
};

// Listens, connects to itself, and keeps both ends.
struct Pair final : AcceptSink {
    explicit Pair(Driver& d) : driver(d) {
        listener = *driver.listen(Address::loopback(0), {}, *this);
        driver.resume(listener);
        here = *driver.connect(driver.local_address(listener), Address(), client, Lane::native);
        driver.resume(here);
    }
    void accepted(SocketId id, const Address&) override {
        there = id;
        driver.attach(id, server, Lane::native);
        driver.resume(id);
    }
    void accept_failed(const Error&) override { FAIL("accept failed"); }

    template <class F>
    void until(F&& holds) {
        const TimePoint limit = driver.now() + 20s;
        while (!holds() && driver.now() < limit) driver.wait(driver.now() + 10ms);
        CHECK(holds());
    }
    void exchange(const std::string& words) {
        driver.send(here, words, Lifetime::copy);
        driver.send(there, words, Lifetime::copy);
        until([&] { return server.heard.ends_with(words) && client.heard.ends_with(words); });
    }

    Driver& driver;
    Ear client;
    Ear server;
    SocketId listener, here, there;
};

std::unique_ptr<Driver> uring() {
    auto made = make_uring_driver("a test asked for it");
    if (!made) MESSAGE("SKIPPED, no io_uring here: " << made.error().text());
    return made ? std::move(*made) : nullptr;
}

template <class F>
void in_another_thread(F&& work) {
    std::thread thread(std::forward<F>(work));
    thread.join();
}

TEST_CASE("connections go on when another thread runs the loop, with all that has come meanwhile") {
    const auto driver = uring();
    if (!driver) return;
    Pair pair(*driver);
    in_another_thread([&] {
        pair.until([&] { return bool(pair.there); });
        pair.exchange("in one thread");
    });
    // Queued by one thread, sent by another; and bytes that came while nobody waited.
    driver->send(pair.here, std::string(1 << 20, 'x'), Lifetime::copy);
    in_another_thread([&] {
        pair.until([&] { return pair.server.heard.size() > 1 << 20; });
        driver->send(pair.there, "while nobody waits", Lifetime::copy);
        driver->wait(TimePoint::min());
    });
    pair.until([&] { return pair.client.heard.ends_with("while nobody waits"); });
    pair.exchange("and back in the first");

    // New connections are accepted by whoever waits, and an end is told there.
    Ear late;
    const auto third = driver->connect(driver->local_address(pair.listener), Address(), late, Lane::native);
    REQUIRE(third);
    const SocketId first = pair.there;
    in_another_thread([&] {
        pair.until([&] { return pair.there != first; });
        driver->abort(*third);
        pair.until([&] { return late.is_closed; });
    });
    driver->abort_all();
    pair.until([&] { return driver->open_sockets() == 0; });
}

TEST_CASE("a driver that another thread has run can be destroyed by this one") {
    auto driver = uring();
    if (!driver) return;
    Pair pair(*driver);
    in_another_thread([&] { pair.until([&] { return bool(pair.there); }); });
    const Address at = driver->local_address(pair.listener);
    driver->abort_all();
    driver.reset();
    // The port is free at once.
    const auto again = make_epoll_driver("a test asked for it");
    CHECK(again->listen(at, {}, pair));
}

TEST_CASE("the environment chooses the driver of who leaves it open, and of nobody else") {
    const char* before = std::getenv("BINE_REACTOR");
    const std::string kept = before ? before : "";
    REQUIRE(::setenv("BINE_REACTOR", "epoll", 1) == 0);
    CHECK(Reactor().driver_name() == "epoll");
    CHECK(Reactor().driver_reason() == "asked for by BINE_REACTOR");
    REQUIRE(::setenv("BINE_REACTOR", "kqueue", 1) == 0);
    CHECK_THROWS_WITH(Reactor(), "BINE_REACTOR is \"kqueue\"; expected auto, epoll or uring");
    CHECK(Reactor({.driver = DriverKind::epoll}).driver_reason() == "asked for by the program");
    REQUIRE(::unsetenv("BINE_REACTOR") == 0);
    const Reactor reactor;
    if (before) ::setenv("BINE_REACTOR", kept.c_str(), 1);
    CHECK((reactor.driver_name() == "io_uring" || reactor.driver_reason().starts_with("no io_uring here: ")));
}

}  // namespace
}  // namespace bine
