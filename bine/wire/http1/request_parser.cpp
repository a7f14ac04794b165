// Theory: HeadLines takes the lines of a head and of trailers, BodyReader what is between them; here is what makes a request
// of them. What the fields mean together is judged at the end of the head.
#include "bine/wire/http1/request_parser.h"

#include <algorithm>

#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/framing.h"

namespace bine::http1 {

using wire::Step;

Step RequestParser::next(std::string_view& input, Event& event) {
    switch (phase_) {
        case Phase::head: return read_head(input, event);
        case Phase::begin_body: phase_ = Phase::body; [[fallthrough]];
        case Phase::body: return read_body(input, event);
        case Phase::trailers: return read_trailers(input, event);
        case Phase::end: event.table.clear(); return finish(event);
        case Phase::failed: break;
    }
    return Step::error;
}

Result<> RequestParser::end() {
    if (phase_ != Phase::failed && !between_requests()) fail(Fault::cut_short);
    if (phase_ == Phase::failed) return std::unexpected(error());
    return {};
}

Step RequestParser::fail(Fault fault) noexcept {
    fault_ = fault;
    phase_ = Phase::failed;
    return Step::error;
}

// One empty line before a request is forgiven (RFC 9112 section 2.2); the first byte tells a stranger (TLS, say) at once.
Step RequestParser::skip_blank_line(std::string_view& input) noexcept {
    if (input.front() == '\r' && !skipped_blank_) {
        if (input.size() == 1) {
            lines_.wait_for_first_line();
            return Step::need_more;
        }
        if (input[1] != '\n') return fail(Fault::bad_line_end);
        input.remove_prefix(2);
        lines_.rewind();
        skipped_blank_ = true;
        if (input.empty()) return Step::need_more;
    }
    return is(kToken, input.front()) ? Step::event : fail(Fault::bad_method);
}

Step RequestParser::read_head(std::string_view& input, Event& event) {
    if (!lines_.resumed()) {
        if (input.empty()) return Step::need_more;
        if (const Step step = skip_blank_line(input); step != Step::event) return step;
    }
    const bool resumed = lines_.resumed();
    if (const Step step = take_head(input, event); step != Step::event) return step;
    if (resumed) {
        lines_.rewind();
        take_head(input, event);
    }
    event.head.headers = event.table.list();
    const Fault fault = check_framing(event.head);
    if (fault != Fault::none) return fail(fault);

    input.remove_prefix(lines_.size());
    lines_.rewind();
    event.kind = Event::Kind::head;
    phase_ = event.head.has_body() ? Phase::begin_body : Phase::end;
    if (phase_ == Phase::end) return Step::event;
    const auto kind = event.head.chunked ? BodyReader::Kind::chunks : BodyReader::Kind::length;
    std::construct_at(&body_, kind, event.head.content_length, limits_->body);
    return Step::event;
}

Step RequestParser::take_head(std::string_view input, Event& event) {
    event.table.clear();
    Fault fault = Fault::none;
    Step step = Step::event;
    if (!lines_.resumed()) {
        const auto take = [&event](const char*& at, const char* end, Fault& wrong) {
            return take_request_line(at, end, event.head, wrong);
        };
        const uint32_t limit = std::min(limits_->request_line, limits_->head);
        step = lines_.take_first(input, limit, Fault::long_request_line, take, fault);
    }
    if (step == Step::event) {
        step = lines_.take_fields(input, event.table, {limits_->head, limits_->fields, Fault::long_head}, fault);
    }
    return step == Step::error ? fail(fault) : step;
}

Step RequestParser::read_body(std::string_view& input, Event& event) {
    Fault fault = Fault::none;
    const Step step = body_.next(input, event.body, fault);
    if (step == Step::error) return fail(fault);
    if (step == Step::need_more) return step;
    event.kind = Event::Kind::body;
    if (!event.body.empty()) return step;

    const bool chunked = body_.kind() == BodyReader::Kind::chunks;
    begin_lines();
    phase_ = chunked ? Phase::trailers : Phase::end;
    return next(input, event);
}

Step RequestParser::read_trailers(std::string_view& input, Event& event) {
    Fault fault = Fault::none;
    const LineLimits limits{limits_->trailers, limits_->fields, Fault::long_trailers};
    const Step step = lines_.take_trailers(input, event.table, limits, fault);
    if (step == Step::error) return fail(fault);
    return step == Step::event ? finish(event) : step;
}

Step RequestParser::finish(Event& event) {
    begin_lines();
    phase_ = Phase::head;
    skipped_blank_ = false;
    event.kind = Event::Kind::end;
    event.trailers = event.table.list();
    return Step::event;
}

}  // namespace bine::http1
