#include "bine/http/file_lookup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "bine/base/text.h"
#include "bine/http/media_types.h"
#include "bine/wire/http1/list.h"

namespace bine::http {

namespace {

using Kind = FileAnswer::Kind;

// Clocks of file systems tick this slowly, and one that is served over a network may run ahead.
constexpr Duration kTick = std::chrono::milliseconds(50);
constexpr Duration kAhead = std::chrono::hours(1);

struct Suffix {
    uint8_t bit;
    std::string_view suffix;
    std::string_view encoding;
};
constexpr Suffix kSuffixes[] = {{kTakesBrotli, ".br", "br"}, {kTakesGzip, ".gz", "gzip"}};

FileAnswer failed(const Error& error) {
    const int number = error.code().value();
    switch (number) {
        case EACCES:
        case EPERM: return {Kind::forbidden, number, {}, {}};
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EIO:
        case EAGAIN: return {Kind::failed, number, {}, {}};
        default: return {Kind::absent, number, {}, {}};
    }
}

int64_t nanoseconds(const timespec& time) noexcept { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

FileVersion version_of(const struct stat& status) noexcept {
    return {status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size), nanoseconds(status.st_mtim),
            nanoseconds(status.st_ctim)};
}

bool has_settled(const FileVersion& version, WallTime now) noexcept {
    const Duration age = now - WallTime(Duration(version.modified));
    return age >= kTick || age <= -kAhead;
}

// Strong (RFC 9110 section 8.8.3) when no other bytes can have been sent under it. What has not settled gets one that is
// weak and matches nothing later: its next version could look the same.
std::string etag_of(const FileVersion& version, bool has_settled, WallTime now) {
    std::array<char, 96> text;
    char* at = text.data();
    *at++ = '"';
    for (const uint64_t part : {static_cast<uint64_t>(version.modified), version.size, version.inode}) {
        at = std::to_chars(at, text.data() + text.size(), part, 16).ptr;
        *at++ = '-';
    }
    if (!has_settled) {
        at = std::to_chars(at, text.data() + text.size(), now.time_since_epoch().count(), 16).ptr;
        *at++ = '-';
    }
    at[-1] = '"';
    return (has_settled ? "" : "W/") + std::string(text.data(), at);
}

// Up to `most` bytes from the front.
Result<std::string> read_front(int file, std::size_t most) {
    std::string bytes(most, '\0');
    std::size_t have = 0;
    while (have < most) {
        const ssize_t count = ::pread(file, bytes.data() + have, most - have, static_cast<off_t>(have));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(Error::from_errno(errno, "read a file"));
        if (count == 0) break;
        have += static_cast<std::size_t>(count);
    }
    bytes.resize(have);
    return bytes;
}

struct Opened {
    Descriptor descriptor;
    struct stat status{};
};

Result<Opened> open_and_look(const FileRoot& root, std::string_view path) {
    Result<Descriptor> descriptor = root.open(path);
    if (!descriptor) return std::unexpected(descriptor.error());
    Opened opened;
    opened.descriptor = std::move(*descriptor);
    if (::fstat(opened.descriptor.get(), &opened.status) < 0) return fail(Error::from_errno(errno, "look at a file"));
    return opened;
}

// Fills in what the content says: the bytes of a small file, and the type of one whose name says none.
Result<> read_content(ServedFile& file, Descriptor descriptor) {
    const bool whole = file.size <= kReadWhole;
    if (whole || file.type.empty()) {
        Result<std::string> front = read_front(descriptor.get(), whole ? file.size : kSniffedBytes);
        if (!front) return std::unexpected(front.error());
        if (file.type.empty()) file.type = media_type_of_content(*front);
        if (whole) {
            file.size = front->size();
            file.content = SharedBytes::take(std::move(*front));
        }
    }
    struct stat after;
    if (::fstat(descriptor.get(), &after) < 0) return fail(Error::from_errno(errno, "look at a file"));
    file.is_settled = file.is_settled && version_of(after) == file.version;
    if (!whole) file.file = Ref<SharedFile>(new SharedFile(std::move(descriptor)));
    return {};
}

class FileLookup {
public:
    FileLookup(const FileTree& tree, const FileQuestion& question) : tree_(tree), question_(question) {}

