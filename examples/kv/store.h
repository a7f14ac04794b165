// What the server knows: the values, and the last answer to each client. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kv {

struct Request {
    std::string client;
    uint64_t number = 0;
    std::string verb;
    std::string key;
    std::string value;

    bool changes() const noexcept { return verb != "get"; }
};

// Nothing when the line is no request.
std::optional<Request> parse_request(std::string_view line);

class Store {
public:
    std::string get(const std::string& key) const;
    // The answer to a change that has been applied; to an older one, which nobody waits for, that it comes too late.
    std::optional<std::string> answer_to(const Request& request) const;
    // Carries a change out, and returns the answer.
    std::string apply(const Request& request);

private:
    struct Answered {
        uint64_t number = 0;
        std::string answer;
    };

    std::map<std::string, std::string> values_;
    std::map<std::string, Answered> answered_;
};

}  // namespace kv
