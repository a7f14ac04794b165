#include "bine/wire/line.h"

#include <algorithm>
#include <cassert>
#include <string>

namespace bine::wire {

Line::Line(Options options) noexcept
    : delimiter_size_(static_cast<uint8_t>(options.delimiter.size())), limit_(options.limit) {
    assert(!options.delimiter.empty() && options.delimiter.size() <= kLongestDelimiter);
    std::copy(options.delimiter.begin(), options.delimiter.end(), delimiter_.begin());
}

Step Line::next(std::string_view& input, Event& event) {
    if (failure_) return Step::error;
    return raw_ != 0 ? next_raw(input, event) : next_line(input, event);
}

Step Line::next_line(std::string_view& input, Event& event) {
    // A delimiter may have begun in the last bytes that were scanned. One behind the limit is not looked for.
    const std::size_t overlap = delimiter_size_ - 1u;
    const std::size_t from = scanned_ > overlap ? scanned_ - overlap : 0;
    const std::size_t reach = limit_ + std::min<std::size_t>(delimiter_size_, SIZE_MAX - limit_);
    const std::size_t at = input.substr(0, reach).find(delimiter(), from);
    if (at == input.npos) {
        if (input.size() >= reach) return failure_.set(Errc::limit_exceeded, "a line is too long");
        scanned_ = input.size();
        return Step::need_more;
    }
    event = {Event::Kind::line, input.substr(0, at), 0};
    input.remove_prefix(at + delimiter_size_);
    scanned_ = 0;
    return Step::event;
}

Step Line::next_raw(std::string_view& input, Event& event) {
    if (input.empty()) return Step::need_more;
    const auto count = static_cast<std::size_t>(std::min<uint64_t>(raw_, input.size()));
    if (raw_ != kAll) raw_ -= count;
    event = {Event::Kind::raw, input.substr(0, count), raw_};
    input.remove_prefix(count);
    return Step::event;
}

Result<> Line::end() {
    if (failure_) return failure_.result();
    if (raw_ != 0 && raw_ != kAll)
        failure_.set(Errc::end_of_stream, "the stream ends before all of the raw bytes came");
    if (raw_ == 0 && scanned_ != 0) failure_.set(Errc::end_of_stream, "the stream ends inside a line");
    return failure_.result();
}

Result<> Line::send(std::string_view line, Output& output) const {
    // The end of the line and the beginning of the delimiter can make a delimiter together.
    const std::size_t overlap = std::min<std::size_t>(line.size(), delimiter_size_ - 1u);
    std::string seam(line.substr(line.size() - overlap));
    seam += delimiter();
    if (line.find(delimiter()) != line.npos || seam.find(delimiter()) != overlap) {
        return fail(Errc::local_protocol, "a line to be sent holds the delimiter");
    }
    output.append(line);
    output.append(delimiter());
    return {};
}

void Line::take(uint64_t count) noexcept {
    raw_ = count;
    scanned_ = 0;
}

}  // namespace bine::wire
