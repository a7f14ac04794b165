#include "bine/net/stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <stdexcept>

#include "bine/async/sleep.h"
#include "bine/endpoints/listen.h"
#include "bine/testing/expect.h"
#include "bine/testing/string_transport.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

// A stream whose other side is the test.
struct StreamScene {
    StreamScene() {
        NewStream made;
        transport.start(std::move(made.protocol));
        stream.emplace(std::move(made.stream));
    }
    StringTransport transport;
    std::optional<Stream> stream;
};

template <class T>
std::string outcome(Deferred<T>& deferred) {
    if (!deferred.done()) return "waits";
    auto result = std::move(deferred).result();
    if (!result) return "error: " + result.error().text();
    if constexpr (std::is_void_v<T>) {
        return "done";
    } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
        return *result ? **result : "nothing";
    } else {
        return *result;
    }
}

// Reads in every way there is, and writes down what it got.
Deferred<std::string> read_in_every_way(Stream& stream) {
    std::string got;
    const std::string line = co_await stream.read_line();
    got += line + "|";
    const std::string exactly = co_await stream.read_exactly(5);
    got += exactly + "|";
    const std::string until = co_await stream.read_until("--end--");
    got += until + "|";
    const auto next = co_await stream.next_line();
    got += next.value_or("nothing") + "|";
    const std::string nothing = co_await stream.read_exactly(0);
    got += nothing + "|";
    const std::string all = co_await stream.read_all();
    got += all + "|";
    const auto after = co_await stream.next_line();
    got += after.value_or("nothing") + "|";
    const std::string some = co_await stream.read_some();
    co_return got + some;
}

constexpr std::string_view kInput = "first\r\n12345head --end-end--end--lf only\nthe\r\nrest";
constexpr std::string_view kRead = "first|12345|head --end-end--end--|lf only||the\r\nrest|nothing|";

TEST_CASE("every kind of read gets the same, wherever the bytes are split") {
    for (std::size_t split = 0; split <= kInput.size(); ++split) {
        StreamScene scene;
        Deferred<std::string> reading = read_in_every_way(*scene.stream);
        scene.transport.receive(kInput.substr(0, split));
        scene.transport.receive(kInput.substr(split));
        scene.transport.receive_end();
        REQUIRE(outcome(reading) == kRead);
    }
    StreamScene bytes;
    Deferred<std::string> reading = read_in_every_way(*bytes.stream);
    bytes.transport.receive_byte_by_byte(kInput);
    bytes.transport.receive_end();
    CHECK(outcome(reading) == kRead);
    StreamScene before;
    before.transport.receive(kInput);
    before.transport.receive_end();
    Deferred<std::string> late = read_in_every_way(*before.stream);
    CHECK(outcome(late) == kRead);
}

TEST_CASE("read_some takes what is there, up to what was asked for") {
    StreamScene scene;
    Deferred<std::string> waits = scene.stream->read_some();
    CHECK(!waits.done());
    scene.transport.receive("abcdef");
    CHECK(outcome(waits) == "abcdef");
    scene.transport.receive("abcdef");
    Deferred<std::string> two = scene.stream->read_some(2);
    CHECK(outcome(two) == "ab");
    Deferred<std::string> rest = scene.stream->read_some();
    CHECK(outcome(rest) == "cdef");
    scene.transport.receive_end();
    Deferred<std::string> end = scene.stream->read_some();
    CHECK(outcome(end) == "");
}

TEST_CASE("limits hold at their edge, and what was read stays") {
    StreamScene scene;
    scene.transport.receive("12345\r\n123456\n");
    auto fits = scene.stream->read_line({.limit = 5});
    CHECK(outcome(fits) == "12345");
    auto too_long = scene.stream->read_line({.limit = 5});
    CHECK(outcome(too_long) == "error: read a line: it is longer than 5");
    auto again = scene.stream->read_line({.limit = 6});
    CHECK(outcome(again) == "123456");

    auto waits = scene.stream->read_line({.limit = 5});
    scene.transport.receive("12345");
    CHECK(!waits.done());
    scene.transport.receive("\r");
    CHECK(!waits.done());
    scene.transport.receive("\n");
    CHECK(outcome(waits) == "12345");

    auto never_ends = scene.stream->next_line({.limit = 5});
    scene.transport.receive("123456");
    CHECK(outcome(never_ends) == "error: read a line: it is longer than 5");
    auto until = scene.stream->read_until("6--", {.limit = 8});
    scene.transport.receive("--");
    CHECK(outcome(until) == "123456--");
    scene.transport.receive("1234567--");
    auto over = scene.stream->read_until("--", {.limit = 8});
    CHECK(outcome(over) == "error: read up to a delimiter: more than 8 bytes came before it");
    auto all = scene.stream->read_all(8);
    CHECK(outcome(all) == "error: read all: more than 8 bytes came");
    auto rest = scene.stream->read_some();
    CHECK(outcome(rest) == "1234567--");
}

