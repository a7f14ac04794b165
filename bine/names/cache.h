// What name servers have said, as long as it holds. Confined to one thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "bine/names/record.h"

namespace bine::names {

// In small letters.
struct Question {
    std::string name;
    RecordType type;
    friend auto operator<=>(const Question&, const Question&) = default;
};

using Found = std::shared_ptr<const Records>;

// When what is kept would take more than `most_bytes`, what was not asked for the longest time goes.
class Cache {
public:
    explicit Cache(std::size_t most_bytes) noexcept : most_bytes_(most_bytes) {}

    // Null when it is not there, or holds no more.
    Found find(const Question& question, TimePoint now);
    void put(const Question& question, Found found, TimePoint until);
    void clear() noexcept;

    std::size_t size() const noexcept { return entries_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }

private:
    struct Entry {
        Question question;
        Found found;
        TimePoint until;
        std::size_t bytes;
    };
    using Entries = std::list<Entry>;

    void erase(std::map<Question, Entries::iterator>::iterator place);

    const std::size_t most_bytes_;
    std::size_t bytes_ = 0;
    Entries entries_;  // the one that was asked for last is the first
    std::map<Question, Entries::iterator> places_;
};

}  // namespace bine::names
