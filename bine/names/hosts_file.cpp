#include "bine/names/hosts_file.h"

#include "bine/base/text.h"

namespace bine::names {

namespace {

constexpr std::string_view kBlank = " \t\r\f\v";

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return line.substr(0, line.find('#'));
}

// Empty behind the last.
std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(kBlank));
    line.remove_prefix(word.size());
    return word;
}

}  // namespace

HostsFile::HostsFile(std::string_view text) {
    while (!text.empty()) {
        std::string_view line = take_line(text);
        const auto address = Address::try_parse_ip(take_word(line), 0);
        if (!address) continue;
        for (std::string_view name = take_word(line); !name.empty(); name = take_word(line)) {
            if (name.ends_with('.')) name.remove_suffix(1);
            addresses_[to_lower(name)].push_back(*address);
        }
    }
}

const std::vector<Address>* HostsFile::find(std::string_view name) const {
    const auto found = addresses_.find(to_lower(name));
    return found == addresses_.end() ? nullptr : &found->second;
}

}  // namespace bine::names