TEST_CASE("a last line over the limit is no line") {
    StreamScene scene;
    scene.transport.receive("123456");
    scene.transport.receive_end();
    auto line = scene.stream->next_line({.limit = 5});
    CHECK(outcome(line) == "error: read a line: it is longer than 5");
}

TEST_CASE("the end of the stream: the last line, then nothing, or an error for who asked for more") {
    StreamScene scene;
    scene.transport.receive("last");
    scene.transport.receive_end();
    auto exactly = scene.stream->read_exactly(5);
    CHECK(outcome(exactly) == "error: read a stream: the other side ended it");
    auto until = scene.stream->read_until("x");
    CHECK(outcome(until) == "error: read a stream: the other side ended it");
    auto last = scene.stream->next_line();
    CHECK(outcome(last) == "last");
    auto nothing = scene.stream->next_line();
    CHECK(outcome(nothing) == "nothing");
    auto line = scene.stream->read_line();
    CHECK(outcome(line) == "error: read a stream: the other side ended it");
    auto all = scene.stream->read_all();
    CHECK(outcome(all) == "");
}

TEST_CASE("what broke the connection is the error of reads and writes, behind the bytes that came before") {
    StreamScene scene;
    scene.transport.receive("some");
    scene.transport.fail(Error(Errc::timed_out, "the line is dead"));
    scene.transport.settle();
    auto some = scene.stream->read_some();
    CHECK(outcome(some) == "some");
    auto more = scene.stream->read_some();
    CHECK(outcome(more) == "error: the line is dead");
    auto line = scene.stream->next_line();
    CHECK(outcome(line) == "error: the line is dead");
    auto all = scene.stream->read_all();
    CHECK(outcome(all) == "error: the line is dead");
    auto write = scene.stream->write("x");
    CHECK(outcome(write) == "error: the line is dead");
    CHECK(scene.stream->transport() == nullptr);
}

TEST_CASE("a read that waits ends when the stream is closed here") {
    StreamScene scene;
    auto waits = scene.stream->read_exactly(10);
    scene.stream->close();
    auto write = scene.stream->write("too late");
    CHECK(outcome(write) == "error: write to a stream: it is closed");
    scene.transport.settle();
    CHECK(outcome(waits) == "error: read a stream: it is closed");
}

TEST_CASE("a cancelled read loses nothing; the next one gets the bytes") {
    for (std::size_t split = 0; split < 8; ++split) {
        StreamScene scene;
        {
            auto line = scene.stream->read_line();
            scene.transport.receive(std::string_view("a line\r\n").substr(0, split));
            CHECK(!line.done());
        }
        scene.transport.receive(std::string_view("a line\r\n").substr(split));
        auto again = scene.stream->read_line();
        CHECK(outcome(again) == "a line");
    }
    StreamScene scene;
    auto exactly = scene.stream->read_exactly(4);
    exactly.cancel();
    scene.transport.receive("abcd");
    auto again = scene.stream->read_exactly(4);
    CHECK(outcome(again) == "abcd");
}

TEST_CASE("two reads at once are an error of the second, also when there are bytes for it") {
    StreamScene scene;
    auto first = scene.stream->read_exactly(4);
    scene.transport.receive("ab");
    for (int kind = 0; kind < 5; ++kind) {
        Deferred<std::string> second = kind == 0   ? scene.stream->read_some()
                                       : kind == 1 ? scene.stream->read_exactly(1)
                                       : kind == 2 ? scene.stream->read_line()
                                       : kind == 3 ? scene.stream->read_until("a")
                                                   : scene.stream->read_all();
        CHECK(outcome(second) == "error: read a stream: another read is waiting already");
    }
    scene.transport.receive("cd");
    CHECK(outcome(first) == "abcd");
}