    FileAnswer answer() const {
        Result<Opened> opened = open_and_look(tree_.root, question_.path);
        if (!opened) return failed(opened.error());
        const bool names_folder = question_.path.empty() || question_.path.ends_with('/');
        if (S_ISREG(opened->status.st_mode)) return file(question_.path, std::move(*opened));
        if (!S_ISDIR(opened->status.st_mode)) return {};
        if (!names_folder) return {Kind::folder, 0, {}, {}};
        return folder(std::move(opened->descriptor));
    }

private:
    FileAnswer folder(Descriptor descriptor) const {
        if (!tree_.index.empty()) {
            const std::string path = question_.path + tree_.index;
            Result<Opened> opened = open_and_look(tree_.root, path);
            if (opened && S_ISREG(opened->status.st_mode)) return file(path, std::move(*opened));
            if (!opened && failed(opened.error()).kind != Kind::absent) return failed(opened.error());
        }
        if (!tree_.listing) return {};
        Result<Listing> listing = read_listing(tree_.root, question_.path, std::move(descriptor), tree_.hidden);
        if (!listing) return failed(listing.error());
        sort_listing(listing->entries, question_.order);
        return {Kind::listing, 0, {}, listing_page(question_.path, *listing, question_.order)};
    }

    FileAnswer file(const std::string& path, Opened opened) const {
        const std::string_view type = media_type_of(path);
        const bool varies = tree_.precompressed && is_compressible(type);
        if (varies) {
            for (const Suffix& suffix : kSuffixes) {
                if ((question_.encodings & suffix.bit) == 0) continue;
                if (auto found = compressed(path, suffix, opened.status))
                    return serve(std::move(*found), type, suffix.encoding, true);
            }
        }
        return serve(std::move(opened), type, {}, varies);
    }

    // One that is older than its original was made from something else.
    std::optional<Opened> compressed(const std::string& path, const Suffix& suffix, const struct stat& original) const {
        Result<Opened> opened = open_and_look(tree_.root, path + std::string(suffix.suffix));
        if (!opened || !S_ISREG(opened->status.st_mode)) return std::nullopt;
        if (nanoseconds(opened->status.st_mtim) < nanoseconds(original.st_mtim)) return std::nullopt;
        return std::move(*opened);
    }

    FileAnswer serve(Opened opened, std::string_view type, std::string_view encoding, bool varies) const {
        const FileVersion version = version_of(opened.status);
        const Ref<const ServedFile>& known = question_.known;
        if (known && known->version == version && known->encoding == encoding) return {Kind::file, 0, known, {}};
        auto* made = new ServedFile;
        const Ref<const ServedFile> file(made);
        made->version = version;
        made->type = type;
        made->encoding = encoding;
        made->varies = varies;
        made->is_settled = has_settled(version, question_.now);
        // Never later than the Date that goes with it (RFC 9110 section 8.8.2.1).
        made->modified = std::min(WallTime(Duration(version.modified)), question_.now);
        made->size = version.size;
        const Result<> read = read_content(*made, std::move(opened.descriptor));
        if (!read) return failed(read.error());
        made->etag = etag_of(version, made->is_settled, question_.now);
        return {Kind::file, 0, file, {}};
    }

    const FileTree& tree_;
    const FileQuestion& question_;
};

// "gzip;q=0.5": whether the weight is more than nothing.
bool is_acceptable(std::string_view parameters) noexcept {
    const std::size_t begin = parameters.find_first_not_of(" \t;");
    if (begin == std::string_view::npos) return true;
    parameters.remove_prefix(begin);
    if (!parameters.starts_with("q=") && !parameters.starts_with("Q=")) return true;
    return parameters.find_first_of("123456789") != std::string_view::npos;
}

}  // namespace

uint8_t encodings_of(std::string_view accept_encoding) noexcept {
    uint8_t taken = 0;
    uint8_t named = 0;
    bool any = false;
    http1::ListReader list(accept_encoding);
    while (const auto element = list.next()) {
        const std::size_t end = std::min(element->find_first_of(" \t;"), element->size());
        const std::string_view name = element->substr(0, end);
        const bool accepted = is_acceptable(element->substr(end));
        if (name == "*") any = accepted;
        const bool is_gzip = equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip");
        const uint8_t bit = is_gzip ? kTakesGzip : equals_ignoring_case(name, "br") ? kTakesBrotli : uint8_t{0};
        named |= bit;
        if (accepted) taken |= bit;
    }
    if (any) taken |= static_cast<uint8_t>((kTakesGzip | kTakesBrotli) & ~named);
    return taken;
}

bool is_servable_path(std::string_view path, bool hidden) noexcept {
    if (path.find('\0') != std::string_view::npos) return false;
    const std::string_view whole = path;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view name = path.substr(0, end);
        if (name.empty() || name == "." || name == "..") return false;
        const bool is_well_known = name == ".well-known" && name.data() == whole.data();
        if (name.front() == '.' && !hidden && !is_well_known) return false;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return true;
}

FileAnswer look_up(const FileTree& tree, const FileQuestion& question) { return FileLookup(tree, question).answer(); }

}  // namespace bine::http
