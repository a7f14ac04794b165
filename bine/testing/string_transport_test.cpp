#include "bine/testing/string_transport.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

// Writes down what happens to it.
class Diary : public Protocol {
public:
    explicit Diary(std::string& diary) : diary_(diary) {}
    ~Diary() override { diary_ += "gone;"; }

    void connection_made(Transport& transport) override {
        transport_ = &transport;
        diary_ += "made;";
    }
    void data_received(std::string_view bytes) override {
        diary_.append("data ").append(bytes).append(";");
        if (bytes == "throw") throw std::runtime_error("thrown");
    }
    bool end_received() override {
        diary_ += "end;";
        return keep_open;
    }
    void writing_paused() override { diary_ += "paused;"; }
    void writing_resumed() override { diary_ += "resumed;"; }
    void connection_lost(const CloseReason& reason) override {
        diary_.append("lost: ").append(reason.to_string()).append(";");
    }

    bool keep_open = false;

private:
    std::string& diary_;
    Transport* transport_ = nullptr;
};

struct Fixture {
    std::string diary;
    std::string second;
    StringTransport transport;
    Diary& protocol = transport.start(std::make_unique<Diary>(diary));
};

TEST_CASE_FIXTURE(Fixture, "what is fed is received at once, in the pieces in which it was fed") {
    transport.receive("ab");
    transport.receive_byte_by_byte("cd");
    CHECK(diary == "made;data ab;data c;data d;");
}

TEST_CASE_FIXTURE(Fixture, "what is written is recorded in order, of every kind") {
    Output output;
    output.append_fixed("two ");
    output.append(SharedBytes::copy("three"));
    transport.write("one ");
    transport.write(std::move(output));
    CHECK(transport.written() == "one two three");
    CHECK(transport.take_written() == "one two three");
    CHECK(transport.written().empty());
}

TEST_CASE_FIXTURE(Fixture, "while reading is paused bytes are held, the end behind them, until a turn after resume") {
    transport.pause_reading();
    transport.receive("held");
    transport.receive_end();
    transport.settle();
    CHECK(diary == "made;");
    transport.resume_reading();
    CHECK(diary == "made;");
    transport.settle();
    CHECK(diary == "made;data held;end;lost: closed by the other side;gone;");
    CHECK(transport.has_ended());
}

TEST_CASE_FIXTURE(Fixture, "close is heard in a later turn, once, and writes after it go nowhere") {
    transport.write("last words");
    transport.close();
    transport.write("too late");
    transport.close();
    CHECK(transport.is_closing());
    CHECK(diary == "made;");
    transport.settle();
    CHECK(diary == "made;lost: closed;gone;");
    CHECK(transport.written() == "last words");
    CHECK(transport.has_ended());
    CHECK(transport.is_lost());
}

TEST_CASE_FIXTURE(Fixture, "close waits for a network that takes nothing") {
    transport.stall_output();
    transport.write("abcdef");
    transport.close();
    transport.settle();
    CHECK(diary == "made;");
    CHECK(transport.queued() == 6);
    transport.accept_output(2);
    CHECK(transport.written() == "ab");
    CHECK_FALSE(transport.has_ended());
    transport.accept_output();
    CHECK(transport.written() == "abcdef");
    CHECK(diary == "made;lost: closed;gone;");
}

TEST_CASE_FIXTURE(Fixture, "abort drops what is queued and tells its reason") {
    transport.stall_output();
    transport.write("abc");
    transport.abort(Error(Errc::timed_out, "too slow"));
    transport.accept_output();
    CHECK(transport.written().empty());
    CHECK(transport.is_aborted());
    CHECK_FALSE(transport.has_ended());
    CHECK(diary == "made;lost: too slow;gone;");
}

TEST_CASE_FIXTURE(Fixture, "the write limits pause and resume the protocol, from a turn") {
    transport.set_write_limits(10, 4);
    transport.stall_output();
    transport.write("0123456789");
    CHECK_FALSE(transport.writing_is_paused());
    transport.write("!");
    CHECK(transport.writing_is_paused());
    CHECK(diary == "made;");
    transport.settle();
    CHECK(diary == "made;paused;");
    transport.accept_output(6);
    CHECK(transport.writing_is_paused());
    transport.accept_output(1);
    CHECK(diary == "made;paused;resumed;");
}

TEST_CASE_FIXTURE(Fixture, "half-close: our end after the queue, then theirs, and both ends close it") {
    protocol.keep_open = true;
    transport.write("bye");
    transport.shutdown_writing();
    transport.write("no more");
    transport.settle();
    CHECK(transport.has_ended());
    CHECK(transport.written() == "bye");
    transport.receive("answer");
    transport.receive_end();
    transport.settle();
    CHECK(diary == "made;data answer;end;lost: closed by the other side;gone;");
}

TEST_CASE_FIXTURE(Fixture, "an exception aborts and is the reason") {
    transport.receive("throw");
    CHECK(transport.is_aborted());
    transport.settle();
    CHECK(diary == "made;data throw;lost: thrown;gone;");
}

TEST_CASE_FIXTURE(Fixture, "a failure of the network is the reason") {
    transport.fail(Error::from_errno(104, "receive"));
    transport.settle();
    REQUIRE(transport.reason());
    CHECK(transport.reason()->kind() == CloseReason::Kind::failed);
    CHECK(transport.is_lost());
}

TEST_CASE_FIXTURE(Fixture, "a ref answers while it lives and is null afterwards") {
    const ConnectionRef ref = transport.ref();
    CHECK(ref.write("x"));
    transport.close();
    CHECK_FALSE(ref.write("y"));
    transport.settle();
    CHECK(ref.transport() == nullptr);
    CHECK(transport.written() == "x");
}

TEST_CASE_FIXTURE(Fixture, "replace_protocol hands on, with the bytes left over") {
    transport.replace_protocol(std::make_unique<Diary>(second), "rest");
    CHECK(second == "made;data rest;");
    transport.receive("more");
    transport.settle();
    CHECK(diary == "made;gone;");
    CHECK(second == "made;data rest;data more;");
}

TEST_CASE("its end is the connection's end") {
    std::string diary;
    {
        StringTransport transport;
        transport.start(std::make_unique<Diary>(diary));
    }
    CHECK(diary == "made;lost: aborted;gone;");
}

TEST_CASE("time passes timer by timer") {
    struct Tick final : Timer {
        void expired() override { seen.push_back(transport->reactor().now()); }
        StringTransport* transport = nullptr;
        std::vector<TimePoint> seen;
    };
    StringTransport transport;
    Tick first, second;
    first.transport = second.transport = &transport;
    const TimePoint start = transport.reactor().now();
    transport.reactor().timers().arm(first, start + 5s);
    transport.reactor().timers().arm(second, start + 10s);
    transport.advance(7s);
    CHECK(first.seen == std::vector{start + 5s});
    CHECK(second.seen.empty());
    transport.advance(3s);
    CHECK(second.seen == std::vector{start + 10s});
}

}  // namespace
}  // namespace bine::testing
