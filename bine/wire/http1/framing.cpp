#include "bine/wire/http1/framing.h"

#include <array>
#include <cstring>

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/list.h"

namespace bine::http1 {

namespace {

// The few fields that matter here.
enum class Known : uint8_t { none, host, expect, upgrade, connection, content_length, transfer_encoding };

template <class Word>
Word word_at(std::string_view text, std::size_t at) noexcept {
    Word word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    return word;
}

// Whether a word is the same in two texts: `lower` is of small letters and dashes, `text` holds no control bytes and may be
// of any case.
template <class Word>
bool same_at(std::string_view text, std::string_view lower, std::size_t at) noexcept {
    constexpr Word kSmall = static_cast<Word>(0x2020202020202020u);
    return (word_at<Word>(text, at) | kSmall) == word_at<Word>(lower, at);
}

// The same of whole texts. Inline, so that the size of `lower` is known.
[[gnu::always_inline]] inline bool is_word(std::string_view text, std::string_view lower) noexcept {
    const std::size_t size = lower.size();
    if (text.size() != size) return false;
    if (size < 8) return same_at<uint32_t>(text, lower, 0) && same_at<uint32_t>(text, lower, size - 4);
    for (std::size_t at = 0; at + 8 < size; at += 8) {
        if (!same_at<uint64_t>(text, lower, at)) return false;
    }
    return same_at<uint64_t>(text, lower, size - 8);
}

// The first letter of the names below, by their length: most other names have another one.
constexpr std::array<char, 32> kFirstLetters = [] {
    std::array<char, 32> letters{};
    for (const std::string_view name :
         {"host", "expect", "upgrade", "connection", "content-length", "transfer-encoding"}) {
        letters[name.size()] = name.front();
    }
    return letters;
}();

bool may_matter(std::string_view name) noexcept { return (name.front() | 0x20) == kFirstLetters[name.size() % 32]; }

Known known(std::string_view name) noexcept {
    switch (name.size()) {
        case 4: return is_word(name, "host") ? Known::host : Known::none;
        case 6: return is_word(name, "expect") ? Known::expect : Known::none;
        case 7: return is_word(name, "upgrade") ? Known::upgrade : Known::none;
        case 10: return is_word(name, "connection") ? Known::connection : Known::none;
        case 14: return is_word(name, "content-length") ? Known::content_length : Known::none;
        case 17: return is_word(name, "transfer-encoding") ? Known::transfer_encoding : Known::none;
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
    if (is_word(value, "keep-alive")) {
        seen.says_keep_alive = true;
        return;
    }
    for (ListReader list(value); const auto option = list.next();) {
        if (equals_ignoring_case(*option, "close")) seen.says_close = true;
        if (equals_ignoring_case(*option, "keep-alive")) seen.says_keep_alive = true;
        if (equals_ignoring_case(*option, "upgrade")) seen.says_upgrade = true;
    }
}

template <class Head>
Fault note_length(std::string_view value, Head& head, Seen& seen) noexcept {
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

template <class Head>
Fault note_coding(std::string_view value, Head& head, Seen& seen) noexcept {
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

// Of an answer. What it says of a host or an expectation means nothing.
Fault note(const Header& header, AnswerHead& head, Seen& seen) noexcept {
    switch (known(header.name)) {
        case Known::content_length: return note_length(header.value, head, seen);
        case Known::transfer_encoding: return note_coding(header.value, head, seen);
        case Known::connection: note_connection(header.value, seen); break;
        case Known::upgrade: seen.upgrade = true; break;
        default: break;
    }
    return Fault::none;
}

}  // namespace

Fault check_framing(AnswerHead& head) noexcept {
    head.chunked = head.has_length = false;
    head.content_length = 0;
    Seen seen;
    for (const Header& header : head.headers) {
        if (!may_matter(header.name)) continue;
        if (const Fault fault = note(header, head, seen); fault != Fault::none) return fault;
    }
    if (seen.length && seen.coding) return Fault::two_lengths;
    head.keep_alive = !seen.says_close && (head.minor_version == 1 || seen.says_keep_alive);
    head.upgrades = seen.says_upgrade && seen.upgrade;
    return Fault::none;
}

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
