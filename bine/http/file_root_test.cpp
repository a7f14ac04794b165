#include "bine/http/file_root.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <thread>

#include "bine/testing/temp_folder.h"

using namespace bine;
using namespace std::literals;
using bine::testing::TempFolder;
using http::FileRoot;

namespace {

constexpr std::array kResolvers = {FileRoot::Resolver::automatic, FileRoot::Resolver::walk};

// What the path opens: its content, "<folder>", or why not.
std::string look(const FileRoot& root, std::string_view path) {
    const Result<Descriptor> opened = root.open(path);
    if (!opened) return opened.error().code().message();
    struct stat status;
    REQUIRE(::fstat(opened->get(), &status) == 0);
    if (S_ISDIR(status.st_mode)) return "<folder>";
    if (!S_ISREG(status.st_mode)) return "<special>";
    std::string content(64, '\0');
    content.resize(static_cast<std::size_t>(::read(opened->get(), content.data(), content.size())));
    return content;
}

std::string message_of(int number) { return std::error_code(number, std::system_category()).message(); }

// secret beside the root, and in the root files, folders and links of every kind.
void fill(const TempFolder& temp) {
    temp.write("secret", "SECRET");
    temp.write("rootless/secret", "SECRET");
    temp.write("root/a.txt", "a");
    temp.write("root/sub/b.txt", "b");
    temp.write("root/sub/deep/c.txt", "c");
    temp.link("root/to_file", "a.txt");
    temp.link("root/to_folder", "sub");
    temp.link("root/to_folder_slash", "sub/");
    temp.link("root/sub/up", "../a.txt");
    temp.link("root/sub/deep/twice_up", "../../sub/b.txt");
    temp.link("root/chain1", "chain2");
    temp.link("root/chain2", "sub/up");
    temp.link("root/dot", ".");
    temp.link("root/file_slash", "a.txt/");
    temp.link("root/dangling", "nothing");
    temp.link("root/loop", "loop");
    temp.link("root/ping", "pong");
    temp.link("root/pong", "ping");
    temp.link("root/out", "../secret");
    temp.link("root/out_folder", "..");
    temp.link("root/out_sibling", "../rootless");
    temp.link("root/out_and_in", "../root/a.txt");
    temp.link("root/sub/out_deep", "../../secret");
    temp.link("root/absolute", temp.path("secret"));
    temp.link("root/absolute_inside", temp.path("root/a.txt"));
    temp.link("root/absolute_root", "/");
    temp.link("root/proc", "/proc/self/root");
    temp.link("root/nested_out", "sub/out_deep");
}

}  // namespace

TEST_CASE("paths and links that stay beneath the root are followed, by both resolvers") {
    const TempFolder temp;
    fill(temp);
    struct Row {
        std::string_view path;
        std::string_view found;
    };
    static constexpr std::array kRows = {
        Row{"", "<folder>"},         Row{".", "<folder>"},           Row{"a.txt", "a"},
        Row{"./a.txt", "a"},         Row{"sub", "<folder>"},         Row{"sub/", "<folder>"},
        Row{"sub/.", "<folder>"},    Row{"sub/..", "<folder>"},      Row{"sub/b.txt", "b"},
        Row{"sub//b.txt", "b"},      Row{"sub/../a.txt", "a"},       Row{"sub/deep/../../a.txt", "a"},
        Row{"to_file", "a"},         Row{"to_folder", "<folder>"},   Row{"to_folder/", "<folder>"},
        Row{"to_folder/b.txt", "b"}, Row{"to_folder/../a.txt", "a"}, Row{"to_folder_slash/b.txt", "b"},
        Row{"sub/up", "a"},          Row{"sub/deep/twice_up", "b"},  Row{"to_folder/deep/twice_up", "b"},
        Row{"chain1", "a"},          Row{"dot/dot/dot/a.txt", "a"},
    };
    for (const auto resolver : kResolvers) {
        const FileRoot root(temp.path("root"), resolver);
        for (const Row& row : kRows) {
            CAPTURE(row.path);
            CAPTURE(root.uses_openat2());
            CHECK(look(root, row.path) == row.found);
        }
    }
}

