// Bodies that forms send: multipart/form-data (RFC 7578) and application/x-www-form-urlencoded (the URL standard, section
// 5), with names escaped as browsers escape them (the HTML standard, "multipart form data"). One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bine/base/output.h"

namespace bine::http {

// Appends "name=value", with an ampersand in front unless `body` is empty.
void append_urlencoded(std::string& body, std::string_view name, std::string_view value);
inline constexpr std::string_view kUrlencodedType = "application/x-www-form-urlencoded";

// Fields and files, one behind the other. Files are referred to and read when they are sent.
//
//     MultipartForm form(chance);
//     form.add("comment", "hello");
//     form.add_file("photo", {.name = "cat.png", .type = "image/png"}, std::move(bytes));
//     request.body = form.take();          // of form.size() bytes, of the type form.content_type()
class MultipartForm {
public:
    static constexpr std::size_t kChance = 16;
    struct File {
        std::string_view name{};                             // what the server is told; no path
        std::string_view type = "application/octet-stream";  // empty: none is told
    };

    // What parts the parts is made of `chance`, so that nobody can write it into one beforehand.
    explicit MultipartForm(std::span<const std::byte, kChance> chance);

    // Quotes, CR and LF in names are written as %22, %0D and %0A, and the latter two in types as well.
    void add(std::string_view name, std::string_view value);
    // With a Content-Type of its own; an empty one is left out.
    void add(std::string_view name, std::string_view value, std::string_view type);
    void add_file(std::string_view name, const File& file, Output content);

    // "multipart/form-data; boundary=...".
    std::string content_type() const;
    // Bytes of the whole body, its end included.
    uint64_t size() const noexcept;
    // The whole body; the form is empty then.
    Output take();

private:
    void begin(std::string_view name, const std::string& more);
    std::string end() const { return "--" + boundary_ + "--\r\n"; }

    std::string boundary_;
    Output body_;
};

}  // namespace bine::http
