// What the header fields of a message mean together: its length, its host, whether the connection goes on.
#pragma once

#include <string_view>

#include "bine/wire/http1/fault.h"
#include "bine/wire/http1/message.h"

namespace bine::http1 {

// Fills what the fields say (and splits the target); Fault::none when they agree with each other and with RFC 9112.
Fault check_framing(RequestHead& head) noexcept;
Fault check_framing(AnswerHead& head) noexcept;

// Fields that say how a message is framed or routed, which trailers must not.
bool is_framing_field(std::string_view name) noexcept;

}  // namespace bine::http1
