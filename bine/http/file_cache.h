// Files as they are sent, and a bounded store of those that are small and wanted often.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bine/base/descriptor.h"
#include "bine/base/output.h"
#include "bine/base/ref.h"
#include "bine/base/time.h"

namespace bine::http {

// What tells one state of a file from the next.
struct FileVersion {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t size = 0;
    int64_t modified = 0;  // nanoseconds since 1970
    int64_t changed = 0;   // of its metadata; the system sets it, nobody else can

    bool operator==(const FileVersion&) const = default;
};

// One version of one file, ready to be sent. Immutable, so threads may share it.
struct ServedFile final : Counted {
    FileVersion version;
    std::string_view type;
    std::string_view encoding;  // "gzip", "br", or empty
    bool varies = false;        // Accept-Encoding may choose another file in its place
    // False when it was changed so short a time before it was read that its next version could look the same, or while it
    // was read: good for one answer, not for keeping.
    bool is_settled = false;
    std::string etag;
    WallTime modified{};
    uint64_t size = 0;
    SharedBytes content;   // all of it, unless there is
    Ref<SharedFile> file;  // which is sent from where it lies
};

// By path and by what encodings the client takes. The least recently used goes first. Confined to one thread.
class FileCache {
public:
    // `most_bytes` counts contents and names; what is kept is trusted for `trust`, then it must be looked at again.
    FileCache(std::size_t most_bytes, Duration trust);
    ~FileCache();

    struct Found {
        Ref<const ServedFile> file;  // null: not kept
        bool is_fresh = false;
    };
    Found find(std::string_view path, uint8_t encodings, TimePoint now) noexcept;
    // What is kept is fresh again: somebody is looking at it.
    void trust_again(std::string_view path, uint8_t encodings, TimePoint now) noexcept;
    // Only files that are settled and have their content in memory are kept.
    void put(std::string_view path, uint8_t encodings, const Ref<const ServedFile>& file, TimePoint now);
    void forget(std::string_view path, uint8_t encodings) noexcept;

    std::size_t bytes() const noexcept;
    std::size_t files() const noexcept;

private:
    struct Table;
    std::unique_ptr<Table> table_;
};

}  // namespace bine::http
