// The sending half of an HTTP/1 server: one response at a time, framed as the request and the status allow.
//
// What it appends keeps RFC 9112 whatever it is given: a field that would make a line of its own, a framing field, a body
// that is longer than announced are refused with Errc::local_protocol, and nothing is appended.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/http1/message.h"

namespace bine::http1 {

struct ResponseHead {
    int status = 200;                   // 200 to 599, or 101
    std::optional<uint64_t> length{};   // of the body; of a HEAD or 304: that the body would have. None: not known
    bool close = false;                 // the connection ends behind this response
    std::string_view lines{};           // fields that are checked already: "Name: value\r\n"...
    std::string_view common_lines{};    // more of them
    std::span<const Header> headers{};  // more fields
};

class ResponseEncoder {
public:
    explicit ResponseEncoder(const RequestHead& request) noexcept
        : to_head_(request.method == Method::head),
          to_1_0_(request.minor_version == 0),
          keep_alive_(request.keep_alive) {}

    Result<> head(const ResponseHead& head, Output& output);
    // A response that is there as a whole, in one piece: head, body and end. head.length is the length of `body`, or for
    // a response that has no body, what head() says; `body` is dropped then.
    Result<> whole(const ResponseHead& head, std::string_view body, Output& output);
    // For a response that has no body (HEAD, 204, 304), bytes are counted and dropped.
    Result<> body(std::string_view bytes, Output& output);
    Result<> body(Output&& bytes, Output& output);
    // Errors: the body is shorter than announced; the connection can only be aborted then. Trailers go out behind a chunked body
    // and are dropped otherwise.
    Result<> end(std::span<const Header> trailers, Output& output);

    bool begun() const noexcept { return framing_ != Framing::unknown; }
    // Once begun: whether there is another response behind this one.
    bool keep_alive() const noexcept { return keep_alive_; }
    // Once begun: nothing of a body goes out.
    bool without_body() const noexcept { return framing_ == Framing::none; }
    uint64_t body_bytes() const noexcept { return sent_; }

private:
    enum class Framing : uint8_t { unknown, none, length, chunked, until_close, ended };

    Result<> begin(const ResponseHead& head);
    Framing choose_framing(const ResponseHead& head) const noexcept;
    void put_head(const ResponseHead& head, std::string_view body, Output& output) const;
    Result<> count(uint64_t bytes);

    uint64_t length_ = 0;
    uint64_t sent_ = 0;
    bool to_head_;
    bool to_1_0_;
    bool keep_alive_;
    Framing framing_ = Framing::unknown;
};

// "HTTP/1.1 100 Continue" and its empty line.
void append_continue(Output& output);

}  // namespace bine::http1
