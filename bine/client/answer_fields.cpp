#include "bine/client/answer_fields.h"

#include "bine/base/text.h"

namespace bine::http {

AnswerFields::AnswerFields(const http1::HeaderList& fields) {
    std::size_t size = 0;
    for (const http1::Header& field : fields) size += field.name.size() + field.value.size();
    bytes_.reserve(size);
    items_.reserve(fields.size());
    const auto keep = [this](std::string_view text) {
        const char* const start = bytes_.data() + bytes_.size();
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        return std::string_view(start, text.size());
    };
    for (const http1::Header& field : fields) {
        const std::string_view name = keep(field.name);
        items_.push_back({name, keep(field.value)});
    }
}

std::vector<std::string_view> AnswerFields::values(std::string_view name) const {
    std::vector<std::string_view> found;
    for (const http1::Header& field : items_) {
        if (equals_ignoring_case(field.name, name)) found.push_back(field.value);
    }
    return found;
}

}  // namespace bine::http
