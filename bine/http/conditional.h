// Conditional requests and ranges (RFC 9110 sections 13 and 14): for handlers whose answer has a version or a length.
//
//     if (auto answer = answer_if_unchanged(request, {.etag = etag, .modified = mtime})) return std::move(*answer);
//     const RangeChoice range = choose_range(request, size, {.etag = etag, .modified = mtime});
//     if (range.kind == RangeChoice::Kind::unsatisfiable) return range_not_satisfiable(size);
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bine/base/time.h"
#include "bine/http/request.h"
#include "bine/http/response.h"

namespace bine::http {

// What the answer would be. `etag` as it stands in the field, quotes and W/ included; empty when there is none.
struct Validators {
    std::string_view etag = {};
    std::optional<WallTime> modified = {};
};

// 304 or 412 when If-Match, If-Unmodified-Since, If-None-Match or If-Modified-Since say so, with the validators set.
std::optional<Response> answer_if_unchanged(const Request& request, const Validators& validators);

struct RangeChoice {
    enum class Kind : uint8_t {
        whole,          // 200: no range is asked for, several are, or it is for another version (If-Range)
        part,           // 206: `length` bytes from `offset`
        unsatisfiable,  // 416
    };
    Kind kind = Kind::whole;
    uint64_t offset = 0;
    uint64_t length = 0;
};

// For GET only; several ranges are answered with the whole, as section 14.2 allows.
RangeChoice choose_range(const Request& request, uint64_t size, const Validators& validators);

// Sets ETag, Last-Modified, and Accept-Ranges.
void set_validators(Response& response, const Validators& validators);
// Sets 206 and Content-Range; the body is the caller's.
void set_range(Response& response, const RangeChoice& range, uint64_t size);
Response range_not_satisfiable(uint64_t size);

}  // namespace bine::http
