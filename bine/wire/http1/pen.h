// How heads are written, by the encoders of requests and of responses. Inner part of both.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/http1/message.h"

namespace bine::http1 {

// Writes into room that is known to be enough.
class Pen {
public:
    explicit Pen(std::span<char> room) noexcept : start_(room.data()), at_(start_) {}

    void put(std::string_view text) noexcept {
        if (text.empty()) return;
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    void put(uint64_t number) noexcept { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
    void put(const Header& header) noexcept {
        put(header.name);
        put(": ");
        put(header.value);
        put("\r\n");
    }
    std::size_t used() const noexcept { return static_cast<std::size_t>(at_ - start_); }

private:
    char* start_;
    char* at_;
};

// What `headers` take as lines.
std::size_t room_for(std::span<const Header> headers) noexcept;
// Errors: a field that would make a line of its own, or that says how the message is framed or routed.
Result<> check_fields(std::span<const Header> headers);
// The end of a chunked body.
void append_last_chunk(Output& output, std::span<const Header> trailers);

}  // namespace bine::http1
