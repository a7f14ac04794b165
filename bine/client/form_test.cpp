#include "bine/client/form.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

using namespace bine;
using namespace bine::http;

namespace {

constexpr std::array<std::byte, MultipartForm::kChance> kChance{std::byte{0x01}, std::byte{0xab}};
const std::string kBoundary = "----bine01AB" + std::string(28, '0');

Ref<SharedFile> file_of(std::string_view bytes) {
    char name[] = "/tmp/bine-form-XXXXXX";
    Descriptor descriptor(::mkstemp(name));
    REQUIRE(descriptor);
    ::unlink(name);
    REQUIRE(::write(descriptor.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    return Ref(new SharedFile(std::move(descriptor)));
}

}  // namespace

TEST_CASE("urlencoded bodies escape as browsers do") {
    std::string body;
    append_urlencoded(body, "a b", "1+1=2&3");
    append_urlencoded(body, "", "");
    append_urlencoded(body, "*-._", "~/\xc3\xa4\r\n");
    CHECK(body == "a+b=1%2B1%3D2%263&=&*-._=%7E%2F%C3%A4%0D%0A");
}

TEST_CASE("a form has parts between boundaries, and a known size") {
    MultipartForm form(kChance);
    CHECK(form.content_type() == "multipart/form-data; boundary=" + kBoundary);
    form.add("comment", "hello\r\n");
    form.add("data", "{}", "application/json");
    Output content;
    content.append("PNG");
    form.add_file("photo", {.name = "cat.png", .type = "image/png"}, std::move(content));
    const uint64_t size = form.size();
    const std::string body = form.take().to_string();
    CHECK(body ==
          "--" + kBoundary +
              "\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\nhello\r\n\r\n"
              "--" +
              kBoundary +
              "\r\nContent-Disposition: form-data; name=\"data\"\r\nContent-Type: application/json\r\n\r\n{}\r\n"
              "--" +
              kBoundary +
              "\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"cat.png\"\r\n"
              "Content-Type: image/png\r\n\r\nPNG\r\n"
              "--" +
              kBoundary + "--\r\n");
    CHECK(size == body.size());
}

TEST_CASE("an empty form is its end") {
    MultipartForm form(kChance);
    const uint64_t size = form.size();
    CHECK(form.take().to_string() == "--" + kBoundary + "--\r\n");
    CHECK(size == kBoundary.size() + 6);
}

TEST_CASE("names cannot leave their quotes") {
    MultipartForm form(kChance);
    form.add_file("a\"b\r\nc\\%22", {.name = "\xc3\xa4\";x=\"\n", .type = ""}, Output());
    CHECK(
        form.take().to_string() ==
        "--" + kBoundary +
            "\r\nContent-Disposition: form-data; name=\"a%22b%0D%0Ac\\%22\"; filename=\"\xc3\xa4%22;x=%22%0A\"\r\n\r\n\r\n"
            "--" +
            kBoundary + "--\r\n");
    form.add("n", "v", "text/plain\r\nX: y");
    CHECK(form.take().to_string().find("\r\nContent-Type: text/plain%0D%0AX: y\r\n\r\nv\r\n") != std::string::npos);
}

TEST_CASE("files are read when they are sent") {
    MultipartForm form(kChance);
    Output content;
    content.append(Output::FileRange{.file = file_of("0123456789"), .offset = 2, .length = 5});
    form.add_file("f", {.name = "n"}, std::move(content));
    const uint64_t size = form.size();
    Output body = form.take();
    CHECK(body.size() == size);
    const std::string bytes = body.to_string();
    CHECK(bytes.size() == size);
    CHECK(bytes.find("\r\n\r\n23456\r\n--") != std::string::npos);
}
