#include "bine/client/form.h"

#include <utility>

namespace bine::http {

namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";

void append_percent(std::string& text, char c) {
    const auto number = static_cast<uint8_t>(c);
    text += '%';
    text += kDigits[number >> 4];
    text += kDigits[number & 15];
}

bool is_plain(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '*' || c == '-' ||
           c == '.' || c == '_';
}

void append_component(std::string& body, std::string_view text) {
    for (const char c : text) {
        if (is_plain(c)) {
            body += c;
        } else if (c == ' ') {
            body += '+';
        } else {
            append_percent(body, c);
        }
    }
}

// So that nothing can leave its line, or its quotes.
std::string escaped(std::string_view name, std::string_view forbidden) {
    std::string text;
    for (const char c : name) {
        if (forbidden.find(c) != forbidden.npos) {
            append_percent(text, c);
        } else {
            text += c;
        }
    }
    return text;
}

std::string quoted(std::string_view name) { return '"' + escaped(name, "\"\r\n") + '"'; }

std::string type_line(std::string_view type) {
    return type.empty() ? std::string() : "Content-Type: " + escaped(type, "\r\n") + "\r\n";
}

}  // namespace

void append_urlencoded(std::string& body, std::string_view name, std::string_view value) {
    if (!body.empty()) body += '&';
    append_component(body, name);
    body += '=';
    append_component(body, value);
}

MultipartForm::MultipartForm(std::span<const std::byte, kChance> chance) : boundary_("----bine") {
    for (const std::byte byte : chance) {
        boundary_ += kDigits[std::to_integer<unsigned>(byte) >> 4];
        boundary_ += kDigits[std::to_integer<unsigned>(byte) & 15];
    }
}

void MultipartForm::begin(std::string_view name, const std::string& more) {
    body_.append("--" + boundary_ + "\r\nContent-Disposition: form-data; name=" + quoted(name) + more + "\r\n");
}

void MultipartForm::add(std::string_view name, std::string_view value) { add(name, value, {}); }

void MultipartForm::add(std::string_view name, std::string_view value, std::string_view type) {
    begin(name, "\r\n" + type_line(type));
    body_.append(value);
    body_.append_fixed("\r\n");
}

void MultipartForm::add_file(std::string_view name, const File& file, Output content) {
    begin(name, "; filename=" + quoted(file.name) + "\r\n" + type_line(file.type));
    body_.append(std::move(content));
    body_.append_fixed("\r\n");
}

std::string MultipartForm::content_type() const { return "multipart/form-data; boundary=" + boundary_; }

uint64_t MultipartForm::size() const noexcept { return body_.size() + boundary_.size() + 6; }

Output MultipartForm::take() {
    body_.append(end());
    return std::exchange(body_, Output());
}

}  // namespace bine::http
