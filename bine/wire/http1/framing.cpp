#include "bine/wire/http1/framing.h"

#include <cstring>

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/list.h"

namespace bine::http1 {

namespace {

// The few fields that matter here, told by length first: most names are none of them.
enum class Known : uint8_t { none, host, expect, upgrade, connection, content_length, transfer_encoding };

uint64_t word_at(const char* at) noexcept {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// Whether `text`, which holds no control bytes, is `lower`, which is of small letters and dashes, whatever its case.
bool same_word(std::string_view text, std::string_view lower) noexcept {
    constexpr uint64_t kSmall = 0x2020202020202020u;
    if (text.size() != lower.size()) return false;
    const std::size_t size = lower.size();
    if (size >= 8 && size <= 16) {
        const bool front = (word_at(text.data()) | kSmall) == word_at(lower.data());
        return front && (word_at(text.data() + size - 8) | kSmall) == word_at(lower.data() + size - 8);
    }
    for (std::size_t i = 0; i < size; ++i) {
        if ((text[i] | 0x20) != lower[i]) return false;
    }
    return true;
}

// Whether a name has the length and the first letter of one below: most have not.
bool may_matter(std::string_view name) noexcept {
    constexpr uint32_t lengths = 1u << 4 | 1u << 6 | 1u << 7 | 1u << 10 | 1u << 14 | 1u << 17;
    constexpr uint32_t letters =
        1u << ('c' & 31) | 1u << ('e' & 31) | 1u << ('h' & 31) | 1u << ('t' & 31) | 1u << ('u' & 31);
    return name.size() < 32 && (lengths >> name.size() & letters >> (name.front() & 31) & 1u) != 0;
}

constexpr std::size_t key(std::size_t size, char first) noexcept { return size << 8 | static_cast<uint8_t>(first); }

// Length and first letter tell nearly all names apart from these.
Known known(std::string_view name) noexcept {
    const auto check = [name](std::string_view lower, Known which) {
        return same_word(name, lower) ? which : Known::none;
    };
    switch (key(name.size(), static_cast<char>(name.front() | 0x20))) {
        case key(4, 'h'): return check("host", Known::host);
        case key(6, 'e'): return check("expect", Known::expect);
        case key(7, 'u'): return check("upgrade", Known::upgrade);
        case key(10, 'c'): return check("connection", Known::connection);
        case key(14, 'c'): return check("content-length", Known::content_length);
        case key(17, 't'): return check("transfer-encoding", Known::transfer_encoding);
        default: return Known::none;
    }
}

struct Seen {
    bool host = false;
    bool length = false;
    bool coding = false;
    bool upgrade = false;
    bool says_close = false;
    bool says_keep_alive = false;
    bool says_upgrade = false;
    std::string_view host_value{};
};

void note_connection(std::string_view value, Seen& seen) noexcept {
    if (same_word(value, "keep-alive")) {
        seen.says_keep_alive = true;
        return;
    }
    for (ListReader list(value); const auto option = list.next();) {
        if (equals_ignoring_case(*option, "close")) seen.says_close = true;
        if (equals_ignoring_case(*option, "keep-alive")) seen.says_keep_alive = true;
        if (equals_ignoring_case(*option, "upgrade")) seen.says_upgrade = true;
    }
}

Fault note_length(std::string_view value, RequestHead& head, Seen& seen) noexcept {
    if (seen.length) return Fault::repeated_length;
    const auto number = try_parse_decimal(value, INT64_MAX);
    if (!number) return Fault::bad_length;
    seen.length = head.has_length = true;
    head.content_length = *number;
    return Fault::none;
}

bool is_known_coding(std::string_view coding) noexcept {
    for (const std::string_view known_one : {"gzip", "x-gzip", "deflate", "compress", "x-compress", "identity"}) {
        if (equals_ignoring_case(coding, known_one)) return true;
    }
    return false;
}

// `chunked` alone and last is understood. Anything else has no length that both sides are sure to agree on.
Fault check_codings(std::string_view value) noexcept {
    bool others = false;
    bool chunked = false;
    ListReader list(value);
    while (const auto coding = list.next()) {
        if (!is_token(*coding)) return Fault::bad_coding;
        if (chunked) return Fault::chunked_not_last;
        if (equals_ignoring_case(*coding, "chunked")) {
            chunked = true;
        } else if (is_known_coding(*coding)) {
            others = true;
        } else {
            return Fault::unknown_coding;
        }
    }
    if (list.has_empty_element()) return Fault::bad_coding;
    if (!chunked) return Fault::chunked_not_last;
    return others ? Fault::unknown_coding : Fault::none;
}

Fault note_coding(std::string_view value, RequestHead& head, Seen& seen) noexcept {
    if (seen.coding) return Fault::repeated_coding;
    if (head.minor_version == 0) return Fault::coding_in_1_0;
    seen.coding = head.chunked = true;
    return equals_ignoring_case(value, "chunked") ? Fault::none : check_codings(value);
}

Fault note_expect(std::string_view value, RequestHead& head) noexcept {
    if (head.minor_version == 0) return Fault::none;
    if (!equals_ignoring_case(value, "100-continue")) return Fault::unknown_expectation;
    head.expects_continue = true;
    return Fault::none;
}

Fault note_host(std::string_view value, Seen& seen) noexcept {
    if (seen.host) return Fault::repeated_host;
    seen.host = true;
    seen.host_value = value;
    return value.empty() || is_authority(value) ? Fault::none : Fault::bad_host;
}

Fault note(const Header& header, RequestHead& head, Seen& seen) noexcept {
    switch (known(header.name)) {
        case Known::host: return note_host(header.value, seen);
        case Known::expect: return note_expect(header.value, head);
        case Known::content_length: return note_length(header.value, head, seen);
        case Known::transfer_encoding: return note_coding(header.value, head, seen);
        case Known::connection: note_connection(header.value, seen); break;
        case Known::upgrade: seen.upgrade = true; break;
        case Known::none: break;
    }
    return Fault::none;
}

}  // namespace

Fault check_framing(RequestHead& head) noexcept {
    head.chunked = head.expects_continue = head.has_length = false;
    head.content_length = 0;
    if (const Fault fault = split_target(head); fault != Fault::none) return fault;
    Seen seen;
    for (const Header& header : head.headers) {
        if (!may_matter(header.name)) continue;
        if (const Fault fault = note(header, head, seen); fault != Fault::none) return fault;
    }
    if (seen.length && seen.coding) return Fault::two_lengths;
    if (!seen.host && head.minor_version == 1) return Fault::missing_host;
    if (head.form == TargetForm::origin || head.form == TargetForm::asterisk) head.authority = seen.host_value;
    head.keep_alive = !seen.says_close && (head.minor_version == 1 || seen.says_keep_alive);
    head.wants_upgrade = seen.says_upgrade && seen.upgrade && head.minor_version == 1;
    if (!head.has_body()) head.expects_continue = false;
    return Fault::none;
}

bool is_framing_field(std::string_view name) noexcept {
    switch (known(name)) {
        case Known::none:
        case Known::upgrade: return false;
        default: return true;
    }
}

}  // namespace bine::http1
