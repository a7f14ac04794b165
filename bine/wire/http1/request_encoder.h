// The sending half of an HTTP/1 client: one request at a time.
//
// What it appends keeps RFC 9112 whatever it is given: a method or target that is none, a field that would make a line of
// its own, a framing field, a body that is longer than announced are refused with Errc::local_protocol, and nothing is
// appended.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/http1/message.h"

namespace bine::http1 {

struct RequestStart {
    std::string_view method = "GET";    // any token
    std::string_view target = "/";      // origin form; absolute to a proxy; host:port of CONNECT; "*" of OPTIONS
    std::string_view host{};            // host [":" port]; may be empty
    std::optional<uint64_t> length{};   // of the body. Neither this nor `chunked`: there is none
    bool chunked = false;               // a body of unknown length
    bool expect_continue = false;       // "Expect: 100-continue", where there is a body
    bool upgrade = false;               // "Connection: upgrade"; the Upgrade field is among `headers` or `lines`
    bool close = false;                 // "Connection: close"
    std::string_view lines{};           // fields that are checked already: "Name: value\r\n"...
    std::span<const Header> headers{};  // more fields
};

class RequestEncoder {
public:
    Result<> head(const RequestStart& start, Output& output);
    Result<> body(std::string_view bytes, Output& output);
    Result<> body(Output&& bytes, Output& output);
    // Errors: the body is shorter than announced; the connection can only be aborted then. Trailers go out behind a chunked
    // body and are dropped otherwise.
    Result<> end(std::span<const Header> trailers, Output& output);

    // A head has gone out, and not yet its end.
    bool under_way() const noexcept { return framing_ != Framing::none; }

private:
    enum class Framing : uint8_t { none, length, chunked };

    Result<> count(uint64_t bytes);

    uint64_t length_ = 0;
    uint64_t sent_ = 0;
    Framing framing_ = Framing::none;
};

}  // namespace bine::http1
