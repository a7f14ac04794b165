// The answers of name servers, taken apart (RFC 1035 section 4). Pure parsing; any thread.
#pragma once

#include <string_view>

#include "bine/base/result.h"
#include "bine/names/record.h"

namespace bine::names {

// What a message has at most: more is an error. The work that a message makes is bounded as a whole, not by the name.
constexpr std::size_t kMostRecords = 1000;
constexpr std::size_t kMostAliases = 16;       // between the name that was asked for and its records
constexpr std::size_t kMostNameSteps = 20000;  // labels and pointers of all its names

// What `message` says about `name`, which has no dot at its end, ignoring case. Aliases (CNAME) are followed as far as the
// message goes; what is no answer to the question is ignored.
// Errors: remote_protocol, when it is no answer to that question, cut short or malformed; limit_exceeded, beyond the bounds above;
// EAGAIN of the system's, when the server says that it failed or refuses ("SERVFAIL: it could not find out").
Result<Records> parse_answer(std::string_view message, std::string_view name, RecordType type);

}  // namespace bine::names
