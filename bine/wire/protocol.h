// The shape of a protocol without I/O: bytes in and events out, messages in and bytes out. No loop, socket or clock.
// One adapter turns any type of this shape into a server or client; `split_input.h` tests it.
//
// Receiving. `next(input, event)` looks at `input`, takes the bytes of one event from its front and answers
//   event      `event` is filled; its views point into what was taken and are valid until the next call of next()
//   need_more  nothing can be said before more bytes come; what is left of `input` is not yet used
//   error      the other side is wrong; error() says how. Sticky: every later next() answers the same
// An event may take no bytes ("the message is complete"); need_more may take some (framing that is no event). What is
// left of the same bytes is the same, however they were cut: at an upgrade it belongs to the next protocol.
//
// The caller calls next() until it answers need_more, keeps what is left of `input`, and puts exactly those bytes in
// front of the next ones, at any address. The protocol holds the place that its scan has come to, and no bytes, so a
// message that comes byte by byte is scanned once. It may stop calling after any event (a consumer that lags, an
// upgrade) and go on later with what is left.
//
// The end. `end()` says that no byte will follow those that next() has seen; call it after need_more. It is an error of
// Errc::end_of_stream (sticky too) when a message is cut short. When it is not, call next() with what is left until
// need_more: the end may have completed something.
//
// Sending. `send(message, output)` appends. Errors: Errc::local_protocol when this side asks for what the protocol or its
// state does not allow; nothing is appended then, and the state stays as it was. What the *other* side does wrong is
// Errc::remote_protocol, or Errc::limit_exceeded when it is too much.
#pragma once

#include <cassert>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "bine/base/output.h"
#include "bine/base/result.h"

namespace bine::wire {

enum class Step : uint8_t { event, need_more, error };

// The receiving half. `Event` is an object of the caller's, filled again and again.
template <class P>
concept Parser = requires(P parser, const P& constant, std::string_view& input, typename P::Event& event) {
    { parser.next(input, event) } -> std::same_as<Step>;
    { parser.end() } -> std::same_as<Result<>>;
    { constant.error() } -> std::same_as<const Error&>;
};

// Both halves. `Message` is what send() takes; for simple protocols a std::string_view.
template <class P>
concept Protocol = Parser<P> && requires(P protocol, const typename P::Message& message, Output& output) {
    { protocol.send(message, output) } -> std::same_as<Result<>>;
};

// The sticky error of a parser: `return failure_.set(Errc::remote_protocol, "...")`.
class Failure {
public:
    explicit operator bool() const noexcept { return error_.has_value(); }
    // Only when there is one.
    const Error& error() const noexcept {
        assert(error_);
        return *error_;
    }

    // Keeps the first; always Step::error.
    Step set(Error error) {
        if (!error_) error_ = std::move(error);
        return Step::error;
    }
    Step set(Errc code, std::string_view text, Place place = Place::current()) { return set(Error(code, text, place)); }

    // The same as the answer of end().
    Result<> result() const {
        if (error_) return std::unexpected(*error_);
        return {};
    }

private:
    std::optional<Error> error_;
};

}  // namespace bine::wire
