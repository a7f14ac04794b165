#include "bine/endpoints/endpoint_string.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "bine/base/text.h"

namespace bine {

namespace {

constexpr std::size_t kLongest = 4096;

bool letter_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view text) noexcept {
    const auto fits = [](char c) { return letter_or_digit(c) || c == '-' || c == '_' || c == '.' || c == '+'; };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

bool may_stand_in_brackets(std::string_view text) noexcept {
    const auto fits = [](char c) {
        return letter_or_digit(c) || c == ':' || c == '.' || c == '%' || c == '-' || c == '_';
    };
    return std::all_of(text.begin(), text.end(), fits);
}

bool punctuation(char c) noexcept { return c > ' ' && c < 0x7f && !letter_or_digit(c); }

std::string quoted(std::string_view text) { return "\"" + escape(text) + "\""; }

std::unexpected<Error> refuse(std::string_view endpoint, std::string_view why) {
    return fail(Errc::invalid_argument, "endpoint " + quoted(endpoint) + ": " + std::string(why));
}

// Reads one endpoint string from left to right.
class Reader {
public:
    explicit Reader(std::string_view text) noexcept : text_(text) {}

    Result<EndpointDescription> read() {
        EndpointDescription description;
        auto prefix = split_endpoint(text_);
        if (!prefix) return std::unexpected(prefix.error());
        description.name = std::move(prefix->name);
        if (prefix->rest.empty()) return description;
        at_ = text_.size() - prefix->rest.size() - 1;
        while (at_ < text_.size()) {
            ++at_;
            if (auto read = read_argument(description); !read) return std::unexpected(read.error());
        }
        return description;
    }

private:
    // One argument; stops at the colon behind it or at the end.
    Result<> read_argument(EndpointDescription& description) {
        const std::size_t start = at_;
        auto first = read_value(true);
        if (!first) return std::unexpected(first.error());
        if (at_ == text_.size() || text_[at_] == ':') {
            if (!description.named.empty()) {
                return refuse(text_, quoted(*first) +
                                         " comes after a named argument; write it before them, or give it a "
                                         "name (an IPv6 address is written in brackets)");
            }
            description.positional.push_back(*std::move(first));
            return {};
        }
        const std::string_view key = text_.substr(start, at_ - start);
        if (!is_name(key)) {
            return refuse(text_,
                          quoted(key) + " is no name of an argument; write \"\\=\" for an equals sign in a value");
        }
        const auto same = [&](const EndpointArgument& argument) { return argument.name == key; };
        if (std::any_of(description.named.begin(), description.named.end(), same)) {
            return refuse(text_, std::string(key) + " is given twice");
        }
        ++at_;
        auto value = read_value(false);
        if (!value) return std::unexpected(value.error());
        description.named.push_back({std::string(key), *std::move(value)});
        return {};
    }

    // Stops at a colon, at the end, or at an equals sign when that would end a key.
    Result<std::string> read_value(bool may_be_key) {
        if (at_ < text_.size() && text_[at_] == '[') return read_brackets();
        std::string value;
        for (; at_ < text_.size(); ++at_) {
            char c = text_[at_];
            if (c == ':' || (c == '=' && may_be_key)) break;
            if (c == '\\') {
                if (++at_ == text_.size()) return refuse(text_, "it ends in a backslash; write \"\\\\\" for one");
                c = text_[at_];
                if (!punctuation(c))
                    return refuse(text_, "a backslash stands before " + quoted({&c, 1}) + "; write \"\\\\\" for one");
            }
            value += c;
        }
        return value;
    }

    Result<std::string> read_brackets() {
        const std::size_t close = text_.find(']', at_);
        if (close == text_.npos) return refuse(text_, "\"[\" is never closed; write \"\\[\" for a bracket in a value");
        const std::string_view inside = text_.substr(at_ + 1, close - at_ - 1);
        if (!may_stand_in_brackets(inside)) {
            return refuse(text_,
                          quoted(inside) + " in brackets is no IPv6 address; write \"\\[\" for a bracket in a value");
        }
        at_ = close + 1;
        if (at_ != text_.size() && text_[at_] != ':') {
            return refuse(text_, "only \":\" may follow \"]\"; write \"\\[\" for a bracket in a value");
        }
        return std::string(inside);
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

Result<EndpointPrefix> split_endpoint(std::string_view text) {
    if (text.size() > kLongest) return fail(Errc::limit_exceeded, "an endpoint string is longer than 4096 bytes");
    if (text.find('\0') != text.npos) return refuse(text, "it holds a NUL byte");
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view name = text.substr(0, colon);
    if (name.empty()) return refuse(text, "it begins with no name; write \"tcp:7000\", for example");
    if (!is_name(name)) return refuse(text, quoted(name) + " is no name of an endpoint");
    return EndpointPrefix{std::string(name), text.substr(std::min(colon + 1, text.size()))};
}

Result<EndpointDescription> parse_endpoint(std::string_view text) { return Reader(text).read(); }

std::string quote_endpoint_argument(std::string_view value) {
    const bool address = std::count(value.begin(), value.end(), ':') >= 2 && may_stand_in_brackets(value);
    if (address || value.empty()) return "[" + std::string(value) + "]";
    std::string text;
    for (const char c : value) {
        if (c == ':' || c == '=' || c == '\\' || (c == '[' && text.empty())) text += '\\';
        text += c;
    }
    return text;
}

std::string to_string(const EndpointDescription& description) {
    std::string text = description.name;
    for (const std::string& value : description.positional) text += ":" + quote_endpoint_argument(value);
    for (const auto& [name, value] : description.named) text += ":" + name + "=" + quote_endpoint_argument(value);
    return text == description.name ? text + ":" : text;
}

Result<EndpointArguments> EndpointArguments::bind(const EndpointDescription& description,
                                                  std::initializer_list<std::string_view> positional,
                                                  std::initializer_list<std::string_view> named) {
    EndpointArguments bound;
    bound.endpoint_ = to_string(description);
    for (const std::string_view name : positional) bound.parameters_.push_back({std::string(name), {}});
    for (const std::string_view name : named) bound.parameters_.push_back({std::string(name), {}});
    if (auto filled = bound.fill(description, positional.size()); !filled) return std::unexpected(filled.error());
    return bound;
}

Result<> EndpointArguments::fill(const EndpointDescription& description, std::size_t positional) {
    if (description.positional.size() > positional) {
        return refuse(endpoint_, quoted(description.positional[positional]) +
                                     " is one argument too many; known are: " + known(positional));
    }
    for (std::size_t i = 0; i < description.positional.size(); ++i) parameters_[i].value = description.positional[i];
    for (const auto& [name, value] : description.named) {
        const auto same = [&](const Parameter& parameter) { return parameter.name == name; };
        const auto found = std::find_if(parameters_.begin(), parameters_.end(), same);
        if (found == parameters_.end()) {
            return refuse(endpoint_,
                          "no argument is named " + quoted(name) + "; known are: " + known(parameters_.size()));
        }
        if (found->value) return refuse(endpoint_, name + " is given twice");
        found->value = value;
    }
    return {};
}

std::string EndpointArguments::known(std::size_t without_key) const {
    std::string text;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        text += (i == 0 ? "" : ", ") + parameters_[i].name + (i < without_key ? "" : "=...");
    }
    return text.empty() ? "none" : text;
}

const EndpointArguments::Parameter& EndpointArguments::find(std::string_view name) const noexcept {
    const auto same = [&](const Parameter& parameter) { return parameter.name == name; };
    const auto found = std::find_if(parameters_.begin(), parameters_.end(), same);
    assert(found != parameters_.end());
    return *found;
}

bool EndpointArguments::has(std::string_view name) const noexcept { return find(name).value.has_value(); }

Error EndpointArguments::error(std::string_view name, std::string_view expected) const {
    const std::optional<std::string>& value = find(name).value;
    const std::string state = value ? " is " + quoted(*value) : " is missing";
    return {Errc::invalid_argument,
            "endpoint " + quoted(endpoint_) + ": " + std::string(name) + state + "; " + std::string(expected)};
}

Result<std::string> EndpointArguments::string(std::string_view name, std::optional<std::string_view> fallback) const {
    if (const auto& value = find(name).value) return *value;
    if (fallback) return std::string(*fallback);
    return fail(error(name, "a text is expected"));
}

Result<uint16_t> EndpointArguments::port(std::string_view name, std::optional<uint16_t> fallback) const {
    const auto& value = find(name).value;
    if (!value && fallback) return *fallback;
    if (const auto number = try_parse_decimal(value ? *value : "", 65535)) return static_cast<uint16_t>(*number);
    return fail(error(name, "a port is expected, 0 to 65535"));
}

Result<uint32_t> EndpointArguments::mode(std::string_view name, std::optional<uint32_t> fallback) const {
    const auto& value = find(name).value;
    if (!value && fallback) return *fallback;
    uint32_t bits = 0;
    const auto octal = [](char c) { return c >= '0' && c <= '7'; };
    if (value && !value->empty() && value->size() <= 5 && std::all_of(value->begin(), value->end(), octal)) {
        for (const char c : *value) bits = bits * 8 + static_cast<uint32_t>(c - '0');
        if (bits <= 07777) return bits;
    }
    return fail(error(name, "octal permissions are expected, such as 600"));
}

Result<bool> EndpointArguments::flag(std::string_view name, std::optional<bool> fallback) const {
    const auto& value = find(name).value;
    if (!value && fallback) return *fallback;
    for (const std::string_view yes : {"yes", "true", "on", "1"}) {
        if (value == yes) return true;
    }
    for (const std::string_view no : {"no", "false", "off", "0"}) {
        if (value == no) return false;
    }
    return fail(error(name, "yes or no is expected"));
}

Result<uint64_t> EndpointArguments::count(std::string_view name, uint64_t most,
                                          std::optional<uint64_t> fallback) const {
    const auto& value = find(name).value;
    if (!value && fallback) return *fallback;
    if (const auto number = try_parse_decimal(value ? *value : "", most)) return *number;
    return fail(error(name, "a number is expected, 0 to " + std::to_string(most)));
}

}  // namespace bine