TEST_CASE("no path and no link leads out of the root") {
    const TempFolder temp;
    fill(temp);
    struct Row {
        std::string_view path;
        int error;
    };
    const std::string long_name(300, 'x');
    const std::string long_path(PATH_MAX + 10, 'x');
    std::string many_ups;
    for (int i = 0; i < 50; ++i) many_ups += "../";
    many_ups += "etc/passwd";
    const std::array rows = {
        Row{"..", EXDEV},
        Row{"../secret", EXDEV},
        Row{"../root/a.txt", EXDEV},
        Row{"../rootless/secret", EXDEV},
        Row{"./../secret", EXDEV},
        Row{"sub/../../secret", EXDEV},
        Row{"sub/../../root/a.txt", EXDEV},
        Row{"to_folder/../../secret", EXDEV},
        Row{many_ups, EXDEV},
        Row{"/etc/passwd", EXDEV},
        Row{"/", EXDEV},
        Row{"//", EXDEV},
        Row{"out", EXDEV},
        Row{"out_folder", EXDEV},
        Row{"out_folder/secret", EXDEV},
        Row{"out_folder/root/a.txt", EXDEV},
        Row{"out_sibling", EXDEV},
        Row{"out_sibling/secret", EXDEV},
        Row{"out_and_in", EXDEV},
        Row{"sub/out_deep", EXDEV},
        Row{"nested_out", EXDEV},
        Row{"absolute", EXDEV},
        Row{"absolute_inside", EXDEV},
        Row{"absolute_root/etc/passwd", EXDEV},
        Row{"proc/etc/passwd", EXDEV},
        Row{"a.txt\0.png"sv, ENOENT},
        Row{"..\0/secret"sv, ENOENT},
        Row{"%2e%2e/secret", ENOENT},  // what is still encoded is a name like any other
        Row{"..%2fsecret", ENOENT},
        Row{"..\\secret", ENOENT},
        Row{".../secret", ENOENT},
        Row{"\xc0\xae\xc0\xae/secret", ENOENT},
        Row{"nothing", ENOENT},
        Row{"dangling", ENOENT},
        Row{"loop", ELOOP},
        Row{"ping", ELOOP},
        Row{"a.txt/", ENOTDIR},
        Row{"a.txt/.", ENOTDIR},
        Row{"a.txt/..", ENOTDIR},
        Row{"a.txt/b", ENOTDIR},
        Row{"file_slash", ENOTDIR},
        Row{"to_file/", ENOTDIR},
        Row{long_name, ENAMETOOLONG},
        Row{long_path, ENAMETOOLONG},
    };
    for (const auto resolver : kResolvers) {
        const FileRoot root(temp.path("root"), resolver);
        for (const Row& row : rows) {
            CAPTURE(row.path);
            CAPTURE(root.uses_openat2());
            CHECK(look(root, row.path) == message_of(row.error));
        }
    }
}

TEST_CASE("FIFOs, sockets and devices are opened without waiting, or not at all") {
    const TempFolder temp;
    REQUIRE(::mkfifo(temp.path("fifo").c_str(), 0600) == 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", temp.path("socket").c_str());
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    for (const auto resolver : kResolvers) {
        const FileRoot root(temp.path(), resolver);
        CHECK(look(root, "fifo") == "<special>");
        CHECK(look(root, "socket") == message_of(ENXIO));
    }
    const FileRoot devices("/dev");
    CHECK(look(devices, "null") == "<special>");
}

TEST_CASE("a name that is exchanged for a link again and again never leads out") {
    const TempFolder temp;
    temp.write("secret/a.txt", "SECRET");
    temp.write("root/real/a.txt", "a");
    temp.link("root/evil", "../secret");
    std::atomic<bool> ending = false;
    std::thread exchanging([&] {
        const std::string flip = temp.path("root/flip");
        const std::string real = temp.path("root/real");
        const std::string evil = temp.path("root/evil");
        while (!ending) {
            std::rename(real.c_str(), flip.c_str());
            std::rename(flip.c_str(), real.c_str());
            std::rename(evil.c_str(), flip.c_str());
            std::rename(flip.c_str(), evil.c_str());
        }
    });
    for (const auto resolver : kResolvers) {
        const FileRoot root(temp.path("root"), resolver);
        int found = 0;
        bool leaked = false;
        for (int i = 0; i < 3000; ++i) {
            for (const std::string_view path : {"flip/a.txt", "real/../flip/a.txt", "real/a.txt"}) {
                const std::string content = look(root, path);
                found += content == "a";
                leaked = leaked || content == "SECRET";
            }
        }
        CAPTURE(root.uses_openat2());
        CHECK(found > 0);
        CHECK_FALSE(leaked);
    }
    ending = true;
    exchanging.join();
}

TEST_CASE("a root that is renamed is served still, and one that is no folder is refused") {
    const TempFolder temp;
    temp.write("root/a.txt", "a");
    const FileRoot root(temp.path("root"));
    REQUIRE(std::rename(temp.path("root").c_str(), temp.path("moved").c_str()) == 0);
    CHECK(look(root, "a.txt") == "a");
    CHECK_THROWS_AS(FileRoot(temp.path("moved/a.txt")), Error);
    CHECK_THROWS_AS(FileRoot(temp.path("root")), Error);
    CHECK_THROWS_AS(FileRoot(""), Error);
}
