#include "bine/wire/http1/body_reader.h"

#include <algorithm>

namespace bine::http1 {

using wire::Step;

namespace {

Step failed(Fault& fault, Fault what) noexcept {
    fault = what;
    return Step::error;
}

}  // namespace

Step BodyReader::next(std::string_view& input, std::string_view& piece, Fault& fault) noexcept {
    if (kind_ == Kind::chunks) return read_chunk(input, piece, fault);
    if (is_too_long()) return failed(fault, Fault::long_body);
    const bool counted = kind_ == Kind::length;
    piece = {};
    if (counted && remaining_ == 0) return Step::event;
    if (input.empty()) return Step::need_more;
    if (most_ == 0) return failed(fault, Fault::long_body);
    piece = input.substr(0, counted ? remaining_ : most_);
    input.remove_prefix(piece.size());
    if (counted) remaining_ -= piece.size();
    most_ = (most_ - piece.size()) & kAny;
    return Step::event;
}

// A chunk that is too much is refused when its size is known, before any of it is handed out.
Step BodyReader::read_chunk(std::string_view& input, std::string_view& piece, Fault& fault) noexcept {
    ChunkedDecoder::Event chunk;
    const Step step = chunks_.next(input, chunk);
    if (step == Step::error) return failed(fault, chunks_.fault());
    const std::size_t taken = step == Step::event ? chunk.data.size() : 0;
    if (taken + chunks_.remaining() > most_) return failed(fault, Fault::long_body);
    if (step == Step::need_more) return step;
    most_ = (most_ - taken) & kAny;
    piece = chunk.data;
    return Step::event;
}

}  // namespace bine::http1
