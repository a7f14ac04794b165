#include "bine/wire/netstring.h"

#include <string>

namespace bine::wire {

Step Netstring::next(std::string_view& input, Event& event) {
    if (failure_) return Step::error;
    if (!length_known_) {
        if (const Step step = read_length(input); step != Step::event) return step;
    }
    if (input.size() <= offset_ || input.size() - offset_ <= length_) return Step::need_more;
    if (input[offset_ + length_] != ',') return failure_.set(Errc::remote_protocol, "no comma behind a netstring");
    event.bytes = input.substr(offset_, length_);
    input.remove_prefix(offset_ + length_ + 1);
    offset_ = length_ = 0;
    length_known_ = false;
    return Step::event;
}

// Step::event when the length is known.
Step Netstring::read_length(std::string_view input) {
    for (; offset_ < input.size(); ++offset_) {
        const char c = input[offset_];
        if (c == ':' && offset_ != 0) {
            ++offset_;
            length_known_ = true;
            return Step::event;
        }
        if (c < '0' || c > '9') return failure_.set(Errc::remote_protocol, "the length of a netstring is no number");
        if (offset_ != 0 && length_ == 0) {
            return failure_.set(Errc::remote_protocol, "the length of a netstring has a leading zero");
        }
        const auto digit = static_cast<std::size_t>(c - '0');
        if (digit > limit_ || length_ > (limit_ - digit) / 10) {
            return failure_.set(Errc::limit_exceeded, "a netstring is too long");
        }
        length_ = length_ * 10 + digit;
    }
    return Step::need_more;
}

Result<> Netstring::end() {
    if (offset_ != 0) failure_.set(Errc::end_of_stream, "the stream ends inside a netstring");
    return failure_.result();
}

Result<> Netstring::send(std::string_view bytes, Output& output) const {
    output.append(std::to_string(bytes.size()) + ':');
    output.append(bytes);
    output.append(",");
    return {};
}

}  // namespace bine::wire
