#include "bine/wire/http1/chunked.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "bine/wire/http1/characters.h"

namespace bine::http1 {

using wire::Step;

namespace {

constexpr std::size_t kLongestLine = 512;
constexpr uint32_t kMostOverhead = 16384;
constexpr std::size_t kMostDigits = 16;

void skip_blanks(std::string_view& text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

bool skip_token(std::string_view& text) noexcept {
    const std::size_t before = text.size();
    while (!text.empty() && is(kToken, text.front())) text.remove_prefix(1);
    return text.size() != before;
}

// Behind the opening quote; up to and including the closing one.
bool skip_quoted(std::string_view& text) noexcept {
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '"') return true;
        if (c == '\\') {
            if (text.empty() || !is(kValue, text.front())) return false;
            text.remove_prefix(1);
        } else if (!is(kQuoted, c)) {
            return false;
        }
    }
    return false;
}

bool skip_extension_value(std::string_view& text) noexcept {
    if (!text.starts_with('"')) return skip_token(text);
    text.remove_prefix(1);
    return skip_quoted(text);
}

// *( BWS ";" BWS name [ BWS "=" BWS value ] ), and nothing else.
bool is_extension_list(std::string_view text) noexcept {
    while (!text.empty()) {
        skip_blanks(text);
        if (!text.starts_with(';')) return false;
        text.remove_prefix(1);
        skip_blanks(text);
        if (!skip_token(text)) return false;
        std::string_view rest = text;
        skip_blanks(rest);
        if (!rest.starts_with('=')) continue;
        rest.remove_prefix(1);
        skip_blanks(rest);
        if (!skip_extension_value(rest)) return false;
        text = rest;
    }
    return true;
}

// `line` is without its line end.
Fault parse_size(std::string_view line, uint64_t& size) noexcept {
    const char* const first = line.data();
    const char* const last = first + std::min(line.size(), kMostDigits);
    const auto [digits_end, error] = std::from_chars(first, last, size, 16);
    if (error != std::errc() || size > INT64_MAX) return Fault::bad_chunk_size;
    const std::string_view rest = line.substr(static_cast<std::size_t>(digits_end - first));
    if (rest.empty()) return Fault::none;
    if (rest.front() != ';' && !is_blank(rest.front())) return Fault::bad_chunk_size;
    return is_extension_list(rest) ? Fault::none : Fault::bad_chunk_extension;
}

}  // namespace

Step ChunkedDecoder::fail(Fault fault) noexcept {
    fault_ = fault;
    return Step::error;
}

Step ChunkedDecoder::next(std::string_view& input, Event& event) noexcept {
    if (fault_ != Fault::none) return Step::error;
    for (;;) {
        if (phase_ == Phase::done || input.empty()) return Step::need_more;
        if (phase_ == Phase::data) break;
        const Step step = phase_ == Phase::size ? read_size(input) : read_data_end(input);
        if (step != Step::event) return step;
        if (phase_ == Phase::done) {
            event.data = {};
            return Step::event;
        }
    }
    event.data = input.substr(0, remaining_);
    input.remove_prefix(event.data.size());
    remaining_ -= event.data.size();
    if (remaining_ == 0) phase_ = Phase::data_end;
    return Step::event;
}

Step ChunkedDecoder::read_size(std::string_view& input) noexcept {
    const std::size_t known = std::min(input.size(), kLongestLine);
    const void* found = std::memchr(input.data() + scanned_, '\n', known - scanned_);
    if (!found) {
        scanned_ = static_cast<uint16_t>(known);
        return known == kLongestLine ? fail(Fault::chunk_overhead) : Step::need_more;
    }
    const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
    if (length == 0 || input[length - 1] != '\r') return fail(Fault::bad_line_end);
    if (const Fault fault = parse_size(input.substr(0, length - 1), remaining_); fault != Fault::none)
        return fail(fault);

    const uint64_t allowance = 16 + 2 * std::min<uint64_t>(remaining_, kMostOverhead);
    overhead_ += static_cast<uint32_t>(length);
    overhead_ -= static_cast<uint32_t>(std::min<uint64_t>(overhead_, allowance));
    if (overhead_ > kMostOverhead) return fail(Fault::chunk_overhead);

    input.remove_prefix(length + 1);
    scanned_ = 0;
    phase_ = remaining_ == 0 ? Phase::done : Phase::data;
    return Step::event;
}

Step ChunkedDecoder::read_data_end(std::string_view& input) noexcept {
    if (input.front() != '\r') return fail(Fault::bad_chunk_end);
    if (input.size() == 1) return Step::need_more;
    if (input[1] != '\n') return fail(Fault::bad_chunk_end);
    input.remove_prefix(2);
    phase_ = Phase::size;
    return Step::event;
}

Result<> ChunkedDecoder::end() noexcept {
    if (fault_ == Fault::none && phase_ != Phase::done) fault_ = Fault::cut_short;
    if (fault_ != Fault::none) return std::unexpected(error());
    return {};
}

namespace {

void append_size(Output& output, uint64_t size) {
    const std::span<char> room = output.prepare(18);
    char* end = std::to_chars(room.data(), room.data() + 16, size, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    output.commit(static_cast<std::size_t>(end - room.data()));
}

}  // namespace

void append_chunk(Output& output, std::string_view data) {
    if (data.empty()) return;
    append_size(output, data.size());
    output.append(data);
    output.append("\r\n");
}

void append_chunk(Output& output, Output&& data) {
    if (data.size() == 0) return;
    append_size(output, data.size());
    output.append(std::move(data));
    output.append("\r\n");
}

}  // namespace bine::http1
