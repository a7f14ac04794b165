#include "bine/wire/http1/head_lines.h"

#include <algorithm>
#include <cstring>

#include "bine/wire/http1/field_line.h"
#include "bine/wire/http1/framing.h"
#include "bine/wire/http1/plain_fields.h"

namespace bine::http1 {

using wire::Step;

namespace {

Step failed(Fault& fault, Fault what) noexcept {
    fault = what;
    return Step::error;
}

}  // namespace

// Whether a look at the line is worth it. A line that is seen for the first time always is.
bool HeadLines::line_may_be_complete(std::string_view input) const noexcept {
    if (scanned_ == line_start_) return true;
    return std::memchr(input.data() + scanned_, '\n', input.size() - scanned_) != nullptr;
}

Step HeadLines::take_fields(std::string_view input, HeaderTable& table, const LineLimits& limits,
                            Fault& fault) noexcept {
    if (!line_may_be_complete(input)) return wait_for_line(input, limits.bytes, limits.too_long, fault);
    const std::size_t most = std::min<std::size_t>(limits.fields, HeaderTable::kCapacity) - fields_;
    const char* const start = input.data();
    const char* const end = start + input.size();
    const char* const last = start + std::min<std::size_t>(limits.bytes, input.size());
    const char* at = start + line_start_;
    Header* const first = table.next();
    Header* field = first;
    Line line = Line::incomplete;
    while (true) {
        field += take_plain_fields(at, end, {field, first + most});
        if (at > last) return failed(fault, limits.too_long);
        if (at == end) break;
        line = *at == '\r' ? take_empty_line(at, end, fault) : take_field(at, end, *field, fault);
        if (at > last) return failed(fault, limits.too_long);
        if (line != Line::taken) break;
        if (field == first + most) return failed(fault, Fault::many_fields);
        ++field;
        line = Line::incomplete;
    }
    const auto taken = static_cast<std::size_t>(field - first);
    table.take(taken);
    fields_ = static_cast<uint16_t>(fields_ + taken);
    line_start_ = static_cast<uint32_t>(at - start);
    if (line == Line::empty) return Step::event;
    return stop_at(line, input, limits.bytes, limits.too_long, fault);
}

// No end yet of the line at line_start_.
Step HeadLines::wait_for_line(std::string_view input, uint32_t limit, Fault too_long, Fault& fault) noexcept {
    if (input.size() > limit) return failed(fault, too_long);
    scanned_ = static_cast<uint32_t>(input.size());
    fault = Fault::none;
    return Step::need_more;
}

Step HeadLines::stop_at(Line line, std::string_view input, uint32_t limit, Fault too_long, Fault& fault) noexcept {
    if (line == Line::bad) {
        const std::string_view rest = input.substr(line_start_);
        const std::size_t length = rest.find('\n');
        if (length != std::string_view::npos) {
            return failed(fault, line_start_ + length + 1 > limit ? too_long : fault);
        }
    }
    return wait_for_line(input, limit, too_long, fault);
}

Step HeadLines::take_trailers(std::string_view& input, HeaderTable& table, const LineLimits& limits,
                              Fault& fault) noexcept {
    table.clear();
    if (input.empty()) return Step::need_more;
    const bool again = resumed();
    if (const Step step = take_fields(input, table, limits, fault); step != Step::event) return step;
    if (again) {
        rewind();
        table.clear();
        take_fields(input, table, limits, fault);
    }
    for (const Header& header : table.list()) {
        if (is_framing_field(header.name)) return failed(fault, Fault::forbidden_trailer);
    }
    input.remove_prefix(size());
    return Step::event;
}

}  // namespace bine::http1
