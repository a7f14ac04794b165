#include "bine/wire/split_input.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/base/text.h"
#include "bine/wire/guarded_input.h"

using namespace bine;
using namespace bine::wire;

namespace {

// Words up to a space; a broken twin for every way in which a parser can be wrong.
enum class Flaw { none, forgets_cut_words, reads_stale_bytes, error_not_sticky, never_ends, other_left };

class Words {
public:
    explicit Words(Flaw flaw = Flaw::none) : flaw_(flaw) {}

    struct Event {
        std::string_view word;
    };

    Step next(std::string_view& input, Event& event) {
        if (failure_ && flaw_ != Flaw::error_not_sticky) return Step::error;
        if (flaw_ == Flaw::never_ends && !input.empty()) return Step::event;
        const std::size_t at = input.find_first_of(" !");
        if (at == input.npos) {
            pending_ = input.size();
            if (flaw_ == Flaw::forgets_cut_words) input = {};
            if (flaw_ == Flaw::other_left && input.size() > 2) input.remove_prefix(1);
            return Step::need_more;
        }
        if (input[at] == '!') return failure_.set(Errc::remote_protocol, "no shouting");
        if (flaw_ == Flaw::reads_stale_bytes && !event.word.empty()) stale_ += event.word.front();
        event.word = input.substr(0, at);
        input.remove_prefix(at + 1);
        return Step::event;
    }

    Result<> end() {
        if (failure_) return failure_.result();
        if (pending_ != 0) return fail(Errc::end_of_stream, "inside a word");
        return {};
    }
    const Error& error() const { return failure_.error(); }

private:
    Flaw flaw_;
    std::size_t pending_ = 0;
    std::string stale_;
    Failure failure_;
};
static_assert(Parser<Words>);
static_assert(!Protocol<Words>);

std::string render(const Words::Event& event) { return "<" + std::string(event.word) + ">"; }

Transcript run(std::string_view input, Flaw flaw = Flaw::none) {
    return split_input(input, [flaw] { return Words(flaw); }, render);
}

}  // namespace

TEST_CASE("a right parser yields its transcript") {
    CHECK(run("one two ") == Transcript{"<one><two>", "", {}, ""});
    CHECK(run("one two") == Transcript{"<one>", "two", Errc::end_of_stream, "inside a word"});
    CHECK(run("one no! two ") == Transcript{"<one>", "", Errc::remote_protocol, "no shouting"});
    CHECK(run("") == Transcript{});
    CHECK(run("one t").is(Errc::end_of_stream));
}

TEST_CASE("without an end, an unfinished word is no error") {
    const Transcript transcript = split_input("one t", [] { return Words(); }, render, {.end = false});
    CHECK(transcript == Transcript{"<one>", "t", {}, ""});
}

TEST_CASE("parsers that depend on the cuts are found out") {
    CHECK_THROWS_AS(run("one two ", Flaw::forgets_cut_words), Error);
    CHECK_THROWS_AS(run("onetwothree", Flaw::other_left), Error);
    CHECK_THROWS_AS(run("one!", Flaw::error_not_sticky), Error);
    CHECK_THROWS_AS(run("one", Flaw::never_ends), Error);
}

TEST_CASE("the report shows both transcripts and the way it was cut") {
    try {
        run("a b ", Flaw::forgets_cut_words);
        FAIL("not found out");
    } catch (const Error& error) {
        CHECK(error.text() == "in one piece: events \"<a><b>\", left \"\"; byte by byte: events \"<><>\", left \"\"");
    }
}

TEST_CASE("render may keep state of its own and may speak to the protocol") {
    const auto numbered = [n = 0](Words&, const Words::Event& event) mutable {
        return std::to_string(++n) + std::string(event.word);
    };
    CHECK(split_input("a b c ", [] { return Words(); }, numbered).events == "1a2b3c");
}

TEST_CASE("long inputs are cut at a bounded number of places") {
    int made = 0;
    const std::string input(5000, ' ');
    const auto make = [&made] {
        ++made;
        return Words();
    };
    split_input(input, make, render, {.every_cut_up_to = 10, .random_runs = 3});
    CHECK(made <= 2 + 11 + 3);
    CHECK(made >= 2 + 9 + 3);
}

TEST_CASE("a transcript prints what it holds") {
    CHECK(to_string(Transcript{"a\n", "\x01", Errc::closed, "why"}) == "events \"a\\n\", left \"\\x01\", closed (why)");
}

TEST_CASE("a guarded input can be read in front, and again when it is allowed") {
    GuardedInput input('y');
    CHECK(input.first().size() == input.page() + GuardedInput::kTail);
    input.forbid_front();
    CHECK(input.whole().substr(input.page()).find_first_not_of('y') == std::string_view::npos);
    input.allow_front();
    CHECK(input.whole().find_first_not_of('y') == std::string_view::npos);
}
