#include "bine/client/answer_fields.h"

#include <cstring>
#include <new>

namespace bine::http {

AnswerFields::AnswerFields(const http1::HeaderList& fields) {
    if (fields.empty()) return;
    std::size_t size = fields.size() * sizeof(http1::Header);
    for (const http1::Header& field : fields) size += field.name.size() + field.value.size();
    static_assert(alignof(http1::Header) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    block_ = std::make_unique_for_overwrite<char[]>(size);
    auto* const items = reinterpret_cast<http1::Header*>(block_.get());
    char* bytes = block_.get() + fields.size() * sizeof(http1::Header);
    const auto keep = [&bytes](std::string_view text) {
        if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
        const std::string_view kept(bytes, text.size());
        bytes += text.size();
        return kept;
    };
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::string_view name = keep(fields[i].name);
        new (items + i) http1::Header{name, keep(fields[i].value)};
    }
    list_ = {items, fields.size()};
}

std::string AnswerFields::joined(std::string_view name) const {
    std::string all;
    for_each(name, [&all](std::string_view value) { all.append(all.empty() ? "" : ", ").append(value); });
    return all;
}

}  // namespace bine::http
