#include "bine/wire/http1/fault.h"

#include <array>
#include <utility>
#include <vector>

namespace bine::http1 {

namespace {

struct Row {
    Fault fault;
    int status;
    Errc code;
    std::string_view text;
};

constexpr Errc kWrong = Errc::remote_protocol;
constexpr Errc kMuch = Errc::limit_exceeded;

// In the order of the enumerators.
constexpr std::array<Row, 42> kRows{{
    {Fault::none, 0, kWrong, "nothing is wrong"},
    {Fault::cut_short, 400, Errc::end_of_stream, "the connection ended inside a message"},
    {Fault::bad_line_end, 400, kWrong, "a line does not end in CR LF"},
    {Fault::bad_request_line, 400, kWrong, "the request line is not: method, space, target, space, version"},
    {Fault::bad_method, 400, kWrong, "the method is no token"},
    {Fault::bad_target, 400, kWrong, "the request target is none of the four forms, or does not fit the method"},
    {Fault::bad_version, 400, kWrong, "the version is not written HTTP/digit.digit"},
    {Fault::unsupported_version, 505, kWrong, "only HTTP/1.0 and HTTP/1.1 are spoken here"},
    {Fault::bad_field_name, 400, kWrong, "a field name is empty or no token"},
    {Fault::blank_before_colon, 400, kWrong, "there is a blank before the colon of a field"},
    {Fault::folded_line, 400, kWrong, "a field is continued on a second line"},
    {Fault::bad_field_value, 400, kWrong, "a field value holds a control byte"},
    {Fault::bad_host, 400, kWrong, "the host is not a host with perhaps a port"},
    {Fault::missing_host, 400, kWrong, "there is no Host field"},
    {Fault::repeated_host, 400, kWrong, "there is more than one Host field"},
    {Fault::bad_length, 400, kWrong, "Content-Length is not one decimal number"},
    {Fault::repeated_length, 400, kWrong, "there is more than one Content-Length field"},
    {Fault::two_lengths, 400, kWrong, "there are both Content-Length and Transfer-Encoding"},
    {Fault::bad_coding, 400, kWrong, "Transfer-Encoding is no list of codings"},
    {Fault::repeated_coding, 400, kWrong, "there is more than one Transfer-Encoding field"},
    {Fault::coding_in_1_0, 400, kWrong, "there is a Transfer-Encoding in a message of HTTP/1.0"},
    {Fault::chunked_not_last, 400, kWrong, "chunked is not the last transfer coding, or comes twice"},
    {Fault::unknown_coding, 501, kWrong, "a transfer coding other than chunked"},
    {Fault::unknown_expectation, 417, kWrong, "an expectation other than 100-continue"},
    {Fault::bad_chunk_size, 400, kWrong, "the size of a chunk is not a hexadecimal number"},
    {Fault::bad_chunk_extension, 400, kWrong, "a chunk extension is not: semicolon, name, perhaps a value"},
    {Fault::bad_chunk_end, 400, kWrong, "a chunk does not end in CR LF"},
    {Fault::forbidden_trailer, 400, kWrong, "a trailer field says how the message is framed or routed"},
    {Fault::chunk_overhead, 400, kMuch, "the chunks of the body are more framing than data"},
    {Fault::long_request_line, 414, kMuch, "the request line is too long"},
    {Fault::long_head, 431, kMuch, "the head of the request is too long"},
    {Fault::many_fields, 431, kMuch, "there are too many header fields"},
    {Fault::long_trailers, 431, kMuch, "the trailers are too long"},
    {Fault::long_body, 413, kMuch, "the body is too long"},
    {Fault::bad_status_line, 502, kWrong, "the status line is not: version, space, status, space, reason"},
    {Fault::bad_status, 502, kWrong, "the status is not a number of three digits from 100 on"},
    {Fault::no_answer, 502, Errc::end_of_stream, "the connection ended before any byte of the answer"},
    {Fault::unasked_bytes, 502, kWrong, "bytes came that answer no request"},
    {Fault::unasked_upgrade, 502, kWrong, "the answer is a change of protocol that nobody asked for"},
    {Fault::long_status_line, 502, kMuch, "the status line is too long"},
    {Fault::long_answer_head, 502, kMuch, "the head of the answer is too long"},
    {Fault::many_interim, 502, kMuch, "too many interim answers (1xx) come before the answer itself"},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (kRows[i].fault != static_cast<Fault>(i)) return false;
    }
    return kRows.size() == static_cast<std::size_t>(Fault::many_interim) + 1;
}
static_assert(in_order());

std::vector<Error> make_errors() {
    std::vector<Error> errors;
    errors.reserve(kRows.size());
    for (const Row& row : kRows) {
        Error error(row.code, row.text);  // here, for its place
        errors.push_back(std::move(error));
    }
    return errors;
}

}  // namespace

int status_of(Fault fault) noexcept { return kRows[static_cast<std::size_t>(fault)].status; }

const Error& error_of(Fault fault) noexcept {
    static const std::vector<Error> errors = make_errors();
    return errors[static_cast<std::size_t>(fault)];
}

}  // namespace bine::http1
