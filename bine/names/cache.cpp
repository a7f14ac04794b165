#include "bine/names/cache.h"

namespace bine::names {

namespace {

// What an entry and its places in two containers take, besides what it holds.
constexpr std::size_t kOverhead = 400;

std::size_t bytes_of(const Question& question, const Records& records) {
    std::size_t bytes = kOverhead + 2 * question.name.size() + records.alias.size() +
                        records.addresses.size() * sizeof(Address) + records.services.size() * sizeof(Service) +
                        records.texts.size() * sizeof(std::string);
    for (const Service& service : records.services) bytes += service.host.size();
    for (const std::string& text : records.texts) bytes += text.size();
    return bytes;
}

}  // namespace

Found Cache::find(const Question& question, TimePoint now) {
    const auto place = places_.find(question);
    if (place == places_.end()) return nullptr;
    if (place->second->until <= now) {
        erase(place);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, place->second);
    return place->second->found;
}

void Cache::put(const Question& question, Found found, TimePoint until) {
    if (const auto place = places_.find(question); place != places_.end()) erase(place);
    const std::size_t bytes = bytes_of(question, *found);
    if (bytes > most_bytes_) return;
    entries_.push_front({question, std::move(found), until, bytes});
    places_.emplace(question, entries_.begin());
    bytes_ += bytes;
    while (bytes_ > most_bytes_) erase(places_.find(entries_.back().question));
}

void Cache::clear() noexcept {
    places_.clear();
    entries_.clear();
    bytes_ = 0;
}

void Cache::erase(std::map<Question, Entries::iterator>::iterator place) {
    bytes_ -= place->second->bytes;
    entries_.erase(place->second);
    places_.erase(place);
}

}  // namespace bine::names
