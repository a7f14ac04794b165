#include "bine/wire/http1/chunked.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/wire/split_input.h"

namespace bine::http1 {
namespace {

std::string render(const ChunkedDecoder::Event& event) { return event.data.empty() ? "." : std::string(event.data); }

wire::Transcript run(std::string_view input) {
    return wire::split_input(input, [] { return ChunkedDecoder(); }, render);
}

TEST_CASE("chunks are taken apart up to the line of the last one") {
    const wire::Transcript said = run("5\r\nhello\r\nA\r\n0123456789\r\n000;last\r\nTrailer: x\r\n\r\n");
    CHECK(said.events == "hello0123456789.");
    CHECK(said.left == "Trailer: x\r\n\r\n");
    CHECK_FALSE(said.code);
}

TEST_CASE("a chunk that is cut short is an error at the end") {
    for (const std::string_view input : {"", "5", "5\r\n", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "0\r"}) {
        CAPTURE(input);
        CHECK(run(input).is(Errc::end_of_stream));
    }
}

TEST_CASE("the data of a chunk may be anything") {
    const std::string data("\r\n0\r\n\r\n\0\xff", 10);
    Output output;
    append_chunk(output, data);
    append_chunk(output, std::string_view());
    Output more;
    more.append(data);
    append_chunk(output, std::move(more));
    output.append("0\r\n");
    CHECK(output.to_string() == "a\r\n" + data + "\r\na\r\n" + data + "\r\n0\r\n");
    CHECK(run(output.to_string()).events == data + data + ".");
}

TEST_CASE("a chunk line is at most 512 bytes") {
    CHECK(run("1;" + std::string(508, 'x') + "\r\na\r\n0\r\n").events == "a.");
    CHECK(run("1;" + std::string(509, 'x') + "\r\na\r\n0\r\n").is(Errc::limit_exceeded));
}

}  // namespace
}  // namespace bine::http1
