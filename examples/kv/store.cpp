#include "store.h"

#include <algorithm>
#include <utility>

#include "bine/base/text.h"

namespace kv {

namespace {

// Takes the first word off `line`.
std::string take_word(std::string_view& line) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return std::string(word);
}

}  // namespace

std::optional<Request> parse_request(std::string_view line) {
    Request request;
    request.client = take_word(line);
    const auto number = bine::try_parse_decimal(take_word(line));
    request.verb = take_word(line);
    request.key = take_word(line);
    request.value = line;
    const bool known = request.verb == "put" || request.verb == "get" || request.verb == "incr";
    if (!number || !known || request.client.empty() || request.key.empty()) return std::nullopt;
    request.number = *number;
    return request;
}

std::string Store::get(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? "none" : "value " + found->second;
}

std::optional<std::string> Store::answer_to(const Request& request) const {
    const auto last = answered_.find(request.client);
    if (last == answered_.end() || request.number > last->second.number) return std::nullopt;
    return request.number == last->second.number ? last->second.answer : "error too late";
}

std::string Store::apply(const Request& request) {
    std::string& value = values_[request.key];
    std::string answer = "ok";
    if (request.verb == "incr") {
        value = std::to_string(bine::try_parse_decimal(value).value_or(0) + 1);
        answer = "value " + value;
    } else {
        value = request.value;
    }
    answered_[request.client] = {request.number, answer};
    return answer;
}

}  // namespace kv
