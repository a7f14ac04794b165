#include "bine/net/udp.h"

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/net/scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

struct Letter {
    std::string bytes;
    Address from;
};

// A socket on the loopback that keeps what comes.
struct Letterbox {
    explicit Letterbox(Reactor& reactor, const Address& remote = {})
        : socket(
              reactor, Address::loopback(0),
              [this](std::string_view bytes, const Address& from) { letters.push_back({std::string(bytes), from}); },
              remote) {}
    Address address() const { return socket.local_address(); }

    std::vector<Letter> letters;
    UdpSocket socket;
};

TEST_CASE("datagrams arrive whole, with their sender") {
    Reactor reactor{native_driver()};
    Letterbox a(reactor), b(reactor);
    REQUIRE(a.address().port() != 0);
    REQUIRE(a.socket.send_to("hello", b.address()));
    REQUIRE(a.socket.send_to("", b.address()));
    REQUIRE(run_until(reactor, [&] { return b.letters.size() == 2; }));
    CHECK(b.letters[0].bytes == "hello");
    CHECK(b.letters[0].from == a.address());
    CHECK(b.letters[1].bytes.empty());
    REQUIRE(b.socket.send_to("and back", b.letters[0].from));
    REQUIRE(run_until(reactor, [&] { return a.letters.size() == 1; }));
    CHECK(a.letters[0].bytes == "and back");
}

TEST_CASE("a connected socket needs no address and hears nobody else") {
    Reactor reactor{native_driver()};
    Letterbox friend_of_it(reactor), stranger(reactor);
    Letterbox connected(reactor, friend_of_it.address());
    REQUIRE(connected.socket.send("hello"));
    REQUIRE(stranger.socket.send_to("spam", connected.address()));
    REQUIRE(run_until(reactor, [&] { return friend_of_it.letters.size() == 1; }));
    REQUIRE(friend_of_it.socket.send_to("welcome", connected.address()));
    REQUIRE(run_until(reactor, [&] { return !connected.letters.empty(); }));
    REQUIRE(connected.letters.size() == 1);
    CHECK(connected.letters[0].bytes == "welcome");
    CHECK(connected.letters[0].from == friend_of_it.address());
    const auto nowhere = stranger.socket.send("to whom?");
    REQUIRE(!nowhere);
    CHECK(nowhere.error().is_errno(EDESTADDRREQ));
}

TEST_CASE("that nobody listens there is told to a connected socket, which lives on") {
    Reactor reactor{native_driver()};
    Address gone;
    {
        Letterbox short_lived(reactor);
        gone = short_lived.address();
    }
    Letterbox connected(reactor, gone);
    std::string failed;
    connected.socket.on_send_failed([&](const Error& error) { failed = error.text(); });
    REQUIRE(connected.socket.send("anybody?"));
    REQUIRE(run_until(reactor, [&] { return !failed.empty(); }));
    CHECK(failed.find("Connection refused") != std::string::npos);
    Letterbox plain(reactor);
    CHECK(plain.socket.send_to("x", gone));
    CHECK(connected.socket.local_address().port() != 0);
}

TEST_CASE("the largest datagram arrives uncut, a larger one is refused") {
    Reactor reactor{native_driver()};
    Letterbox a(reactor), b(reactor);
    const std::string largest(65507, 'x');
    REQUIRE(a.socket.send_to(largest, b.address()));
    const auto refused = a.socket.send_to(largest + "x", b.address());
    REQUIRE(!refused);
    CHECK(refused.error().is_errno(EMSGSIZE));
    REQUIRE(run_until(reactor, [&] { return b.letters.size() == 1; }));
    CHECK(b.letters[0].bytes == largest);
}

TEST_CASE("a paused socket holds its datagrams") {
    Reactor reactor{native_driver()};
    Letterbox a(reactor), b(reactor);
    b.socket.pause_reading();
    REQUIRE(a.socket.send_to("held", b.address()));
    settle(reactor, 2ms);
    CHECK(b.letters.empty());
    b.socket.resume_reading();
    CHECK(run_until(reactor, [&] { return b.letters.size() == 1; }));
}

TEST_CASE("a socket may be destroyed by each of its callbacks") {
    Reactor reactor{native_driver()};
    Letterbox sender(reactor);
    std::optional<UdpSocket> socket;
    const std::string captured(100, 'x');  // on the heap, for a sanitizer to see its end
    std::string after;
    const auto received = [&, captured](std::string_view, const Address&) {
        socket.reset();
        after += captured;
    };
    socket.emplace(reactor, Address::loopback(0), received);
    REQUIRE(sender.socket.send_to("1", socket->local_address()));
    REQUIRE(sender.socket.send_to("2", socket->local_address()));
    REQUIRE(run_until(reactor, [&] { return !socket.has_value(); }));
    settle(reactor, 1ms);
    CHECK(after == captured);

    after.clear();
    Address gone;
    {
        Letterbox short_lived(reactor);
        gone = short_lived.address();
    }
    socket.emplace(reactor, Address::loopback(0), [](std::string_view, const Address&) {}, gone);
    socket->on_send_failed([&, captured](const Error&) {
        socket.reset();
        after += captured;
    });
    REQUIRE(socket->send("anybody?"));
    REQUIRE(run_until(reactor, [&] { return !socket.has_value(); }));
    CHECK(after == captured);
}

TEST_CASE("what a callback throws is logged, and the socket goes on") {
    const CapturedLogs logs;
    Reactor reactor{native_driver()};
    Letterbox sender(reactor);
    int calls = 0;
    UdpSocket socket(reactor, Address::loopback(0), [&](std::string_view, const Address&) {
        if (++calls == 1) throw std::runtime_error("thrown by a test");
    });
    REQUIRE(sender.socket.send_to("1", socket.local_address()));
    REQUIRE(sender.socket.send_to("2", socket.local_address()));
    CHECK(run_until(reactor, [&] { return calls == 2; }));
    CHECK(logs.contains("thrown by a test"));
}

TEST_CASE("an address in use is an error that names it") {
    Reactor reactor{native_driver()};
    Letterbox first(reactor);
    try {
        UdpSocket second(reactor, first.address(), [](std::string_view, const Address&) {});
        FAIL("two sockets on one port");
    } catch (const Error& error) {
        CHECK(error.is_errno(EADDRINUSE));
        CHECK(error.text().find(first.address().to_string()) != std::string::npos);
    }
}

}  // namespace
}  // namespace bine::testing