TEST_CASE("reading ahead pauses at 64 KiB and resumes when a read wants more") {
    StreamScene scene;
    const std::string half = pattern(40'000);
    scene.transport.receive(half);
    CHECK(!scene.transport.reading_is_paused());
    scene.transport.receive(half);
    CHECK(scene.transport.reading_is_paused());
    scene.transport.receive("held back");
    auto some = scene.stream->read_exactly(80'000);
    CHECK(outcome(some) == half + half);
    CHECK(scene.transport.reading_is_paused());
    auto more = scene.stream->read_some();
    CHECK(!scene.transport.reading_is_paused());
    scene.transport.settle();
    CHECK(outcome(more) == "held back");

    auto large = scene.stream->read_exactly(200'000);
    for (int i = 0; i < 5; ++i) scene.transport.receive(half);
    CHECK(!scene.transport.reading_is_paused());
    CHECK(outcome(large).size() == 200'000);
}

TEST_CASE("a write ends at once below the high mark, and otherwise when the queue has fallen") {
    StreamScene scene;
    scene.transport.stall_output();
    auto small = scene.stream->write("small");
    CHECK(outcome(small) == "done");
    auto large = scene.stream->write(std::string(100'000, 'x'));
    auto another = scene.stream->write("y");
    scene.transport.settle();
    CHECK(!large.done());
    {
        auto dropped = scene.stream->write("dropped, and sent");
    }
    scene.transport.accept_output(90'000);
    scene.transport.settle();
    CHECK(outcome(large) == "done");
    CHECK(outcome(another) == "done");
    scene.transport.accept_output();
    CHECK(scene.transport.written().ends_with("xydropped, and sent"));
}

TEST_CASE("a write that the system takes in the same turn is told so") {
    StreamScene scene;
    scene.transport.stall_output();
    auto large = scene.stream->write(std::string(100'000, 'x'));
    scene.transport.accept_output();
    scene.transport.settle();
    CHECK(outcome(large) == "done");
}

TEST_CASE("a write that waits ends with why the connection has ended") {
    StreamScene scene;
    scene.transport.stall_output();
    auto large = scene.stream->write(std::string(100'000, 'x'));
    scene.transport.fail(Error(Errc::timed_out, "the line is dead"));
    scene.transport.settle();
    CHECK(outcome(large) == "error: the line is dead");
}

TEST_CASE("closed() tells the reason, before and after") {
    StreamScene scene;
    auto closed = scene.stream->closed();
    auto also = scene.stream->closed();
    {
        auto dropped = scene.stream->closed();
    }
    scene.stream->shutdown_writing();
    CHECK(scene.transport.has_ended());
    CHECK(!closed.done());
    scene.transport.receive_end();
    scene.transport.settle();
    REQUIRE(closed.done());
    CHECK(std::move(closed).result()->kind() == CloseReason::Kind::closed_there);
    REQUIRE(also.done());
    auto after = scene.stream->closed();
    REQUIRE(after.done());
}

TEST_CASE("dropping a stream closes it, assigning to it closes the old one") {
    StreamScene first, second;
    auto unflushed = first.stream->write("bye");
    first.stream.reset();
    CHECK(first.transport.is_closing());
    CHECK(first.transport.written() == "bye");
    NewStream unused;
    *second.stream = std::move(unused.stream);
    CHECK(second.transport.is_closing());
    auto write = second.stream->write("nowhere");
    CHECK(outcome(write) == "error: write to a stream: it is closed");
}

// One handled connection over TCP.
struct Handled {
    explicit Handled(StreamHandler handler) : listener(reactor, stream_factory(std::move(handler)), {}) {
        if (const auto opened = listener.open(Address::loopback(0), {}); !opened) throw opened.error();
        dial(reactor, listener.address(), client);
        run_until(reactor, [this] { return client.transport || client.lost; });
    }
    bool until_lost() {
        return run_until(reactor, [this] { return client.lost && listener.connections() == 0; });
    }
    Seen client;
    Reactor reactor{native_driver()};
    Listener listener;
};

constexpr std::string_view kFailed = "a connection's handler failed";

TEST_CASE("a handler that returns closes its stream, once everything has left") {
    const CapturedLogs logs;
    const std::string message = pattern(3 << 20);
    Handled handled([&](Stream stream) -> Deferred<> {
        const std::string line = co_await stream.read_line();
        co_await stream.write(message);
        co_await stream.write(line);
    });
    handled.client.transport->write("and out\r\n");
    REQUIRE(handled.until_lost());
    CHECK(handled.client.received == message + "and out");
    CHECK(handled.client.lost->kind() == CloseReason::Kind::closed_there);
    CHECK(!logs.contains("connection"));
}

TEST_CASE("a handler that throws aborts its connection, and is logged") {
    const CapturedLogs logs;
    Handled handled([](Stream stream) -> Deferred<> {
        const std::string line = co_await stream.read_line();
        throw std::runtime_error("cannot " + line);
    });
    handled.client.transport->write("sing\r\n");
    REQUIRE(handled.until_lost());
    CHECK(handled.client.lost->kind() == CloseReason::Kind::failed);
    CHECK(logs.count(kFailed) == 1);
    CHECK(logs.contains("cannot sing"));
}

TEST_CASE("a handler that throws before its first await aborts too") {
    const CapturedLogs logs;
    Handled eager([](Stream stream) -> Deferred<> {
        if (stream.transport()) throw std::runtime_error("not today");
        co_return;
    });
    REQUIRE(eager.until_lost());
    CHECK(!eager.client.lost->clean());
    CHECK(logs.count(kFailed) == 1);
    Handled plain([](const Stream&) -> Deferred<> { throw std::runtime_error("no coroutine at all"); });
    REQUIRE(plain.until_lost());
    CHECK(logs.contains("no coroutine at all"));
}

TEST_CASE("a client that ends too early is closed without a word, and gets what was written") {
    const CapturedLogs logs;
    Handled handled([](Stream stream) -> Deferred<> {
        for (;;) {
            const std::string line = co_await stream.read_line();
            co_await stream.write("you said " + line);
        }
    });
    handled.client.keep_open = true;
    handled.client.transport->write("hello\r\n");
    handled.client.transport->shutdown_writing();
    REQUIRE(handled.until_lost());
    CHECK(handled.client.received == "you said hello");
    CHECK(handled.client.lost->clean());
    CHECK(!logs.contains("connection"));
}

TEST_CASE("a handler that closes and then fails has closed") {
    const CapturedLogs logs;
    Handled handled([](Stream stream) -> Deferred<> {
        co_await stream.write("goodbye");
        stream.close();
        co_await stream.write("too late");
    });
    REQUIRE(handled.until_lost());
    CHECK(handled.client.received == "goodbye");
    CHECK(handled.client.lost->clean());
    CHECK(!logs.contains("connection"));
}

TEST_CASE("a handler whose connection is lost hears it at its next read") {
    const CapturedLogs logs;
    std::string heard;
    Handled handled([&](Stream stream) -> Deferred<> {
        const auto line = co_await stream.next_line().as_result();
        heard = line ? "a line" : line.error().text();
        if (!line) throw Error(line.error());
    });
    handled.client.transport->abort();
    REQUIRE(handled.until_lost());
    CHECK(heard.find("Connection reset by peer") != std::string::npos);
    CHECK(!logs.contains("connection"));
}

TEST_CASE("a write over TCP out of a timer is told when the system has taken it") {
    int written = 0;
    Reactor* reactor = nullptr;
    Handled handled([&](Stream stream) -> Deferred<> {
        co_await stream.read_line();
        for (int i = 0; i < 5; ++i) {
            co_await sleep(*reactor, 1ms);
            stream.transport()->set_write_limits(1000, 100);
            co_await stream.write(std::string(2000, 'x'));
            ++written;
        }
    });
    reactor = &handled.reactor;
    handled.client.transport->write("go\n");
    REQUIRE(handled.until_lost());
    CHECK(written == 5);
    CHECK(handled.client.received.size() == 10'000);
}

TEST_CASE("the end of the reactor ends handlers that wait for anything") {
    struct Mark {
        explicit Mark(int& c) : count(c) {}
        ~Mark() { ++count; }
        int& count;
    };
    const CapturedLogs quiet;
    int ended = 0;
    {
        Reactor* reactor = nullptr;
        auto handled = std::make_unique<Handled>([&](Stream stream) -> Deferred<> {
            const Mark mark(ended);
            const std::string what = co_await stream.read_line();
            if (what == "sleep") co_await sleep(*reactor, 1h);
            co_await stream.read_line();
        });
        reactor = &handled->reactor;
        handled->client.transport->write("sleep\n");
        Seen second;
        REQUIRE(Connection::connect(*reactor, handled->listener.address(), {}, recording(second), nullptr, {}));
        REQUIRE(run_until(*reactor, [&] { return second.transport && handled->listener.connections() == 2; }));
        testing::settle(*reactor, 2ms);
        CHECK(ended == 0);
        handled.reset();
    }
    CHECK(ended == 2);
}

TEST_CASE("a stream over a socket that is open already") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    Descriptor there(ends[1]);
    Reactor reactor{native_driver()};
    Stream stream = open_stream(reactor, Descriptor(ends[0]), Descriptor());
    auto line = stream.read_line();
    REQUIRE(::write(there.get(), "hello\n", 6) == 6);
    REQUIRE(run_until(reactor, [&] { return line.done(); }));
    CHECK(outcome(line) == "hello");
    auto end = stream.read_some();
    there.reset();
    REQUIRE(run_until(reactor, [&] { return end.done(); }));
    CHECK(outcome(end) == "");
}

}  // namespace
}  // namespace bine::testing
