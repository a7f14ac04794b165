// What can be wrong with a message, with the status that says so (of an answer: that a proxy gives). One byte, so that a parser stays small.
#pragma once

#include <cstdint>

#include "bine/base/error.h"

namespace bine::http1 {

enum class Fault : uint8_t {
    none,
    cut_short,
    bad_line_end,
    bad_request_line,
    bad_method,
    bad_target,
    bad_version,
    unsupported_version,
    bad_field_name,
    blank_before_colon,
    folded_line,
    bad_field_value,
    bad_host,
    missing_host,
    repeated_host,
    bad_length,
    repeated_length,
    two_lengths,
    bad_coding,
    repeated_coding,
    coding_in_1_0,
    chunked_not_last,
    unknown_coding,
    unknown_expectation,
    bad_chunk_size,
    bad_chunk_extension,
    bad_chunk_end,
    forbidden_trailer,
    chunk_overhead,
    long_request_line,
    long_head,
    many_fields,
    long_trailers,
    long_body,
    bad_status_line,
    bad_status,
    no_answer,
    unasked_bytes,
    unasked_upgrade,
    long_status_line,
    long_answer_head,
    many_interim,
};

// 400 and its kin; 0 for none.
int status_of(Fault fault) noexcept;
// Made once for each fault. Only for what is not none.
const Error& error_of(Fault fault) noexcept;

}  // namespace bine::http1
