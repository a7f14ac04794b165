#include "bine/http/fields.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "bine/base/error.h"
#include "bine/base/pool.h"
#include "bine/base/text.h"
#include "bine/wire/http1/framing.h"
#include "bine/wire/http1/lines.h"

namespace bine::http {

namespace {

constexpr std::size_t kFirstBlock = 256;
constexpr std::size_t kMost = 65536;  // far beyond what any client reads; it keeps a runaway handler in bounds

}  // namespace

Fields::~Fields() {
    if (capacity_ != 0) pool_free(const_cast<char*>(text_), capacity_);
}

// Room for `more` bytes behind what is there, which is in a block of this object's own afterwards.
char* Fields::grow(std::size_t more) {
    const std::size_t wanted = size_ + more;
    if (wanted > capacity_) {
        if (wanted > kMost) throw Error(Errc::limit_exceeded, "the header fields of a response are too long");
        const std::size_t size = pool_capacity(std::max({kFirstBlock, wanted, std::size_t{capacity_} * 2}));
        auto* block = static_cast<char*>(pool_allocate(size));
        if (size_ != 0) std::memcpy(block, text_, size_);
        if (capacity_ != 0) pool_free(const_cast<char*>(text_), capacity_);
        text_ = block;
        capacity_ = static_cast<uint32_t>(size);
    }
    return const_cast<char*>(text_) + size_;
}

void Fields::add_fixed(std::string_view lines) {
    if (size_ == 0 && capacity_ == 0) {
        text_ = lines.data();
    } else {
        std::memcpy(grow(lines.size()), lines.data(), lines.size());
    }
    size_ += static_cast<uint32_t>(lines.size());
}

void Fields::add(std::string_view name, std::string_view value) {
    if (!http1::is_sendable(name, value)) {
        throw Error(Errc::local_protocol, "a header field to send is no name and value: " + escape(name));
    }
    if (http1::is_framing_field(name)) {
        throw Error(Errc::local_protocol, "bine itself sets the header field " + std::string(name));
    }
    note(name, true);
    char* at = grow(name.size() + value.size() + 4);
    const auto put = [&at](std::string_view text) {
        if (!text.empty()) std::memcpy(at, text.data(), text.size());
        at += text.size();
    };
    put(name);
    put(": ");
    put(value);
    put("\r\n");
    size_ = static_cast<uint32_t>(at - text_);
}

void Fields::note(std::string_view name, bool there) noexcept {
    if (name.size() == 4 && equals_ignoring_case(name, "date")) has_date_ = there;
    if (name.size() == 6 && equals_ignoring_case(name, "server")) has_server_ = there;
}

void Fields::set(std::string_view name, std::string_view value) {
    if (!has(name)) return add(name, value);
    const std::string kept(value);  // it may be a view of the line that goes
    remove(name);
    add(name, kept);
}

void Fields::set(std::string_view name, uint64_t value) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    set(name, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void Fields::remove(std::string_view name) {
    note(name, false);
    if (capacity_ == 0) grow(0);
    auto* const text = const_cast<char*>(text_);
    const std::string_view all = lines();
    std::size_t kept = 0;
    for (std::string_view rest = all; !rest.empty();) {
        const char* line = rest.data();
        const std::string_view found = take_line(rest).first;
        const auto length = static_cast<std::size_t>(all.data() + all.size() - rest.size() - line);
        if (equals_ignoring_case(found, name)) continue;
        std::memmove(text + kept, line, length);
        kept += length;
    }
    size_ = static_cast<uint32_t>(kept);
}

std::string_view Fields::value(std::string_view name) const noexcept {
    for (std::string_view rest = lines(); !rest.empty();) {
        const auto [found, value] = take_line(rest);
        if (equals_ignoring_case(found, name)) return value;
    }
    return {};
}

bool Fields::has(std::string_view name) const noexcept {
    for (std::string_view rest = lines(); !rest.empty();) {
        if (equals_ignoring_case(take_line(rest).first, name)) return true;
    }
    return false;
}

// Only add() writes lines, so a colon, a blank and a line end are there.
std::pair<std::string_view, std::string_view> Fields::take_line(std::string_view& rest) noexcept {
    const std::size_t colon = rest.find(':');
    const std::size_t end = rest.find('\r', colon);
    const std::pair<std::string_view, std::string_view> line{rest.substr(0, colon),
                                                             rest.substr(colon + 2, end - colon - 2)};
    rest.remove_prefix(end + 2);
    return line;
}

}  // namespace bine::http
