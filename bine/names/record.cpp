#include "bine/names/record.h"

namespace bine::names {

std::string_view to_string(RecordType type) noexcept {
    switch (type) {
        case RecordType::a: return "A";
        case RecordType::ptr: return "PTR";
        case RecordType::txt: return "TXT";
        case RecordType::aaaa: return "AAAA";
        case RecordType::srv: return "SRV";
    }
    return "?";
}

}  // namespace bine::names
