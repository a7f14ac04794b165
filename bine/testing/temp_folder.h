// A folder of a test's own, gone with everything in it when the test ends. For tests that need real files. Blocks.
#pragma once

#include <string>
#include <string_view>

namespace bine::testing {

class TempFolder {
public:
    // Errors: all calls throw Error (of the system).
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    const std::string& path() const noexcept { return path_; }
    std::string path(std::string_view name) const;

    // Paths are relative ("a/b.txt"); the folders on the way are made.
    void write(std::string_view name, std::string_view content) const;
    void make_folder(std::string_view name) const;
    void link(std::string_view name, std::string_view target) const;
    // Seconds since 1970 of the last change, for the file itself, not for what it links to.
    void set_modified(std::string_view name, long seconds, long nanoseconds = 0) const;

private:
    std::string path_;
};

}  // namespace bine::testing
