#include "bine/app/destination.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bine/base/descriptor.h"
#include "bine/reactor/reactor.h"

namespace bine::app {
namespace {

namespace fs = std::filesystem;

class Folder {
public:
    Folder() {
        std::string made = (fs::temp_directory_path() / "bine-destination-XXXXXX").string();
        REQUIRE(::mkdtemp(made.data()));
        path_ = made;
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string at(std::string_view name) const { return (path_ / name).string(); }
    std::string text(std::string_view name) const {
        std::ifstream file(at(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(std::string_view name, std::string_view text) const { std::ofstream(at(name)) << text; }
    bool has(std::string_view name) const { return fs::exists(path_ / name); }

private:
    fs::path path_;
};

void write(Destination& destination, std::string bytes) {
    Deferred<> writing = destination.write(std::move(bytes));
    REQUIRE(writing.done());
    REQUIRE(std::move(writing).result());
}

TEST_CASE("a file has its name when it is whole, and not before") {
    const Folder folder;
    Reactor reactor;
    folder.write("x", "old");
    folder.write("x.part", "of an earlier one, that was longer");
    auto file = open_file_destination(reactor, folder.at("x"));
    REQUIRE(file);
    CHECK(folder.text("x.part") == "of an earlier one, that was longer");
    write(**file, "a");
    write(**file, "b");
    CHECK(folder.text("x") == "old");
    CHECK(folder.text("x.part") == "ab");
    REQUIRE((*file)->finish());
    CHECK(folder.text("x") == "ab");
    CHECK_FALSE(folder.has("x.part"));
    CHECK((*file)->give_up().empty());
}

TEST_CASE("what has come is kept when it is given up; where nothing has come, all is as it was") {
    const Folder folder;
    Reactor reactor;
    for (const bool says : {true, false}) {
        auto file = open_file_destination(reactor, folder.at("x"));
        REQUIRE(file);
        write(**file, "abc");
        if (says) CHECK((*file)->give_up() == "3 B are kept in \"" + folder.at("x.part") + "\"");
    }
    CHECK(folder.text("x.part") == "abc");
    REQUIRE(open_file_destination(reactor, folder.at("x")));
    CHECK(folder.text("x.part") == "abc");
    REQUIRE(open_file_destination(reactor, folder.at("y")));
    CHECK_FALSE(folder.has("y.part"));
}

TEST_CASE("no link leads a part elsewhere") {
    const Folder folder;
    Reactor reactor;
    folder.write("precious", "gold");
    fs::create_symlink(folder.at("precious"), folder.at("x.part"));
    CHECK_FALSE(open_file_destination(reactor, folder.at("x")));
    CHECK(folder.text("precious") == "gold");
}

TEST_CASE("what is no part of a download is not written to") {
    const Folder folder;
    Reactor reactor;
    folder.write("precious", "gold");
    fs::create_hard_link(folder.at("precious"), folder.at("x.part"));
    REQUIRE(::mkfifo(folder.at("y.part").c_str(), 0600) == 0);
    const Descriptor reading(::open(folder.at("y.part").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    for (const char* name : {"x", "y"}) {
        const auto file = open_file_destination(reactor, folder.at(name));
        REQUIRE_FALSE(file);
        CHECK(file.error().text().ends_with("is not left over from a download; move it away"));
    }
    CHECK(folder.text("precious") == "gold");
}

TEST_CASE("one download at a time writes to a file") {
    const Folder folder;
    Reactor reactor;
    const auto first = open_file_destination(reactor, folder.at("x"));
    REQUIRE(first);
    const auto second = open_file_destination(reactor, folder.at("x"));
    REQUIRE_FALSE(second);
    CHECK(second.error().text().starts_with("another download writes"));
    CHECK((*first)->finish());
    CHECK(folder.has("x"));
}

TEST_CASE("a pipe that is full is waited for, and the loop turns meanwhile") {
    Reactor reactor;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Descriptor reading(ends[0]);
    const Descriptor writing(ends[1]);
    const auto destination = make_stream_destination(reactor, writing.get());
    const std::string sent(300'000, 'x');
    Deferred<> written = destination->write(sent);
    std::size_t received = 0;
    std::string buffer(65536, '\0');
    for (int turns = 0; !written.done() || received < sent.size(); ++turns) {
        REQUIRE(turns < 10'000);
        const ssize_t count = ::read(reading.get(), buffer.data(), buffer.size());
        REQUIRE(count > 0);
        received += static_cast<std::size_t>(count);
        reactor.turn(TimePoint::min());
    }
    CHECK(received == sent.size());
    CHECK(std::move(written).result());
}

TEST_CASE("a reader that goes is an error") {
    Reactor reactor;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Descriptor writing(ends[1]);
    ::close(ends[0]);
    const auto old = ::signal(SIGPIPE, SIG_IGN);
    Deferred<> written = make_stream_destination(reactor, writing.get())->write("x");
    ::signal(SIGPIPE, old);
    REQUIRE(written.done());
    CHECK(std::move(written).result().error().is_errno(EPIPE));
}

}  // namespace
}  // namespace bine::app
