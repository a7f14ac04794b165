// The header fields that came with an answer, kept. A value that owns its bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bine/wire/http1/message.h"

namespace bine::http {

class AnswerFields {
public:
    AnswerFields() = default;
    explicit AnswerFields(const http1::HeaderList& fields);
    AnswerFields(const AnswerFields& other) : AnswerFields(other.list()) {}
    AnswerFields& operator=(const AnswerFields& other) { return *this = AnswerFields(other); }
    AnswerFields(AnswerFields&& other) noexcept = default;
    AnswerFields& operator=(AnswerFields&& other) noexcept = default;
    ~AnswerFields() = default;

    // In the order in which they came. Views are valid as long as this lives, wherever it is moved.
    http1::HeaderList list() const noexcept { return {items_.data(), items_.size()}; }
    auto begin() const noexcept { return list().begin(); }
    auto end() const noexcept { return list().end(); }
    std::size_t size() const noexcept { return items_.size(); }

    bool has(std::string_view name) const noexcept { return list().find(name) != nullptr; }
    // The first value of that name, whatever its case; empty when there is none.
    std::string_view value(std::string_view name) const noexcept { return list().value(name); }
    // All values of that name, in order: Set-Cookie.
    std::vector<std::string_view> values(std::string_view name) const;

private:
    std::vector<char> bytes_;  // no string, whose bytes would move with it
    std::vector<http1::Header> items_;
};

}  // namespace bine::http
