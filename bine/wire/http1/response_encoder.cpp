#include "bine/wire/http1/response_encoder.h"

#include "bine/wire/http1/chunked.h"
#include "bine/wire/http1/pen.h"

namespace bine::http1 {

namespace {

// Status line, framing fields and the empty line take no more than this, without a reason phrase of forty bytes.
constexpr std::size_t kRoomForTheRest = 256;

void put_status_line(Pen& pen, int status) noexcept {
    if (status == 200) {
        pen.put("HTTP/1.1 200 OK\r\n");
        return;
    }
    pen.put("HTTP/1.1 ");
    pen.put(static_cast<uint64_t>(status));
    pen.put(" ");
    pen.put(reason_of(status));
    pen.put("\r\n");
}

bool is_status(int status) noexcept { return status == 101 || (status >= 200 && status <= 599); }

}  // namespace

void append_continue(Output& output) { output.append("HTTP/1.1 100 Continue\r\n\r\n"); }

ResponseEncoder::Framing ResponseEncoder::choose_framing(const ResponseHead& head) const noexcept {
    if (to_head_ || !status_allows_body(head.status)) return Framing::none;
    if (head.length) return Framing::length;
    return to_1_0_ ? Framing::until_close : Framing::chunked;
}

Result<> ResponseEncoder::begin(const ResponseHead& head) {
    if (begun()) return fail(Errc::local_protocol, "the response has begun already");
    if (!is_status(head.status)) return fail(Errc::local_protocol, "a response has a status from 200 to 599, or 101");
    if (!head.headers.empty()) {
        if (Result<> checked = check_fields(head.headers); !checked) return checked;
    }
    framing_ = choose_framing(head);
    length_ = head.length.value_or(0);
    if (head.close || framing_ == Framing::until_close || head.status == 101) keep_alive_ = false;
    return {};
}

void ResponseEncoder::put_head(const ResponseHead& head, std::string_view body, Output& output) const {
    const std::size_t lines = head.lines.size() + head.common_lines.size() + room_for(head.headers);
    Pen pen(output.prepare(kRoomForTheRest + lines + body.size()));
    put_status_line(pen, head.status);
    pen.put(head.common_lines);
    pen.put(head.lines);
    for (const Header& header : head.headers) pen.put(header);
    if (head.length && head.status != 101 && head.status != 204) {
        pen.put("Content-Length: ");
        pen.put(*head.length);
        pen.put("\r\n");
    }
    if (framing_ == Framing::chunked) pen.put("Transfer-Encoding: chunked\r\n");
    if (head.status == 101) {
        pen.put("Connection: upgrade\r\n");
    } else if (!keep_alive_) {
        pen.put("Connection: close\r\n");
    } else if (to_1_0_) {
        pen.put("Connection: keep-alive\r\n");
    }
    pen.put("\r\n");
    pen.put(body);
    output.commit(pen.used());
}

Result<> ResponseEncoder::head(const ResponseHead& head, Output& output) {
    if (Result<> begun = begin(head); !begun) return begun;
    put_head(head, {}, output);
    return {};
}

Result<> ResponseEncoder::whole(const ResponseHead& head, std::string_view body, Output& output) {
    if (Result<> begun = begin(head); !begun) return begun;
    if (framing_ == Framing::none) {
        put_head(head, {}, output);
    } else if (head.length == body.size()) {
        put_head(head, body, output);
    } else {
        framing_ = Framing::unknown;
        return fail(Errc::local_protocol, "the body is not as long as its Content-Length");
    }
    sent_ = body.size();
    framing_ = Framing::ended;
    return {};
}

Result<> ResponseEncoder::count(uint64_t bytes) {
    if (!begun() || framing_ == Framing::ended) return fail(Errc::local_protocol, "a body outside of a response");
    if (framing_ == Framing::length && bytes > length_ - sent_) {
        return fail(Errc::local_protocol, "the body is longer than its Content-Length");
    }
    sent_ += bytes;
    return {};
}

Result<> ResponseEncoder::body(std::string_view bytes, Output& output) {
    if (Result<> counted = count(bytes.size()); !counted) return counted;
    if (framing_ == Framing::chunked) {
        append_chunk(output, bytes);
    } else if (framing_ != Framing::none) {
        output.append(bytes);
    }
    return {};
}

Result<> ResponseEncoder::body(Output&& bytes, Output& output) {
    if (Result<> counted = count(bytes.size()); !counted) return counted;
    if (framing_ == Framing::chunked) {
        append_chunk(output, std::move(bytes));
    } else if (framing_ != Framing::none) {
        output.append(std::move(bytes));
    }
    return {};
}

Result<> ResponseEncoder::end(std::span<const Header> trailers, Output& output) {
    if (!begun() || framing_ == Framing::ended) return fail(Errc::local_protocol, "the end of no response");
    if (framing_ == Framing::length && sent_ != length_) {
        return fail(Errc::local_protocol, "the body is shorter than its Content-Length");
    }
    if (!trailers.empty()) {
        if (Result<> checked = check_fields(trailers); !checked) return checked;
    }
    if (framing_ == Framing::chunked) {
        append_last_chunk(output, trailers);
    }
    framing_ = Framing::ended;
    return {};
}

}  // namespace bine::http1
