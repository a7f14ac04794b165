#include "bine/base/output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "bine/base/error.h"

using namespace bine;

namespace {

// An unlinked file that holds `content`.
Ref<SharedFile> file_of(std::string_view content) {
    char name[] = "/tmp/bine-output-XXXXXX";
    Descriptor descriptor(::mkostemp(name, O_CLOEXEC));
    REQUIRE(descriptor);
    ::unlink(name);
    REQUIRE(::write(descriptor.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    return Ref<SharedFile>(new SharedFile(std::move(descriptor)));
}

Descriptor open_null() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

std::string text_of_gather(const Output& output, std::size_t entries = 64) {
    std::vector<iovec> vectors(entries);
    const std::size_t count = output.gather(vectors);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(vectors[i].iov_len > 0);
        text.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
    }
    return text;
}

std::size_t entries_of(const Output& output) {
    std::array<iovec, 64> vectors;
    return output.gather(vectors);
}

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
    return text;
}

}  // namespace

TEST_CASE("an empty output has nothing to give") {
    Output output;
    CHECK(output.empty());
    CHECK(output.size() == 0);
    CHECK(output.to_string().empty());
    CHECK(entries_of(output) == 0);
    CHECK(output.front_file() == nullptr);
    CHECK(output.front_descriptor() == nullptr);
    output.consume(0);
    output.clear();
    output.append("");
    output.append_fixed("");
    output.append_owned("");
    output.append(SharedBytes());
    output.append(SharedBytes::copy(""));
    output.append(Output());
    output.append(Output::FileRange{});
    CHECK(output.empty());
    CHECK(entries_of(output) == 0);
}

TEST_CASE("small pieces gather in one block") {
    Output output;
    for (std::string_view piece : {"HTTP/1.1 ", "200 ", "OK\r\n", "\r\n"}) output.append(piece);
    output.append_fixed("fixed");
    output.append_owned(std::string("owned"));
    output.append(SharedBytes::copy("shared"));
    CHECK(output.to_string() == "HTTP/1.1 200 OK\r\n\r\nfixedownedshared");
    CHECK(entries_of(output) == 1);
}

TEST_CASE("appended bytes are copies: the source may change at once") {
    Output output;
    std::string source = pattern(5000);
    output.append(source);
    std::fill(source.begin(), source.end(), '!');
    CHECK(output.to_string() == pattern(5000));
}

TEST_CASE("large bytes of other owners are referred to, not copied") {
    static const std::string table = pattern(4000);
    const SharedBytes shared = SharedBytes::take(pattern(3000));
    std::string owned = pattern(2000);
    const char* const owned_at = owned.data();

    Output output;
    output.append_fixed(table);
    output.append(shared);
    output.append_owned(std::move(owned));
    std::array<iovec, 8> vectors;
    REQUIRE(output.gather(vectors) == 3);
    CHECK(vectors[0].iov_base == table.data());
    CHECK(vectors[1].iov_base == shared.view().data());
    CHECK(vectors[2].iov_base == owned_at);
    CHECK(output.size() == 9000);
}

TEST_CASE("shared bytes live as long as any output that sends them") {
    Output first;
    Output second;
    {
        const SharedBytes shared = SharedBytes::copy(pattern(1000));
        first.append(shared);
        second.append(shared);
    }
    first.consume(1000);
    CHECK(first.empty());
    CHECK(second.to_string() == pattern(1000));
    CHECK(SharedBytes().view().empty());
}

TEST_CASE("sizes around every block boundary come out whole") {
    static constexpr std::size_t kSizes[] = {1,    500,   511,   512,   513,   900,   928,   1023,  1024,
                                             1025, 16383, 16384, 16385, 65440, 65535, 65536, 65537, 200000};
    for (const std::size_t size : kSizes) {
        CAPTURE(size);
        const std::string text = pattern(size);
        Output output;
        output.append(text);
        output.append("tail");
        output.append_fixed(text);
        output.append_owned(std::string(text));
        output.append(SharedBytes::copy(text));
        CHECK(output.size() == 4 * size + 4);
        CHECK(output.to_string() == text + "tail" + text + text + text);
    }
}

