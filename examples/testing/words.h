// A parser without I/O, of the shape that bine/wire/protocol.h says: words, each with a space behind it.
#pragma once

#include <algorithm>
#include <string_view>

#include "bine/wire/protocol.h"

class Words {
public:
    struct Event {
        std::string_view word;
    };

    bine::wire::Step next(std::string_view& input, Event& event) {
        if (failure_) return bine::wire::Step::error;
        const std::size_t space = input.find(' ', scanned_);
        scanned_ = std::min(space, input.size());
        if (scanned_ > kLongest) return failure_.set(bine::Errc::limit_exceeded, "a word is too long");
        if (space == std::string_view::npos) return bine::wire::Step::need_more;
        event.word = input.substr(0, space);
        input.remove_prefix(space + 1);
        scanned_ = 0;
        return bine::wire::Step::event;
    }
    bine::Result<> end() {
        if (scanned_ > 0) failure_.set(bine::Errc::end_of_stream, "a word is cut short");
        return failure_.result();
    }
    const bine::Error& error() const noexcept { return failure_.error(); }

private:
    static constexpr std::size_t kLongest = 20;
    std::size_t scanned_ = 0;  // bytes at the front of the input that hold no space
    bine::wire::Failure failure_;
};
