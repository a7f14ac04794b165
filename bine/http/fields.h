// Header fields that this side will send: one pooled block of "Name: value" lines, ready for the wire.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace bine::http {

class Fields {
public:
    Fields() = default;
    Fields(Fields&& other) noexcept
        : text_(std::exchange(other.text_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)),
          has_date_(other.has_date_),
          has_server_(other.has_server_) {}
    Fields& operator=(Fields&& other) noexcept {
        std::swap(text_, other.text_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(has_date_, other.has_date_);
        std::swap(has_server_, other.has_server_);
        return *this;
    }
    ~Fields();

    // Appends a field, also when there is one of that name.
    // Errors: throws Error (local_protocol) for a name that is no token or a value with control bytes (nothing that came
    // from outside can make a line of its own), and for what bine itself sets: Content-Length, Transfer-Encoding,
    // Connection.
    void add(std::string_view name, std::string_view value);
    // Lines that are known to be right, of literals: "A: b\r\n". They are referred to until something is added.
    void add_fixed(std::string_view lines);
    // The only one of that name afterwards.
    void set(std::string_view name, std::string_view value);
    void set(std::string_view name, uint64_t value);
    void remove(std::string_view name);

    bool has(std::string_view name) const noexcept;
    // The first value of that name, whatever its case; empty when there is none. Valid until the next change.
    std::string_view value(std::string_view name) const noexcept;

    // Calls f(name, value) for each, in order.
    template <class F>
    void for_each(F&& f) const {
        for (std::string_view rest = lines(); !rest.empty();) {
            const auto [name, value] = take_line(rest);
            f(name, value);
        }
    }

    // "A: b\r\nC: d\r\n".
    std::string_view lines() const noexcept { return {text_, size_}; }
    bool empty() const noexcept { return size_ == 0; }
    // Those that the server adds when they are not there.
    bool has_date() const noexcept { return has_date_; }
    bool has_server() const noexcept { return has_server_; }

private:
    static std::pair<std::string_view, std::string_view> take_line(std::string_view& rest) noexcept;
    char* grow(std::size_t more);
    void note(std::string_view name, bool there) noexcept;

    const char* text_ = nullptr;
    uint32_t size_ = 0;
    uint32_t capacity_ = 0;  // of the block that text_ is; 0: it is a literal, or nothing
    bool has_date_ = false;
    bool has_server_ = false;
};

}  // namespace bine::http