TEST_CASE("what is appended at once to nothing is one segment, which one plain system call sends") {
    for (const std::size_t size : {std::size_t{1}, std::size_t{928}, std::size_t{1024}, std::size_t{4096},
                                   std::size_t{16384}, std::size_t{65000}}) {
        CAPTURE(size);
        Output output;
        output.append(pattern(size));
        CHECK(entries_of(output) == 1);
        output.consume(size);
        output.append(pattern(size));
        CHECK(entries_of(output) == 1);
    }
}

TEST_CASE("a megabyte in small pieces needs few segments") {
    Output output;
    std::string expected;
    for (int i = 0; i < 100000; ++i) {
        const std::string piece = std::to_string(i) + ",";
        output.append(piece);
        expected += piece;
    }
    CHECK(output.to_string() == expected);
    CHECK(entries_of(output) < 60);
}

TEST_CASE("consume forgets from the front, through every kind of segment") {
    static const std::string table = pattern(700);
    const std::string file_text = "0123456789";
    const auto build = [&] {
        Output output;
        output.append("small");
        output.append_fixed(table);
        output.append(Output::FileRange{file_of(file_text), 2, 6});
        output.append(SharedBytes::copy(pattern(600)));
        output.append("end");
        return output;
    };
    const std::string whole = "small" + table + "234567" + pattern(600) + "end";
    CHECK(build().to_string() == whole);
    for (std::size_t step : {1ul, 2ul, 3ul, 5ul, 6ul, 100ul, 704ul, 705ul, 706ul, 711ul, whole.size()}) {
        CAPTURE(step);
        Output output = build();
        for (std::size_t done = 0; done < whole.size();) {
            const std::size_t count = std::min(step, whole.size() - done);
            output.consume(count);
            done += count;
            REQUIRE(output.size() == whole.size() - done);
            if (done % 7 == 0) REQUIRE(output.to_string() == whole.substr(done));
        }
        CHECK(output.empty());
        output.append("again");
        CHECK(output.to_string() == "again");
    }
}

TEST_CASE("bytes can be appended after a part of the same block has been consumed") {
    Output output;
    std::string expected;
    for (int i = 0; i < 3000; ++i) {
        output.append(pattern(7));
        expected += pattern(7);
        if (i % 3 == 2) {
            output.consume(11);
            expected.erase(0, 11);
        }
    }
    CHECK(output.to_string() == expected);
    CHECK(output.size() == expected.size());
}

TEST_CASE("prepare gives room and commit takes over a part of it") {
    Output output;
    const std::span<char> room = output.prepare(100);
    REQUIRE(room.size() >= 100);
    std::memcpy(room.data(), "abc", 3);
    output.commit(3);
    CHECK(output.size() == 3);
    output.prepare(50);
    output.commit(0);
    const std::span<char> large = output.prepare(100000);
    REQUIRE(large.size() >= 100000);
    std::fill(large.begin(), large.end(), 'x');
    output.commit(100000);
    CHECK(output.to_string() == "abc" + std::string(100000, 'x'));
}

TEST_CASE("room that was prepared and not used is neither gathered nor in the way") {
    Output output;
    output.append("head");
    output.consume(4);
    output.prepare(5000);
    CHECK(output.empty());
    CHECK(entries_of(output) == 0);
    output.append(Output::FileRange{file_of("file"), 0, 4});
    REQUIRE(output.front_file());
    CHECK(output.front_file()->length == 4);
    output.prepare(10);
    output.append(open_null());
    output.append("x");
    output.consume(4);
    REQUIRE(output.front_descriptor());
    CHECK(output.take_descriptor());
    CHECK(output.to_string() == "x");
}

TEST_CASE("gather stops at a file, at a descriptor and at the caller's room") {
    Output output;
    output.append(pattern(600));
    output.append_fixed("0123456789");
    output.append(Output::FileRange{file_of("abc"), 0, 3});
    output.append("after");
    CHECK(text_of_gather(output) == pattern(600) + "0123456789");
    CHECK(output.front_file() == nullptr);
    output.consume(610);
    REQUIRE(output.front_file());
    CHECK(text_of_gather(output).empty());
    output.consume(1);
    CHECK(output.front_file()->offset == 1);
    CHECK(output.front_file()->length == 2);
    output.consume(2);
    CHECK(output.front_file() == nullptr);
    CHECK(text_of_gather(output) == "after");

    Output many;
    static const std::string block = pattern(600);
    for (int i = 0; i < 5; ++i) many.append_fixed(block);
    CHECK(text_of_gather(many, 2) == block + block);
    CHECK(text_of_gather(many, 0).empty());
}

