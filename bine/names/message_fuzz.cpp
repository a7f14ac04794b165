// Answers of every type from arbitrary bytes. The first byte chooses the type; the name that was asked for is the one that
// the message says, so that most of what follows is looked at.
#include "bine/names/message.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace {

using namespace bine::names;

constexpr RecordType kTypes[] = {RecordType::a, RecordType::ptr, RecordType::txt, RecordType::aaaa, RecordType::srv};

// The labels at the front of `bytes`, as far as they are plain.
std::string first_name(std::string_view bytes) {
    std::string name;
    while (!bytes.empty() && bytes.front() > 0 && static_cast<unsigned char>(bytes.front()) < bytes.size()) {
        const std::size_t length = static_cast<unsigned char>(bytes.front());
        name += (name.empty() ? "" : ".") + std::string(bytes.substr(1, length));
        bytes.remove_prefix(length + 1);
    }
    return name;
}

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size < 13) return 0;
    const RecordType type = kTypes[data[0] % std::size(kTypes)];
    const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto found = parse_answer(message, first_name(message.substr(12)), type);
    if (!found) {
        check(!found.error().text().empty());
        return 0;
    }
    const std::size_t count = found->addresses.size() + found->services.size() + found->texts.size();
    check((found->outcome == Records::Outcome::found) == (count > 0));
    check(count <= kMostRecords && found->ttl >= bine::Duration(0));
    for (const bine::Address& address : found->addresses) check(address.is_ip());
    return 0;
}
