// The words of HTTP/1: methods, header fields, the heads of requests and answers. Views and numbers only; nothing is owned here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bine::http1 {

enum class Method : uint8_t { other, get, head, post, put, delete_, options, patch, trace, connect };

// `other` for what is not in the list. Methods are case-sensitive.
Method method_of(std::string_view name) noexcept;
// Empty for `other`.
std::string_view name_of(Method method) noexcept;

// "Not Found"; "Unknown" for a number that has no phrase.
std::string_view reason_of(int status) noexcept;
// 1xx, 204 and 304 end with their head, whatever it says.
constexpr bool status_allows_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

struct Header {
    std::string_view name;
    std::string_view value;  // without the blanks around it
};

// The header fields of one message, in the order they came. A view.
class HeaderList {
public:
    HeaderList() = default;
    HeaderList(const Header* items, std::size_t size) noexcept : items_(items), size_(size) {}

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const Header& operator[](std::size_t index) const noexcept { return items_[index]; }
    const Header* begin() const noexcept { return items_; }
    const Header* end() const noexcept { return items_ + size_; }

    // The first field of that name, whatever its case; null when there is none.
    const Header* find(std::string_view name) const noexcept;
    // Its value, or nothing.
    std::string_view value(std::string_view name) const noexcept {
        const Header* found = find(name);
        return found ? found->value : std::string_view();
    }

private:
    const Header* items_ = nullptr;
    std::size_t size_ = 0;
};

// Room for the fields of one message, which is not initialised.
class HeaderTable {
public:
    static constexpr std::size_t kCapacity = 128;

    HeaderTable() noexcept {}
    HeaderTable(const HeaderTable&) = delete;
    HeaderTable& operator=(const HeaderTable&) = delete;

    HeaderList list() const noexcept { return {items_, size_}; }
    void clear() noexcept { size_ = 0; }
    // The next ones, to be filled; there is room for one more than can be taken.
    Header* next() noexcept { return items_ + size_; }
    void take(std::size_t count) noexcept { size_ += count; }

private:
    union {
        Header items_[kCapacity + 1];
    };
    std::size_t size_ = 0;
};

// The four forms of RFC 9112 section 3.2.
enum class TargetForm : uint8_t { origin, absolute, authority, asterisk };

// What stands before the body of a request, checked: a head that the parser hands out keeps RFC 9112.
struct RequestHead {
    Method method = Method::other;
    TargetForm form = TargetForm::origin;
    uint8_t minor_version = 1;      // HTTP/1.0 or 1.1
    bool keep_alive = true;         // as version and Connection say
    bool chunked = false;           // the body is chunked
    bool expects_continue = false;  // the client waits for "100 Continue" before it sends the body
    bool wants_upgrade = false;     // Connection says upgrade and there is an Upgrade field
    bool has_length = false;        // Content-Length was there
    uint64_t content_length = 0;

    std::string_view method_name;
    std::string_view target;  // as sent
    std::string_view
        path;  // of origin and absolute form, still encoded; "/" when absolute form has none; "*" for asterisk
    std::string_view query;      // behind the first '?', without it
    std::string_view authority;  // of the target when it has one, else the Host field; perhaps empty
    HeaderList headers;

    bool has_body() const noexcept { return chunked || content_length != 0; }
};

// What a client is answered, before the body. The fields say how long the body is, if the request and the status allow one.
struct AnswerHead {
    int status = 0;  // 100 to 999
    uint8_t minor_version = 1;
    bool keep_alive = true;   // as version and Connection say
    bool chunked = false;     // the body is chunked
    bool has_length = false;  // Content-Length was there
    bool upgrades = false;    // Connection says upgrade and there is an Upgrade field
    uint64_t content_length = 0;
    std::string_view reason;  // what the server calls the status; perhaps empty
    HeaderList headers;
};

}  // namespace bine::http1