TEST_CASE("a descriptor keeps its place in the stream and is owned until it is taken") {
    Descriptor first = open_null();
    Descriptor second = open_null();
    const int first_fd = first.get();
    const int second_fd = second.get();
    {
        Output output;
        output.append("before");
        output.append(std::move(first));
        output.append(std::move(second));
        output.append("with");
        CHECK(output.size() == 10);
        CHECK(text_of_gather(output) == "before");
        output.consume(6);
        CHECK(!output.empty());
        CHECK(output.front_descriptor()->get() == first_fd);
        Descriptor taken = output.take_descriptor();
        CHECK(taken.get() == first_fd);
        CHECK(output.front_descriptor()->get() == second_fd);
        CHECK(output.to_string() == "with");
    }
    CHECK(!is_open(first_fd));
    CHECK(!is_open(second_fd));
}

TEST_CASE("an output that holds only a descriptor is not empty") {
    Output output;
    output.append(open_null());
    CHECK(output.size() == 0);
    CHECK(!output.empty());
    output.take_descriptor();
    CHECK(output.empty());
}

TEST_CASE("one output moves into another and leaves an empty, usable one") {
    Output first;
    Output second;
    first.append("one ");
    second.append("two ");
    second.append(open_null());
    second.append("three");
    first.append(std::move(second));
    CHECK(second.empty());  // NOLINT(bugprone-use-after-move)
    CHECK(second.size() == 0);
    second.append("fresh");
    CHECK(second.to_string() == "fresh");
    CHECK(first.size() == 13);
    first.append(" four");
    CHECK(first.to_string() == "one two three four");

    Output third = std::move(first);
    CHECK(first.empty());  // NOLINT(bugprone-use-after-move)
    CHECK(third.size() == 18);
    third = std::move(second);
    CHECK(third.to_string() == "fresh");
    Output& same = third;
    third = std::move(same);
    CHECK(third.to_string() == "fresh");
    third.append(std::move(same));  // NOLINT(bugprone-use-after-move)
    CHECK(third.to_string() == "fresh");
}

TEST_CASE("to_string says when a file has become shorter or cannot be read") {
    Output output;
    output.append(Output::FileRange{file_of("short"), 3, 10});
    CHECK_THROWS_AS(output.to_string(), Error);

    Output unreadable;
    unreadable.append(
        Output::FileRange{Ref<SharedFile>(new SharedFile(Descriptor(::open("/", O_RDONLY | O_CLOEXEC)))), 0, 1});
    CHECK_THROWS_AS(unreadable.to_string(), Error);
}

TEST_CASE("random appends, moves and consumes agree with a plain string") {
    uint64_t state = 20261123;
    const auto random = [&](std::size_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>(state >> 33) % below;
    };
    static const std::string table = pattern(3000);
    const Ref<SharedFile> file = file_of(table);
    Output output;
    std::string model;
    for (int i = 0; i < 20000; ++i) {
        const std::size_t size = random(8) == 0 ? random(3000) : random(40);
        const std::string text = pattern(size);
        switch (random(8)) {
            case 0: output.append(text); break;
            case 1: output.append_fixed(std::string_view(table).substr(0, size)); break;
            case 2: output.append_owned(std::string(text)); break;
            case 3: output.append(SharedBytes::copy(text)); break;
            case 4: output.append(Output::FileRange{file, 0, size}); break;
            case 5: {
                Output other;
                other.append(text);
                output.append(std::move(other));
                break;
            }
            case 6: {
                const std::span<char> room = output.prepare(size + 1);
                std::copy(text.begin(), text.end(), room.begin());
                output.commit(size);
                break;
            }
            default: {
                const std::size_t count = random(std::min<std::size_t>(model.size(), 1500) + 1);
                output.consume(count);
                model.erase(0, count);
                continue;
            }
        }
        model += text;
        REQUIRE(output.size() == model.size());
        if (i % 500 == 0) REQUIRE(output.to_string() == model);
    }
    CHECK(output.to_string() == model);
}
