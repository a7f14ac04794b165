// Endpoint strings: one line of text that says where to listen or what to connect to. Pure parsing, no sockets.
//
//     tcp:7000:interface=127.0.0.1    unix:/run/x:mode=600    tls:example.org:443    tcp:host=[::1]:port=80    stdio:
//
//     endpoint = name [":" argument *(":" argument)]      "stdio:" is the same as "stdio": no arguments
//     argument = value / key "=" value                    named ones behind the others
//     name, key = 1*(letter / digit / "-" / "_" / "." / "+")
//     value    = *(any byte / "\" punctuation) / "[" *(hex digit, letter of a zone, ":" ".", "%") "]"
//
// In a value, ":" must be written "\:", "\" "\\", a leading "[" "\[", and in an argument without a key "=" "\=". Brackets
// are for IPv6 addresses and are not part of the value. Any thread; values own their text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/result.h"

namespace bine {

struct EndpointArgument {
    std::string name;
    std::string value;
    friend bool operator==(const EndpointArgument&, const EndpointArgument&) = default;
};

// An endpoint string, taken apart. No name appears twice in `named`.
struct EndpointDescription {
    std::string name;
    std::vector<std::string> positional;
    std::vector<EndpointArgument> named;
    friend bool operator==(const EndpointDescription&, const EndpointDescription&) = default;
};

// Errors: invalid_argument, or limit_exceeded beyond 4096 bytes; the text shows the string and says what to write.
Result<EndpointDescription> parse_endpoint(std::string_view text);

// parse_endpoint(to_string(d)) == d for every description that was parsed, and for any whose names are names and whose
// values hold no NUL byte.
std::string to_string(const EndpointDescription& description);

// `value` as it is written in an endpoint string, with a key or without: "/run/a:b" becomes "/run/a\:b", "::1" "[::1]".
std::string quote_endpoint_argument(std::string_view value);

// The name in front, and the text behind its colon as it stands: for an endpoint that wraps another ("haproxy:tcp:7000").
// `rest` points into `text`.
struct EndpointPrefix {
    std::string name;
    std::string_view rest;
};
Result<EndpointPrefix> split_endpoint(std::string_view text);

// The arguments of one endpoint, matched with the parameters that its kind knows. Every error names the endpoint, the
// argument and what is expected. A getter with a fallback answers it when the argument was not given; one without
// calls that an error. Asking for a parameter that was not bound is a bug (asserted).
class EndpointArguments {
public:
    // Arguments without a key fill `positional` in order; those may be given by key too. `named` may only be given by
    // key. Errors: too many arguments, one that is not known (the known ones are listed), one given twice.
    static Result<EndpointArguments> bind(const EndpointDescription& description,
                                          std::initializer_list<std::string_view> positional,
                                          std::initializer_list<std::string_view> named = {});

    bool has(std::string_view name) const noexcept;

    Result<std::string> string(std::string_view name, std::optional<std::string_view> fallback = {}) const;
    // 0 to 65535.
    Result<uint16_t> port(std::string_view name, std::optional<uint16_t> fallback = {}) const;
    // Octal permissions, 0 to 7777.
    Result<uint32_t> mode(std::string_view name, std::optional<uint32_t> fallback = {}) const;
    // yes/no, true/false, on/off, 1/0.
    Result<bool> flag(std::string_view name, std::optional<bool> fallback = {}) const;
    // A decimal number, 0 to `most`.
    Result<uint64_t> count(std::string_view name, uint64_t most, std::optional<uint64_t> fallback = {}) const;

    // An error about the argument `name`, in the words of the getters: "endpoint "tcp:x": port is "x"; `expected`".
    Error error(std::string_view name, std::string_view expected) const;

private:
    struct Parameter {
        std::string name;
        std::optional<std::string> value;
    };

    // The names of all parameters; behind the first `without_key` stands "=...".
    std::string known(std::size_t without_key) const;
    const Parameter& find(std::string_view name) const noexcept;
    Result<> fill(const EndpointDescription& description, std::size_t positional);

    std::string endpoint_;
    std::vector<Parameter> parameters_;
};

}  // namespace bine
