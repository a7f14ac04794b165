// Theory: HeadLines takes the lines of a head and of trailers, BodyReader what is between them; here is what makes an answer of
// them, by the rules of RFC 9112 section 6.3 for answers.
#include "bine/wire/http1/response_parser.h"

#include <algorithm>
#include <cassert>

#include "bine/wire/http1/framing.h"

namespace bine::http1 {

using wire::Step;

void ResponseParser::expect(Expected expected) noexcept {
    assert(phase_ == Phase::idle || phase_ == Phase::failed);
    if (phase_ != Phase::idle) return;
    expected_ = expected;
    interim_ = 0;
    changes_protocol_ = false;
    begin_lines();
    phase_ = Phase::head;
}

Step ResponseParser::next(std::string_view& input, Event& event) {
    switch (phase_) {
        case Phase::idle: return input.empty() || changes_protocol_ ? Step::need_more : fail(Fault::unasked_bytes);
        case Phase::head: return read_head(input, event);
        case Phase::body: return read_body(input, event);
        case Phase::trailers: return read_trailers(input, event);
        case Phase::end: event.table.clear(); return finish(event);
        case Phase::failed: break;
    }
    return Step::error;
}

Result<> ResponseParser::end() {
    switch (phase_) {
        case Phase::idle:
        case Phase::end: return {};
        case Phase::head: fail(untouched() ? Fault::no_answer : Fault::cut_short); break;
        case Phase::body:
            if (body_.kind() == BodyReader::Kind::until_end) {
                phase_ = Phase::end;
                return {};
            }
            [[fallthrough]];
        case Phase::trailers: fail(Fault::cut_short); break;
        case Phase::failed: break;
    }
    return std::unexpected(error());
}

Step ResponseParser::fail(Fault fault) noexcept {
    fault_ = fault;
    phase_ = Phase::failed;
    return Step::error;
}

Step ResponseParser::read_head(std::string_view& input, Event& event) {
    if (input.empty()) return Step::need_more;
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
    if (event.head.status < 200 && event.head.status != 101) return judge_interim(event);
    event.kind = Event::Kind::head;
    return choose_body(event.head);
}

Step ResponseParser::take_head(std::string_view input, Event& event) {
    event.table.clear();
    Fault fault = Fault::none;
    Step step = Step::event;
    if (!lines_.resumed()) {
        const auto take = [&event](const char*& at, const char* end, Fault& wrong) {
            return take_status_line(at, end, event.head, wrong);
        };
        const uint32_t limit = std::min(limits_->status_line, limits_->head);
        step = lines_.take_first(input, limit, Fault::long_status_line, take, fault);
    }
    if (step == Step::event) {
        step = lines_.take_fields(input, event.table, {limits_->head, limits_->fields, Fault::long_answer_head}, fault);
    }
    return step == Step::error ? fail(fault) : step;
}

Step ResponseParser::judge_interim(Event& event) {
    if (++interim_ > limits_->interim) return fail(Fault::many_interim);
    event.kind = Event::Kind::interim;
    return Step::event;
}

Step ResponseParser::choose_body(const AnswerHead& head) {
    if (head.status == 101 && !(expected_.upgrade && head.upgrades)) return fail(Fault::unasked_upgrade);
    const bool tunnels = expected_.method == Method::connect && head.status >= 200 && head.status < 300;
    changes_protocol_ = head.status == 101 || tunnels;
    keep_alive_ = head.keep_alive;
    phase_ = Phase::end;
    if (changes_protocol_ || expected_.method == Method::head || !status_allows_body(head.status)) return Step::event;

    using Kind = BodyReader::Kind;
    const Kind kind = head.chunked ? Kind::chunks : head.has_length ? Kind::length : Kind::until_end;
    if (kind == Kind::until_end) keep_alive_ = false;
    std::construct_at(&body_, kind, head.content_length, limits_->body);
    phase_ = Phase::body;
    return Step::event;
}

Step ResponseParser::read_body(std::string_view& input, Event& event) {
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

Step ResponseParser::read_trailers(std::string_view& input, Event& event) {
    Fault fault = Fault::none;
    const LineLimits limits{limits_->trailers, limits_->fields, Fault::long_trailers};
    const Step step = lines_.take_trailers(input, event.table, limits, fault);
    if (step == Step::error) return fail(fault);
    return step == Step::event ? finish(event) : step;
}

Step ResponseParser::finish(Event& event) {
    begin_lines();
    phase_ = Phase::idle;
    event.kind = Event::Kind::end;
    event.trailers = event.table.list();
    return Step::event;
}

}  // namespace bine::http1
