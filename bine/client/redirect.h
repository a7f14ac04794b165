// Where an answer sends its client (RFC 9110 section 15.4), and whether that is followed. Inner part of the client.
#pragma once

#include <optional>

#include "bine/base/result.h"
#include "bine/client/answer_fields.h"
#include "bine/client/client_response.h"
#include "bine/wire/url.h"

namespace bine::http {

// Nothing for an answer that is no redirect (a 3xx without a Location is none). Errors: a Location that is no URL, is of
// another scheme than http and https, or leads from https to http without `allow_downgrade`.
Result<std::optional<Url>> redirect_target(const Url& from, int status, const AnswerFields& fields,
                                           bool allow_downgrade);

// Errors: limit_exceeded when `history` is longer than `most`, with all of it.
Result<> check_chain(const History& history, std::size_t most, const Url& next);

}  // namespace bine::http
