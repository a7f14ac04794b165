// Messages of name servers, right ones and wrong ones, for the tests of bine/names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bine::testing {

inline std::string number16(std::size_t value) {
    return {static_cast<char>(value >> 8 & 255), static_cast<char>(value & 255)};
}
inline std::string number32(std::size_t value) { return number16(value >> 16) + number16(value); }

// "a.b" as labels, without compression.
inline std::string labels(std::string_view name) {
    std::string bytes;
    while (!name.empty()) {
        const std::string_view label = name.substr(0, name.find('.'));
        bytes += static_cast<char>(label.size());
        bytes += label;
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    return bytes + '\0';
}

inline std::string pointer(std::size_t to) { return number16(0xc000 | to); }

constexpr std::size_t kA = 1, kCname = 5, kSoa = 6, kPtr = 12, kTxt = 16, kAaaa = 28, kSrv = 33;

// An answer, in the order of the calls: question, records, authorities.
class MessageWriter {
public:
    // The flags of an answer without an error: 0x8180. The code is its last four bits.
    explicit MessageWriter(std::size_t id = 7, std::size_t flags = 0x8180) : id_(id), flags_(flags) {}

    MessageWriter& question(std::string_view name, std::size_t type, std::size_t kind = 1) {
        ++questions_;
        return raw(labels(name) + number16(type) + number16(kind));
    }
    MessageWriter& record(const std::string& owner, std::size_t type, std::size_t ttl, const std::string& data,
                          std::size_t kind = 1) {
        ++records_;
        return raw(owner + number16(type) + number16(kind) + number32(ttl) + number16(data.size()) + data);
    }
    MessageWriter& a(std::string_view name, std::size_t ttl, std::string ip) {
        return record(labels(name), kA, ttl, ip);
    }
    MessageWriter& alias(std::string_view name, std::size_t ttl, std::string_view target) {
        return record(labels(name), kCname, ttl, labels(target));
    }
    MessageWriter& soa(std::size_t ttl, std::size_t minimum) {
        record(labels("example"), kSoa, ttl,
               labels("ns.example") + labels("root.example") + std::string(16, '\1') + number32(minimum));
        --records_;
        ++authorities_;
        return *this;
    }
    MessageWriter& raw(std::string_view bytes) {
        body_ += bytes;
        return *this;
    }
    MessageWriter& counts(std::size_t questions, std::size_t records, std::size_t authorities) {
        questions_ = questions;
        records_ = records;
        authorities_ = authorities;
        return *this;
    }
    std::size_t size() const { return 12 + body_.size(); }
    std::string message() const {
        return number16(id_) + number16(flags_) + number16(questions_) + number16(records_) + number16(authorities_) +
               number16(0) + body_;
    }

private:
    std::size_t id_, flags_;
    std::size_t questions_ = 0, records_ = 0, authorities_ = 0;
    std::string body_;
};

}  // namespace bine::testing
