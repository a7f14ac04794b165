// A parser at every split of its input.
#include <doctest/doctest.h>

#include "bine/wire/split_input.h"
#include "words.h"

using namespace bine;
using namespace bine::wire;

namespace {

Transcript words_of(std::string_view input) {
    const auto render = [](const Words::Event& event) { return "<" + std::string(event.word) + ">"; };
    return split_input(input, [] { return Words(); }, render);
}

}  // namespace

TEST_CASE("words are the same, however they come") {
    CHECK(words_of("to be  or ").events == "<to><be><><or>");
    CHECK(words_of("to be").is(Errc::end_of_stream));
    CHECK(words_of("to " + std::string(21, 'b')).is(Errc::limit_exceeded));
}
