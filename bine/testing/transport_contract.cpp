#include "bine/testing/transport_contract.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bine/net/connection_ref.h"
#include "bine/net/transport.h"
#include "bine/testing/expect.h"
#include "bine/testing/temp_folder.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;
using Kind = CloseReason::Kind;

class Recorder;

// What one side's protocol saw, and what it shall do. The world may keep the protocol for longer.
struct Side {
    Side() = default;
    Side(const Side&) = delete;
    Side& operator=(const Side&) = delete;
    ~Side();

    Recorder* recorder = nullptr;
    Transport* transport = nullptr;
    std::string received;
    int pieces = 0;
    int made = 0;
    int pauses = 0;
    int resumes = 0;
    bool ended = false;
    bool gone = false;  // the protocol has been destroyed
    bool keep_open = false;
    std::optional<CloseReason> lost;
    std::string breach;
    bool busy = false;

    Function<void()> on_made;
    Function<void(std::string_view)> on_data;
    Function<void()> on_end;
    Function<void()> on_resumed;
    Function<void()> on_lost;
};

// Checks, besides, what holds for every callback: in its order, and not from inside of another.
class Recorder final : public Protocol {
public:
    explicit Recorder(Side& side) : side_(&side) { side.recorder = this; }
    ~Recorder() override {
        if (!side_) return;
        if (side_->busy) side_->breach = "destroyed inside a callback";
        side_->gone = true;
        side_->recorder = nullptr;
    }
    void forget_side() noexcept { side_ = nullptr; }

    void connection_made(Transport& transport) override {
        if (!side_) return;
        const Visit visit(*side_, "connection_made", side_->made == 0);
        side_->transport = &transport;
        ++side_->made;
        if (side_->on_made) side_->on_made();
    }
    void data_received(std::string_view bytes) override {
        if (!side_) return;
        const Visit visit(*side_, "data_received", side_->made > 0 && !side_->ended && !bytes.empty());
        side_->received.append(bytes);
        ++side_->pieces;
        if (side_->on_data) side_->on_data(bytes);
    }
    bool end_received() override {
        if (!side_) return false;
        const Visit visit(*side_, "end_received", side_->made > 0 && !side_->ended);
        side_->ended = true;
        if (side_->on_end) side_->on_end();
        return side_->keep_open;
    }
    void writing_paused() override {
        if (!side_) return;
        const Visit visit(*side_, "writing_paused", side_->pauses == side_->resumes);
        ++side_->pauses;
    }
    void writing_resumed() override {
        if (!side_) return;
        const Visit visit(*side_, "writing_resumed", side_->pauses == side_->resumes + 1);
        ++side_->resumes;
        if (side_->on_resumed) side_->on_resumed();
    }
    void connection_lost(const CloseReason& reason) override {
        if (!side_) return;
        const Visit visit(*side_, "connection_lost", side_->made > 0);
        side_->lost = reason;
        if (side_->on_lost) side_->on_lost();
        side_->transport = nullptr;
    }

private:
    struct Visit {
        Visit(Side& side, const char* what, bool in_order) : side_(side) {
            if (side.busy) side.breach = std::string(what) + " came inside another callback";
            if (!in_order || side.lost) side.breach = std::string(what) + " came out of order";
            side.busy = true;
        }
        ~Visit() { side_.busy = false; }
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
        Side& side_;
    };

    Side* side_;
};

Side::~Side() {
    if (recorder) recorder->forget_side();
}

struct Stage {
    explicit Stage(TransportWorld& w) : world(w) {}

    void connect() {
        world.connect(std::make_unique<Recorder>(first), std::make_unique<Recorder>(second));
        until([this] { return first.made + second.made == 2; }, "both are connected");
    }
    void until(Function<bool()> holds, std::string_view what, Place place = Place::current()) {
        expect(world.run_until(std::move(holds)), "never: " + std::string(what), place);
        check(place);
    }
    void until_both_are_lost(Place place = Place::current()) {
        until([this] { return first.gone && second.gone; }, "both are lost, and destroyed", place);
        expect(first.lost && second.lost, "connection_lost before the destruction", place);
    }
    void settle(Place place = Place::current()) {
        world.settle();
        check(place);
    }
    void check(const Place& place) {
        expect(first.breach.empty(), first.breach, place);
        expect(second.breach.empty(), second.breach, place);
    }

