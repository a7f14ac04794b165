#include "bine/app/destination.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "bine/app/console.h"
#include "bine/app/progress.h"
#include "bine/base/descriptor.h"
#include "bine/base/text.h"
#include "bine/reactor/watch.h"

namespace bine::app {

namespace {

std::string quoted(const std::string& path) { return "\"" + escape(path) + "\""; }

bool is_ready(int fd) {
    pollfd about{fd, POLLOUT, 0};
    return ::poll(&about, 1, 0) > 0;
}

// Pipes, sockets and terminals. A file is always ready.
bool may_be_slow(int fd) {
    struct stat about{};
    if (::fstat(fd, &about) != 0) return false;
    return S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) || ::isatty(fd) == 1;
}

class StreamDestination final : public Destination {
public:
    StreamDestination(Reactor& reactor, int fd, std::string name)
        : reactor_(reactor), fd_(fd), name_(std::move(name)), slow_(may_be_slow(fd)) {}
    StreamDestination(Reactor& reactor, Descriptor file, std::string name)
        : StreamDestination(reactor, file.get(), std::move(name)) {
        owned_ = std::move(file);
    }

    Deferred<> write(std::string bytes) override {
        std::string_view rest = bytes;
        while (!rest.empty()) {
            if (slow_ && !is_ready(fd_)) co_await writable();
            // What is ready takes so many bytes without blocking (POSIX, pipes).
            const std::size_t size = slow_ ? std::min<std::size_t>(rest.size(), PIPE_BUF) : rest.size();
            const ssize_t count = ::write(fd_, rest.data(), size);
            if (count >= 0) {
                rest.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno != EINTR && errno != EAGAIN) {
                throw Error::from_errno(errno, "write to " + name_);
            }
        }
    }
    Result<> finish() override { return {}; }

private:
    Deferred<> writable() {
        Promise<> promise;
        Deferred<> waiting = promise.deferred();
        ready_ = std::move(promise);
        watch_.emplace(reactor_, fd_, false, true, [this](bool, bool) {
            watch_.reset();
            Promise<> ready = std::move(*ready_);
            ready_.reset();
            std::move(ready).resolve();
        });
        return waiting;
    }

    Reactor& reactor_;
    const int fd_;
    const std::string name_;
    const bool slow_;
    Descriptor owned_;
    std::optional<DescriptorWatch> watch_;
    std::optional<Promise<>> ready_;
};

class FileDestination final : public Destination {
public:
    FileDestination(std::string path, std::optional<mode_t> mode) : path_(std::move(path)), mode_(mode) {}
    ~FileDestination() override { give_up(); }

    // The bytes of an earlier attempt stay until there are new ones.
    Result<> open() {
        file_ = Descriptor(::open(part().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        made_ = static_cast<bool>(file_);
        if (!file_ && errno == EEXIST) file_ = Descriptor(::open(part().c_str(), kExisting));
        if (!file_) return failure("write");
        if (const Result<> usable = check(); !usable) {
            file_.reset();
            return usable;
        }
        return {};
    }

    // Blocks, as all writing of files does; nothing else waits on this loop.
    Deferred<> write(std::string bytes) override {
        if (const Result<> begun = begin(); !begun) return failed(begun.error());
        if (!write_all(file_.get(), bytes)) return failed(Error::from_errno(errno, "write " + quoted(part())));
        written_ += bytes.size();
        return ready();
    }

    Result<> finish() override {
        if (const Result<> begun = begin(); !begun) return begun;
        if (mode_ && ::fchmod(file_.get(), *mode_) != 0) return failure("set the permissions of");
        if (::rename(part().c_str(), path_.c_str()) != 0) return failure("rename");
        if (::close(file_.release()) != 0) return fail(Error::from_errno(errno, "write " + quoted(path_)));
        return {};
    }

    std::string give_up() override {
        if (!file_) return {};
        file_.reset();
        if (written_ > 0) return size_in_words(written_) + " are kept in " + quoted(part());
        if (made_ || begun_) ::unlink(part().c_str());
        return {};
    }

private:
    // A pipe that somebody put there is not waited for.
    static constexpr int kExisting = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

    std::string part() const { return path_ + ".part"; }
    // It is ours alone: not what somebody else has put there, nor what another download has just finished.
    Result<> check() const {
        struct stat about{};
        if (::fstat(file_.get(), &about) != 0) return failure("write");
        if (!S_ISREG(about.st_mode) || about.st_uid != ::geteuid() || about.st_nlink > 1) {
            return fail(Errc::invalid_argument, quoted(part()) + " is not left over from a download; move it away");
        }
        struct stat named{};
        const bool locked = ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0;
        if (locked && ::stat(part().c_str(), &named) == 0 && named.st_ino == about.st_ino) return {};
        return fail(Errc::invalid_argument,
                    "another download writes " + quoted(part()) + "; wait for it, or choose another file");
    }
    Result<> failure(std::string_view what) const {
        return fail(Error::from_errno(errno, std::string(what) + " " + quoted(part())));
    }
    Result<> begin() {
        if (begun_) return {};
        if (::ftruncate(file_.get(), 0) != 0) return failure("write");
        begun_ = true;
        return {};
    }

    const std::string path_;
    const std::optional<mode_t> mode_;
    Descriptor file_;
    uint64_t written_ = 0;
    bool made_ = false;
    bool begun_ = false;
};

}  // namespace

std::unique_ptr<Destination> make_stream_destination(Reactor& reactor, int fd) {
    return std::make_unique<StreamDestination>(reactor, fd, "standard output");
}

Result<std::unique_ptr<Destination>> open_file_destination(Reactor& reactor, const std::string& path) {
    std::string place = path;
    std::optional<mode_t> mode;
    struct stat about{};
    if (::stat(path.c_str(), &about) == 0) {
        if (S_ISDIR(about.st_mode)) {
            return fail(Errc::invalid_argument, quoted(path) + " is a folder; name a file in it");
        }
        if (!S_ISREG(about.st_mode)) {
            Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
            if (!file) return fail(Error::from_errno(errno, "write " + quoted(path)));
            return std::make_unique<StreamDestination>(reactor, std::move(file), quoted(path));
        }
        mode = about.st_mode & 0777;
        // So that a link to it stays one.
        const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
        if (real) place = real.get();
    }
    auto file = std::make_unique<FileDestination>(std::move(place), mode);
    if (const Result<> opened = file->open(); !opened) return fail(opened.error());
    return file;
}

}  // namespace bine::app
