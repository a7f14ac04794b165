#include "bine/http/file_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <vector>

namespace bine::http {

namespace {

constexpr int kOpenFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

int open_beneath(int folder, const char* path) noexcept {
    open_how how{};
    how.flags = static_cast<uint64_t>(kOpenFlags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: something was renamed while the kernel went through a `..`, so it could not be sure.
    for (int attempt = 0;; ++attempt) {
        const long fd = ::syscall(SYS_openat2, folder, path, &how, sizeof how);
        if (fd >= 0) return static_cast<int>(fd);
        if (errno != EINTR && (errno != EAGAIN || attempt == 16)) return -1;
    }
}

// Resolves a path one name at a time, as the kernel would, following links by hand. Every name is opened with O_NOFOLLOW
// below a folder that is held open, so a name that is exchanged meanwhile cannot lead out.
class Walk {
public:
    explicit Walk(int folder) noexcept : folder_(folder) {}

    // A descriptor, or -1 and errno.
    int open(std::string_view path) {
        push_names(path);
        while (!names_.empty()) {
            const std::string name = std::move(names_.back());
            names_.pop_back();
            if (const int error = step(name)) {
                errno = error;
                return -1;
            }
        }
        if (file_) return file_.release();
        return ::openat(top(), ".", kOpenFlags | O_DIRECTORY);
    }

private:
    static constexpr int kMostLinks = 40;  // as the kernel has it

    int top() const noexcept { return folders_.empty() ? folder_ : folders_.back().get(); }

    // The next name to take is the last one of names_. What ends in '/' must be a folder, as if "." followed.
    void push_names(std::string_view path) {
        if (path.ends_with('/')) names_.emplace_back(".");
        while (!path.empty()) {
            const std::size_t slash = path.rfind('/');
            const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
            if (!name.empty()) names_.emplace_back(name);
            path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
        }
    }

    int step(const std::string& name) {
        if (file_) return ENOTDIR;
        if (name == ".") return 0;
        if (name == "..") {
            if (folders_.empty()) return EXDEV;
            folders_.pop_back();
            return 0;
        }
        Descriptor peek(::openat(top(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        struct stat status;
        if (!peek || ::fstat(peek.get(), &status) < 0) return errno;
        if (S_ISLNK(status.st_mode)) return follow(peek.get());
        const bool is_folder = S_ISDIR(status.st_mode);
        if (is_folder && !names_.empty()) {
            folders_.push_back(std::move(peek));
            return 0;
        }
        Descriptor opened(::openat(top(), name.c_str(), kOpenFlags | O_NOFOLLOW));
        if (!opened) return errno;
        file_ = std::move(opened);
        return 0;
    }

    int follow(int link) {
        if (++links_ > kMostLinks) return ELOOP;
        std::array<char, PATH_MAX> target;
        const ssize_t length = ::readlinkat(link, "", target.data(), target.size());
        if (length < 0) return errno;
        const std::string_view path(target.data(), static_cast<std::size_t>(length));
        if (path.empty()) return ENOENT;
        if (path.front() == '/') return EXDEV;
        if (path.size() == target.size()) return ENAMETOOLONG;
        push_names(path);
        return 0;
    }

    int folder_;
    std::vector<Descriptor> folders_;
    std::vector<std::string> names_;
    Descriptor file_;
    int links_ = 0;
};

bool kernel_resolves(int folder) noexcept {
    const Descriptor probe(open_beneath(folder, "."));
    return probe || errno == EACCES;
}

}  // namespace

FileRoot::FileRoot(const std::string& folder, Resolver resolver)
    : folder_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), resolver_(resolver) {
    if (!folder_) throw Error::from_errno(errno, "open the folder " + folder);
    if (resolver_ == Resolver::automatic && !kernel_resolves(folder_.get())) resolver_ = Resolver::walk;
}

Result<Descriptor> FileRoot::open(std::string_view path) const {
    if (path.find('\0') != std::string_view::npos)
        return fail(Error::from_errno(ENOENT, "open a file whose name has a zero byte"));
    if (path.starts_with('/')) return fail(Error::from_errno(EXDEV, "open a file by an absolute path"));
    if (path.size() >= PATH_MAX) return fail(Error::from_errno(ENAMETOOLONG, "open a file"));
    const std::string name(path.empty() ? "." : path);
    const int fd =
        resolver_ == Resolver::walk ? Walk(folder_.get()).open(name) : open_beneath(folder_.get(), name.c_str());
    if (fd < 0) return fail(Error::from_errno(errno, "open a file"));
    return Descriptor(fd);
}

}  // namespace bine::http
