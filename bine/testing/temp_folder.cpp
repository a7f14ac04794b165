#include "bine/testing/temp_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "bine/base/descriptor.h"
#include "bine/base/error.h"

namespace bine::testing {

namespace {

[[noreturn]] void fail(std::string_view what, const std::string& path) {
    throw Error::from_errno(errno, std::string(what) + " " + path);
}

void make_parents(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
}

}  // namespace

TempFolder::TempFolder() : path_((std::filesystem::temp_directory_path() / "bine-test-XXXXXX").string()) {
    if (!::mkdtemp(path_.data())) fail("make the folder", path_);
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::path(std::string_view name) const { return path_ + "/" + std::string(name); }

void TempFolder::write(std::string_view name, std::string_view content) const {
    const std::string where = path(name);
    make_parents(where);
    const Descriptor file(::open(where.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) fail("create", where);
    while (!content.empty()) {
        const ssize_t count = ::write(file.get(), content.data(), content.size());
        if (count < 0) fail("write", where);
        content.remove_prefix(static_cast<std::size_t>(count));
    }
}

void TempFolder::make_folder(std::string_view name) const { std::filesystem::create_directories(path(name)); }

void TempFolder::link(std::string_view name, std::string_view target) const {
    const std::string where = path(name);
    make_parents(where);
    if (::symlink(std::string(target).c_str(), where.c_str()) < 0) fail("link", where);
}

void TempFolder::set_modified(std::string_view name, long seconds, long nanoseconds) const {
    const std::string where = path(name);
    const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    if (::utimensat(AT_FDCWD, where.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) fail("set the time of", where);
}

}  // namespace bine::testing