    TransportWorld& world;
    Side first;
    Side second;
};

void both_sides_are_made(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    Transport& first = *stage.first.transport;
    expect(!first.is_closing() && !first.writing_is_paused(), "a new transport is open");
    expect_equal(first.queued(), 0, "queued at first");
    expect(first.reactor().in_thread(), "its reactor is this thread's");
    const Address there = first.peer_address();
    if (there.is_ip()) expect(there == stage.second.transport->local_address(), "each is where the other looks");
    first.set_addresses(Address::loopback(1), Address::loopback(2));
    expect(first.local_address() == Address::loopback(1), "addresses can be told");
    expect(first.peer_address() == Address::loopback(2), "of both sides");
}

void bytes_travel_in_order(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    std::string wanted;
    for (uint64_t i = 0; i < 200; ++i) {
        const std::string piece = pattern((i * 131) % 3000, i);
        wanted += piece;
        if (i % 2) {
            stage.first.transport->write(piece);
        } else {
            Output output;
            output.append_owned(std::string(piece));
            stage.first.transport->write(std::move(output));
        }
        stage.second.transport->write("x");
        if (i % 20 == 0) stage.settle();
    }
    stage.until([&] { return stage.second.received.size() >= wanted.size(); }, "all arrives");
    expect_equal(stage.second.received, wanted, "what arrives");
    stage.until([&] { return stage.first.received.size() >= 200; }, "and there");
    expect_equal(stage.first.received, std::string(200, 'x'), "what arrives there");
}

