// From the settings of `bine get` to the request that it sends.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bine/base/result.h"

namespace bine {
class Url;
namespace http {
class ClientRequest;
}
}  // namespace bine

namespace bine::app {

struct GetSettings;

// What a form's boundary is made of.
inline constexpr std::size_t kGetChance = 16;

// "example.org/a" is "http://example.org/a".
Result<Url> parse_get_url(std::string_view text);

// Reads the files that are named, and standard input where it is asked for, before it returns; a body of one file is
// read when it is sent. Errors: invalid_argument for what makes no request; the system's for files.
Result<http::ClientRequest> make_get_request(const GetSettings& settings, const Url& url,
                                             std::span<const std::byte, kGetChance> chance);

// What -O calls the file: the last part of the URL's path, decoded. Errors: invalid_argument, when that is no name.
Result<std::string> remote_name(const Url& url);

}  // namespace bine::app
