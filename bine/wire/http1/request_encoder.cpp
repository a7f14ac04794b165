#include "bine/wire/http1/request_encoder.h"

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/chunked.h"
#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/pen.h"

namespace bine::http1 {

namespace {

// The line of the version, framing fields and the empty line take no more than this.
constexpr std::size_t kRoomForTheRest = 256;

Result<> check(const RequestStart& start) {
    if (!is_token(start.method)) return fail(Errc::local_protocol, "the method is no token: " + escape(start.method));
    for (const char c : start.target) {
        if (!is(kTarget, c))
            return fail(Errc::local_protocol, "the target holds what no target may: " + escape(start.target));
    }
    if (start.target.empty()) return fail(Errc::local_protocol, "the request has no target");
    if (!start.host.empty() && !is_authority(start.host)) {
        return fail(Errc::local_protocol, "the Host is not a host with perhaps a port: " + escape(start.host));
    }
    if (start.length && start.chunked)
        return fail(Errc::local_protocol, "a body of known length is not sent in chunks");
    return check_fields(start.headers);
}

// A server may wait for a body where these say nothing of one (RFC 9110 section 8.6).
bool should_say_no_body(std::string_view method) noexcept {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

void put_framing(Pen& pen, const RequestStart& start) noexcept {
    const bool no_body = !start.length && !start.chunked;
    if (start.length || (no_body && should_say_no_body(start.method))) {
        pen.put("Content-Length: ");
        pen.put(start.length.value_or(0));
        pen.put("\r\n");
    }
    if (start.chunked) pen.put("Transfer-Encoding: chunked\r\n");
    if (start.expect_continue && (start.chunked || start.length.value_or(0) > 0)) pen.put("Expect: 100-continue\r\n");
    if (start.close) {
        pen.put("Connection: close\r\n");
    } else if (start.upgrade) {
        pen.put("Connection: upgrade\r\n");
    }
    pen.put("\r\n");
}

}  // namespace

Result<> RequestEncoder::head(const RequestStart& start, Output& output) {
    if (under_way()) return fail(Errc::local_protocol, "the request before has not ended");
    if (Result<> checked = check(start); !checked) return checked;
    const std::size_t line = start.method.size() + start.target.size() + start.host.size();
    Pen pen(output.prepare(kRoomForTheRest + line + start.lines.size() + room_for(start.headers)));
    pen.put(start.method);
    pen.put(" ");
    pen.put(start.target);
    pen.put(" HTTP/1.1\r\nHost: ");
    pen.put(start.host);
    pen.put("\r\n");
    pen.put(start.lines);
    for (const Header& header : start.headers) pen.put(header);
    put_framing(pen, start);
    output.commit(pen.used());
    framing_ = start.chunked ? Framing::chunked : Framing::length;
    length_ = start.length.value_or(0);
    sent_ = 0;
    return {};
}

Result<> RequestEncoder::count(uint64_t bytes) {
    if (!under_way()) return fail(Errc::local_protocol, "a body outside of a request");
    if (framing_ == Framing::length && bytes > length_ - sent_) {
        return fail(Errc::local_protocol, "the body is longer than its Content-Length");
    }
    sent_ += bytes;
    return {};
}

Result<> RequestEncoder::body(std::string_view bytes, Output& output) {
    if (Result<> counted = count(bytes.size()); !counted) return counted;
    if (framing_ == Framing::chunked) {
        append_chunk(output, bytes);
    } else {
        output.append(bytes);
    }
    return {};
}

Result<> RequestEncoder::body(Output&& bytes, Output& output) {
    if (Result<> counted = count(bytes.size()); !counted) return counted;
    if (framing_ == Framing::chunked) {
        append_chunk(output, std::move(bytes));
    } else {
        output.append(std::move(bytes));
    }
    return {};
}

Result<> RequestEncoder::end(std::span<const Header> trailers, Output& output) {
    if (!under_way()) return fail(Errc::local_protocol, "the end of no request");
    if (framing_ == Framing::length && sent_ != length_) {
        return fail(Errc::local_protocol, "the body is shorter than its Content-Length");
    }
    if (Result<> checked = check_fields(trailers); !checked) return checked;
    if (framing_ == Framing::chunked) append_last_chunk(output, trailers);
    framing_ = Framing::none;
    return {};
}

}  // namespace bine::http1
