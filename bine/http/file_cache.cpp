#include "bine/http/file_cache.h"

#include <unordered_map>

#include "bine/base/intrusive_list.h"

namespace bine::http {

namespace {

struct Key {
    std::string_view path;
    uint8_t encodings;
    bool operator==(const Key&) const = default;
};

struct HashKey {
    std::size_t operator()(const Key& key) const noexcept {
        return std::hash<std::string_view>()(key.path) * 31 + key.encodings;
    }
};

struct Entry final : ListHook<> {
    std::string path;
    uint8_t encodings = 0;
    Ref<const ServedFile> file;
    TimePoint checked{};

    Key key() const noexcept { return {path, encodings}; }
    std::size_t cost() const noexcept {
        return sizeof *this + 2 * path.size() + file->content.view().size() + file->etag.size() + 128;
    }
};

}  // namespace

struct FileCache::Table {
    std::unordered_map<Key, std::unique_ptr<Entry>, HashKey> entries;  // keys are views of the entries' own paths
    IntrusiveList<Entry> by_use;                                       // the latest used last
    std::size_t bytes = 0;
    std::size_t most_bytes;
    Duration trust;

    Entry* find(const Key& key) noexcept {
        const auto found = entries.find(key);
        return found == entries.end() ? nullptr : found->second.get();
    }
    void remove(Entry& entry) noexcept {
        bytes -= entry.cost();
        entries.erase(entries.find(entry.key()));
    }
};

FileCache::FileCache(std::size_t most_bytes, Duration trust) : table_(new Table{{}, {}, 0, most_bytes, trust}) {}

FileCache::~FileCache() = default;

FileCache::Found FileCache::find(std::string_view path, uint8_t encodings, TimePoint now) noexcept {
    Entry* entry = table_->find({path, encodings});
    if (!entry) return {};
    entry->unlink();
    table_->by_use.push_back(*entry);
    return {entry->file, now - entry->checked < table_->trust};
}

void FileCache::trust_again(std::string_view path, uint8_t encodings, TimePoint now) noexcept {
    if (Entry* entry = table_->find({path, encodings})) entry->checked = now;
}

void FileCache::put(std::string_view path, uint8_t encodings, const Ref<const ServedFile>& file, TimePoint now) {
    forget(path, encodings);
    if (!file->is_settled || file->file) return;
    auto entry = std::make_unique<Entry>();
    entry->path = path;
    entry->encodings = encodings;
    entry->file = file;
    entry->checked = now;
    if (entry->cost() > table_->most_bytes) return;
    table_->bytes += entry->cost();
    table_->by_use.push_back(*entry);
    const Key key = entry->key();
    table_->entries.emplace(key, std::move(entry));
    while (table_->bytes > table_->most_bytes) table_->remove(*table_->by_use.front());
}

void FileCache::forget(std::string_view path, uint8_t encodings) noexcept {
    if (Entry* entry = table_->find({path, encodings})) table_->remove(*entry);
}

std::size_t FileCache::bytes() const noexcept { return table_->bytes; }

std::size_t FileCache::files() const noexcept { return table_->entries.size(); }

}  // namespace bine::http
