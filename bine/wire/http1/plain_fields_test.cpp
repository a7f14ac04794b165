#include "bine/wire/http1/plain_fields.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "bine/wire/http1/field_line.h"

namespace bine::http1 {
namespace {

struct Taken {
    std::size_t count = 0;
    std::size_t bytes = 0;
    std::array<Header, 8> fields{};
};

// From a block of exactly this size, so that a look behind it is seen.
Taken take(const std::vector<char>& text) {
    Taken taken;
    const char* at = text.data();
    taken.count = take_plain_fields(at, text.data() + text.size(), taken.fields);
    taken.bytes = static_cast<std::size_t>(at - text.data());
    return taken;
}

std::vector<char> block(std::string_view text) { return {text.begin(), text.end()}; }

// Where there are no vectors, nothing is plain.
bool takes_any() { return take(block("A: b\r\n")).count == 1; }

// What was taken must be what take_field() makes of the same bytes.
void check_against_take_field(const std::vector<char>& text, const Taken& taken) {
    const char* at = text.data();
    for (std::size_t i = 0; i < taken.count; ++i) {
        Header header;
        Fault fault = Fault::none;
        REQUIRE(take_field(at, text.data() + text.size(), header, fault) == Line::taken);
        CHECK(header.name == taken.fields[i].name);
        CHECK(header.value == taken.fields[i].value);
    }
    CHECK(static_cast<std::size_t>(at - text.data()) == taken.bytes);
}

}  // namespace

TEST_CASE("plain fields of every length are taken at once, and the empty line is not") {
    for (std::size_t name = 1; name < 140; ++name) {
        for (std::size_t value = 0; value < 140; ++value) {
            const auto text = block(std::string(name, 'n') + ":" + std::string(value ? 1 : 0, ' ') +
                                    std::string(value, 'v') + "\r\nB:c\r\n\r\nX: y\r\n");
            const Taken taken = take(text);
            if (!takes_any()) continue;
            REQUIRE(taken.count == 2);
            check_against_take_field(text, taken);
        }
    }
}

TEST_CASE("every byte, in a name and in a value, at the ends of a block too") {
    for (const std::size_t before : {0u, 13u, 14u, 15u, 30u, 46u, 61u, 62u, 63u, 64u, 126u}) {
        for (int byte = 0; byte < 256; ++byte) {
            for (const bool in_value : {false, true}) {
                std::string line = in_value ? "Name: " : "";
                line.append(before, 'a').append(1, static_cast<char>(byte)).append(in_value ? "z\r\n" : "z: v\r\n");
                const auto text = block(line + "B: c\r\n\r\n");
                check_against_take_field(text, take(text));
            }
        }
    }
}

TEST_CASE("blanks round a value, and what is cut off, are left to others") {
    for (const std::string_view odd :
         {"A:  b\r\n", "A: b \r\n", "A:\tb\r\n", "A: \r\n", ": b\r\n", "A b\r\n", " A: b\r\n", "A: b\n", "A: b\r",
          "A: b", "A:", "A", "", "A: b\rc\r\n", "A: b\r\r\n"}) {
        const Taken taken = take(block(odd));
        CHECK(taken.count == 0);
        CHECK(taken.bytes == 0);
    }
}

TEST_CASE("no more fields are taken than there is room for") {
    std::string text;
    for (int i = 0; i < 20; ++i) text += "A: b\r\n";
    const auto fields = block(text);
    const Taken taken = take(fields);
    CHECK(taken.count == (takes_any() ? 8 : 0));
    check_against_take_field(fields, taken);
}

}  // namespace bine::http1
