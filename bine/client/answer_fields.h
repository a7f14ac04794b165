// The header fields that came with an answer, kept. A value that owns its bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bine/base/text.h"
#include "bine/wire/http1/message.h"

namespace bine::http {

class AnswerFields {
public:
    AnswerFields() = default;
    explicit AnswerFields(const http1::HeaderList& fields);
    AnswerFields(const AnswerFields& other) : AnswerFields(other.list()) {}
    AnswerFields& operator=(const AnswerFields& other) { return *this = AnswerFields(other); }
    AnswerFields(AnswerFields&& other) noexcept
        : block_(std::move(other.block_)), list_(std::exchange(other.list_, {})) {}
    AnswerFields& operator=(AnswerFields&& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(list_, other.list_);
        return *this;
    }
    ~AnswerFields() = default;

    // In the order in which they came. Views are valid as long as this lives, wherever it is moved.
    const http1::HeaderList& list() const noexcept { return list_; }
    auto begin() const noexcept { return list_.begin(); }
    auto end() const noexcept { return list_.end(); }
    std::size_t size() const noexcept { return list_.size(); }

    bool has(std::string_view name) const noexcept { return list_.find(name) != nullptr; }
    // The first value of that name, whatever its case; empty when there is none.
    std::string_view value(std::string_view name) const noexcept { return list_.value(name); }
    // Calls f(value) for all of that name, in order: Set-Cookie.
    template <class F>
    void for_each(std::string_view name, F&& f) const {
        for (const http1::Header& field : list_) {
            if (equals_ignoring_case(field.name, name)) f(field.value);
        }
    }
    // All of them as one list, with commas between.
    std::string joined(std::string_view name) const;

private:
    std::unique_ptr<char[]> block_;  // the table of the fields, then their bytes
    http1::HeaderList list_;
};

}  // namespace bine::http
