#include "bine/wire/length_prefixed.h"

namespace bine::wire {

Step LengthPrefixed::next(std::string_view& input, Event& event) {
    if (failure_) return Step::error;
    inside_ = !input.empty();
    if (input.size() < width_) return Step::need_more;
    uint64_t length = 0;
    for (std::size_t i = 0; i < width_; ++i) length = length << 8 | static_cast<uint8_t>(input[i]);
    if (length > limit_) return failure_.set(Errc::limit_exceeded, "a message is too long");
    if (input.size() - width_ < length) return Step::need_more;
    event.bytes = input.substr(width_, static_cast<std::size_t>(length));
    input.remove_prefix(width_ + event.bytes.size());
    inside_ = false;
    return Step::event;
}

Result<> LengthPrefixed::end() {
    if (inside_) failure_.set(Errc::end_of_stream, "the stream ends inside a message");
    return failure_.result();
}

Result<> LengthPrefixed::send(std::string_view bytes, Output& output) const {
    const uint64_t length = bytes.size();
    if (width_ < 8 && length >> (8 * width_) != 0) {
        return fail(Errc::local_protocol, "a message to be sent is too long for its prefix");
    }
    char prefix[8];
    for (unsigned i = 0; i < width_; ++i) prefix[i] = static_cast<char>(length >> (8 * (width_ - 1u - i)));
    output.append({prefix, width_});
    output.append(bytes);
    return {};
}

}  // namespace bine::wire
