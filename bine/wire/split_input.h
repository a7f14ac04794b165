// A test aid: whatever way the network cuts the bytes, a protocol must say the same.
//
// `split_input(input, make, render)` runs a fresh protocol over `input` in one piece, byte by byte, in two pieces cut at
// every place, and in seeded random pieces (empty ones too). Before each call the bytes stand in freshly allocated memory
// of exactly their size, so that AddressSanitizer sees a read beyond them and a view kept too long. All runs must agree
// on the events, on what is left and on the error; one that does not throws Error with both transcripts.
//
//     CHECK(split_input("a\r\nb", [] { return Line(); }, [](const Line::Event& e) { return "<" + std::string(e.line) + ">"; })
//           == Transcript{.events = "<a>", .left = "b", .code = Errc::end_of_stream, ...});
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "bine/wire/protocol.h"

namespace bine::wire {

// What one run said.
struct Transcript {
    std::string events;    // what render returned for each event, one behind the other
    std::string left;      // what the protocol had not taken when the input ended; empty after an error of next()
    std::error_code code;  // of next(), or else of end(); none when both were content
    std::string error;     // its text

    bool is(Errc expected) const noexcept { return code == make_error_code(expected); }
    friend bool operator==(const Transcript&, const Transcript&) = default;
};

std::string to_string(const Transcript& transcript);

struct SplitOptions {
    std::size_t every_cut_up_to = 1024;  // longer inputs are cut in two at about this many places only
    std::size_t random_runs = 8;
    uint64_t seed = 1;
    bool end = true;  // whether the stream ends behind the input
};

namespace internal {

[[noreturn]] void report_difference(std::string_view way, const Transcript& whole, const Transcript& other);

// Pieces of 0 to a few bytes, sometimes many; the same ones for the same seed.
class Pieces {
public:
    explicit Pieces(uint64_t seed) noexcept : state_(seed) {}
    std::size_t next(std::size_t most) noexcept;

private:
    uint64_t state_;
};

template <class P, class Render>
class SplitRun {
public:
    SplitRun(P protocol, Render render) : protocol_(std::move(protocol)), render_(std::move(render)) {}

    // Puts `piece` behind what is left, in new memory, and takes events until need_more. After an error: nothing.
    void feed(std::string_view piece) {
        if (failed_) return;
        std::unique_ptr<char[]> fresh(new char[left_ + piece.size()]);
        if (left_ != 0) std::memcpy(fresh.get(), memory_.get() + offset_, left_);
        if (!piece.empty()) std::memcpy(fresh.get() + left_, piece.data(), piece.size());
        memory_ = std::move(fresh);
        size_ = left_ + piece.size();
        take_events();
    }

    Transcript finish(bool end) {
        if (end && !failed_) {
            if (const Result<> ended = protocol_.end(); !ended) {
                note(ended.error());
            } else {
                feed({});
            }
        }
        if (!failed_) said_.left.assign(memory_.get() + offset_, left_);
        return std::move(said_);
    }

private:
    void take_events() {
        std::string_view input(memory_.get(), size_);
        for (int idle = 0;;) {
            const std::size_t before = input.size();
            const Step step = protocol_.next(input, event_);
            if (step == Step::event) said_.events += rendered();
            if (step == Step::error) fail_with(protocol_.error());
            if (step != Step::event) break;
            idle = input.size() == before ? idle + 1 : 0;
            if (idle > 100) throw Error(Errc::broken, "100 events in a row took no bytes");
        }
        left_ = input.size();
        offset_ = size_ - left_;
    }

    std::string rendered() {
        if constexpr (std::is_invocable_v<Render&, P&, const typename P::Event&>) {
            return render_(protocol_, event_);
        } else {
            return render_(event_);
        }
    }

    void note(const Error& error) {
        said_.code = error.code();
        said_.error = error.text();
    }

    void fail_with(const Error& error) {
        note(error);
        failed_ = true;
        std::string_view nothing;
        if (protocol_.next(nothing, event_) != Step::error || protocol_.end().has_value()) {
            throw Error(Errc::broken, "the error is not sticky");
        }
    }

    P protocol_;
    Render render_;
    typename P::Event event_{};
    std::unique_ptr<char[]> memory_{new char[0]};
    std::size_t size_ = 0;
    std::size_t offset_ = 0;
    std::size_t left_ = 0;
    bool failed_ = false;
    Transcript said_;
};

}  // namespace internal

// `make()` returns a fresh protocol. `render` is copied for each run, so that it may keep state of its own; it takes
// (const Event&), or (P&, const Event&) when it must also tell the protocol something, and returns a string.
// Pieces of a body come as they were cut: render those as the bytes alone.
template <class Make, class Render>
    requires Parser<std::invoke_result_t<Make&>>
Transcript split_input(std::string_view input, Make make, Render render, SplitOptions options = {}) {
    using Run = internal::SplitRun<std::invoke_result_t<Make&>, Render>;

    Run one(make(), render);
    one.feed(input);
    const Transcript whole = one.finish(options.end);
    const auto compare = [&](std::string_view way, const Transcript& other) {
        if (other != whole) internal::report_difference(way, whole, other);
    };

    Run bytewise(make(), render);
    for (std::size_t at = 0; at < input.size(); ++at) bytewise.feed(input.substr(at, 1));
    compare("byte by byte", bytewise.finish(options.end));

    const std::size_t stride = 1 + input.size() / (options.every_cut_up_to + 1);
    for (std::size_t cut = 1; cut < input.size(); cut += stride) {
        Run run(make(), render);
        run.feed(input.substr(0, cut));
        run.feed(input.substr(cut));
        compare("cut at " + std::to_string(cut), run.finish(options.end));
    }

    for (std::size_t i = 0; i < options.random_runs; ++i) {
        internal::Pieces pieces(options.seed + i);
        Run run(make(), render);
        for (std::size_t at = 0; at < input.size();) {
            const std::size_t length = pieces.next(input.size() - at);
            run.feed(input.substr(at, length));
            at += length;
        }
        compare("random pieces of seed " + std::to_string(options.seed + i), run.finish(options.end));
    }
    return whole;
}

}  // namespace bine::wire