void files_travel_too(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    const TempFolder folder;
    const std::string content = pattern(200'000);
    folder.write("file", content);
    Output output;
    output.append_fixed("before ");
    Descriptor file(::open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC));
    expect(static_cast<bool>(file), "the file opens");
    output.append(Output::FileRange{Ref<SharedFile>(new SharedFile(std::move(file))), 10, 150'000});
    output.append(SharedBytes::copy(" after"));
    stage.first.transport->write(std::move(output));
    const std::string wanted = "before " + content.substr(10, 150'000) + " after";
    stage.until([&] { return stage.second.received.size() >= wanted.size(); }, "all arrives");
    expect_equal(stage.second.received, wanted, "what arrives");
}

// A producer that writes while it may, an echo that does not read while it may not write.
void backpressure_goes_round(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    const std::string message = pattern(3 << 20);
    std::size_t written = 0;
    uint64_t most_queued = 0;
    const auto produce = [&] {
        Transport& transport = *stage.first.transport;
        while (written < message.size() && !transport.writing_is_paused()) {
            const std::string_view piece = std::string_view(message).substr(written, 10'000);
            transport.write(piece);
            written += piece.size();
        }
        most_queued = std::max(most_queued, transport.queued());
    };
    stage.first.on_resumed = produce;
    stage.second.on_data = [&](std::string_view bytes) {
        stage.second.transport->write(bytes);
        if (stage.second.transport->writing_is_paused()) stage.second.transport->pause_reading();
    };
    stage.second.on_resumed = [&] { stage.second.transport->resume_reading(); };
    produce();
    stage.until(
        [&] {
            produce();
            return stage.first.received.size() >= message.size();
        },
        "the echo");
    expect_equal(stage.first.received, message, "the echo");
    expect(most_queued <= 65536 + 10'000, "the queue stays near its high mark");
}

void the_marks_pause_and_resume(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    Transport& first = *stage.first.transport;
    stage.second.transport->pause_reading();
    first.set_write_limits(100'000, 20'000);
    const std::string message = pattern(world.more_than_fits());
    first.write(message);
    expect(first.writing_is_paused(), "paused when the queue is over the mark");
    expect_equal(stage.first.pauses, 0, "writing_paused from inside write()");
    stage.settle();
    expect_equal(stage.first.pauses, 1, "writing_paused calls");
    expect(stage.first.resumes == 0 && first.queued() > 20'000, "still paused while nobody reads");
    stage.first.on_resumed = [&] {
        if (stage.first.transport->queued() > 20'000) stage.first.breach = "resumed above the low mark";
    };
    stage.second.transport->resume_reading();
    stage.until([&] { return stage.second.received.size() >= message.size(); }, "all arrives");
    stage.until([&] { return stage.first.resumes == 1; }, "writing_resumed");
    expect(!first.writing_is_paused() && first.queued() == 0, "and not paused");
    expect_equal(stage.second.received, message, "what arrives");
}

void pausing_holds_bytes_and_the_end(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.second.transport->pause_reading();
    const std::string message = pattern(30'000);
    stage.first.transport->write(message);
    stage.first.transport->shutdown_writing();
    stage.settle();
    expect(stage.second.received.empty() && !stage.second.ended, "nothing while paused");
    stage.second.transport->resume_reading();
    expect(stage.second.received.empty(), "resume_reading calls nobody");
    stage.until([&] { return stage.second.ended; }, "the end");
    expect_equal(stage.second.received, message, "what came before it");
}

void pausing_inside_data_received_stops_it(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.second.on_data = [&](std::string_view) { stage.second.transport->pause_reading(); };
    const std::string message = pattern(300'000);
    stage.first.transport->write(message);
    int resumed = 0;
    stage.until(
        [&] {
            expect(stage.second.pieces <= resumed + 1, "one piece after each resume");
            resumed = stage.second.pieces;
            stage.second.transport->resume_reading();
            return stage.second.received.size() >= message.size();
        },
        "all arrives");
    expect_equal(stage.second.received, message, "what arrives");
}

void an_end_closes_by_default(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.first.transport->write("bye");
    stage.first.transport->close();
    expect(stage.first.transport->is_closing(), "closing");
    stage.first.transport->write("too late");
    stage.first.transport->close();
    expect(!stage.first.lost, "close calls nobody");
    stage.until_both_are_lost();
    expect_equal(stage.second.received, "bye", "what arrives");
    expect(stage.second.ended, "the end is told before the loss");
    expect(stage.first.lost->kind() == Kind::closed_here, "we closed it");
    expect(stage.second.lost->kind() == Kind::closed_there, "they did");
    expect(stage.first.lost->clean() && !stage.second.lost->error(), "in good order");
}

void finish_closes_too(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.first.transport->write("bye");
    stage.first.transport->finish();
    expect(stage.first.transport->is_closing(), "closing");
    stage.first.transport->write("too late");
    stage.first.transport->close();
    expect(!stage.first.lost, "finish calls nobody");
    stage.until_both_are_lost();
    expect_equal(stage.second.received, "bye", "what arrives");
    expect(stage.second.ended, "the end is told before the loss");
    expect(stage.first.lost->kind() == Kind::closed_here, "we closed it");
    expect(stage.second.lost->kind() == Kind::closed_there, "they did");
}

void half_close_keeps_the_other_direction(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    const std::string answer = pattern(500'000);
    stage.second.keep_open = stage.first.keep_open = true;
    stage.second.on_end = [&] { stage.second.transport->write(answer); };
    stage.first.transport->write("question");
    stage.first.transport->shutdown_writing();
    stage.first.transport->write("too late");
    expect(!stage.first.transport->is_closing(), "half-closed is not closing");
    stage.until([&] { return stage.first.received.size() >= answer.size(); }, "the answer");
    expect_equal(stage.second.received, "question", "the question");
    expect(!stage.first.lost && !stage.second.lost, "both live");
    stage.second.transport->shutdown_writing();
    stage.until_both_are_lost();
    expect_equal(stage.first.received, answer, "the answer");
    expect(stage.first.ended && stage.first.lost->clean() && stage.second.lost->clean(), "in good order");
}

void close_flushes_what_is_queued(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    const std::string message = pattern(2 << 20);
    stage.second.transport->write(pattern(100'000));  // unread input must not cost the flushed bytes
    stage.settle();
    stage.first.transport->pause_reading();
    stage.first.transport->write(message);
    stage.first.transport->close();
    stage.until_both_are_lost();
    expect_equal(stage.second.received, message, "what arrives");
    expect(stage.first.lost->clean() && stage.second.lost->clean(), "in good order");
}

void close_inside_callbacks_is_the_last_of_them(TransportWorld& world) {
    Stage stage(world);
    stage.second.on_data = [&](std::string_view) { stage.second.transport->close(); };
    stage.connect();
    stage.first.transport->write(pattern(400'000));
    stage.until([&] { return stage.second.gone; }, "the second one is lost");
    expect_equal(stage.second.pieces, 1, "pieces");
    expect(stage.second.lost->kind() == Kind::closed_here, "we closed it");
}

void close_inside_connection_made(TransportWorld& world) {
    Stage stage(world);
    stage.second.on_made = [&] {
        stage.second.transport->write("no");
        stage.second.transport->close();
    };
    stage.connect();
    stage.until_both_are_lost();
    expect_equal(stage.first.received, "no", "what arrives");
}

void abort_tells_its_reason_here_and_a_reset_there(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.second.transport->pause_reading();
    stage.first.transport->write(pattern(world.more_than_fits()));
    stage.settle();
    stage.first.transport->abort(Error(Errc::limit_exceeded, "too much"));
    stage.first.transport->abort();
    expect(!stage.first.lost && stage.first.transport->is_closing(), "abort calls nobody");
    stage.second.transport->resume_reading();
    stage.until_both_are_lost();
    expect(stage.first.lost->kind() == Kind::aborted, "we gave it up");
    expect(stage.first.lost->error() && stage.first.lost->error()->is(Errc::limit_exceeded), "and said why");
    if (!world.resets()) return;
    expect(stage.second.lost->kind() == Kind::failed && stage.second.lost->error(), "they saw it break");
    expect(!stage.second.ended, "and no end");
}

void abort_overrides_close(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.second.transport->pause_reading();
    stage.first.transport->write(pattern(world.more_than_fits()));
    stage.first.transport->close();
    stage.settle();
    expect(!stage.first.lost, "close waits for the queue");
    stage.first.transport->abort();
    stage.until([&] { return stage.first.gone; }, "abort does not");
    expect(stage.first.lost->kind() == Kind::aborted, "we gave it up");
}

void an_exception_costs_its_connection(TransportWorld& world) {
    Stage stage(world);
    stage.second.on_data = [&](std::string_view) { throw std::runtime_error("thrown by a test"); };
    stage.connect();
    stage.first.transport->write("anything");
    stage.until([&] { return stage.second.gone; }, "it is lost");
    expect(stage.second.lost->kind() == Kind::aborted && stage.second.lost->error(), "aborted, with a reason");
    expect(stage.second.lost->to_string().find("thrown by a test") != std::string::npos, "the exception is it");
    stage.until([&] { return stage.first.gone; }, "the other side too");
}

void an_exception_out_of_the_first_callback(TransportWorld& world) {
    Stage stage(world);
    stage.second.on_made = [&] { throw std::runtime_error("thrown by a test"); };
    stage.second.on_lost = [&] { throw std::runtime_error("thrown at the end"); };
    world.connect(std::make_unique<Recorder>(stage.first), std::make_unique<Recorder>(stage.second));
    stage.until([&] { return stage.first.gone && stage.second.gone; }, "both are lost, if the first was ever made");
    expect(stage.second.lost->kind() == Kind::aborted && stage.second.lost->error(), "aborted, with a reason");
}

void a_ref_outlives_its_connection(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    const ConnectionRef ref = stage.first.transport->ref();
    const ConnectionRef same = stage.first.transport->ref();
    expect(ref == same && ref.transport() == stage.first.transport, "two names for one connection");
    expect(ref.write("by name"), "a write by name");
    stage.until([&] { return stage.second.received == "by name"; }, "arrives");
    ref.close();
    expect(!ref.write("too late"), "no write after close");
    stage.until_both_are_lost();
    expect(!ref && !ref.write("ghost"), "null after the loss");
    ref.close();
}

void a_protocol_can_be_replaced(TransportWorld& world) {
    Stage stage(world);
    Side next;
    stage.connect();
    stage.second.on_data = [&](std::string_view) {
        if (stage.second.received.size() < 6) return;  // it may come in pieces
        const std::string leftover = stage.second.received.substr(3);
        stage.second.transport->replace_protocol(std::make_unique<Recorder>(next), leftover);
    };
    stage.first.transport->write("abcdef");
    stage.until([&] { return stage.second.received.size() + next.received.size() >= 9; }, "handed on");
    expect_equal(next.received.substr(0, 3), stage.second.received.substr(3, 3), "what is left over");
    stage.until([&] { return stage.second.gone; }, "the old one is destroyed");
    expect(!stage.second.lost, "without a loss");
    stage.first.transport->write("ghi");
    stage.until([&] { return next.received.ends_with("ghi"); }, "the next bytes go to the new one");
    stage.first.transport->close();
    stage.until([&] { return next.gone && stage.first.gone; }, "both are lost");
    expect(next.made == 1 && next.lost && next.breach.empty(), "the new one lived a whole life");
}

void writing_in_connection_lost_goes_nowhere(TransportWorld& world) {
    Stage stage(world);
    stage.connect();
    stage.first.on_lost = [&] {
        Transport& transport = *stage.first.transport;
        transport.write("ghost");
        transport.write(Output());
        transport.shutdown_writing();
        transport.pause_reading();
        transport.resume_reading();
        transport.close();
        transport.abort();
        if (!transport.is_closing()) stage.first.breach = "a lost transport is closing";
    };
    stage.first.transport->close();
    stage.until_both_are_lost();
    expect(stage.second.received.empty(), "nothing arrives");
}

constexpr TransportCase kCases[] = {
    {"both sides are made, and know where they are", both_sides_are_made},
    {"bytes travel in order, both ways", bytes_travel_in_order},
    {"files travel too", files_travel_too},
    {"backpressure goes round", backpressure_goes_round},
    {"the marks pause and resume the writer", the_marks_pause_and_resume},
    {"pausing holds bytes, and the end behind them", pausing_holds_bytes_and_the_end},
    {"pausing inside data_received stops it", pausing_inside_data_received_stops_it},
    {"an end closes by default, cleanly on both sides", an_end_closes_by_default},
    {"finish closes, too", finish_closes_too},
    {"half-close keeps the other direction", half_close_keeps_the_other_direction},
    {"close flushes what is queued", close_flushes_what_is_queued},
    {"close inside data_received is the last of it", close_inside_callbacks_is_the_last_of_them},
    {"close inside connection_made", close_inside_connection_made},
    {"abort tells its reason here and a reset there", abort_tells_its_reason_here_and_a_reset_there},
    {"abort overrides close", abort_overrides_close},
    {"an exception costs its connection", an_exception_costs_its_connection},
    {"an exception out of the first callback, and out of the last", an_exception_out_of_the_first_callback},
    {"a ref outlives its connection", a_ref_outlives_its_connection},
    {"a protocol can be replaced", a_protocol_can_be_replaced},
    {"writing in connection_lost goes nowhere", writing_in_connection_lost_goes_nowhere},
};

}  // namespace

std::span<const TransportCase> transport_contract() { return kCases; }

std::string broken_promise(const TransportCase& promise, TransportWorld& world) {
    try {
        promise.run(world);
    } catch (const std::exception& breach) {
        return std::string(promise.name) + ": " + breach.what();
    }
    return {};
}

bool run_until(Reactor& reactor, Function<bool()> holds) {
    const TimePoint limit = reactor.driver().now() + 20s;
    while (!holds()) {
        if (reactor.driver().now() >= limit) return false;
        reactor.turn(reactor.driver().now() + 10ms);  // it may hold without that anything happens any more
    }
    return true;
}

void settle(Reactor& reactor, Duration time) {
    const TimePoint until = reactor.driver().now() + time;
    do {
        reactor.turn(until);
    } while (reactor.driver().now() < until);
}

}  // namespace bine::testing
