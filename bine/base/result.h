// A value or the Error that stands in its place.
#pragma once

#include <expected>
#include <utility>

#include "bine/base/error.h"

namespace bine {

template <class T = void>
using Result = std::expected<T, Error>;

// `return fail(Errc::not_found, "...")` from a function that returns a Result.
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }
inline std::unexpected<Error> fail(Errc code, std::string_view text, Place place = Place::current()) {
    return std::unexpected<Error>(Error(code, text, place));
}

}  // namespace bine
