#include "bine/client/decoded_body.h"

namespace bine::http {

namespace {

constexpr std::size_t kPiece = 65536;  // about as much is handed out at a time

}  // namespace

// What can be had out of the piece that is there; nothing when more of it is needed.
Result<std::string> DecodedBody::inflate() {
    std::string bytes;
    std::string_view rest = std::string_view(piece_).substr(used_);
    while (bytes.size() < kPiece) {
        const Result<std::string_view> more = decoder_.next(rest);
        used_ = piece_.size() - rest.size();
        if (!more && bytes.empty()) return fail(more.error().with_context("the coded body"));
        if (!more || more->empty()) break;
        bytes.append(*more);
    }
    return bytes;
}

Deferred<std::string> DecodedBody::read() {
    while (true) {
        Result<std::string> bytes = inflate();
        if (!bytes) error_ = bytes.error();
        if (error_) co_return fail(*error_);
        if (!bytes->empty()) co_return std::move(*bytes);
        if (ended_) co_return std::string();
        piece_ = co_await coded_->read();
        used_ = 0;
        if (!piece_.empty()) continue;
        ended_ = true;
        const Result<> whole = decoder_.end();
        if (!whole) error_ = whole.error().with_context("the coded body");
    }
}

}  // namespace bine::http
